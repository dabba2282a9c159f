/* test_spf_record.c: the grammar of records, and what a parsed one holds. */
#include "lib/mail/auth/spf_record.h"
#include "tests/unit/base/test.h"

static gboolean
is_good(const char *terms)
{
    g_autofree char *text = g_strconcat("v=spf1 ", terms, NULL), *why = NULL;
    struct spf_record *record = spf_record_parse(text, strlen(text), &why);
    gboolean good = record != NULL;

    assert_true(good == (why == NULL));
    spf_record_free(&record);
    spf_record_free(&record);
    return good;
}

static const char *const good_terms[] = {
    "", " ", "a", "A", "+a", "-a ", "a  mx", "a/0", "a/32", "a//0", "a//128", "a/24//64", "a:b.c/24//64", "a:b/c.d",
    "a:%{d}/1", "mx:b.c", "Include:b.c", "exists:%{i}", "ptr", "ptr:b.c", "all", "ip4:1.2.3.4", "ip4:1.2.3.4/0",
    "IP6:::1", "ip6:::/0", "ip6:::ffff:1.2.3.4/96", "redirect=a.b", "EXP=a.b", "x=", "x.-_1=a/b:c", "x=%{c}",
    "v=spf1", "all=x",
};
static const char *const bad_terms[] = {
    "b", "a a.", "++a", "+", "a=%", "1=a", "=a", "a/", "a//", "a/33", "a//129", "a/032", "a/1/2", "a//1/2", "a/24/64",
    "a:", "a:b", "a:/24", "a.b", "a,", "a/99999999999", "mx:", "include", "include:", "include:b.c/24", "include:b",
    "exists", "exists:b.c/1", "ptr/0", "ptr:", "all:", "all/8", "all.", "ip4", "ip4:", "ip4:1.2.3", "ip4:1.2.3.4/33",
    "ip4:1.2.3.4/", "ip4:1.2.3.4//1", "ip4:01.2.3.4", "ip4:1.2.3.4/08", "ip4:::1", "ip4:b.c", "ip6", "ip6:",
    "ip6:1.2.3.4", "ip6:::1/129", "ip6:::1//1", "ip6:::1%eth0",
    "ip6:0000:0000:0000:0000:0000:0000:0000:0000:0000:0000:0000:0000", "redirect=", "redirect=b",
    "redirect=a.b redirect=a.b", "exp=", "exp=a.b EXP=a.b", "exp=%{c}", "redirect:a.b", "a\tb", "a\nb", "\x7f",
    "\xc3\xa9=a", "a:b.c\x80", "x=\x01",
};

static void
test_terms(void **state)
{
    (void)state;
    for (guint i = 0; i < G_N_ELEMENTS(good_terms); i++)
        if (!is_good(good_terms[i]))
            fail_msg("refused: %s", good_terms[i]);
    for (guint i = 0; i < G_N_ELEMENTS(bad_terms); i++)
        if (is_good(bad_terms[i]))
            fail_msg("taken: %s", bad_terms[i]);
}

static void
assert_text(const char *text, gsize length, const char *expected)
{
    assert_int_equal(length, strlen(expected));
    assert_memory_equal(text, expected, length);
}

static void
test_what_is_parsed(void **state)
{
    static const char text[] =
        "V=SPF1 -a:b.c/8//16 ~ip4:192.0.2.0/24  ?ip6:2001:db8::/32 exp=e.f all redirect=r.s mx/9";
    g_autofree char *why = NULL;
    struct spf_record *record = spf_record_parse(text, strlen(text), &why);

    (void)state;
    assert_non_null(record);
    assert_int_equal(record->directives->len, 5);
    const struct spf_directive *d = &g_array_index(record->directives, struct spf_directive, 0);
    assert_true(d[0].mechanism == SPF_A && d[0].qualifier == AUTH_FAIL && d[0].prefix4 == 8 && d[0].prefix6 == 16);
    assert_text(d[0].domain, d[0].domain_length, "b.c");
    assert_text(d[0].text, d[0].length, "a:b.c/8//16");
    assert_true(d[1].mechanism == SPF_IP4 && d[1].qualifier == AUTH_SOFTFAIL && d[1].prefix4 == 24);
    assert_memory_equal(d[1].address, "\xc0\0\2\0", 4);
    assert_true(d[2].mechanism == SPF_IP6 && d[2].qualifier == AUTH_NEUTRAL && d[2].prefix6 == 32);
    assert_memory_equal(d[2].address, "\x20\x01\x0d\xb8\0", 5);
    assert_true(d[3].mechanism == SPF_ALL && d[3].qualifier == AUTH_PASS && d[3].domain == NULL);
    assert_true(d[4].mechanism == SPF_MX && d[4].prefix4 == 9 && d[4].prefix6 == 128 && d[4].domain == NULL);
    assert_text(record->redirect, record->redirect_length, "r.s");
    assert_text(record->exp, record->exp_length, "e.f");
    spf_record_free(&record);
}

static void
test_selection(void **state)
{
    static const char *const good[] = {"v=spf1", "V=SPF1", "v=spf1 ", "v=spf1 \xff"};
    static const char *const bad[] = {"",           "v",       "v=spf",        "v=spf10", "v=spf1\t",
                                      "v=spf1-all", " v=spf1", "v=spf2.0/pra", "v=spf1,"};

    (void)state;
    for (guint i = 0; i < G_N_ELEMENTS(good); i++)
        assert_true(spf_record_is_spf(good[i], strlen(good[i])));
    for (guint i = 0; i < G_N_ELEMENTS(bad); i++)
        assert_false(spf_record_is_spf(bad[i], strlen(bad[i])));
    assert_false(spf_record_is_spf("v=spf1\0 -all", 12));
}

static void
test_record_is_capped(void **state)
{
    g_autofree char *why = NULL, *spaces = g_strnfill(SPF_RECORD_MAX + 1, ' ');

    (void)state;
    memcpy(spaces, "v=spf1", 6);
    struct spf_record *record = spf_record_parse(spaces, SPF_RECORD_MAX, &why);
    assert_non_null(record);
    spf_record_free(&record);
    assert_null(spf_record_parse(spaces, SPF_RECORD_MAX + 1, &why));
    assert_string_equal(why, "a record of 16385 bytes, above 16384");
}

/* Where a bad term is quoted, or an octet named, nothing that isn't printable gets through. */
static void
test_reasons(void **state)
{
    g_autofree char *nul = NULL, *term = NULL, *filler = g_strnfill(200, 'x'),
                    *text = g_strconcat("v=spf1 ", filler, NULL);

    (void)state;
    assert_null(spf_record_parse("v=spf1 a\0b -all", 15, &nul));
    assert_string_equal(nul, "octet 0x00 at 8 of the record");
    assert_null(spf_record_parse(text, strlen(text), &term));
    assert_true(g_str_has_prefix(term, "syntax error in \"xxx") && strlen(term) == 60 + strlen("syntax error in \"\""));
}

static void
test_prefixes(void **state)
{
    static const guint8 a[16] = {192, 0, 2, 128}, b[16] = {192, 0, 2, 255}, c[16] = {[15] = 1}, d[16] = {0};

    (void)state;
    assert_true(spf_address_matches(a, b, 0));
    assert_true(spf_address_matches(a, b, 24));
    assert_true(spf_address_matches(a, b, 25));
    assert_false(spf_address_matches(a, b, 26));
    assert_false(spf_address_matches(a, b, 32));
    assert_true(spf_address_matches(a, a, 32));
    assert_true(spf_address_matches(c, d, 127));
    assert_false(spf_address_matches(c, d, 128));
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_terms),     cmocka_unit_test(test_what_is_parsed),
        cmocka_unit_test(test_selection), cmocka_unit_test(test_record_is_capped),
        cmocka_unit_test(test_reasons),   cmocka_unit_test(test_prefixes),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
