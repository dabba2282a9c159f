/* test_perl_tables.c: what a byte pattern matches, as Perl matches it under /aa. */
#define PCRE2_CODE_UNIT_WIDTH 8
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <pcre2.h>
#include "lib/spam/rules/perl_tables.h"

/* The bytes that the pattern matches, alone: "61,41". */
static char *
matched(const char *pattern)
{
    pcre2_compile_context *context = pcre2_compile_context_create(NULL);
    int code;
    size_t at;

    pcre2_set_character_tables(context, perl_tables());
    pcre2_code *re = pcre2_compile((PCRE2_SPTR)pattern, PCRE2_ZERO_TERMINATED, 0, &code, &at, context);
    assert_non_null(re);
    pcre2_match_data *data = pcre2_match_data_create_from_pattern(re, NULL);
    GString *all = g_string_new(NULL);
    for (guint c = 0; c < 256; c++) {
        guint8 byte = (guint8)c;
        if (pcre2_match(re, &byte, 1, 0, PCRE2_ANCHORED | PCRE2_ENDANCHORED, data, NULL) >= 0)
            g_string_append_printf(all, "%s%02x", all->len > 0 ? "," : "", c);
    }
    pcre2_match_data_free(data);
    pcre2_code_free(re);
    pcre2_compile_context_free(context);
    return g_string_free(all, FALSE);
}

static void
assert_matches(const char *pattern, const char *bytes)
{
    g_autofree char *all = matched(pattern);

    assert_string_equal(all, bytes);
}

static void
test_case(void **state)
{
    (void)state;
    assert_matches("(?i)a", "41,61");
    assert_matches("(?i)\\xe9", "c9,e9"); /* perl -e 'print join ",", grep { chr($_) =~ /\A(?i)\xe9\z/aa } 0..255' and so on */
    assert_matches("(?i)\\xC9", "c9,e9");
    assert_matches("(?i)[\\xe0-\\xe2]", "c0,c1,c2,e0,e1,e2");
    assert_matches("(?i)\\xd7", "d7");
    assert_matches("(?i)\\xf7", "f7");
    assert_matches("(?i)\\xff", "ff");
    assert_matches("(?i)\\xdf", "df");
    assert_matches("(?i)\\xb5", "b5");
    assert_matches("\\xe9", "e9");
}

static void
test_classes_are_ascii(void **state)
{
    (void)state;
    assert_matches("\\s", "09,0a,0b,0c,0d,20");
    assert_matches("\\d", "30,31,32,33,34,35,36,37,38,39");
    assert_matches("(?i)[[:upper:]\\x80]", "41,42,43,44,45,46,47,48,49,4a,4b,4c,4d,4e,4f,50,51,52,53,54,55,56,57,58,59,5a,61,62,63,64,65,"
                                           "66,67,68,69,6a,6b,6c,6d,6e,6f,70,71,72,73,74,75,76,77,78,79,7a,80");
    assert_matches("[^\\W\\d_a-z]", "41,42,43,44,45,46,47,48,49,4a,4b,4c,4d,4e,4f,50,51,52,53,54,55,56,57,58,59,5a");
}

int
main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_case), cmocka_unit_test(test_classes_are_ascii)};

    return cmocka_run_group_tests(tests, NULL, NULL);
}
