/* test_dmarc.c: which record applies, what is aligned, and what is asked for. */
#include "lib/mail/auth/dmarc.h"
#include "tests/support/dns_table.h"
#include "tests/unit/base/test.h"

/* One evaluation; fields not set are: no SPF, no signature, sample 0. */
struct given {
    const char *author;
    const char *record, *top_record; /* at _dmarc.AUTHOR and _dmarc.example.com; NULL = none */
    struct dmarc_spf spf;
    struct dmarc_dkim signatures[3];
    guint sample;
    gboolean no_such_domain; /* else AUTHOR has an address */
};

static void
finish(struct dns *dns, const struct given *given, struct dmarc_result *out)
{
    struct dmarc *dmarc = dmarc_start(dns, given->author);
    struct dmarc_input input = {.spf = given->spf.domain != NULL ? &given->spf : NULL,
                                .signatures = given->signatures,
                                .sample = given->sample};

    while (input.n_signatures < 3 && given->signatures[input.n_signatures].domain != NULL)
        input.n_signatures++;
    dmarc_finish(dmarc, &input, g_get_monotonic_time() + 20000, out);
    dmarc_free(&dmarc);
    dmarc_free(&dmarc);
    assert_true((out->result == AUTH_PASS) == (out->why == NULL));
}

static void
evaluate(const struct given *given, struct dmarc_result *out)
{
    struct dns_table *table = dns_table_new();
    struct dns *dns = dns_table_dns(table);
    g_autofree char *name = g_strconcat("_dmarc.", given->author, NULL);

    if (!given->no_such_domain)
        dns_table_add(table, given->author, DNS_A, 0, "192.0.2.1", -1);
    if (given->record != NULL)
        dns_table_add(table, name, DNS_TXT, 0, given->record, -1);
    if (given->top_record != NULL)
        dns_table_add(table, "_dmarc.example.com", DNS_TXT, 0, given->top_record, -1);
    finish(dns, given, out);
    dns_unref(dns);
}

static enum auth_result
result_of(struct given given)
{
    struct dmarc_result out;

    evaluate(&given, &out);
    dmarc_result_clear(&out);
    return out.result;
}

#define REJECT "v=DMARC1; p=reject"

static void
test_alignment(void **state)
{
    static const struct {
        const char *author, *domain;
        gboolean relaxed, strict;
    } cases[] = {
        {"example.com", "example.com", TRUE, TRUE},
        {"example.com", "Example.COM.", TRUE, TRUE},
        {"example.com", "a.example.com", TRUE, FALSE},
        {"a.example.com", "b.example.com", TRUE, FALSE},
        {"a.example.com", "example.com", TRUE, FALSE},
        {"example.com", "example.net", FALSE, FALSE},
        {"example.com", "xexample.com", FALSE, FALSE},
        {"example.com", "com", FALSE, FALSE},
        {"com", "com", TRUE, TRUE},
        {"com", "net", FALSE, FALSE}, /* neither has an organisational domain: they do not share it */
        {"a.github.io", "b.github.io", FALSE, FALSE},
        {"co.uk", "a.co.uk", FALSE, FALSE},
        {"b\xc3\xbc"
         "cher.example",
         "xn--bcher-kva.example", TRUE, TRUE},
        {"192.0.2.1", "192.0.2.1", FALSE, FALSE},
        {"a.192.0.2.1", "2.1", FALSE, FALSE},
        {"example.com", "example.com(", FALSE, FALSE},
        {"", "", FALSE, FALSE},
    };

    (void)state;
    for (guint i = 0; i < G_N_ELEMENTS(cases); i++) {
        if (dmarc_is_aligned(cases[i].author, cases[i].domain, FALSE) != cases[i].relaxed ||
            dmarc_is_aligned(cases[i].author, cases[i].domain, TRUE) != cases[i].strict)
            fail_msg("%s %s", cases[i].author, cases[i].domain);
    }
    assert_false(dmarc_is_aligned(NULL, NULL, FALSE));
    assert_false(dmarc_is_aligned("a.example", NULL, FALSE));
}

static void
test_results(void **state)
{
    struct given g = {.author = "a.example.com", .record = REJECT};

    (void)state;
    assert_int_equal(result_of(g), AUTH_FAIL);
    g.spf = (struct dmarc_spf){AUTH_PASS, "b.example.com"};
    assert_int_equal(result_of(g), AUTH_PASS);
    for (enum auth_result other = AUTH_NONE; other <= AUTH_PERMERROR; other++) {
        g.spf.result = other;
        assert_int_equal(result_of(g), other == AUTH_PASS ? AUTH_PASS : other == AUTH_TEMPERROR ? AUTH_TEMPERROR : AUTH_FAIL);
    }
    g.spf = (struct dmarc_spf){AUTH_PASS, "example.net"};
    assert_int_equal(result_of(g), AUTH_FAIL);
    g.signatures[0] = (struct dmarc_dkim){AUTH_PASS, "example.net"};
    g.signatures[1] = (struct dmarc_dkim){AUTH_FAIL, "example.com"};
    assert_int_equal(result_of(g), AUTH_FAIL);
    g.signatures[2] = (struct dmarc_dkim){AUTH_PASS, "example.com"};
    assert_int_equal(result_of(g), AUTH_PASS);
    g.record = NULL;
    assert_int_equal(result_of(g), AUTH_NONE);
    g.record = "v=DMARC1; p=reject; adkim=s; aspf=s";
    assert_int_equal(result_of(g), AUTH_FAIL);
    g.signatures[0].domain = "A.example.com";
    assert_int_equal(result_of(g), AUTH_PASS);
    g.signatures[0].domain = "example.net";
    g.spf.domain = "a.EXAMPLE.com.";
    assert_int_equal(result_of(g), AUTH_PASS);
    g.record = "v=DMARC1; p=reject; aspf=s";
    g.spf.domain = "example.com";
    g.signatures[2].domain = NULL;
    assert_int_equal(result_of(g), AUTH_FAIL);
}

static void
test_aligned_both(void **state)
{
    struct given g = {.author = "example.com",
                      .record = REJECT "; rua=mailto:r@example.com",
                      .spf = {AUTH_PASS, "example.com"},
                      .signatures = {{AUTH_PASS, "x.example.com"}}};
    struct dmarc_result out;

    (void)state;
    evaluate(&g, &out);
    assert_true(out.aligned_spf && out.aligned_dkim && out.result == AUTH_PASS);
    assert_int_equal(out.requested, DMARC_REJECT);
    assert_int_equal(out.applied, DMARC_NONE);
    assert_string_equal(out.record_domain, "example.com");
    assert_string_equal(((struct dmarc_uri *)g_ptr_array_index(out.record->rua, 0))->uri, "mailto:r@example.com");
    dmarc_result_clear(&out);
    dmarc_result_clear(&out);
    g.spf.result = AUTH_TEMPERROR; /* a pass is enough */
    evaluate(&g, &out);
    assert_true(!out.aligned_spf && out.aligned_dkim && out.result == AUTH_PASS);
    dmarc_result_clear(&out);
}

/* CVE-2019-20790: only the identity that the caller says SPF was about counts. */
static void
test_cve_2019_20790_one_identity(void **state)
{
    struct given g = {.author = "bank.example", .record = REJECT, .spf = {AUTH_PASS, "evil.example"}};

    (void)state;
    assert_int_equal(result_of(g), AUTH_FAIL); /* HELO bank.example would not help: it is not asked */
    g.spf = (struct dmarc_spf){AUTH_NONE, "bank.example"};
    assert_int_equal(result_of(g), AUTH_FAIL);
}

/* CVE-2020-12272's other side: a domain that is none is aligned with nothing. */
static void
test_cve_2020_12272_no_part_of_a_name(void **state)
{
    struct given g = {.author = "bank.example",
                      .record = REJECT,
                      .spf = {AUTH_PASS, "bank.example(.evil.example"},
                      .signatures = {{AUTH_PASS, "bank.example\"@evil.example"}, {AUTH_PASS, "bank.example;"}}};

    (void)state;
    assert_int_equal(result_of(g), AUTH_FAIL);
}

static void
test_which_record(void **state)
{
    static const struct {
        const char *author, *record, *top_record, *record_domain;
        gboolean no_such_domain;
        enum dmarc_policy requested;
    } cases[] = {
        {"a.example.com", REJECT, "v=DMARC1; p=none", "a.example.com", FALSE, DMARC_REJECT},
        {"a.example.com", "v=DMARC1; p=quarantine; sp=none; np=none", NULL, "a.example.com", TRUE, DMARC_QUARANTINE},
        {"a.example.com", NULL, "v=DMARC1; p=none; sp=quarantine; np=reject", "example.com", FALSE, DMARC_QUARANTINE},
        {"a.example.com", NULL, "v=DMARC1; p=none; sp=quarantine; np=reject", "example.com", TRUE, DMARC_REJECT},
        {"a.example.com", NULL, "v=DMARC1; p=none; sp=quarantine", "example.com", TRUE, DMARC_QUARANTINE},
        {"a.b.example.com", NULL, REJECT, "example.com", FALSE, DMARC_REJECT},
        {"a.example.com", "v=spf1 -all", REJECT, "example.com", FALSE, DMARC_REJECT},
        {"a.example.com", "V=DMARC1; p=none", REJECT, "example.com", FALSE, DMARC_REJECT},
        {"example.com", "v=DMARC1; p=quarantine; sp=reject", NULL, "example.com", FALSE, DMARC_QUARANTINE},
    };

    (void)state;
    for (guint i = 0; i < G_N_ELEMENTS(cases); i++) {
        struct given g = {.author = cases[i].author,
                          .record = cases[i].record,
                          .top_record = cases[i].top_record,
                          .no_such_domain = cases[i].no_such_domain};
        struct dmarc_result out;

        evaluate(&g, &out);
        assert_int_equal(out.result, AUTH_FAIL);
        assert_string_equal(out.record_domain, cases[i].record_domain);
        assert_string_equal(out.organisational_domain, "example.com");
        assert_int_equal(out.requested, cases[i].requested);
        assert_int_equal(out.applied, cases[i].requested);
        assert_false(out.is_sampled_out);
        dmarc_result_clear(&out);
    }
}

/* Whether the author domain exists: asked only when it decides, and as soon as the records are there. */
static void
test_existence(void **state)
{
    static const struct {
        const char *author, *top_record;
        guint asked; /* after the records */
        enum dmarc_policy requested;
    } cases[] = {
        {"not.example.com", "v=DMARC1; p=none; np=reject", 1, DMARC_REJECT},
        {"mx.example.com", "v=DMARC1; p=none; np=reject", 1, DMARC_NONE}, /* no address, but it is there */
        {"fail.example.com", "v=DMARC1; p=none; np=reject", 1, DMARC_NONE},
        {"fail.example.com", "v=DMARC1; p=none; sp=quarantine; np=reject", 1, DMARC_QUARANTINE},
        {"slow.example.com", "v=DMARC1; p=none; sp=quarantine; np=reject", 1, DMARC_QUARANTINE},
        {"not.example.com", "v=DMARC1; p=none; sp=reject; np=reject", 0, DMARC_REJECT},
        {"not.example.com", "v=DMARC1; p=none; sp=reject", 0, DMARC_REJECT},
        {"example.com", "v=DMARC1; p=none; np=reject", 0, DMARC_NONE},
        {"own.example.com", "v=DMARC1; p=none; np=reject", 0, DMARC_QUARANTINE},
    };

    (void)state;
    for (guint i = 0; i < G_N_ELEMENTS(cases); i++) {
        struct dns_table *table = dns_table_new();
        struct dns *dns = dns_table_dns(table);
        const struct dmarc_input input = {.n_signatures = 0};
        struct dmarc_result out;

        dns_table_add(table, "_dmarc.example.com", DNS_TXT, 0, cases[i].top_record, -1);
        dns_table_add(table, "_dmarc.own.example.com", DNS_TXT, 0, "v=DMARC1; p=quarantine; np=reject", -1);
        dns_table_add(table, "mx.example.com", DNS_MX, 10, "mx.example.net", -1);
        dns_table_fail(table, "fail.example.com", 0);
        dns_table_silence(table, "slow.example.com");
        struct dmarc *dmarc = dmarc_start(dns, cases[i].author);
        guint before = dns_table_asked(table);
        dmarc_discover(dmarc, g_get_monotonic_time() + 20000);
        assert_int_equal(dns_table_asked(table) - before, cases[i].asked);
        dmarc_finish(dmarc, &input, g_get_monotonic_time() + 20000, &out);
        assert_int_equal(dns_table_asked(table) - before, cases[i].asked);
        assert_int_equal(out.result, AUTH_FAIL);
        assert_int_equal(out.requested, cases[i].requested);
        dmarc_result_clear(&out);
        dmarc_free(&dmarc);
        dmarc = dmarc_start(dns, cases[i].author);
        dmarc_discover(dmarc, g_get_monotonic_time() + 20000);
        dmarc_free(&dmarc); /* discovered, never finished */
        dns_unref(dns);
    }
}

/* Only the author domain and its organisational domain are asked, both at once, and never a public suffix. */
static void
test_questions(void **state)
{
    static const struct {
        const char *author;
        guint asked;
    } cases[] = {{"a.b.c.example.com", 2}, {"example.com", 1}, {"com", 1}, {"co.uk", 1}, {"a.co.uk", 1}, {"192.0.2.1", 0}};
    struct dns_table *table = dns_table_new();
    struct dns *dns = dns_table_dns(table);

    (void)state;
    for (guint i = 0; i < G_N_ELEMENTS(cases); i++) {
        guint before = dns_table_asked(table);
        struct dmarc *dmarc = dmarc_start(dns, cases[i].author);
        assert_int_equal(dns_table_asked(table) - before, cases[i].asked);
        dmarc_free(&dmarc);
    }
    struct given g = {.author = "192.0.2.1"};
    struct dmarc_result out;
    finish(dns, &g, &out);
    assert_int_equal(out.result, AUTH_PERMERROR);
    dmarc_result_clear(&out);
    dns_unref(dns);
}

static void
test_bad_records(void **state)
{
    struct given g = {.author = "a.example.com", .top_record = REJECT, .record = "v=DMARC1; p=reject; p=none"};
    struct dmarc_result out;

    (void)state;
    evaluate(&g, &out); /* a record that is wrong is not passed over for the parent's */
    assert_int_equal(out.result, AUTH_PERMERROR);
    assert_string_equal(out.why, "_dmarc.a.example.com: a tag occurs twice");
    assert_true(out.record == NULL && out.record_domain == NULL && out.requested == DMARC_NONE && out.applied == DMARC_NONE);
    dmarc_result_clear(&out);
    g.record = "v=DMARC1; rua=mailto:r@example.com";
    evaluate(&g, &out);
    assert_int_equal(out.result, AUTH_FAIL);
    assert_int_equal(out.requested, DMARC_NONE);
    dmarc_result_clear(&out);
}

static void
test_several_records(void **state)
{
    struct dns_table *table = dns_table_new();
    struct dns *dns = dns_table_dns(table);
    struct given g = {.author = "a.example.com"};
    struct dmarc_result out;

    (void)state;
    dns_table_add(table, "_dmarc.example.com", DNS_TXT, 0, REJECT, -1);
    dns_table_add(table, "_dmarc.a.example.com", DNS_TXT, 0, "x", -1);
    dns_table_add(table, "_dmarc.a.example.com", DNS_TXT, 0, "v=DMARC1; p=quarantine", -1);
    finish(dns, &g, &out);
    assert_int_equal(out.requested, DMARC_QUARANTINE);
    dmarc_result_clear(&out);
    dns_table_add(table, "_dmarc.a.example.com", DNS_TXT, 0, "v=DMARC1; p=quarantine", -1);
    finish(dns, &g, &out);
    assert_int_equal(out.result, AUTH_NONE);
    assert_string_equal(out.why, "_dmarc.a.example.com: several DMARC records");
    dmarc_result_clear(&out);
    for (guint i = 0; i < DNS_RECORDS_MAX; i++)
        dns_table_add(table, "_dmarc.b.example.com", DNS_TXT, 0, "x", -1);
    g.author = "b.example.com";
    finish(dns, &g, &out);
    assert_int_equal(out.result, AUTH_FAIL);
    dmarc_result_clear(&out);
    dns_table_add(table, "_dmarc.b.example.com", DNS_TXT, 0, REJECT, -1); /* the one that is cut off */
    finish(dns, &g, &out);
    assert_int_equal(out.result, AUTH_PERMERROR);
    dmarc_result_clear(&out);
    dns_unref(dns);
}

/* What can't be known is no "no record": nothing falls back to the parent, nor to none. */
static void
test_dns_failures(void **state)
{
    struct dns_table *table = dns_table_new();
    struct dns *dns = dns_table_dns(table);
    struct given g = {.author = "fail.example.com", .spf = {AUTH_PASS, "example.com"}};
    struct dmarc_result out;

    (void)state;
    dns_table_add(table, "_dmarc.example.com", DNS_TXT, 0, REJECT, -1);
    dns_table_fail(table, "_dmarc.fail.example.com", DNS_TXT);
    dns_table_silence(table, "_dmarc.slow.example.com");
    dns_table_fail(table, "_dmarc.example.net", DNS_TXT);
    finish(dns, &g, &out);
    assert_int_equal(out.result, AUTH_TEMPERROR);
    assert_true(out.applied == DMARC_NONE && g_str_has_prefix(out.why, "_dmarc.fail.example.com: "));
    dmarc_result_clear(&out);
    g.author = "slow.example.com";
    finish(dns, &g, &out);
    assert_int_equal(out.result, AUTH_TEMPERROR);
    assert_string_equal(out.why, "_dmarc.slow.example.com: no answer in time");
    dmarc_result_clear(&out);
    g.author = "a.example.net";
    finish(dns, &g, &out);
    assert_int_equal(out.result, AUTH_TEMPERROR);
    dmarc_result_clear(&out);
    g.author = "ok.example.com";
    finish(dns, &g, &out);
    assert_int_equal(out.result, AUTH_PASS);
    dmarc_result_clear(&out);
    dns_unref(dns);
}

/* A key that could not be fetched might have made it a pass, if its domain is the author's. */
static void
test_open_key(void **state)
{
    struct given g = {.author = "example.com", .record = REJECT, .signatures = {{AUTH_TEMPERROR, "example.net"}}};

    (void)state;
    assert_int_equal(result_of(g), AUTH_FAIL);
    g.signatures[1] = (struct dmarc_dkim){AUTH_TEMPERROR, "a.example.com"};
    assert_int_equal(result_of(g), AUTH_TEMPERROR);
    g.record = REJECT "; adkim=s";
    assert_int_equal(result_of(g), AUTH_FAIL);
    g.spf = (struct dmarc_spf){AUTH_TEMPERROR, "a.example.com"};
    assert_int_equal(result_of(g), AUTH_TEMPERROR);
    g.spf.result = AUTH_PASS;
    assert_int_equal(result_of(g), AUTH_PASS);
}

/* RFC 7489 6.6.4 */
static void
test_sampling(void **state)
{
    static const struct {
        const char *record;
        guint sample;
        enum dmarc_policy applied;
        gboolean is_sampled_out;
    } cases[] = {
        {"v=DMARC1; p=reject; pct=50", 49, DMARC_REJECT, FALSE},
        {"v=DMARC1; p=reject; pct=50", 50, DMARC_QUARANTINE, TRUE},
        {"v=DMARC1; p=quarantine; pct=50", 49, DMARC_QUARANTINE, FALSE},
        {"v=DMARC1; p=quarantine; pct=50", 99, DMARC_NONE, TRUE},
        {"v=DMARC1; p=reject; pct=0", 0, DMARC_QUARANTINE, TRUE},
        {"v=DMARC1; p=reject; pct=100", 99, DMARC_REJECT, FALSE},
        {"v=DMARC1; p=none; pct=0", 50, DMARC_NONE, FALSE},
        {"v=DMARC1; p=reject; t=y", 0, DMARC_QUARANTINE, TRUE},
        {"v=DMARC1; p=quarantine; t=y", 0, DMARC_NONE, TRUE},
        {"v=DMARC1; p=reject; t=y; pct=0", 50, DMARC_QUARANTINE, TRUE}, /* one step, not two */
        {"v=DMARC1; p=reject; t=n", 0, DMARC_REJECT, FALSE},
    };

    (void)state;
    for (guint i = 0; i < G_N_ELEMENTS(cases); i++) {
        struct given g = {.author = "example.com", .record = cases[i].record, .sample = cases[i].sample};
        struct dmarc_result out;

        evaluate(&g, &out);
        assert_int_equal(out.applied, cases[i].applied);
        assert_int_equal(out.is_sampled_out, cases[i].is_sampled_out);
        assert_int_equal(out.result, AUTH_FAIL);
        dmarc_result_clear(&out);
    }
}

/* A public suffix may have a record of its own; others are not aligned with it. */
static void
test_public_suffix(void **state)
{
    struct given g = {.author = "co.uk", .record = REJECT, .spf = {AUTH_PASS, "evil.co.uk"}};
    struct dmarc_result out;

    (void)state;
    evaluate(&g, &out);
    assert_int_equal(out.result, AUTH_FAIL);
    assert_null(out.organisational_domain);
    dmarc_result_clear(&out);
    g.spf.domain = "co.uk";
    assert_int_equal(result_of(g), AUTH_PASS);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_alignment),
        cmocka_unit_test(test_results),
        cmocka_unit_test(test_aligned_both),
        cmocka_unit_test(test_cve_2019_20790_one_identity),
        cmocka_unit_test(test_cve_2020_12272_no_part_of_a_name),
        cmocka_unit_test(test_which_record),
        cmocka_unit_test(test_existence),
        cmocka_unit_test(test_questions),
        cmocka_unit_test(test_bad_records),
        cmocka_unit_test(test_several_records),
        cmocka_unit_test(test_dns_failures),
        cmocka_unit_test(test_open_key),
        cmocka_unit_test(test_sampling),
        cmocka_unit_test(test_public_suffix),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
