/* test_psl.c: names in the form that is compared, and organisational domains. */
#include "lib/mail/auth/psl.h"
#include "tests/unit/base/test.h"

static void
assert_name(const char *input, const char *expected)
{
    g_autofree char *name = psl_dns_name(input, -1);

    if (g_strcmp0(name, expected) != 0)
        fail_msg("%s is %s, not %s", input, name, expected);
}
static void
assert_top(const char *input, const char *expected)
{
    g_autofree char *name = psl_organisational_domain(input);

    if (g_strcmp0(name, expected) != 0)
        fail_msg("organisational domain of %s is %s, not %s", input, name, expected);
}

static void
test_names(void **state)
{
    (void)state;
    assert_name("Mail.Example.COM.", "mail.example.com");
    assert_name("a_b.example.com", "a_b.example.com");
    assert_name("localhost", "localhost");
    assert_name("b\xc3\xbc"
                "cher.example",
                "xn--bcher-kva.example");
    assert_name("B\xc3\x9c"
                "CHER.example",
                "xn--bcher-kva.example");
    assert_name("XN--BCHER-KVA.example", "xn--bcher-kva.example");
    assert_name("fa\xc3\x9f.example", "xn--fa-hia.example"); /* IDNA2008, not "fass" */
    assert_name("example\xe3\x80\x82test", "example.test");  /* ideographic full stop */
    assert_name("example.test\xe3\x80\x82", "example.test");
    for (gsize n = 0; n < 3; n++) {
        g_autofree char *cut = psl_dns_name("abc", (gssize)n);
        assert_true(n == 0 ? cut == NULL : strlen(cut) == n);
    }
}

static void
test_no_names(void **state)
{
    static const char *const bad[] = {"",
                                      ".",
                                      "a..b",
                                      "a..",
                                      ".a",
                                      "192.0.2.1",
                                      "192.0.2.1.",
                                      "[192.0.2.1]",
                                      "2001:db8::1",
                                      "[IPv6:2001:db8::1]",
                                      "1.2.3",
                                      "7",
                                      "a b",
                                      "a,b",
                                      "example.net(.example.com",
                                      "a@b",
                                      "a/b",
                                      "a;b",
                                      "\xff.test",
                                      "\xe2\x80\x8b",
                                      "a\nb",
                                      "a`b",
                                      "*.b",
                                      "\xef\xbf\xbd.test"};
    g_autofree char *label = g_strnfill(64, 'x'), *huge = g_strnfill(PSL_NAME_INPUT_MAX, 'x'), *accents = NULL;
    GString *wide = g_string_new(NULL);

    (void)state;
    for (guint i = 0; i < G_N_ELEMENTS(bad); i++) {
        assert_name(bad[i], NULL);
        assert_top(bad[i], NULL);
    }
    assert_name(label, NULL);
    assert_name(huge, NULL);
    assert_null(psl_dns_name("a\0b.test", 8));
    for (guint i = 0; i < PSL_NAME_INPUT_MAX; i++)
        g_string_append(wide, "\xc3\xbc.");
    accents = g_string_free(wide, FALSE);
    assert_name(accents, NULL);
}

static void
test_organisational_domains(void **state)
{
    (void)state;
    assert_top("a.b.Example.com.", "example.com");
    assert_top("example.com", "example.com");
    assert_top("com", NULL);
    assert_top("a.b.example.co.uk", "example.co.uk");
    assert_top("co.uk", NULL);
    assert_top("x.y.github.io", "y.github.io"); /* a private suffix */
    assert_top("github.io", NULL);
    assert_top("a.b.c.ck", "b.c.ck"); /* wildcard */
    assert_top("a.www.ck", "www.ck"); /* and its exception */
    assert_top("a.b.no-such-tld", "b.no-such-tld");
    assert_top("no-such-tld", NULL);
    assert_top("www.\xe9\xa3\x9f\xe7\x8b\xae.\xe5\x85\xac\xe5\x8f\xb8.cn", "xn--85x722f.xn--55qx5d.cn");
    assert_top("www.xn--85x722f.XN--55qx5d.cn", "xn--85x722f.xn--55qx5d.cn");
    assert_top("xn--55qx5d.cn", NULL);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_names),
        cmocka_unit_test(test_no_names),
        cmocka_unit_test(test_organisational_domains),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
