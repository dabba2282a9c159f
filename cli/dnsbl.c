/* dnsbl.c: `postern dnsbl`: what DNS lists say about an address or a domain, and whether they work.
 *
 * Exit status: 0 listed nowhere, or all lists work; 1 listed, or a list does not work; 2 called wrongly; 3 listed nowhere so far,
 * but not all lists could be asked. */
#include "lib/base/dnsbl.h"
#include <stdio.h>
#include <string.h>
#include "cli/cli.h"
#include "cli/table.h"
#include "lib/base/log.h"
#include "lib/base/networks.h"
#include "lib/mail/resolver.h"

#define REASON_MAX 500u /* characters that are shown of a list's reason */
enum { DNSBL_EXIT_UNKNOWN = 3 };

struct question {
    const struct dnsbl *list;
    struct dnsbl_lookup *lookup;
    const struct dnsbl_answer *answer;
    struct dns_lookup *reason; /* TXT, when listed */
};

static const struct dnsbl *
list_at(const GPtrArray *lists, guint i)
{
    return g_ptr_array_index(lists, i);
}

/* ---- what lists say ---- */

static char *
codes_text(const struct dnsbl_answer *answer)
{
    const GArray *codes = answer->outcome == DNSBL_LISTED ? answer->codes : answer->others;
    g_autoptr(GString) out = g_string_new(NULL);

    for (guint i = 0; i < codes->len; i++) {
        guint32 code = g_array_index(codes, guint32, i);
        g_string_append_printf(out, "%s%u.%u.%u.%u", i > 0 ? " " : "", code >> 24, code >> 16 & 255, code >> 8 & 255, code & 255);
    }
    return g_strdup(out->str);
}

/* Why: the list's own words, or ours about a failure. One line, or an empty text; free. */
static char *
reason_of(const struct question *question, gint64 deadline)
{
    g_autoptr(GString) out = g_string_new(question->answer->why);

    if (question->reason != NULL) {
        const struct dns_answer *answer = dns_wait(question->reason, deadline);

        for (guint i = 0; i < answer->records->len; i++) {
            const struct dns_record *record = &g_array_index(answer->records, struct dns_record, i);
            g_string_append(out, i > 0 ? " / " : "");
            log_sanitize(out, (const char *)record->data, record->length, REASON_MAX);
        }
    }
    return g_strdup(out->str);
}

/* One line for each list that gave a reason. */
static void
print_reasons(const struct question *questions, guint n, const char *subject, gint64 timeout_ms)
{
    gint64 deadline = g_get_monotonic_time() + timeout_ms * 1000;
    gboolean begun = FALSE;

    for (guint i = 0; i < n; i++) {
        g_autofree char *reason = reason_of(&questions[i], deadline);
        gboolean asked = questions[i].answer->outcome != DNSBL_NOT_ASKED;

        if (*reason == '\0')
            continue;
        printf("%s%s: %s\n", begun ? "" : "\n", asked ? dnsbl_name(questions[i].list) : subject, reason);
        begun = TRUE;
        if (!asked)
            return; /* it is so for all lists */
    }
}

/* Joins all questions and prints what came; gives the exit code. */
static int
print_answers(struct question *questions, guint n, struct dns *dns, gint64 timeout_ms)
{
    static const char *const headings[] = {"LIST", "ANSWER", "CODES", NULL};
    struct table *table = table_new(headings);
    gint64 deadline = g_get_monotonic_time() + timeout_ms * 1000;
    int result = CLI_OK;

    for (guint i = 0; i < n; i++) {
        struct question *question = &questions[i];
        const struct dnsbl_answer *answer = question->answer = dnsbl_wait(question->lookup, deadline);
        g_autofree char *codes = codes_text(answer);

        if (answer->outcome == DNSBL_LISTED)
            question->reason = dns_start(dns, dnsbl_lookup_name(question->lookup), DNS_TXT);
        table_add(table, (const char *[]){dnsbl_name(question->list), dnsbl_outcome_name(answer->outcome), codes});
        if (answer->outcome == DNSBL_LISTED)
            result = CLI_FAILED;
        else if (answer->outcome != DNSBL_NOT_LISTED && result == CLI_OK)
            result = DNSBL_EXIT_UNKNOWN;
    }
    table_print(&table);
    return result;
}

static int
ask(const GPtrArray *lists, const char *subject, struct dns *dns, gint64 timeout_ms)
{
    g_autofree struct question *questions = g_new0(struct question, lists->len);

    for (guint i = 0; i < lists->len; i++) {
        questions[i].list = list_at(lists, i);
        questions[i].lookup = dnsbl_start(dns, list_at(lists, i), subject);
    }
    int result = print_answers(questions, lists->len, dns, timeout_ms);
    print_reasons(questions, lists->len, subject, timeout_ms);
    for (guint i = 0; i < lists->len; i++) {
        dnsbl_lookup_free(&questions[i].lookup);
        dns_lookup_free(&questions[i].reason);
    }
    return result;
}

/* ---- whether they work ---- */

/* One row for the list; what is wrong with it is added to complaints. */
static gboolean
judge(const struct dnsbl *list, struct dnsbl_check *check, gint64 deadline, struct table *table, GString *complaints)
{
    static const char *const names[] = {"works", "-", "lists all", "failed"}; /* enum dnsbl_health */
    const char *cells[1 + DNSBL_KINDS] = {dnsbl_name(list)}, *why = NULL;
    gboolean seen[G_N_ELEMENTS(names)] = {FALSE};

    for (guint kind = 0; kind < DNSBL_KINDS; kind++) {
        const char *here;
        enum dnsbl_health health = dnsbl_check_wait(check, (enum dnsbl_kind)kind, deadline, &here);

        cells[1 + kind] = names[health];
        seen[health] = TRUE;
        why = why == NULL ? here : why;
    }
    table_add(table, cells);
    if (seen[DNSBL_LISTS_ALL])
        why = "lists what no list may have: don't use it";
    else if (seen[DNSBL_WORKS])
        return TRUE; /* another kind may fail: some lists answer questions of the wrong kind by a code for that */
    else if (why == NULL)
        why = "has none of the test entries 127.0.0.2, ::ffff:127.0.0.2 and TEST: its name may be wrong, it may have ended, or the "
              "resolver takes answers in 127.0.0.0/8 out";
    g_string_append_printf(complaints, "%s%s: %s\n", complaints->len > 0 ? "" : "\n", dnsbl_name(list), why);
    return FALSE;
}

static int
check_all(const GPtrArray *lists, struct dns *dns, gint64 timeout_ms)
{
    static const char *const headings[] = {"LIST", "IPV4", "IPV6", "DOMAINS", NULL};
    g_autofree struct dnsbl_check *checks = g_new0(struct dnsbl_check, lists->len);
    g_autoptr(GString) complaints = g_string_new(NULL);
    struct table *table = table_new(headings);
    gboolean good = TRUE;

    for (guint i = 0; i < lists->len; i++)
        dnsbl_check_start(&checks[i], dns, list_at(lists, i));
    gint64 deadline = g_get_monotonic_time() + timeout_ms * 1000;
    for (guint i = 0; i < lists->len; i++) {
        good &= judge(list_at(lists, i), &checks[i], deadline, table, complaints);
        dnsbl_check_clear(&checks[i]);
    }
    table_print(&table);
    fputs(complaints->str, stdout);
    return good ? CLI_OK : CLI_FAILED;
}

/* ---- the command ---- */

/* The lists that the arguments name, NULL when there are none or they are wrong: it was said. */
static GPtrArray *
parse_lists(char **arguments)
{
    g_autoptr(GError) error = NULL;
    g_autofree char *text = g_strjoinv(" ", arguments);
    GPtrArray *lists = dnsbl_parse(text, &error);

    if (lists == NULL)
        cli_error("%s", error->message);
    else if (lists->len == 0)
        cli_error("name at least one list, as zen.spamhaus.org");
    if (lists != NULL && lists->len == 0)
        g_clear_pointer(&lists, g_ptr_array_unref);
    return lists;
}

static int
run(const GPtrArray *lists, const char *subject, const char *config_path)
{
    g_autoptr(GError) error = NULL;
    struct config *config = cli_load_config(config_path);
    struct dns *dns = config != NULL ? resolver_open(&config->dns, &error) : NULL;
    int result = DNSBL_EXIT_UNKNOWN;

    log_open("postern", LOG_TO_STDERR, LOG_AS_TEXT, LOG_SEV_ERROR); /* what is wrong with a list stands below the table */
    if (error != NULL)
        cli_error("%s", error->message);
    if (dns != NULL)
        result = subject != NULL ? ask(lists, subject, dns, config->dns.timeout) : check_all(lists, dns, config->dns.timeout);
    dns_unref(dns);
    config_unref(config);
    return result;
}

int
cli_dnsbl(int argc, char **argv, const char *config_path)
{
    gboolean check = FALSE;
    const GOptionEntry options[] = {
        {"check", 0, 0, G_OPTION_ARG_NONE, &check, "Ask for the test entries of RFC 5782: whether the lists serve us", NULL},
        G_OPTION_ENTRY_NULL};
    guint8 octets[16];
    int done = cli_parse(&argc, &argv, "ADDRESS|DOMAIN LIST... | --check LIST...",
                         "Asks DNS block and welcome lists about an address or a domain. Lists are named as in Postfix'\n"
                         "postscreen_dnsbl_sites: zen.spamhaus.org, or \"zen.spamhaus.org=127.0.0.[2..11]\" to believe only\n"
                         "these return codes. Exit status: 0 listed nowhere, 1 listed, 3 not all lists could be asked;\n"
                         "with --check, 1 when one does not work.",
                         options, 1, G_MAXINT - 1);

    if (done >= 0)
        return done;
    if (!check && network_address(argv[1], octets) == 0 && !dns_name_is_valid(argv[1])) {
        cli_error("\"%s\" is neither an address nor a domain name", argv[1]);
        return CLI_USAGE;
    }
    g_autoptr(GPtrArray) lists = parse_lists(argv + (check ? 1 : 2));
    if (lists == NULL)
        return CLI_USAGE;
    return run(lists, check ? NULL : argv[1], config_path);
}
