/* test_dkim_verify.c: signatures of the RFCs, and what hostile ones get. */
#include "lib/mail/auth/dkim_verify.h"
#include "tests/unit/auth/dkim_test.h"

#define NOW 1600000000

/* The message's first signature, as "result: why", and the rest of what is told of it. */
struct seen {
    char text[200];
    struct dkim_signature first; /* texts not to be used */
    char domain[256], identity[256];
    guint count, unchecked;
};

static struct seen
look(struct dns_table *table, const char *text, gssize length, const struct dkim_limits *limits)
{
    struct dns *dns = dns_table_dns(table);
    struct auth_message *m = message_of(text, length);
    struct dkim_verification *v = dkim_verify_start(dns, m, limits);
    struct seen seen = {.count = dkim_verify_count(v), .unchecked = dkim_verify_unchecked(v)};

    dkim_verify_finish(v, NOW, soon());
    dkim_verify_finish(v, NOW, soon());
    if (seen.count > 0) {
        const struct dkim_signature *s = dkim_verify_get(v, 0);
        seen.first = *s;
        assert_true((s->result == AUTH_PASS) == (s->why == NULL));
        g_snprintf(seen.text, sizeof seen.text, "%s: %s", auth_result_name(s->result), s->why != NULL ? s->why : "");
        g_strlcpy(seen.domain, s->domain != NULL ? s->domain : "", sizeof seen.domain);
        g_strlcpy(seen.identity, s->identity != NULL ? s->identity : "", sizeof seen.identity);
    }
    dkim_verification_free(&v);
    dkim_verification_free(&v);
    auth_message_free(&m);
    dns_unref(dns);
    return seen;
}

static void
test_rfc6376(void **state)
{
    struct seen seen = look(rfc_keys(), RFC6376_SIGNATURE RFC6376_RECEIVED FIELDS "\r\n" BODY, -1, NULL);

    (void)state;
    assert_string_equal(seen.text, "pass: ");
    assert_string_equal(seen.domain, "example.com");
    assert_string_equal(seen.identity, "joe@football.example.com");
    assert_string_equal(seen.first.algorithm, "rsa-sha256");
    assert_string_equal(seen.first.b_prefix, "AuUoFEfD");
    assert_int_equal(seen.first.key_bits, 1024);
    assert_false(seen.first.testing || seen.first.weak || seen.first.length_limited);
    seen = look(rfc_keys(), RFC6376_SIGNATURE RFC6376_RECEIVED FIELDS "\r\n" BODY "x", -1, NULL);
    assert_string_equal(seen.text, "fail: the body was changed");
    assert_int_equal(seen.first.key_bits, 1024);
    seen = look(rfc_keys(), RFC6376_SIGNATURE RFC6376_RECEIVED "To: x\r\n" FIELDS "\r\n" BODY, -1, NULL);
    assert_string_equal(seen.text, "pass: "); /* the lower To is the one that was signed */
    seen = look(rfc_keys(), RFC6376_SIGNATURE RFC6376_RECEIVED FIELDS "To: x\r\n\r\n" BODY, -1, NULL);
    assert_string_equal(seen.text, "fail: the signature does not fit");
    seen = look(rfc_keys(), RFC6376_RECEIVED FIELDS "\r\n" BODY, -1, NULL);
    assert_int_equal(seen.count, 0);
}

static void
test_rfc8463(void **state)
{
    struct seen seen = look(rfc_keys(), RFC8463_ED25519 RFC8463_RSA FIELDS "\r\n" BODY, -1, NULL);

    (void)state;
    assert_string_equal(seen.text, "pass: ");
    assert_string_equal(seen.first.algorithm, "ed25519-sha256");
    assert_int_equal(seen.count, 2);
    seen = look(rfc_keys(), RFC8463_RSA RFC8463_ED25519 FIELDS "\r\n" BODY, -1, NULL);
    assert_string_equal(seen.text, "pass: ");
    /* both name From twice: a second one breaks them */
    seen = look(rfc_keys(), RFC8463_ED25519 FIELDS "From: x\r\n\r\n" BODY, -1, NULL);
    assert_string_equal(seen.text, "fail: the signature does not fit");
    seen = look(rfc_keys(), RFC8463_RSA "From: x\r\n" FIELDS "\r\n" BODY, -1, NULL);
    assert_string_equal(seen.text, "fail: the signature does not fit");
}

#define GOOD "v=1; a=rsa-sha256; d=example.com; s=brisbane; h=From; bh=" BODY_HASH "; b=AAAA"

static void
test_syntax(void **state)
{
    static const struct {
        const char *tags, *expected;
    } cases[] = {
        {GOOD, "fail: the signature does not fit"},
        {GOOD "; v=1", "permerror: a tag occurs twice"},
        {"a=rsa-sha256", "permerror: no v="},
        {"v=2; a=rsa-sha256", "permerror: v= is not 1"},
        {"v=1; s=x", "permerror: no d="},
        {"v=1; d=x", "permerror: no s="},
        {"v=1; d=com; s=x", "permerror: d= is not a domain"},
        {"v=1; d=e_x..com; s=x", "permerror: d= is not a domain"},
        {"v=1; d=a.b.; s=x", "permerror: d= is not a domain"},
        {"v=1; d=a.b; s=x y", "permerror: s= is not a selector"},
        {"v=1; d=a.b; s=x", "permerror: no a="},
        {"v=1; d=a.b; s=x; a=RSA-SHA256", "permerror: a= is unknown"},
        {"v=1; d=a.b; s=x; a=rsa-sha1", "permerror: sha1"},
        {"v=1; d=a.b; s=x; a=rsa-sha256", "permerror: no b="},
        {"v=1; d=a.b; s=x; a=rsa-sha256; b=?", "permerror: b= is not base64"},
        {"v=1; d=a.b; s=x; a=rsa-sha256; b=AAAA; t=y", "permerror: t= is not a time"},
        {"v=1; d=a.b; s=x; a=rsa-sha256; b=AAAA; t=5; x=5", "permerror: x= is not after t="},
        {"v=1; d=a.b; s=x; a=rsa-sha256; b=AAAA; bh=AAAA", "permerror: bh= is not a hash"},
        {GOOD "; l=-1", "permerror: l= is not a length"},
        {GOOD "; l=99999999999999999999999999", "permerror: l= is not a length"},
        {GOOD "; l=9999999", "permerror: l= is beyond the body"},
        {GOOD "; c=nowsp", "permerror: c= is unknown"},
        {GOOD "; c=simple/", "permerror: c= is unknown"},
        {GOOD "; q=http", "permerror: q= is unknown"},
        {GOOD "; i=x@example.org", "permerror: i= is not within d="},
        {GOOD "; i=x@badexample.com", "permerror: i= is not within d="},
        {GOOD "; i=x", "permerror: i= is not an identity"},
        {GOOD "; i==07@example.com", "permerror: i= is not an identity"},
        {GOOD "; i==00@example.com", "permerror: i= is not an identity"},
        {GOOD "; i==FF@example.com", "permerror: i= is not an identity"},
        {GOOD "; i==C2=80@example.com", "permerror: i= is not an identity"},
        {GOOD "; x=1500000000", "fail: expired"},
        {GOOD "; x=1599999800", "fail: the signature does not fit"}, /* within the skew */
        {GOOD "; t=1600000200", "fail: the signature does not fit"},
        {GOOD "; t=1700000000", "fail: signed in the future"},
        {"v=1; a=rsa-sha256; d=example.com; s=brisbane; h=To; bh=" BODY_HASH "; b=AAAA", "permerror: h= leaves From out"},
        {"v=1; a=rsa-sha256; d=example.com; s=brisbane; h=From::To; bh=" BODY_HASH "; b=AAAA",
         "permerror: an empty name in h="},
        {"v=1; a=ed25519-sha256; d=example.com; s=brisbane; h=From; bh=" BODY_HASH "; b=AAAA",
         "permerror: the key is of another type than a="},
        {"v=1; a=rsa-sha256; d=example.com; s=other; h=From; bh=" BODY_HASH "; b=AAAA", "permerror: no key record"},
    };

    (void)state;
    for (guint i = 0; i < G_N_ELEMENTS(cases); i++) {
        g_autofree char *text = g_strconcat("DKIM-Signature: ", cases[i].tags, "\r\n" FIELDS "\r\n" BODY, NULL);
        struct seen seen = look(rfc_keys(), text, -1, NULL);
        assert_string_equal(seen.text, cases[i].expected);
        assert_int_equal(seen.first.weak, strcmp(cases[i].expected, "permerror: sha1") == 0);
    }
}

/* Key records: what they allow, and DNS that fails. */
static void
test_keys(void **state)
{
    static const char text[] = RFC6376_SIGNATURE RFC6376_RECEIVED FIELDS "\r\n" BODY;
    static const char name[] = "brisbane._domainkey.example.com";
    struct dns_table *table = dns_table_new();

    (void)state;
    dns_table_add(table, name, DNS_TXT, 0, "t=s:y; p=" "AAAA", -1);
    dns_table_add(table, name, DNS_TXT, 0, "t=y; " "k=rsa; p=", -1);
    assert_string_equal(look(table, text, -1, NULL).text, "permerror: revoked");
    table = dns_table_new();
    dns_table_add(table, name, DNS_TXT, 0, "no record", -1);
    dns_table_add(table, name, DNS_TXT, 0, RFC6376_KEY "; t=y", -1);
    struct seen seen = look(table, text, -1, NULL);
    assert_string_equal(seen.text, "pass: ");
    assert_true(seen.first.testing);
    table = dns_table_new();
    dns_table_add(table, name, DNS_TXT, 0, RFC6376_KEY "; t=s", -1);
    assert_string_equal(look(table, text, -1, NULL).text, "permerror: the key allows no subdomains in i=");
    table = dns_table_new();
    dns_table_fail(table, name, 0);
    assert_int_equal(look(table, text, -1, NULL).first.result, AUTH_TEMPERROR);
    table = dns_table_new();
    dns_table_fail(table, name, 0);
    assert_string_equal(look(table, RFC6376_SIGNATURE FIELDS "\r\nx", -1, NULL).text, "fail: the body was changed");
    seen = look(rfc_keys(), text, -1, &(struct dkim_limits){.min_rsa_bits = 1025});
    assert_string_equal(seen.text, "fail: the key is too short");
    assert_true(seen.first.weak);
}

/* No answer within the deadline is a temporary error, and the wait ends. */
static void
test_deadline(void **state)
{
    struct dns_table *table = dns_table_new();
    struct dns *dns = dns_table_dns(table);
    struct auth_message *m = message_of(RFC6376_SIGNATURE RFC6376_RECEIVED FIELDS "\r\n" BODY, -1);

    (void)state;
    dns_table_silence(table, "brisbane._domainkey.example.com");
    struct dkim_verification *v = dkim_verify_start(dns, m, NULL);
    assert_int_equal(dns_table_asked(table), 1); /* at once */
    dkim_verify_finish(v, NOW, g_get_monotonic_time() + 20000);
    assert_int_equal(dkim_verify_get(v, 0)->result, AUTH_TEMPERROR);
    dkim_verification_free(&v);
    v = dkim_verify_start(dns, m, NULL);
    dkim_verification_free(&v); /* never finished */
    auth_message_free(&m);
    dns_unref(dns);
}

static void
test_counts(void **state)
{
    g_autoptr(GString) text = g_string_new(NULL);

    (void)state;
    for (guint i = 0; i < 500; i++)
        g_string_append(text, RFC6376_SIGNATURE);
    g_string_append(text, RFC6376_RECEIVED FIELDS "\r\n" BODY);
    struct dns_table *table = rfc_keys();
    struct dns *dns = dns_table_dns(table);
    struct auth_message *m = message_of(text->str, (gssize)text->len);
    struct dkim_verification *v = dkim_verify_start(dns, m, NULL);
    assert_int_equal(dns_table_asked(table), 1); /* one name, one question */
    dkim_verify_finish(v, NOW, soon());
    assert_int_equal(dkim_verify_count(v), DKIM_REPORTED_MAX);
    assert_int_equal(dkim_verify_unchecked(v), 500 - DKIM_SIGNATURES_MAX);
    assert_int_equal(dkim_verify_get(v, DKIM_SIGNATURES_MAX - 1)->result, AUTH_PASS);
    assert_int_equal(dkim_verify_get(v, DKIM_SIGNATURES_MAX)->result, AUTH_NEUTRAL);
    dkim_verification_free(&v);
    auth_message_free(&m);
    dns_unref(dns);
    struct seen seen = look(rfc_keys(), RFC8463_RSA RFC8463_RSA FIELDS "\r\n" BODY, -1, &(struct dkim_limits){.signatures = 1});
    assert_int_equal(seen.unchecked, 1);
}

/* A signature field of nearly the header's cap, h= of 10,000 names, a NUL. */
static void
test_hostile(void **state)
{
    g_autoptr(GString) names = g_string_new("DKIM-Signature: " GOOD "; l=1; q=dns/txt; z=");
    static const char nul[] = "DKIM-Signature: v=1; a\0z=2\r\nFrom: x\r\n\r\n";
    struct seen seen;

    (void)state;
    for (guint i = 0; i < 1000000 / 50; i++)
        g_string_append(names, "xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx\r\n ");
    g_string_append(names, "\r\n" FIELDS "\r\n" BODY);
    assert_string_equal(look(rfc_keys(), names->str, -1, NULL).text, "permerror: too long");
    g_string_assign(names, "DKIM-Signature: v=1; a=rsa-sha256; d=example.com; s=brisbane; bh=" BODY_HASH "; b=AAAA; h=From");
    for (guint i = 0; i < 10000; i++)
        g_string_append(names, i % 100 == 0 ? ":\r\n x" : ":x");
    g_string_append(names, "\r\n" FIELDS "\r\n" BODY);
    assert_string_equal(look(rfc_keys(), names->str, -1, NULL).text, "permerror: too many names in h=");
    seen = look(rfc_keys(), nul, sizeof nul - 1, NULL);
    assert_string_equal(seen.text, "permerror: a NUL");
    assert_string_equal(look(rfc_keys(), "DKIM-Signature:\r\nFrom: x\r\n\r\n", -1, NULL).text, "permerror: an empty tag");
}

/* l= is told, with what it leaves out; 0 octets may be signed. */
static void
test_length(void **state)
{
    static const char tags[] = "DKIM-Signature: v=1; a=rsa-sha256; d=example.com; s=brisbane; h=From; b=AAAA; c=simple; "
                               "l=0; bh=47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=\r\n" FIELDS "\r\n" BODY;
    struct seen seen = look(rfc_keys(), tags, -1, NULL);

    (void)state;
    assert_string_equal(seen.text, "fail: the signature does not fit");
    assert_true(seen.first.length_limited);
    assert_int_equal(seen.first.unsigned_bytes, strlen(BODY));
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_rfc6376), cmocka_unit_test(test_rfc8463),  cmocka_unit_test(test_syntax),
        cmocka_unit_test(test_keys),    cmocka_unit_test(test_deadline), cmocka_unit_test(test_counts),
        cmocka_unit_test(test_hostile), cmocka_unit_test(test_length),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
