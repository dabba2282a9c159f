/* test_spf.c: identities, mechanisms, modifiers and what a result says. The RFC's own suite is
 * tests/parity/auth_spf.py. */
#include "tests/unit/auth/spf_zone.h"

static void
test_identities(void **state)
{
    struct zone *zone = zone_new("helo.test TXT v=spf1 exists:%{l}.%{o}.%{d}.%{h}.x.test -all\n"
                                 "postmaster.helo.test.helo.test.helo.test.x.test A 127.0.0.1\n"
                                 "a.test TXT v=spf1 exists:%{s}.x.test -all\nb@a.test.x.test A 127.0.0.2\n"
                                 "postmaster@a.test.x.test A 127.0.0.2\nb@c@a.test.x.test A 127.0.0.2");

    (void)state;
    assert_int_equal(zone_check(zone, "192.0.2.1", ""), AUTH_PASS);
    assert_int_equal(zone->result.identity, SPF_MAIL_FROM);
    assert_string_equal(zone->result.domain, "helo.test");
    assert_int_equal(zone_check(zone, "192.0.2.1", NULL), AUTH_PASS);
    assert_int_equal(zone_check_until(zone, SPF_HELO, "192.0.2.1", "helo.test", "b@a.test", 0), AUTH_PASS);
    assert_int_equal(zone->result.identity, SPF_HELO);
    assert_string_equal(zone->result.domain, "helo.test");
    assert_int_equal(zone_check(zone, "192.0.2.1", "b@a.test"), AUTH_PASS);
    assert_int_equal(zone_check(zone, "192.0.2.1", "b@A.test."), AUTH_PASS);
    assert_string_equal(zone->result.domain, "A.test");
    assert_int_equal(zone_check(zone, "192.0.2.1", "@a.test"), AUTH_PASS);
    assert_int_equal(zone_check(zone, "192.0.2.1", "a.test"), AUTH_PASS);
    assert_int_equal(zone_check(zone, "192.0.2.1", "b@c@a.test"), AUTH_PASS);
    assert_int_equal(zone_check(zone, "192.0.2.1", "d@a.test"), AUTH_FAIL);
    zone_free(zone);
}

/* RFC 8616: U-labels of a domain are A-labels in DNS, and a local part that isn't ASCII makes no name that could match. */
static void
test_internationalised(void **state)
{
    struct zone *zone = zone_new("xn--bcher-kva.test TXT v=spf1 exists:%{l}.a.test exists:%{d}.a.test -all\n"
                                 "xn--bcher-kva.test.a.test A 127.0.0.2\nx.test TXT v=spf1 exists:%{l}.a.test -all");

    (void)state;
    assert_int_equal(zone_check(zone, "192.0.2.1", "a@B\xc3\xbc" "cher.test"), AUTH_PASS);
    assert_string_equal(zone->result.domain, "xn--bcher-kva.test");
    assert_string_equal(zone->result.mechanism, "exists:%{d}.a.test");
    assert_int_equal(zone_check(zone, "192.0.2.1", "\xc3\xbc@x.test"), AUTH_FAIL);
    assert_int_equal(zone->result.voids, 0);
    zone_free(zone);
}

/* 4.3: no name, no record, no question. */
static void
test_no_domain(void **state)
{
    static const char *const bad[][2] = {
        {"a@", "no valid domain"},
        {"a@b", "a domain of one label"},
        {"a@b..test", "no valid domain"},
        {"a@.test", "no valid domain"},
        {"a@[192.0.2.1]", "an address literal"},
        {"a@192.0.2.1", "an address in place of a domain"},
        {"a@b c.test", "no valid domain"},
        {"a@\xff.test", "no valid domain"},
        {".", "no valid domain"},
        {"a@..", "no valid domain"},
    };
    struct zone *zone = zone_new("");
    g_autofree char *label = g_strnfill(64, 'x'), *long_label = g_strconcat("a@", label, ".test", NULL);
    g_autofree char *local = g_strnfill(SPF_IDENTITY_MAX, 'x'), *too_long = g_strconcat(local, "@a.test", NULL);
    g_autofree char *fits = g_strconcat(local + strlen("@a.test"), "@a.test", NULL);

    (void)state;
    for (guint i = 0; i < G_N_ELEMENTS(bad); i++) {
        assert_int_equal(zone_check(zone, "192.0.2.1", bad[i][0]), AUTH_NONE);
        assert_string_equal(zone->result.why, bad[i][1]);
        assert_non_null(zone->result.domain);
        assert_false(zone->result.secure);
    }
    assert_int_equal(zone_check(zone, "192.0.2.1", long_label), AUTH_NONE);
    assert_int_equal(zone_check(zone, "192.0.2.1", too_long), AUTH_NONE);
    assert_string_equal(zone->result.why, "too long an identity");
    assert_int_equal(zone_check_until(zone, SPF_MAIL_FROM, "192.0.2.1", too_long, "a@a.test", 0), AUTH_NONE);
    assert_string_equal(zone->result.why, "too long an identity");
    assert_int_equal(dns_table_asked(zone->table), 0);
    assert_int_equal(zone_check(zone, "192.0.2.1", fits), AUTH_NONE);
    assert_string_equal(zone->result.why, "no SPF record");
    assert_int_equal(dns_table_asked(zone->table), 1);
    zone_free(zone);
}

static void
test_records(void **state)
{
    struct zone *zone =
        zone_new("none.test TXT hello\nnone.test TXT v=spf10\ntwo.test TXT v=spf1 -all\ntwo.test TXT V=SPF1\n"
                 "a.test TXT \xc3\xa9\na.test TXT v=spf1 ~all\nfail.test FAIL\n"
                 "bad.test TXT v=spf1 ip4:192.0.2.1 \xc3\xa9\nempty.test TXT v=spf1\n"
                 "odd.test TXT v=spf1 ip4:192.0.2.1 \x1b[2J -all");

    (void)state;
    assert_int_equal(zone_check(zone, "192.0.2.1", "x@none.test"), AUTH_NONE);
    assert_int_equal(zone_check(zone, "192.0.2.1", "x@nowhere.test"), AUTH_NONE);
    assert_string_equal(zone->result.why, "no SPF record");
    assert_int_equal(zone_check(zone, "192.0.2.1", "x@two.test"), AUTH_PERMERROR);
    assert_string_equal(zone->result.why, "two.test has several SPF records");
    assert_int_equal(zone_check(zone, "192.0.2.1", "x@a.test"), AUTH_SOFTFAIL);
    assert_null(zone->result.why);
    assert_string_equal(zone->result.mechanism, "all");
    assert_int_equal(zone_check(zone, "192.0.2.1", "x@fail.test"), AUTH_TEMPERROR);
    assert_string_equal(zone->result.why, "TXT of fail.test: SERVFAIL");
    assert_int_equal(zone_check(zone, "192.0.2.1", "x@bad.test"), AUTH_PERMERROR);
    assert_int_equal(zone_check(zone, "192.0.2.1", "x@odd.test"), AUTH_PERMERROR);
    assert_string_equal(zone->result.why, "odd.test: octet 0x1B at 21 of the record");
    assert_int_equal(zone_check(zone, "192.0.2.1", "x@empty.test"), AUTH_NEUTRAL);
    assert_null(zone->result.mechanism);
    zone_free(zone);
}

static void
test_addresses(void **state)
{
    struct zone *zone = zone_new("a.test TXT v=spf1 ip4:192.0.2.0/25 ip6:2001:db8::/33 a:host.test/31//127 mx -all\n"
                                 "host.test A 198.51.100.6\nhost.test AAAA 2001:db8:ffff::6\na.test MX mx.test\n"
                                 "mx.test A 203.0.113.5\nmx.test AAAA 2001:db8:ffff::ff\na.test MX \n"
                                 "all.test TXT v=spf1 ip6:::/0");
    static const char *const pass[] = {"192.0.2.127",       "::ffff:192.0.2.1",  "2001:db8:7fff::1",
                                       "198.51.100.7",      "2001:db8:ffff::7",  "203.0.113.5",
                                       "2001:db8:ffff::ff", "::ffff:203.0.113.5"};
    static const char *const fail[] = {"192.0.2.128",  "::ffff:192.0.2.128", "2001:db8:8000::1",
                                       "198.51.100.8", "2001:db8:ffff::8",   "203.0.113.4"};

    (void)state;
    for (guint i = 0; i < G_N_ELEMENTS(pass); i++)
        assert_int_equal(zone_check(zone, pass[i], "x@a.test"), AUTH_PASS);
    assert_string_equal(zone->result.mechanism, "mx");
    for (guint i = 0; i < G_N_ELEMENTS(fail); i++)
        assert_int_equal(zone_check(zone, fail[i], "x@a.test"), AUTH_FAIL);
    assert_int_equal(zone->result.lookups, 2);
    assert_int_equal(zone->result.voids, 0); /* the null MX is no lookup */
    assert_int_equal(zone_check(zone, "2001:db8::1", "x@all.test"), AUTH_PASS);
    assert_int_equal(zone_check(zone, "::ffff:192.0.2.1", "x@all.test"), AUTH_NEUTRAL);
    zone_free(zone);
}

/* Hosts are looked at by preference, then name: what decides is not the order of an answer. */
static void
test_order_of_mx(void **state)
{
    struct zone *zone = zone_new("a.test TXT v=spf1 mx -all\na.test MX z.test\na.test MX b.test\nz.test FAIL\nb.test A 192.0.2.1\n"
                                 "c.test TXT v=spf1 mx -all\nc.test MX b.test\n");

    (void)state;
    dns_table_add(zone->table, "c.test", DNS_MX, 5, "z.test", -1);
    assert_int_equal(zone_check(zone, "192.0.2.1", "x@a.test"), AUTH_PASS);
    assert_int_equal(zone_check(zone, "192.0.2.1", "x@c.test"), AUTH_TEMPERROR);
    zone_free(zone);
}

/* 5.2's table, and that a target without a record is an error here. */
static void
test_include_and_redirect(void **state)
{
    static const struct {
        const char *target;
        enum auth_result include, redirect;
    } cases[] = {{"pass.test", AUTH_PASS, AUTH_PASS},           {"fail.test", AUTH_SOFTFAIL, AUTH_FAIL},
                 {"soft.test", AUTH_SOFTFAIL, AUTH_SOFTFAIL},   {"neutral.test", AUTH_SOFTFAIL, AUTH_NEUTRAL},
                 {"temp.test", AUTH_TEMPERROR, AUTH_TEMPERROR}, {"perm.test", AUTH_PERMERROR, AUTH_PERMERROR},
                 {"none.test", AUTH_PERMERROR, AUTH_PERMERROR}, {"bad..test", AUTH_PERMERROR, AUTH_PERMERROR}};
    struct zone *zone = zone_new("pass.test TXT v=spf1 +all\nfail.test TXT v=spf1 -all exp=e.test\ntemp.test FAIL\n"
                                 "soft.test TXT v=spf1 ~all\nneutral.test TXT v=spf1\nperm.test TXT v=spf1 foo\n"
                                 "e.test TXT by %{d}");

    (void)state;
    for (guint i = 0; i < G_N_ELEMENTS(cases); i++) {
        g_autofree char *lines = g_strdup_printf("i%u.test TXT v=spf1 include:%s ~all\n"
                                                 "r%u.test TXT v=spf1 redirect=%s exp=no.test",
                                                 i, cases[i].target, i, cases[i].target);
        g_autofree char *include = g_strdup_printf("x@i%u.test", i), *redirect = g_strdup_printf("x@r%u.test", i);
        zone_add(zone, lines);
        assert_int_equal(zone_check(zone, "192.0.2.1", include), cases[i].include);
        assert_null(zone->result.explanation);
        assert_int_equal(zone_check(zone, "192.0.2.1", redirect), cases[i].redirect);
    }
    assert_int_equal(zone_check(zone, "192.0.2.1", "x@i0.test"), AUTH_PASS);
    assert_string_equal(zone->result.mechanism, "include:pass.test");
    assert_int_equal(zone_check(zone, "192.0.2.1", "x@r1.test"), AUTH_FAIL);
    assert_string_equal(zone->result.explanation, "by fail.test");
    assert_int_equal(zone_check(zone, "192.0.2.1", "x@i6.test"), AUTH_PERMERROR);
    assert_string_equal(zone->result.why, "include: none.test has no SPF record");
    zone_free(zone);
}

/* The domain of the including record is back after the include. */
static void
test_current_domain(void **state)
{
    struct zone *zone = zone_new("a.test TXT v=spf1 include:b.test exists:%{d}.x.test -all\n"
                                 "b.test TXT v=spf1 exists:%{d}.y.test\n"
                                 "a.test.x.test A 127.0.0.2");

    (void)state;
    assert_int_equal(zone_check(zone, "192.0.2.1", "x@a.test"), AUTH_PASS);
    assert_string_equal(zone->result.mechanism, "exists:%{d}.x.test");
    assert_int_equal(zone->result.voids, 1);
    zone_free(zone);
}

/* 5.5: only names that lead back count, a failure skips the name, and one of the PTR lookup doesn't match. */
static void
test_ptr(void **state)
{
    struct zone *zone =
        zone_new("a.test TXT v=spf1 ptr -all\nb.test TXT v=spf1 ptr:A.Test -all\nt.a.test TXT v=spf1 ptr -all\n"
                 "1.2.0.192.in-addr.arpa PTR fail.test\n1.2.0.192.in-addr.arpa PTR Host.a.test\n"
                 "fail.test FAIL\n"
                 "host.a.test A 192.0.2.9\nhost.a.test A 192.0.2.1\n2.2.0.192.in-addr.arpa PTR host.a.test\n"
                 "3.2.0.192.in-addr.arpa FAIL");

    (void)state;
    assert_int_equal(zone_check(zone, "192.0.2.1", "x@a.test"), AUTH_PASS);
    assert_int_equal(zone_check(zone, "192.0.2.1", "x@b.test"), AUTH_PASS);
    assert_int_equal(zone_check(zone, "192.0.2.1", "x@t.a.test"), AUTH_FAIL);
    assert_int_equal(zone_check(zone, "192.0.2.2", "x@a.test"), AUTH_FAIL);
    assert_int_equal(zone_check(zone, "192.0.2.3", "x@a.test"), AUTH_FAIL);
    assert_int_equal(zone_check(zone, "192.0.2.4", "x@a.test"), AUTH_FAIL);
    assert_int_equal(zone->result.voids, 1);
    zone_free(zone);
}

/* 7.3: the domain, else a name below it, else any; and the PTR lookup is one of the ten. */
static void
test_validated_name(void **state)
{
    struct zone *zone = zone_new("a.test TXT v=spf1 exists:%{p}.1.test exists:%{p}.2.test -all exp=e.%{p}\n"
                                 "1.2.0.192.in-addr.arpa PTR other.test\n1.2.0.192.in-addr.arpa PTR x.a.test\n"
                                 "1.2.0.192.in-addr.arpa PTR a.test\nother.test A 192.0.2.1\nx.a.test A 192.0.2.1\n"
                                 "a.test A 192.0.2.1\n"
                                 "2.2.0.192.in-addr.arpa PTR other.test\n2.2.0.192.in-addr.arpa PTR x.a.test\n"
                                 "other.test A 192.0.2.2\n"
                                 "x.a.test A 192.0.2.2\n3.2.0.192.in-addr.arpa PTR other.test\nother.test A 192.0.2.3\n"
                                 "e.a.test TXT is %{p}\ne.x.a.test TXT is %{p}\ne.other.test TXT is %{p}\n"
                                 "e.unknown TXT is %{p}");

    (void)state;
    assert_int_equal(zone_check(zone, "192.0.2.1", "x@a.test"), AUTH_FAIL);
    assert_string_equal(zone->result.explanation, "is a.test");
    assert_int_equal(zone->result.lookups, 3);
    assert_int_equal(zone_check(zone, "192.0.2.2", "x@a.test"), AUTH_FAIL);
    assert_string_equal(zone->result.explanation, "is x.a.test");
    assert_int_equal(zone_check(zone, "192.0.2.3", "x@a.test"), AUTH_FAIL);
    assert_string_equal(zone->result.explanation, "is other.test");
    assert_int_equal(zone_check(zone, "192.0.2.4", "x@a.test"), AUTH_FAIL);
    assert_string_equal(zone->result.explanation, "is unknown");
    zone_free(zone);
}

static void
test_failures_are_no_absence(void **state)
{
    struct zone *zone =
        zone_new("fail.test FAIL\na.test TXT v=spf1 a:fail.test -all\nmx.test TXT v=spf1 mx:fail.test -all\n"
                 "host.test TXT v=spf1 mx -all\nhost.test MX fail.test\n"
                 "exists.test TXT v=spf1 exists:fail.test -all\n"
                 "i.test TXT v=spf1 include:fail.test -all\nr.test TXT v=spf1 redirect=fail.test\n"
                 "e.test TXT v=spf1 -all exp=fail.test");
    static const char *const senders[] = {"x@a.test",      "x@mx.test", "x@host.test",
                                          "x@exists.test", "x@i.test",  "x@r.test"};

    (void)state;
    for (guint i = 0; i < G_N_ELEMENTS(senders); i++) {
        assert_int_equal(zone_check(zone, "192.0.2.1", senders[i]), AUTH_TEMPERROR);
        assert_non_null(strstr(zone->result.why, "fail.test: SERVFAIL"));
        assert_null(zone->result.mechanism);
    }
    assert_int_equal(zone_check(zone, "192.0.2.1", "x@e.test"), AUTH_FAIL);
    assert_null(zone->result.explanation);
    zone_free(zone);
}

/* The sender's text: only of a fail, one record, printable, cut. */
static void
test_explanation(void **state)
{
    g_autofree char *lengthy = g_strnfill(2000, 'x'), *line = g_strconcat("long.test TXT ", lengthy, NULL);
    struct zone *zone = zone_new("a.test TXT v=spf1 ip4:192.0.2.1 ~ip4:192.0.2.2 -all exp=%{l}.test\n"
                                 "good.test TXT No, %{l}  at %{r}%%.\n"
                                 "two.test TXT a\ntwo.test TXT b\nbad.test TXT %{x}\nhigh.test TXT \xc3\xa9\n"
                                 "tab.test TXT a\tb\n"
                                 "empty.test TXT \n\xc3\xa9\x1b.test TXT no");

    (void)state;
    zone_add(zone, line);
    zone_add(zone, "b.test TXT v=spf1 -all exp=u.test\nu.test TXT %{s}|");
    assert_int_equal(zone_check(zone, "192.0.2.9", "good@a.test"), AUTH_FAIL);
    assert_string_equal(zone->result.explanation, "No, good  at unknown%.");
    assert_int_equal(zone_check(zone, "192.0.2.1", "good@a.test"), AUTH_PASS);
    assert_null(zone->result.explanation);
    assert_int_equal(zone_check(zone, "192.0.2.2", "good@a.test"), AUTH_SOFTFAIL);
    assert_null(zone->result.explanation);
    static const char *const none[] = {"two@a.test",   "bad@a.test",  "high@a.test",        "tab@a.test",
                                       "empty@a.test", "gone@a.test", "\xc3\xa9\x1b@a.test"};
    for (guint i = 0; i < G_N_ELEMENTS(none); i++) {
        assert_int_equal(zone_check(zone, "192.0.2.9", none[i]), AUTH_FAIL);
        assert_null(zone->result.explanation);
        assert_int_equal(zone->result.voids, 0);
    }
    assert_int_equal(zone_check(zone, "192.0.2.9", "long@a.test"), AUTH_FAIL);
    assert_int_equal(strlen(zone->result.explanation), SPF_EXPLANATION_MAX);
    assert_int_equal(zone_check(zone, "192.0.2.9", "\x1b[\xff\r\n\x7f@b.test"), AUTH_FAIL);
    assert_string_equal(zone->result.explanation, "?[????@b.test|");
    zone_free(zone);
}

/* What is asked for is printed in reasons only after the control characters are out of it. */
static void
test_reasons_are_printable(void **state)
{
    struct zone *zone = zone_new("a.test TXT v=spf1 include:%{l}.b.test");
    g_autofree char *local = g_strnfill(240, '\x1b'), *sender = g_strconcat(local, "@a.test", NULL);

    (void)state;
    assert_int_equal(zone_check(zone, "192.0.2.1", sender), AUTH_PERMERROR);
    assert_int_equal(strlen(zone->result.why), SPF_LOG_TEXT_MAX);
    for (const char *at = zone->result.why; *at != '\0'; at++)
        assert_true(*at >= ' ' && *at < 127);
    g_autofree char *dots = g_strnfill(300, '.'), *line = g_strdup_printf("m.test TXT v=spf1 exists:%%{d%s}", dots);
    zone_add(zone, line);
    zone_add(zone, "m.test A 127.0.0.2");
    assert_int_equal(zone_check(zone, "192.0.2.1", "x@m.test"), AUTH_PASS);
    assert_int_equal(strlen(zone->result.mechanism), SPF_LOG_TEXT_MAX);
    zone_free(zone);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_identities),
        cmocka_unit_test(test_no_domain),
        cmocka_unit_test(test_records),
        cmocka_unit_test(test_addresses),
        cmocka_unit_test(test_order_of_mx),
        cmocka_unit_test(test_current_domain),
        cmocka_unit_test(test_include_and_redirect),
        cmocka_unit_test(test_ptr),
        cmocka_unit_test(test_validated_name),
        cmocka_unit_test(test_explanation),
        cmocka_unit_test(test_failures_are_no_absence),
        cmocka_unit_test(test_reasons_are_printable), cmocka_unit_test(test_internationalised),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
