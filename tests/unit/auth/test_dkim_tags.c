/* test_dkim_tags.c: tag=value lists and their values. */
#include "lib/mail/auth/dkim_tags.h"
#include "tests/unit/base/test.h"

static const char *
why_not(const char *text, gsize length)
{
    const char *why;
    struct dkim_tags *tags = dkim_tags_parse(text, length, 0, &why);

    assert_true((tags == NULL) == (why != NULL));
    dkim_tags_free(&tags);
    dkim_tags_free(&tags);
    return why != NULL ? why : "good";
}

static void
test_lists(void **state)
{
    static const char text[] = " v = 1 ;\r\n\ta_2=x y;B=;b=AB\r\n CD;u=\xc3\xa9 ; ";
    const char *why;
    struct dkim_tags *tags = dkim_tags_parse(text, sizeof text - 1, 0, &why);

    (void)state;
    assert_null(why);
    assert_string_equal(dkim_tags_get(tags, "v"), "1");
    assert_string_equal(dkim_tags_get(tags, "a_2"), "x y");
    assert_string_equal(dkim_tags_get(tags, "B"), "");
    assert_string_equal(dkim_tags_get(tags, "b"), "AB CD");
    assert_string_equal(dkim_tags_get(tags, "u"), "\xc3\xa9");
    assert_null(dkim_tags_get(tags, "V"));
    assert_string_equal(dkim_tags_name(tags, 0), "v");
    assert_null(dkim_tags_name(tags, 5));
    dkim_tags_free(&tags);
}

static void
test_bad_lists(void **state)
{
    static const struct {
        const char *text, *why;
    } cases[] = {{"a=1;b=2", "good"}, {"a=1;", "good"}, {"a=1;;", "an empty tag"}, {";a=1", "an empty tag"},
                 {"a=1; ;b=2", "an empty tag"}, {"", "empty"}, {"  ", "an empty tag"}, {"a", "a tag without ="},
                 {"a=1;a=2", "a tag occurs twice"}, {"a=1;A=2", "good"}, {"1a=1", "a malformed tag name"},
                 {"a b=1", "a malformed tag name"}, {"=1", "a malformed tag name"}, {"a-b=1", "a malformed tag name"},
                 {"a=\x01", "a malformed tag value"}, {"a=\x7f", "a malformed tag value"}, {"a=\xff", "a malformed tag value"},
                 {"a=b=c", "good"}};

    (void)state;
    for (guint i = 0; i < G_N_ELEMENTS(cases); i++)
        assert_string_equal(why_not(cases[i].text, strlen(cases[i].text)), cases[i].why);
    assert_string_equal(why_not("a=\0b", 4), "a NUL");
}

static void
test_caps(void **state)
{
    g_autoptr(GString) text = g_string_new(NULL);
    g_autofree char *big = g_strnfill(DKIM_TAG_LIST_BYTES_MAX + 1, 'x');
    const char *why;

    (void)state;
    for (guint i = 0; i < DKIM_TAGS_MAX; i++)
        g_string_append_printf(text, "a%u=;", i);
    assert_string_equal(why_not(text->str, text->len), "good");
    g_string_append(text, "b=");
    assert_string_equal(why_not(text->str, text->len), "too many tags");
    big[1] = '=';
    assert_string_equal(why_not(big, DKIM_TAG_LIST_BYTES_MAX), "good");
    assert_string_equal(why_not(big, DKIM_TAG_LIST_BYTES_MAX + 1), "too long");
    assert_null(dkim_tags_parse("a=12", 4, 3, &why));
    assert_string_equal(why, "too long");
}

static void
test_words(void **state)
{
    (void)state;
    assert_true(dkim_list_has("a:b:c", "a") && dkim_list_has("a:b:c", "c") && dkim_list_has(" a : b ", "b"));
    assert_false(dkim_list_has("ab:c", "a") || dkim_list_has("", "a") || dkim_list_has("A", "a") || dkim_list_has("a b", "a"));
}

static void
test_base64(void **state)
{
    static const char *const bad[] = {"", " ", "A", "AA", "AAA", "AA=", "AAAA=", "A===", "====", "AA=A", "AA-_", "AAAA*"};
    gsize length;

    (void)state;
    for (guint i = 0; i < G_N_ELEMENTS(bad); i++)
        assert_null(dkim_base64(bad[i], &length));
    g_autofree guint8 *octets = dkim_base64(" /+\tz9\n AA= =", &length);
    assert_non_null(octets);
    assert_int_equal(length, 4);
    assert_memory_equal(octets, "\xff\xec\xfd\0", 4);
}

static void
test_numbers(void **state)
{
    g_autofree char *digits = g_strnfill(DKIM_NUMBER_DIGITS_MAX + 1, '9');
    guint64 n;

    (void)state;
    assert_true(dkim_number("0", &n) && n == 0);
    assert_true(dkim_number("18446744073709551614", &n) && n == G_MAXUINT64 - 1);
    assert_true(dkim_number("18446744073709551616", &n) && n == G_MAXUINT64);
    assert_false(dkim_number("", &n) || dkim_number("-1", &n) || dkim_number("1 ", &n) || dkim_number("0x1", &n));
    assert_false(dkim_number(digits, &n));
    digits[DKIM_NUMBER_DIGITS_MAX] = '\0';
    assert_true(dkim_number(digits, &n) && n == G_MAXUINT64);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_lists),  cmocka_unit_test(test_bad_lists), cmocka_unit_test(test_caps),
        cmocka_unit_test(test_words),  cmocka_unit_test(test_base64),    cmocka_unit_test(test_numbers),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
