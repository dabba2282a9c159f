/* fuzz_arc.c: the first line as a key record, the rest as a message: its chain verified, and sealed further by us as far as
 * that goes; our set on a chain that holds must leave it holding. */
#include "lib/mail/auth/arc.h"
#include "tests/fuzz/fuzz_dkim.h"

#define NOW 1600000000

int LLVMFuzzerTestOneInput(const guint8 *data, size_t size);

static enum auth_result
verify(struct dns *dns, const struct auth_message *m)
{
    struct arc_verification *v = arc_verify_start(dns, m, NULL);
    enum auth_result result = arc_verify_finish(v, NOW, 0);

    check_text(arc_verify_why(v));
    for (guint i = 0; i < arc_verify_count(v); i++) {
        const struct arc_instance *instance = arc_verify_get(v, i);
        check_text(instance->domain);
        check_text(instance->selector);
        check_text(instance->payload);
        if (instance->instance != i + 1 || strlen(instance->payload) > ARC_PAYLOAD_BYTES_MAX)
            g_error("an instance that is none");
    }
    if (result == AUTH_PASS && (arc_verify_count(v) == 0 || arc_verify_oldest_pass(v) > arc_verify_count(v)))
        g_error("a result that contradicts itself");
    arc_verification_free(&v);
    return result;
}

static void
seal(struct dns *dns, const guint8 *data, size_t size, const struct auth_message *m, enum auth_result cv)
{
    const struct arc_seal_options options = {.key = fuzz_key(), .domain = OWN_DOMAIN, .selector = OWN_SELECTOR,
                                             .payload = "fuzz.example; none", .cv = cv, .now_s = NOW};
    struct arc_set set;

    if (!arc_seal(m, &options, &set, NULL))
        return;
    struct verdict *verdict = verdict_new();
    verdict_edit(verdict, EDIT_INSERT_HEADER, 0, "ARC-Authentication-Results", set.results);
    verdict_edit(verdict, EDIT_INSERT_HEADER, 0, "ARC-Message-Signature", set.signature);
    verdict_edit(verdict, EDIT_INSERT_HEADER, 0, "ARC-Seal", set.seal);
    struct auth_message *sealed = fuzz_message(data, size, verdict->edits);
    enum auth_result result = verify(dns, sealed);
    if (cv != AUTH_FAIL && result != AUTH_PASS)
        g_error("our own seal does not hold");
    if (cv == AUTH_FAIL && result != AUTH_FAIL)
        g_error("a failed chain holds again");
    auth_message_free(&sealed);
    verdict_free(&verdict);
    arc_set_clear(&set);
}

int
LLVMFuzzerTestOneInput(const guint8 *data, size_t size)
{
    const guint8 *newline = size > 0 ? memchr(data, '\n', size) : NULL;
    gsize record = newline != NULL ? (gsize)(newline - data) : size;
    g_autofree char *own = dkim_key_record(fuzz_key());
    struct fuzz_dns table = {.record = (const char *)data, .length = record, .own = own};
    struct dns *dns = dns_new(&fuzz_dns_source, &table);

    data += newline != NULL ? record + 1 : size;
    size -= newline != NULL ? record + 1 : size;
    struct auth_message *m = fuzz_message(data, size, NULL);
    if (m != NULL) {
        seal(dns, data, size, m, verify(dns, m));
        auth_message_free(&m);
    }
    dns_unref(dns);
    return 0;
}
