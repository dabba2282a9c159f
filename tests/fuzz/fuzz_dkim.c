/* fuzz_dkim.c: the first line as a key record, the rest as a message: verified; its body in canonical form by a second, naive
 * reading as well; and signed by us, which must verify whatever the message is. */
#include "lib/mail/auth/dkim_sign.h"
#include "lib/mail/auth/dkim_verify.h"
#include "tests/fuzz/fuzz_dkim.h"

#define NOW 1600000000

int LLVMFuzzerTestOneInput(const guint8 *data, size_t size);

/* RFC 6376 3.4.3, 3.4.4 by the letter: line by line, then the empty ones off the end. */
static GString *
naive_body(enum dkim_canon canon, const char *body, gsize length)
{
    GString *out = g_string_new(NULL), *line = g_string_new(NULL);

    for (gsize i = 0; i <= length; i++) {
        if (i < length && body[i] != '\n') {
            g_string_append_c(line, body[i]);
            continue;
        }
        if (i == length && line->len == 0)
            break;
        if (i < length && line->len > 0 && line->str[line->len - 1] == '\r')
            g_string_truncate(line, line->len - 1);
        for (gsize n = 0; n < line->len; n++) {
            gboolean white = line->str[n] == ' ' || line->str[n] == '\t';
            if (canon == DKIM_RELAXED && white && n + 1 < line->len && (line->str[n + 1] == ' ' || line->str[n + 1] == '\t'))
                continue;
            if (canon == DKIM_RELAXED && white && n + 1 == line->len)
                continue;
            g_string_append_c(out, canon == DKIM_RELAXED && white ? ' ' : line->str[n]);
        }
        g_string_append(out, "\r\n");
        g_string_truncate(line, 0);
    }
    g_string_free(line, TRUE);
    while (out->len >= 4 && memcmp(out->str + out->len - 4, "\r\n\r\n", 4) == 0)
        g_string_truncate(out, out->len - 2);
    if (out->len == 2)
        g_string_truncate(out, 0);
    if (out->len == 0 && canon == DKIM_SIMPLE)
        g_string_append(out, "\r\n");
    return out;
}

static void
check_bodies(const struct auth_message *m)
{
    for (enum dkim_canon canon = DKIM_SIMPLE; canon <= DKIM_RELAXED; canon++) {
        g_autoptr(GString) naive = naive_body(canon, m->body, m->body_length), ours = g_string_new(NULL);
        dkim_canon_body(canon, m->body, m->body_length, ours);
        if (!g_string_equal(naive, ours))
            g_error("two readings of the %s body", dkim_canon_name(canon));
    }
}

static void
check_results(struct dkim_verification *v)
{
    for (guint i = 0; i < dkim_verify_count(v); i++) {
        const struct dkim_signature *s = dkim_verify_get(v, i);
        check_text(s->domain);
        check_text(s->selector);
        check_text(s->identity);
        check_text(s->b_prefix);
        check_text(s->why);
        if ((s->result == AUTH_PASS) != (s->why == NULL) || (s->result == AUTH_PASS && (s->weak || s->domain == NULL)))
            g_error("a result that contradicts itself");
    }
}

/* Signs, puts the field on top, and verifies. */
static void
check_signing(struct dns *dns, const guint8 *data, size_t size, enum dkim_canon header, enum dkim_canon body)
{
    const struct dkim_signer signer = {fuzz_key(), OWN_DOMAIN, OWN_SELECTOR, NULL};
    const struct dkim_sign_options options = {.header_canon = header, .body_canon = body, .now_s = NOW};
    struct auth_message *m = fuzz_message(data, size, NULL);
    g_autoptr(GPtrArray) values = m != NULL ? dkim_sign(m, &signer, 1, &options, NULL) : NULL;

    auth_message_free(&m);
    if (values == NULL)
        return;
    struct verdict *verdict = verdict_new();
    verdict_edit(verdict, EDIT_INSERT_HEADER, 0, "DKIM-Signature", g_ptr_array_index(values, 0));
    m = fuzz_message(data, size, verdict->edits);
    struct dkim_verification *v = dkim_verify_start(dns, m, NULL);
    dkim_verify_finish(v, NOW, 0);
    if (dkim_verify_get(v, 0)->result != AUTH_PASS)
        g_error("our own signature: %s", dkim_verify_get(v, 0)->why);
    dkim_verification_free(&v);
    auth_message_free(&m);
    verdict_free(&verdict);
}

int
LLVMFuzzerTestOneInput(const guint8 *data, size_t size)
{
    const guint8 *newline = size > 0 ? memchr(data, '\n', size) : NULL;
    gsize record = newline != NULL ? (gsize)(newline - data) : size;
    g_autofree char *own = dkim_key_record(fuzz_key());
    struct fuzz_dns table = {.record = (const char *)data, .length = record, .own = own};
    struct dns *dns = dns_new(&fuzz_dns_source, &table);
    const char *why;
    struct dkim_public_key *key = dkim_public_key_new((const char *)data, record, &why);

    dkim_public_key_free(&key);
    data += newline != NULL ? record + 1 : size;
    size -= newline != NULL ? record + 1 : size;
    struct auth_message *m = fuzz_message(data, size, NULL);
    if (m != NULL) {
        struct dkim_verification *v = dkim_verify_start(dns, m, NULL);
        dkim_verify_finish(v, NOW, 0);
        check_results(v);
        dkim_verification_free(&v);
        check_bodies(m);
        auth_message_free(&m);
        check_signing(dns, data, size, record & 1, record >> 1 & 1);
    }
    dns_unref(dns);
    return 0;
}
