/* test_addresses.c: addresses of header values, good and bad, as SpamAssassin's own parser finds them. */
#include "tests/unit/spam/view_test.h"
#include "lib/spam/view/addresses.h"

/* "phrase<address>|.." ("-" = none) */
static void
check(const char *value, const char *expected)
{
    g_autoptr(GPtrArray) found = addresses_parse(value, strlen(value));
    g_autoptr(GString) out = g_string_new(NULL);

    for (guint i = 0; i < found->len; i++) {
        const struct spam_address *a = found->pdata[i];
        g_string_append_printf(out, "%s%s<%s>", i > 0 ? "|" : "", a->phrase != NULL ? a->phrase->str : "-",
                               a->address != NULL ? a->address->str : "-");
    }
    assert_string_equal(out->str, expected);
}

static void
ordinary_ones(void **state)
{
    (void)state;
    check("a@b.com", "-<a@b.com>");
    check(" \"John Doe\" <j@d.org>\n", "John Doe <j@d.org>");
    check("John Doe <j@d.org>, x@y (Why), <z@z>", "John Doe <j@d.org>|Why<x@y>|-<z@z>");
    check("\"a, b\" <c@d>; e@f", "a, b <c@d>|-<e@f>");
    check("team: a@b, c@d;", "-<a@b>|-<c@d>");
    check("undisclosed-recipients:;", "");
    check("<>", "-<->");
    check("", "");
}

static void
doubtful_ones(void **state)
{
    (void)state;
    check("no address", "no address<->");
    check("\"x@real.com\"", "-<x@real.com>");           /* a phrase that is an address is one */
    check("\"x@y\"", "x@y<->");                         /* if its host is a name */
    check("j@d.org <j@d.org>", "j@d.org <j@d.org>");
    check("\"j@d.org\"<j@d.org>", "-<j@d.org>");        /* the same again says nothing */
    check("a <b@c@d>", "a <b@c>");
    check("<a@b.c>,<d@e.f>", "-<->");                   /* one run: its last '>' ends it */
    check("<a@b.c>, <d@e.f>", "-<a@b.c>|-<d@e.f>");
    check("n <a@b> <a@b>, c@d", "n <a@b>|-<c@d>");
    check("a\\\"b <c@d>", "-<c@d>");                    /* an open quote: what is left is searched */
    check("=?utf-8?Q?\"Foo\"_<n@foo.com>?=", "-<n@foo.com>");
    check("a b@c.d", "a b@c.d<->");
    check("  , a@b", " <->|-<a@b>");
    check("u@[1.2.3.4]", "-<u@[1.2.3.4]>");
    check("<a (comment) @b.c>", "-<->");
    check("<(x)a@b.c>", "-<a@b.c>");
}

static void
hostile_ones(void **state)
{
    (void)state;
    g_autoptr(GString) angles = g_string_new(NULL), opened = g_string_new(NULL);
    for (int i = 0; i < 30000; i++) {
        g_string_append(angles, "<a>");
        g_string_append(opened, "<a@b ");
    }
    g_string_append_c(angles, '!');
    gint64 start = g_get_monotonic_time();
    g_autoptr(GPtrArray) a = addresses_parse(angles->str, angles->len);
    g_autoptr(GPtrArray) b = addresses_parse(opened->str, opened->len);
    assert_true(g_get_monotonic_time() - start < 20 * G_USEC_PER_SEC);
    assert_int_equal(a->len, 0);
    assert_int_equal(b->len, 0);
}

int
main(void)
{
    const struct CMUnitTest tests[] = { cmocka_unit_test(ordinary_ones), cmocka_unit_test(doubtful_ones),
                                        cmocka_unit_test(hostile_ones) };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
