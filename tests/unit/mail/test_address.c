/* test_address.c: address lists as real mail holds them; comparison forms. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <string.h>
#include "lib/mail/address.h"

/* Parses and shows as "name|mailbox;name|mailbox". */
static void
assert_list(const char *value, const char *expected)
{
    g_autoptr(GPtrArray) list = g_ptr_array_new_with_free_func((GDestroyNotify)address_free);
    g_autoptr(GString) shown = g_string_new(NULL);

    assert_true(address_parse_list(value, strlen(value), 100, list));
    for (guint i = 0; i < list->len; i++) {
        const struct address *address = g_ptr_array_index(list, i);

        g_string_append_printf(shown, "%s%s|%s", i > 0 ? ";" : "", address->name, address->mailbox);
    }
    assert_string_equal(shown->str, expected);
}

static void
lists(void **state)
{
    (void)state;
    assert_list("a@b.c", "|a@b.c");
    assert_list(" Joe <a@b.c>, x@y.z\r\n", "Joe|a@b.c;|x@y.z");
    assert_list("\"Doe, John\" <j@x.y>", "Doe, John|j@x.y");
    assert_list("a@b.c (Joe (the) one)", "Joe (the) one|a@b.c");
    assert_list("<a@b.c>", "|a@b.c");
    assert_list("\"a \\\"b\\\"\" <c@d>", "a \"b\"|c@d");
    assert_list("\"john doe\"@x.y", "|\"john doe\"@x.y");
    assert_list("J <\"john, doe\"@x.y>", "J|\"john, doe\"@x.y");
    assert_list("<@r1,@r2:u@h>", "|u@h");
    assert_list("user@[IPv6:::1], b@c", "|user@[IPv6:::1];|b@c");
    assert_list("a @ b . c", "|a@b.c");
    assert_list("", "");
    assert_list(" , ,", "");
}

static void
groups(void **state)
{
    (void)state;
    assert_list("undisclosed-recipients:;", "undisclosed-recipients|");
    assert_list("Team: a@b, C <c@d>; e@f", "|a@b;C|c@d;|e@f");
    assert_list("Team: a@b", "|a@b");
    assert_list("A: ; B: ;", "A|;B|");
    assert_list("mailto:a@b", "|a@b");
}

static void
tolerated(void **state)
{
    (void)state;
    assert_list("Doe, John <j@x.y>", "Doe, John|j@x.y");
    assert_list("a@b; c@d", "|a@b;|c@d");
    assert_list("Joe <a@b, c@d", "Joe|a@b;|c@d");
    assert_list("<<a@b>>", "|a@b");
    assert_list("root, a@b", "|root;|a@b");
    assert_list("Some Body", "Some Body|");
    assert_list("a@b <c@d>", "a@b|c@d");
    assert_list("\"x@y\" <c@d>", "x@y|c@d");
    assert_list("\"open <a@b>", "open <a@b>|");
    assert_list("(open a@b", "");
    assert_list("=?utf-8?Q?Doe,_J?= <j@x>", "Doe, J|j@x");
    assert_list("\"=?gb2312?B?1tDOxA==?=\" <j@x>", "中文|j@x");
    assert_list("=?utf-8?B?5Lg=?= =?utf-8?B?rQ==?= <j@x>", "中|j@x");
    assert_list("\xcd\xf5\xd0\xa1\xc3\xf7\xb5\xc4 <j@x>", "王小明的|j@x");
    assert_list("<mailto:a@b>", "|a@b");
}

static void
counts_are_capped(void **state)
{
    g_autoptr(GPtrArray) list = g_ptr_array_new_with_free_func((GDestroyNotify)address_free);

    (void)state;
    assert_false(address_parse_list("a@b,c@d,e@f", 11, 2, list));
    assert_int_equal(list->len, 2);
    assert_true(address_parse_list("c@d", 3, 1, list)); /* max is of this call */
    assert_int_equal(list->len, 3);
}

static void
hostile_input_stays_linear(void **state)
{
    static const char *const pieces[] = {"(", "<", "\"", ",", "=?", "a,", "a:", "<@", "=?u?Q?", "x ", "@", "\\"};

    (void)state;
    for (gsize i = 0; i < G_N_ELEMENTS(pieces); i++) {
        g_autoptr(GPtrArray) list = g_ptr_array_new_with_free_func((GDestroyNotify)address_free);
        g_autoptr(GString) value = g_string_new(NULL);

        while (value->len < 1 << 20)
            g_string_append(value, pieces[i]);
        address_parse_list(value->str, value->len, 1000, list);
        assert_true(list->len <= 1000);
    }
}

static void
assert_path(const char *path, const char *expected)
{
    g_autofree char *address = address_from_path(path, strlen(path));

    if (expected == NULL)
        assert_null(address);
    else
        assert_string_equal(address, expected);
}

static void
paths(void **state)
{
    g_autofree char *longest = g_strnfill(1024, 'a'), *over = g_strnfill(1025, 'a');

    (void)state;
    assert_path("<a@b>", "a@b");
    assert_path("a@b", "a@b");
    assert_path("<>", "");
    assert_path("", "");
    assert_path("<@x,@y:a@b>", "a@b");
    assert_path("<\"a>b\"@c> SIZE=1", "\"a>b\"@c");
    assert_path(" <a@b> ", "a@b");
    assert_path("<a@b", "a@b");
    assert_path("a\r\n@b", NULL);
    assert_path(longest, longest);
    assert_path(over, NULL);
}

static void
assert_normal(const char *mailbox, const char *expected)
{
    g_autofree char *normal = address_normalise(mailbox);

    assert_string_equal(normal, expected);
}

static void
comparison_form(void **state)
{
    (void)state;
    assert_normal("", "");
    assert_normal("User@Example.COM", "user@example.com");
    assert_normal("user@example.com.", "user@example.com");
    assert_normal(" A@B ", "a@b");
    assert_normal("\"John.Doe\"@x.Y", "john.doe@x.y");
    assert_normal("\"john doe\"@x", "\"john doe\"@x");
    assert_normal("\"..\"@x", "\"..\"@x");
    assert_normal("\"a@b\"@c", "\"a@b\"@c");
    assert_normal("u@BÜCHER.example", "u@xn--bcher-kva.example");
    assert_normal("用户@例子.中国", "用户@xn--fsqu00a.xn--fiqs8s");
    assert_normal("ÄB@x", "äb@x");
    assert_normal("u@a..ü", "u@a..ü");  /* not valid: stays */
    assert_normal("Root", "root");
    assert_normal("u@[IPv6:FE80::1]", "u@[ipv6:fe80::1]");
    assert_null(address_domain("root"));
    assert_string_equal(address_domain("\"a@b\"@c"), "c");
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(lists),   cmocka_unit_test(groups),          cmocka_unit_test(tolerated),
        cmocka_unit_test(counts_are_capped), cmocka_unit_test(hostile_input_stays_linear),
        cmocka_unit_test(paths),   cmocka_unit_test(comparison_form),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
