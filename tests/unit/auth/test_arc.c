/* test_arc.c: chains that we seal ourselves, as they grow, break, and reach their end. */
#include "lib/mail/auth/arc.h"
#include "tests/unit/auth/dkim_test.h"

#define NOW 1600000000

static struct dkim_key *key;

static struct dns_table *
our_key(void)
{
    struct dns_table *table = dns_table_new();
    g_autofree char *record = dkim_key_record(key);

    dns_table_add(table, "a._domainkey.example.org", DNS_TXT, 0, record, -1);
    return table;
}

static struct arc_seal_options
options_for(enum auth_result cv)
{
    return (struct arc_seal_options){.key = key, .domain = "example.org", .selector = "a",
                                     .payload = "mx.example.org; arc=none;\n spf=pass", .cv = cv, .now_s = NOW - 10000};
}

/* The text with another set on top, as Postfix would put it; NULL when no set may be added. */
static char *
sealed(const char *text, const struct arc_seal_options *options)
{
    struct auth_message *m = message_of(text, -1);
    struct arc_set set;
    GError *error = NULL;
    char *out = NULL;

    if (arc_seal(m, options, &set, &error)) {
        g_autofree char *lf = g_strconcat("ARC-Seal: ", set.seal, "\nARC-Message-Signature: ", set.signature,
                                          "\nARC-Authentication-Results: ", set.results, "\n", NULL);
        g_auto(GStrv) lines = g_strsplit(lf, "\n", -1);
        for (guint i = 0; lines[i] != NULL; i++)
            assert_true(strlen(lines[i]) <= 76 + 24);
        g_autofree char *crlf = g_strjoinv("\r\n", lines);
        out = g_strconcat(crlf, text, NULL);
        arc_set_clear(&set);
    } else {
        assert_non_null(error);
        g_error_free(error);
    }
    auth_message_free(&m);
    return out;
}

static char *
chain(guint length)
{
    char *text = g_strdup("Authentication-Results: x\r\n" FIELDS "\r\n" BODY);

    for (guint i = 0; i < length; i++) {
        struct arc_seal_options options = options_for(i == 0 ? AUTH_NONE : AUTH_PASS);
        char *next = sealed(text, &options);
        assert_non_null(next);
        g_free(text);
        text = next;
    }
    return text;
}

struct seen {
    enum auth_result result;
    char why[128];
    guint count, oldest;
};

static struct seen
look_with(struct dns_table *table, const char *text)
{
    struct dns *dns = dns_table_dns(table);
    struct auth_message *m = message_of(text, -1);
    struct arc_verification *v = arc_verify_start(dns, m, NULL);
    struct seen seen = {.result = arc_verify_finish(v, NOW, soon()), .count = arc_verify_count(v)};

    assert_int_equal(arc_verify_finish(v, NOW, soon()), seen.result);
    assert_true((arc_verify_why(v) == NULL) == (seen.result == AUTH_PASS || seen.result == AUTH_NONE));
    g_strlcpy(seen.why, arc_verify_why(v) != NULL ? arc_verify_why(v) : "", sizeof seen.why);
    seen.oldest = arc_verify_oldest_pass(v);
    arc_verification_free(&v);
    arc_verification_free(&v);
    auth_message_free(&m);
    dns_unref(dns);
    return seen;
}

static struct seen
look(const char *text)
{
    return look_with(our_key(), text);
}

/* The text with the first occurrence of old replaced. */
static char *
replaced(const char *text, const char *old, const char *new)
{
    const char *at = strstr(text, old);

    assert_non_null(at);
    g_autofree char *front = g_strndup(text, (gsize)(at - text));
    return g_strconcat(front, new, at + strlen(old), NULL);
}

static void
test_growing(void **state)
{
    (void)state;
    for (guint length = 0; length <= 3; length++) {
        g_autofree char *text = chain(length), *damaged = g_strconcat(text, "x", NULL);
        struct seen seen = look(text);
        assert_int_equal(seen.result, length == 0 ? AUTH_NONE : AUTH_PASS);
        assert_int_equal(seen.count, length);
        assert_int_equal(seen.oldest, 0);
        assert_int_equal(look(damaged).result, length == 0 ? AUTH_NONE : AUTH_FAIL);
    }
}

/* What is told of each set. */
static void
test_instances(void **state)
{
    g_autofree char *text = chain(2);
    struct dns_table *table = our_key();
    struct dns *dns = dns_table_dns(table);
    struct auth_message *m = message_of(text, -1);
    struct arc_verification *v = arc_verify_start(dns, m, NULL);

    (void)state;
    assert_int_equal(dns_table_asked(table), 1);
    arc_verify_finish(v, NOW, soon());
    const struct arc_instance *two = arc_verify_get(v, 1);
    assert_int_equal(two->instance, 2);
    assert_string_equal(two->domain, "example.org");
    assert_string_equal(two->selector, "a");
    assert_string_equal(two->payload, "mx.example.org; arc=none; spf=pass");
    assert_false(two->payload_cut);
    assert_int_equal(two->cv, AUTH_PASS);
    assert_int_equal(two->seal, AUTH_PASS);
    assert_int_equal(two->signature, AUTH_PASS);
    assert_int_equal(arc_verify_get(v, 0)->cv, AUTH_NONE);
    arc_verification_free(&v);
    auth_message_free(&m);
    dns_unref(dns);
}

/* A message that was changed since: the chain fails, and the seals are told to hold all the same. */
static void
test_seals_of_a_changed_message(void **state)
{
    g_autofree char *text = chain(2), *damaged = g_strconcat(text, "x", NULL);
    struct dns *dns = dns_table_dns(our_key());
    struct auth_message *m = message_of(damaged, -1);
    struct arc_verification *v = arc_verify_start(dns, m, NULL);

    (void)state;
    assert_int_equal(arc_verify_finish(v, NOW, soon()), AUTH_FAIL);
    assert_string_equal(arc_verify_why(v), "the body was changed");
    for (guint i = 0; i < 2; i++)
        assert_int_equal(arc_verify_get(v, i)->seal, AUTH_PASS);
    assert_int_equal(arc_verify_get(v, 1)->signature, AUTH_FAIL);
    arc_verification_free(&v);
    auth_message_free(&m);
    dns_unref(dns);
}

/* A list that changes the message and seals it: the chain holds, the first signature doesn't. */
static void
test_oldest_pass(void **state)
{
    g_autofree char *one = chain(1), *changed = replaced(one, "Subject: ", "Subject: [list] ");
    struct arc_seal_options options = options_for(AUTH_PASS);
    g_autofree char *text = sealed(changed, &options);
    struct seen seen = look(text);

    (void)state;
    assert_int_equal(look(changed).result, AUTH_FAIL);
    assert_int_equal(seen.result, AUTH_PASS);
    assert_int_equal(seen.oldest, 2);
}

static void
assert_fails(const char *text, const char *old, const char *new, const char *why)
{
    g_autofree char *changed = replaced(text, old, new);
    struct seen seen = look(changed);

    assert_int_equal(seen.result, AUTH_FAIL);
    assert_string_equal(seen.why, why);
}

static void
test_broken(void **state)
{
    g_autofree char *text = chain(2);

    (void)state;
    assert_fails(text, "i=2; mx", "i=2; my", "a signature does not fit");
    assert_fails(text, "i=2; mx", "i=3; mx", "an ARC set is not whole");
    assert_fails(text, "i=2; mx", "i=0; mx", "an ARC field without a good i=");
    assert_fails(text, "i=2; mx", "i=51; mx", "an ARC field without a good i=");
    assert_fails(text, "i=2; mx", "i=002; mx", "an ARC field without a good i=");
    assert_fails(text, "i=2; mx", "i=2 mx", "an ARC field without a good i=");
    assert_fails(text, "i=2; mx", "i=1; mx", "an ARC field occurs twice");
    assert_fails(text, "cv=pass", "cv=none", "a seal's cv= does not fit its place");
    assert_fails(text, "cv=none", "cv=pass", "a seal's cv= does not fit its place");
    assert_fails(text, "cv=pass", "cv=fail", "the chain was sealed as failed");
    assert_fails(text, "cv=pass", "cv=PASS", "a seal has no good cv=");
    assert_fails(text, "cv=pass", "cv=pass; h=from", "h= has no place in a seal");
    assert_fails(text, "cv=pass", "cv=pass; bh=AAAA", "bh= has no place in a seal");
    assert_fails(text, "c=relaxed", "v=1; c=relaxed", "v= has no place in ARC");
    assert_fails(text, "h=From", "h=ARC-Seal:From", "h= names ARC-Seal");
    assert_fails(text, "c=relaxed", "x=1599995000; c=relaxed", "the message signature has expired");
    assert_fails(text, "c=relaxed", "l=99999; c=relaxed", "l= is beyond the body");
    assert_fails(text, "s=a;", "s=b;", "no key record");
}

/* Failed DNS is no failed chain; but what is wrong without it is. */
static void
test_temporary(void **state)
{
    g_autofree char *text = chain(2), *damaged = g_strconcat(text, "x", NULL);
    struct dns_table *table = our_key();

    (void)state;
    dns_table_fail(table, "a._domainkey.example.org", 0);
    assert_int_equal(look_with(table, text).result, AUTH_TEMPERROR);
    table = our_key();
    dns_table_fail(table, "a._domainkey.example.org", 0);
    assert_int_equal(look_with(table, damaged).result, AUTH_FAIL);
}

static void
test_sealing_rules(void **state)
{
    g_autofree char *none = chain(0), *two = chain(2), *damaged = g_strconcat(two, "x", NULL);
    struct arc_seal_options pass = options_for(AUTH_PASS), no = options_for(AUTH_NONE), fail = options_for(AUTH_FAIL);
    struct arc_seal_options unknown = options_for(AUTH_TEMPERROR), bad = options_for(AUTH_NONE);
    g_autofree char *last = sealed(damaged, &fail);

    (void)state;
    assert_null(sealed(none, &pass));
    assert_null(sealed(two, &no));
    assert_null(sealed(two, &unknown));
    assert_non_null(last);
    assert_string_equal(look(last).why, "the chain was sealed as failed");
    assert_null(sealed(last, &fail));
    static const char *const payloads[] = {"", "a\nb", "a\n\n b", "a\n \n b", "a\n", "a\rb", "a\x01", "a\xff"};
    for (guint i = 0; i < G_N_ELEMENTS(payloads); i++) {
        bad.payload = payloads[i];
        assert_null(sealed(none, &bad));
    }
    g_autofree char *broken = replaced(two, "ARC-Seal", "X-Seal");
    assert_null(sealed(broken, &pass));
}

/* Fifty sets are a chain, more are not; none signs Authentication-Results or ARC fields. */
static void
test_caps(void **state)
{
    static const char *const fields[] = {"from", "authentication-results", "arc-seal", "ARC-Message-Signature", NULL};
    g_autofree char *text = chain(ARC_INSTANCES_MAX);
    struct arc_seal_options options = options_for(AUTH_PASS), first = options_for(AUTH_NONE);

    (void)state;
    assert_int_equal(look(text).result, AUTH_PASS);
    assert_null(sealed(text, &options));
    g_autofree char *more = g_strconcat("ARC-Seal: i=50\r\n", text, NULL);
    assert_string_equal(look(more).why, "too many ARC fields");
    first.fields = fields;
    first.oversigned = fields + 4;
    g_autofree char *none = chain(0), *one = sealed(none, &first);
    assert_non_null(strstr(one, "h=from;"));
    g_autofree char *payload = g_strnfill(ARC_PAYLOAD_BYTES_MAX + 1, '\xff');
    g_autofree char *long_one = replaced(one, "i=1; mx", payload), *bad = replaced(long_one, payload, "i=1; \a mx");
    g_autofree char *cut = g_strconcat("ARC-Authentication-Results: i=1;", payload, "\r\n", strstr(one, "ARC-Message"), NULL);
    struct dns *dns = dns_table_dns(our_key());
    g_autofree char *whole = g_strconcat("ARC-Seal: i=1; cv=none\r\nARC-Message-Signature: i=1\r\n"
                                         "ARC-Authentication-Results: i=1;",
                                         payload, "\a\r\nFrom: x\r\n\r\n", NULL);
    struct auth_message *m = message_of(whole, -1);
    struct arc_verification *v = arc_verify_start(dns, m, NULL);
    assert_true(arc_verify_get(v, 0)->payload_cut);
    assert_true(strlen(arc_verify_get(v, 0)->payload) <= ARC_PAYLOAD_BYTES_MAX);
    assert_true(g_utf8_validate(arc_verify_get(v, 0)->payload, -1, NULL));
    arc_verification_free(&v);
    auth_message_free(&m);
    dns_unref(dns);
    assert_int_equal(look(bad).result, AUTH_FAIL);
    assert_int_equal(look(cut).result, AUTH_FAIL);
}

static int
make_key(void **state)
{
    (void)state;
    key = dkim_key_generate(DKIM_RSA, 2048, NULL);
    return key != NULL ? 0 : -1;
}

static int
drop_key(void **state)
{
    (void)state;
    dkim_key_unref(key);
    return 0;
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_growing),   cmocka_unit_test(test_instances),     cmocka_unit_test(test_seals_of_a_changed_message),
        cmocka_unit_test(test_oldest_pass),
        cmocka_unit_test(test_broken),    cmocka_unit_test(test_temporary),     cmocka_unit_test(test_sealing_rules),
        cmocka_unit_test(test_caps),
    };

    return cmocka_run_group_tests(tests, make_key, drop_key);
}
