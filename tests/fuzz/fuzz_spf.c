/* fuzz_spf.c: SPF checks whose DNS answers come from the input, and the record's parser alone.
 *
 * Lines: client ("4", "6" or "m" for IPv4-mapped, then "h" for the HELO identity), HELO, MAIL FROM, then answers in the
 * order of the questions, from the first again when they are used up. An answer is "F" (failed), "N" (no such name),
 * "D" (no data), or records divided by octet 1: the text of a TXT, the name of a PTR or MX, the octets of an address
 * (made up to their length). A
 * "\" before the first record marks the answer as truncated, a "!" as validated. */
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include "lib/mail/auth/spf.h"
#include "lib/mail/auth/spf_record.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

struct answers {
    GPtrArray *lines; /* GBytes */
    guint at, asked;
};

static void
add_records(struct dns_answer *answer, enum dns_type type, const char *text, gsize length)
{
    static const char client[16] = {(char)192, 0, 2, 1};
    const gsize address_length = type == DNS_A ? 4 : 16;

    for (const char *at = text, *end = text + length, *next; at <= end; at = next + 1) {
        next = memchr(at, 1, (gsize)(end - at));
        if (next == NULL)
            next = end;
        if (type == DNS_A || type == DNS_AAAA) {
            char address[16];
            memcpy(address, client, sizeof address);
            memcpy(address, at, MIN((gsize)(next - at), address_length));
            dns_answer_add(answer, 0, address, address_length);
        } else {
            dns_answer_add(answer, (guint16)(next - at), at, (gsize)(next - at));
        }
    }
}

static void
answer_ask(gpointer data, const char *name, enum dns_type type, struct dns_lookup *lookup)
{
    struct answers *answers = data;
    gsize length = 0;
    const char *line =
        answers->lines->len > 3
            ? g_bytes_get_data(answers->lines->pdata[3 + answers->at++ % (answers->lines->len - 3)], &length)
            : NULL;
    enum dns_outcome outcome = length == 0 || *line == 'N' ? DNS_NO_NAME
                               : *line == 'D'              ? DNS_NO_DATA
                               : *line == 'F'              ? DNS_FAILED
                                                           : DNS_FOUND;
    struct dns_answer *answer = dns_answer_new(outcome);

    g_assert(strlen(name) <= DNS_NAME_MAX);
    answers->asked++;
    if (outcome == DNS_FOUND) {
        answer->truncated = *line == '\\';
        answer->secure = *line == '!';
        gsize mark = answer->truncated || answer->secure ? 1 : 0;
        add_records(answer, type, line + mark, length - mark);
    }
    dns_complete(lookup, answer);
}

/* Texts for the log and the client: printable and short. */
static void
assert_text(const char *text, gsize max)
{
    if (text == NULL)
        return;
    g_assert(strlen(text) <= max);
    for (; *text != '\0'; text++)
        g_assert(*text >= ' ' && *text <= 126);
}

static void
assert_result(const struct spf_result *result, const struct answers *answers)
{
    g_assert(result->result != AUTH_POLICY && result->domain != NULL);
    g_assert(result->lookups <= SPF_LOOKUPS_MAX + 1 && result->voids <= SPF_VOIDS_MAX + 1);
    g_assert(result->lookups <= SPF_LOOKUPS_MAX || result->result == AUTH_PERMERROR);
    g_assert(answers->asked <= SPF_QUESTIONS_MAX && answers->asked <= result->questions);
    g_assert(result->explanation == NULL || result->result == AUTH_FAIL);
    g_assert((result->why != NULL) ==
             (result->result == AUTH_NONE || result->result == AUTH_TEMPERROR || result->result == AUTH_PERMERROR));
    assert_text(result->explanation, SPF_EXPLANATION_MAX);
    assert_text(result->mechanism, SPF_LOG_TEXT_MAX);
    assert_text(result->why, SPF_LOG_TEXT_MAX);
}

static GPtrArray *
split_lines(const char *at, gsize size)
{
    GPtrArray *lines = g_ptr_array_new_with_free_func((GDestroyNotify)g_bytes_unref);
    const char *end = at + size;

    while (at < end) {
        const char *lf = memchr(at, '\n', (gsize)(end - at));
        g_ptr_array_add(lines, g_bytes_new(at, (gsize)((lf != NULL ? lf : end) - at)));
        at = lf != NULL ? lf + 1 : end;
    }
    return lines;
}

/* The line as a C string. */
static char *
line_text(const GPtrArray *lines, guint i)
{
    gsize length = 0;
    const char *text = i < lines->len ? g_bytes_get_data(lines->pdata[i], &length) : "";

    return g_strndup(text != NULL ? text : "", length);
}

static void
parse_alone(const char *text, gsize length)
{
    g_autofree char *copy = g_memdup2(text, length), *why = NULL; /* so that a read past the end is seen */

    if (length == 0 || !spf_record_is_spf(copy, length))
        return;
    struct spf_record *record = spf_record_parse(copy, length, &why);
    assert_text(why, SPF_LOG_TEXT_MAX);
    spf_record_free(&record);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const struct dns_source source = {answer_ask, NULL};
    static const guint8 v6[16] = {192, 0, 2, 1},
                        mapped[16] = {[10] = 0xff, [11] = 0xff, [12] = 192, [14] = 2, [15] = 1};
    struct answers answers = {.lines = split_lines((const char *)data, size)};
    g_autofree char *client = line_text(answers.lines, 0), *helo = line_text(answers.lines, 1);
    g_autofree char *mail_from = line_text(answers.lines, 2);
    struct dns *dns = dns_new(&source, &answers);
    struct spf_query query = {.dns = dns,
                              .client = *client == 'm' ? mapped : v6,
                              .client_length = *client == '4' ? 4 : 16,
                              .helo = helo,
                              .mail_from = mail_from,
                              .receiver = "mx.test",
                              .deadline_us = g_get_monotonic_time() + 60 * G_USEC_PER_SEC};
    struct spf_result result;

    spf_check(&query, strchr(client, 'h') != NULL ? SPF_HELO : SPF_MAIL_FROM, &result);
    assert_result(&result, &answers);
    spf_result_clear(&result);
    dns_unref(dns);
    g_ptr_array_unref(answers.lines);
    parse_alone((const char *)data, size);
    return 0;
}
