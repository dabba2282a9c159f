/* test_pattern.c: Perl's syntax in PCRE2's, sharing, matching and counting, and the limits. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <string.h>
#include "lib/spam/engine/pattern.h"
#include "lib/spam/engine/pattern_share.h"
#include "lib/spam/rules/perl_syntax.h"

static void
assert_translated(const char *perl, const char *pcre2)
{
    const char *why = NULL;
    gboolean refers;
    GString *out = perl_syntax_translate(perl, strlen(perl), &refers, &why);

    if (out == NULL)
        fail_msg("%s: %s", perl, why);
    assert_string_equal(out->str, pcre2);
    g_string_free(out, TRUE);
}

static void
assert_refused(const char *perl, const char *expected)
{
    const char *why = NULL;
    gboolean refers;

    assert_null(perl_syntax_translate(perl, strlen(perl), &refers, &why));
    assert_string_equal(why, expected);
}

static void
test_syntax(void **state)
{
    (void)state;
    assert_translated("(?aa)(?^aai:x)(?i-sa:y)(?a)", "(?)(?^i:x)(?i-s:y)(?)");
    assert_translated("(?=a)(?<!a)(?<name>a)(?>a)", "(?=a)(?<!a)(?<name>a)(?>a)");
    assert_translated("a{,3}b{ 1 , 2 }c{x}d{}e{1}", "a{0,3}b{1,2}c{x}d{}e{1}");
    assert_translated("{1,2}a|{1,2}?({1})(?:{1})(?<!{1}|a{1})b{1}", "\\{1,2}a|\\{1,2}?(\\{1})(?:\\{1})(?<!\\{1}|a{1})b{1}");
    assert_translated("(?x)a| #|\n {1}?b", "(?x)a| #|\n \\{1}?b");
    assert_translated("\\x{e9}\\N{U+41}\\o{101}\\N{1,2}[\\x{41}]", "\\x{e9}\\x{41}\\x{41}\\N{1,2}[\\x{41}]");
    assert_translated("a\\x{2019}b", "a(?:(?!))b");
    assert_translated("\\c\\Qa[\\c]]", "\\c\\Qa[\\c]]");
    assert_translated("\\Qa.b\\E\\_\\.", "Qa.bE\\_\\.");
    assert_translated("[]a][^]a][[b][.a.][a[:alpha:][]", "[\\]a][^\\]a][\\[b][\\.a.][a[:alpha:]\\[]");
    assert_translated("(?x) a # ( [ {,2}\n b{,2}", "(?x) a # ( [ {,2}\n b{0,2}");
    assert_translated("a#{,2}(?#{,2} [ ( )b", "a#{0,2}(?#{,2} [ ( )b");
    assert_refused("a(?{die})", "code in a pattern");
    assert_refused("a(??{die})", "code in a pattern");
    assert_refused("[\\x{2019}]", "a character above 0xff in a class");
    assert_refused("\\b{wb}", "\\b{..}");
    assert_refused("\\N{DIGIT ONE}", "\\N{name}");
    assert_refused("a\\", "ends with a backslash");
    assert_refused("\\x{zz}", "no number between braces");
}

static void
test_what_refers(void **state)
{
    static const char *const yes[] = {"(a)\\1", "(?<n>a)", "(a)\\g1", "(a)(?1)", "(?P<n>a)", "(?(1)a)", "(?|(a))", "(?-1)"},
                            *const no[] = {"(a)", "(?<=a)(?<!b)", "[\\1]", "(?:a)(?i-s:b)", "\\x41"};
    const char *why;
    gboolean refers;

    (void)state;
    for (guint i = 0; i < G_N_ELEMENTS(yes); i++) {
        g_string_free(perl_syntax_translate(yes[i], strlen(yes[i]), &refers, &why), TRUE);
        assert_true(refers);
    }
    for (guint i = 0; i < G_N_ELEMENTS(no); i++) {
        g_string_free(perl_syntax_translate(no[i], strlen(no[i]), &refers, &why), TRUE);
        assert_false(refers);
    }
}

static void
assert_shared(const char *pattern, gboolean captures, const char *expected)
{
    g_autoptr(GString) text = g_string_new(pattern);
    GString *shared = pattern_share(text, captures);

    if (expected == NULL)
        assert_null(shared);
    else
        assert_string_equal(shared->str, expected);
    if (shared != NULL)
        g_string_free(shared, TRUE);
}

#define G1 "(?:abcdefghijklmnopqrst|u)"

static void
test_sharing(void **state)
{
    (void)state;
    assert_shared("(?i)" G1 "x" G1 "y", TRUE, "(?i)(?&s0)x(?&s0)y(?(DEFINE)(?<s0>" G1 "))");
    assert_shared(G1 "{2,9}", TRUE, "(?&s0){2,9}(?(DEFINE)(?<s0>" G1 "))");
    assert_shared(G1 "x(?:short)(?:short)", TRUE, NULL);
    /* Groups in groups; what captures stays, unless nothing asks for captures. */
    assert_shared("(?:1" G1 G1 "){2}", TRUE, "(?&s1){2}(?(DEFINE)(?<s0>" G1 ")(?<s1>(?:1(?&s0)(?&s0))))");
    assert_shared("(abcdefghijklmnopqrstuvwxyz)(abcdefghijklmnopqrstuvwxyz)", TRUE, NULL);
    assert_shared("(abcdefghijklmnopqrstuvwxyz)(abcdefghijklmnopqrstuvwxyz)", FALSE,
                  "(?&s0)(?&s0)(?(DEFINE)(?<s0>(abcdefghijklmnopqrstuvwxyz)))");
    assert_shared("(?:a(bcdefghijklmnopqrstuvwxyz))(?:a(bcdefghijklmnopqrstuvwxyz))", TRUE, NULL);
    /* Brackets in classes and escapes are none. Flags inside a group keep to it. */
    assert_shared("[(]" G1 "\\(" G1, TRUE, "[(](?&s0)\\((?&s0)(?(DEFINE)(?<s0>" G1 "))");
    assert_shared("(?i:" G1 ")" G1, TRUE, NULL);
    assert_shared(G1 "(?i)" G1, TRUE, NULL);
    assert_shared(G1 G1 ")", TRUE, NULL);
}

static struct pattern *
compiled(const char *text, const char *modifiers)
{
    g_autoptr(GError) error = NULL;
    struct pattern *pattern = pattern_new(text, strlen(text), modifiers, &error);

    if (pattern == NULL)
        fail_msg("%s: %s", text, error->message);
    return pattern;
}

static guint
count(const char *text, const char *modifiers, const char *subject, guint max)
{
    struct pattern *pattern = compiled(text, modifiers);
    struct matcher *matcher = matcher_new();
    gboolean gave_up = FALSE;
    guint n = pattern_count(pattern, matcher, subject, strlen(subject), max, &gave_up);

    assert_false(gave_up);
    pattern_free(pattern);
    matcher_free(matcher);
    return n;
}

static void
test_counting(void **state)
{
    (void)state;
    assert_int_equal(count("a", NULL, "banana", 0), 3);
    assert_int_equal(count("a", NULL, "banana", 2), 2);
    assert_int_equal(count("", NULL, "aaa", 0), 4);
    assert_int_equal(count("a*?", NULL, "aaa", 0), 7); /* perl -e '$n++ while "aaa" =~ /a*?/g; print $n' */
    assert_int_equal(count("a*", NULL, "aab", 0), 3);
    assert_int_equal(count("(?=a)", NULL, "aa", 0), 2);
    assert_int_equal(count("a\\K", NULL, "aa", 0), 2);
    assert_int_equal(count("^x", "m", "x\nx\n", 0), 2);
    assert_int_equal(count("X.y", "is", "x\ny", 0), 1);
    assert_int_equal(count("x y", "x", "xy", 0), 1);
}

static void
test_named_groups(void **state)
{
    struct pattern *pattern = compiled("(?<KEY>[a-z]+)=(?<VALUE>\\d+)?", NULL);
    struct matcher *matcher = matcher_new();
    gsize begin, end;

    (void)state;
    assert_string_equal(pattern_names(pattern)[0], "KEY");
    assert_string_equal(pattern_names(pattern)[1], "VALUE");
    assert_null(pattern_names(pattern)[2]);
    assert_int_equal(pattern_match(pattern, matcher, "  ab=12", 7, 0, &begin, &end), MATCH_YES);
    assert_true(begin == 2 && end == 7);
    g_autoptr(GBytes) value = pattern_capture(pattern, matcher, "  ab=12", "VALUE");
    assert_int_equal(g_bytes_get_size(value), 2);
    assert_memory_equal(g_bytes_get_data(value, NULL), "12", 2);
    assert_int_equal(pattern_match(pattern, matcher, "ab=", 3, 0, NULL, NULL), MATCH_YES);
    assert_null(pattern_capture(pattern, matcher, "ab=", "VALUE"));
    assert_null(pattern_capture(pattern, matcher, "ab=", "OTHER"));
    assert_int_equal(pattern_match(pattern, matcher, NULL, 0, 0, NULL, NULL), MATCH_NO);
    pattern_free(pattern);
    matcher_free(matcher);
}

/* A pattern that backtracks without end is given up, in bounded time. */
static void
test_bombs(void **state)
{
    struct pattern *pattern = compiled("^(?:a+)+$", NULL), *large;
    struct matcher *matcher = matcher_new();
    g_autofree char *subject = g_strnfill(100000, 'a'), *text = g_strnfill(PATTERN_BYTES_MAX + 1, 'x');
    g_autoptr(GError) error = NULL;
    g_autoptr(GString) tags = g_string_new("(?i)");
    gboolean gave_up = FALSE;

    (void)state;
    subject[99999] = 'b';
    assert_int_equal(pattern_match(pattern, matcher, subject, 100000, 0, NULL, NULL), MATCH_GAVE_UP);
    assert_int_equal(pattern_count(pattern, matcher, subject, 100000, 0, &gave_up), 0);
    assert_true(gave_up);
    pattern_free(pattern);
    assert_null(pattern_new(text, PATTERN_BYTES_MAX + 1, NULL, &error));
    assert_int_equal(error->code, PATTERN_ERROR_TOO_BIG);
    /* Expanded tags: too large for PCRE2 as they stand. */
    for (guint i = 0; i < 2000; i++)
        g_string_append_printf(tags, "(?:%c%s|w)", 'a' + (int)i % 3, "(?:[ijkl\\xec-\\xef]|\\xc4[\\xa8-\\xb1]|first|second)");
    large = compiled(tags->str, NULL);
    assert_int_equal(pattern_match(large, matcher, "w", 1, 0, NULL, NULL), MATCH_NO);
    pattern_free(large);
    matcher_free(matcher);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_syntax),       cmocka_unit_test(test_what_refers),
                                       cmocka_unit_test(test_sharing),      cmocka_unit_test(test_counting),
                                       cmocka_unit_test(test_named_groups), cmocka_unit_test(test_bombs)};

    return cmocka_run_group_tests(tests, NULL, NULL);
}
