/* test_prefilter.c: candidates, what can't be taken, and the cache: found, damaged, not writable; many texts at once. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <glib/gstdio.h>
#include <string.h>
#include "lib/spam/engine/pattern.h"
#include "lib/spam/rules/perl_syntax.h"
#include "lib/spam/engine/prefilter.h"
#include "lib/spam/engine/prefilter_lead.h"
#include "lib/spam/engine/prefilter_rough.h"
#include "lib/spam/engine/prefilter_syntax.h"

#define RULE(text, modifiers) {text, sizeof(text) - 1, modifiers}

static const struct prefilter_rule rules[] = {
    RULE("hello", NULL), RULE("(?i)gr\xfc\xdf", NULL), RULE("w.rld$", "i"), RULE("(a)\\1", NULL), RULE("x#y", "x"),
    RULE("(?:(?:ab){1,200}c){1,200}", NULL), RULE("a{3}", NULL), RULE("(?{code})", NULL),
};
#define N G_N_ELEMENTS(rules)

/* The candidates as a text: "0,2". */
static char *
candidates(const struct prefilter *prefilter, const char *text)
{
    struct prefilter_scratch *scratch = prefilter_scratch_new();
    guint32 bits[PREFILTER_WORDS(N)] = {0};
    GString *all = g_string_new(NULL);

    prefilter_scratch_fit(scratch, prefilter);
    prefilter_scan(prefilter, scratch, text, text != NULL ? strlen(text) : 0, bits, NULL);
    for (guint i = 0; i < N; i++)
        if (bits[i / 32] >> i % 32 & 1)
            g_string_append_printf(all, "%s%u", all->len > 0 ? "," : "", i);
    prefilter_scratch_free(scratch);
    return g_string_free(all, FALSE);
}

static void
assert_candidates(const struct prefilter *prefilter, const char *text, const char *expected)
{
    g_autofree char *all = candidates(prefilter, text);

    assert_string_equal(all, expected);
}

static struct prefilter *
made(const char *cache, gboolean expected)
{
    g_autoptr(GError) error = NULL;
    gboolean cached = TRUE;
    struct prefilter *prefilter = prefilter_new(rules, N, PREFILTER_ONE, cache, &cached, &error);

    if (prefilter == NULL)
        fail_msg("%s", error->message);
    assert_int_equal(cached, expected);
    return prefilter;
}

static void
check(const struct prefilter *prefilter)
{
    /* 4 (/x) and 7 (no pattern) are candidates always; 3 only where two letters a are, 5 although it is large when written out. */
    assert_int_equal(prefilter_untaken(prefilter), 2);
    assert_true(prefilter_is_untaken(prefilter, 4) && !prefilter_is_untaken(prefilter, 5));
    assert_candidates(prefilter, "", "4,7");
    assert_candidates(prefilter, NULL, "4,7");
    assert_candidates(prefilter, "say hello, World\n", "0,2,4,7");
    assert_candidates(prefilter, "GR\xdc\xdf", "1,4,7");
    assert_candidates(prefilter, "aaa", "3,4,6,7");
    assert_candidates(prefilter, "xababcx", "4,5,7");
}

/* Many texts in one scan: anchors hold at line ends; where a match may end first is told. */
static void
test_joined(void **state)
{
    static const struct prefilter_rule some[] = {RULE("^two$", NULL), RULE("\\Atwo", NULL), RULE("x", NULL), RULE("x\\s$", NULL)};
    struct prefilter *prefilter = prefilter_new(some, 4, PREFILTER_JOINED, NULL, NULL, NULL);
    struct prefilter_scratch *scratch = prefilter_scratch_new();
    guint32 bits[1] = {0}, ends[4];

    (void)state;
    prefilter_scratch_fit(scratch, prefilter);
    prefilter_scan(prefilter, scratch, "one\n\ntwo\n\nx\n\n", 13, bits, ends);
    assert_int_equal(bits[0], 15);
    assert_int_equal(ends[0], 8);
    assert_int_equal(ends[1], 8); /* \A: at the beginning of each */
    assert_int_equal(ends[2], 11);
    assert_int_equal(ends[3], 12);
    prefilter_scratch_free(scratch);
    prefilter_free(prefilter);
}

struct joined {
    GString *text;
    GArray *begins; /* gsize */
    struct prefilter_scratch *scratch;
    guint32 bits[1], ends[8];
};

static void
join_texts(struct joined *joined, const char *const *texts, guint n)
{
    *joined = (struct joined){.text = g_string_new(NULL), .begins = g_array_new(FALSE, FALSE, sizeof(gsize)),
                              .scratch = prefilter_scratch_new()};
    for (guint i = 0; i < n; i++) {
        gsize begin = joined->text->len;
        g_array_append_val(joined->begins, begin);
        g_string_append_printf(joined->text, "%s\n", texts[i]);
    }
}

static void
joined_clear(struct joined *joined)
{
    g_string_free(joined->text, TRUE);
    g_array_unref(joined->begins);
    prefilter_scratch_free(joined->scratch);
}

static guint32
scan_joined(struct joined *joined, const struct prefilter *prefilter, gboolean apart)
{
    joined->bits[0] = 0;
    prefilter_scratch_fit(joined->scratch, prefilter);
    if (apart)
        prefilter_scan_joined(prefilter, joined->scratch, joined->text->str, joined->text->len, (const gsize *)(gpointer)joined->begins->data,
                              joined->begins->len, joined->bits, joined->ends);
    else
        prefilter_scan(prefilter, joined->scratch, joined->text->str, joined->text->len, joined->bits, joined->ends);
    return joined->bits[0];
}

/* Texts of ASCII are looked at apart from others, by another rough form. */
static void
test_apart(void **state)
{
    static const struct prefilter_rule rule[] = {RULE("\\Ax(?:a|b\xc3|b\xd0[\x80-\x8f])y", NULL)};
    static const char *const with[] = {"xby", "\xc3\xa9", "xay"}, *const without[] = {"xby", "\xc3\xa9", "xby"};
    struct prefilter *prefilter = prefilter_new(rule, 1, PREFILTER_JOINED, NULL, NULL, NULL);
    struct joined joined;

    (void)state;
    assert_int_equal(prefilter_untaken(prefilter), 0);
    join_texts(&joined, without, 3);
    assert_int_equal(scan_joined(&joined, prefilter, FALSE), 1);
    assert_int_equal(scan_joined(&joined, prefilter, TRUE), 0);
    joined_clear(&joined);
    join_texts(&joined, with, 3);
    assert_int_equal(scan_joined(&joined, prefilter, TRUE), 1);
    assert_int_equal(joined.ends[0], 10); /* in what was scanned, not in what was sorted */
    joined_clear(&joined);
    prefilter_free(prefilter);
}

/* That of what matches in one of the texts, nothing is left out, nor its end put behind where it is. */
static void
check_ends(const struct prefilter_rule *some, guint n_rules, const char *const *texts, guint n, struct joined *joined)
{
    struct matcher *matcher = matcher_new();

    for (guint r = 0; r < n_rules; r++) {
        struct pattern *pattern = pattern_new(some[r].text, some[r].length, some[r].modifiers, NULL);
        for (guint i = 0; i < n; i++) {
            gsize end = 0;
            if (pattern_match(pattern, matcher, texts[i], strlen(texts[i]), 0, NULL, &end) != MATCH_YES)
                continue;
            assert_true((joined->bits[0] >> r & 1) != 0);
            assert_true(joined->ends[r] <= g_array_index(joined->begins, gsize, i) + end);
        }
        pattern_free(pattern);
    }
    matcher_free(matcher);
}

static void
test_apart_brute(void **state)
{
    static const struct prefilter_rule some[] = {RULE("\\Aa", NULL), RULE("(a)\\1", NULL), RULE("b\\z", NULL), RULE("(\xe9)\\1", "i"),
                                                 RULE("ab", NULL), RULE("\\A\xe9.?a", NULL), RULE("a\\Z", NULL)};
    static const char letters[] = "aab\xe9\xc9 ";
    struct prefilter *prefilter = prefilter_new(some, G_N_ELEMENTS(some), PREFILTER_JOINED, NULL, NULL, NULL);
    g_autoptr(GRand) random = g_rand_new_with_seed(7);

    (void)state;
    for (guint round = 0; round < 2000; round++) {
        char texts[6][8] = {{0}};
        const char *pointers[6];
        guint n = (guint)g_rand_int_range(random, 1, 7);
        struct joined joined;

        for (guint i = 0; i < n; i++) {
            guint length = (guint)g_rand_int_range(random, 0, 6), most = g_rand_boolean(random) ? 3 : sizeof letters - 1;
            for (guint k = 0; k < length; k++)
                texts[i][k] = letters[g_rand_int_range(random, 0, (gint)most)];
            pointers[i] = texts[i];
        }
        join_texts(&joined, pointers, n);
        scan_joined(&joined, prefilter, TRUE);
        check_ends(some, G_N_ELEMENTS(some), pointers, n, &joined);
        joined_clear(&joined);
    }
    prefilter_free(prefilter);
}

/* Of many rules, those without a literal are looked for in their rough form, but not where that forgets how often something comes. */
static void
test_many(void **state)
{
    enum { MANY = 104 };
    struct prefilter_rule many[MANY] = {{0}};
    g_autoptr(GPtrArray) kept = g_ptr_array_new_with_free_func(g_free);
    struct prefilter *prefilter;
    struct prefilter_scratch *scratch = prefilter_scratch_new();
    guint32 bits[PREFILTER_WORDS(MANY)];
    char word[] = "x-!Yb", other[] = "\xe9 x\xe9y_b";

    (void)state;
    for (guint i = 0; i < MANY; i++) {
        char c = (char)('a' + i % 26);
        char *text = i < 26   ? g_strdup_printf("(?i)\\b%c[_\\W]{0,3}y[_\\W]?b\\b", c)
                     : i < 52 ? g_strdup_printf("\\b(?:[%c-z]{5,}\\s){3}", c)
                              : g_strdup_printf("(?:%c|\\xe9)(?=b)[a-z]{9}", c);
        g_ptr_array_add(kept, text);
        many[i] = (struct prefilter_rule){.text = text, .length = strlen(text)};
    }
    prefilter = prefilter_new(many, MANY, PREFILTER_ONE, NULL, NULL, NULL);
    prefilter_scratch_fit(scratch, prefilter);
    for (guint i = 0; i < 26; i++) {
        word[0] = other[2] = (char)('a' + i);
        memset(bits, 0, sizeof bits);
        prefilter_scan(prefilter, scratch, word, strlen(word), bits, NULL);
        assert_int_equal(bits[0] & 0x3ffffff, 1u << i);
        memset(bits, 0, sizeof bits);
        prefilter_scan(prefilter, scratch, other, strlen(other), bits, NULL);
        assert_int_equal(bits[0] & 0x3ffffff, 1u << i);
    }
    memset(bits, 0, sizeof bits);
    prefilter_scan(prefilter, scratch, "zzzzz zzzzz", 11, bits, NULL);
    for (guint i = 0; i < G_N_ELEMENTS(bits); i++)
        assert_int_equal(bits[i], 0);
    prefilter_scan(prefilter, scratch, "zzzzz zzzzz zzzzz ", 18, bits, NULL);
    assert_int_equal(bits[1] & 0xfffff, 0xfffff);
    prefilter_scratch_free(scratch);
    prefilter_free(prefilter);
}

/* The rough form, or "-". Caller frees. */
static char *
rough(const char *perl, gboolean lines, gboolean ascii, guint least_max)
{
    const char *why;
    gboolean refers;
    guint positions;
    g_autoptr(GString) pattern = perl_syntax_translate(perl, strlen(perl), &refers, &why);
    GString *out = prefilter_rough(pattern, FALSE, lines, ascii, least_max, &positions);

    return out != NULL ? g_string_free(out, FALSE) : g_strdup("-");
}

static void
test_rough(void **state)
{
    static const struct {
        const char *pattern;
        gboolean lines, ascii;
        guint least_max;
        const char *rough;
    } cases[] = {
        {"a?b{2,9}(?!c)(?<=d)e.*?f", FALSE, FALSE, 64, "b{2,}e[\\x00-\\x09\\x0b-\\xff]*f"},
        {"(?i)a(?:b|\\xe9)(?-i:c)", FALSE, FALSE, 64, "[Aa](?:[Bb]|[\\xc9\\xe9])(?:c)"},
        {"abcdef", FALSE, FALSE, 3, "abc"},
        {"ab(?:cdef|gh)?h", FALSE, FALSE, 4, "ab(?:(?:cdef|gh))?h"}, /* what may be missing is kept whole */
        {"x(?:a|b\\xc3|b\\xd0[\\x80-\\x8f])y", FALSE, FALSE, 64, "x(?:[ab][\\x80-\\x8f\\xc3\\xd0]*)y"}, /* as a replace tag */
        {"x(?:a|b\\xc3|\\xd0[\\x80-\\x8f])y", FALSE, TRUE, 64, "x(?:a)y"},
        {"x\\xc3+", FALSE, TRUE, 64, ""},
        {"\\Aa$", TRUE, FALSE, 64, "(?m:^)a(?m:$)"},
        {"^a\\z", FALSE, FALSE, 64, "^a$"},
        {"(?:$|\\W)(?:a(?:$|b)|c$)\\n(?:$|d)", FALSE, TRUE, 64, "(?:|[\\x00-\\x2f\\x3a-\\x40\\x5b-\\x5e\\x60\\x7b-\\x7f])(?:a(?:|b)|c)\\x0a(?:$|d)"},
        {"(a)x\\1[\\101\\x42-D[:digit:]]", FALSE, FALSE, 64, "(?:a)x[\\x00-\\xff]*[0-9A-D]"},
        {"(?x)a b # c\n {2}", FALSE, FALSE, 64, "ab{2,2}"},
        {"a*", FALSE, FALSE, 64, "-"},
        {"(?(?=a)b|c)d", FALSE, FALSE, 64, "-"},
    };

    (void)state;
    for (guint i = 0; i < G_N_ELEMENTS(cases); i++) {
        g_autofree char *out = rough(cases[i].pattern, cases[i].lines, cases[i].ascii, cases[i].least_max);
        GString *shown = g_string_new(NULL);

        for (const char *p = out; *p != '\0'; p++)
            g_string_append_printf(shown, (guchar)*p > 127 ? "\\x%02x" : "%c", (guchar)*p);
        assert_string_equal(shown->str, cases[i].rough);
        g_string_free(shown, TRUE);
    }
}

/* Larger than the library takes: looked for in its rough form, by another one in texts of ASCII. */
static void
test_too_large(void **state)
{
    struct prefilter_rule rule = {0};
    GString *text = g_string_new("x");
    struct prefilter *prefilter;

    (void)state;
    for (guint i = 0; i < 300; i++)
        g_string_append(text, "(?:a|\\xc3[\\x80-\\xbf])(?=a)");
    rule.text = text->str;
    rule.length = text->len;
    prefilter = prefilter_new(&rule, 1, PREFILTER_ONE, NULL, NULL, NULL);
    assert_int_equal(prefilter_untaken(prefilter), 0);
    g_string_printf(text, "x%0300d", 0);
    for (gsize i = 1; i < text->len; i++)
        text->str[i] = 'a';
    assert_candidates(prefilter, text->str, "0");
    text->str[2] = (char)0xc3;
    text->str[3] = (char)0x81;
    assert_candidates(prefilter, text->str, "0");
    text->str[3] = 'b';
    assert_candidates(prefilter, text->str, "");
    text->str[2] = 'a';
    assert_candidates(prefilter, text->str, "");
    g_string_free(text, TRUE);
    prefilter_free(prefilter);
}

static void
test_relaxed(void **state)
{
    static const struct {
        const char *expression, *relaxed;
    } cases[] = {
        {"a{2}b{0,9}c{1,3}d{4,}e{5,7}?f{1}g{0,1}", "a{2,}b*c+d{3,}e{3,}?f{1}g{0,1}"},
        {"[{2}]{3,4}\\{2}[[:alpha:]{9}]x{y}{", "[{2}]{3,}\\{2}[[:alpha:]{9}]x{y}{"},
    };

    (void)state;
    for (guint i = 0; i < G_N_ELEMENTS(cases); i++) {
        g_autofree char *relaxed = prefilter_relax(cases[i].expression);
        assert_string_equal(relaxed, cases[i].relaxed);
    }
}

static void
test_lead(void **state)
{
    static const struct {
        const char *expression, *rest; /* NULL: as it is */
    } cases[] = {
        {"[a-z]+teen percent", "teen percent"},
        {"(?i)\\b(?:\\d\\d|ten|[a-z]+teen)\\s?(?:%|percent)", "(?i)\\s?(?:%|percent)"},
        {"<(?!x)[a-z]+\\s[^>]{1,80}(?:font|size)", "(?:font|size)"}, /* the last of several */
        {"\\@\\S*?offer\\w*", "offer\\w*"},
        {"(?:a|(?:[a-z]{5,}|b)c)x", "x"},
        {"^[^a]+b", NULL}, {"ab[a-z]+c", NULL}, {"(?:a|b)[a-z]+c", NULL}, {"[a-z]{1,3}b", NULL}, {"[0-9]+b", NULL}, {"[a-z]+", NULL},
        {"(?:abc [a-z]+|d)e", NULL}, {"([a-z]+)b\\1", NULL}, {"[a-z]+b|c", NULL}, {"[a-z]+(?i)b", NULL}, {"(?x)[a-z]+ # (\nabc", NULL}, {"[a-z]+(b", NULL}, {"[a-z]+b)", NULL},
        {"", NULL}, {"(?=[a-z]+)b", NULL},
    };

    (void)state;
    for (guint i = 0; i < G_N_ELEMENTS(cases); i++) {
        g_autofree char *rest = prefilter_without_lead(cases[i].expression);
        if (g_strcmp0(rest, cases[i].rest) != 0)
            fail_msg("%s becomes %s", cases[i].expression, rest);
    }
}

static void
test_candidates(void **state)
{
    struct prefilter *prefilter = made(NULL, FALSE), *none = prefilter_new(NULL, 0, PREFILTER_ONE, NULL, NULL, NULL);

    (void)state;
    check(prefilter);
    assert_true(prefilter_bytes(prefilter) > 1000);
    assert_int_equal(prefilter_bytes(none), 0);
    assert_candidates(none, "hello", "");
    prefilter_free(prefilter);
    prefilter_free(none);
}

static void
test_cache(void **state)
{
    g_autofree char *folder = g_dir_make_tmp("prefilter-XXXXXX", NULL), *path = NULL, *bytes = NULL;
    g_autoptr(GDir) dir = NULL;
    struct prefilter *prefilter = made(folder, FALSE);
    gsize length;

    (void)state;
    prefilter_free(prefilter);
    prefilter = made(folder, TRUE);
    check(prefilter);
    prefilter_free(prefilter);
    dir = g_dir_open(folder, 0, NULL);
    path = g_build_filename(folder, g_dir_read_name(dir), NULL);
    assert_null(g_dir_read_name(dir));
    assert_true(g_file_get_contents(path, &bytes, &length, NULL));
    /* Damaged in whatever way, it is made anew. */
    static const struct {
        gssize cut;
        gsize flip;
    } damages[] = {{0, 0}, {7, 0}, {20, 0}, {-1, 1}, {-1, 4}, {-1, 7}, {-1, 20}, {-1, 3000}};
    for (guint i = 0; i < G_N_ELEMENTS(damages); i++) {
        g_autofree char *damaged = g_memdup2(bytes, length);
        damaged[damages[i].flip] ^= 0x55;
        assert_true(g_file_set_contents(path, damaged, damages[i].cut >= 0 ? damages[i].cut : (gssize)length, NULL));
        prefilter = made(folder, FALSE);
        check(prefilter);
        prefilter_free(prefilter);
    }
    prefilter_free(made(folder, TRUE));
    g_unlink(path);
    g_rmdir(folder);
    prefilter = made(folder, FALSE); /* a folder that is not there costs nothing but time */
    check(prefilter);
    prefilter_free(prefilter);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_candidates), cmocka_unit_test(test_joined), cmocka_unit_test(test_apart),
                                       cmocka_unit_test(test_apart_brute), cmocka_unit_test(test_many),
                                       cmocka_unit_test(test_rough), cmocka_unit_test(test_lead), cmocka_unit_test(test_too_large),
                                       cmocka_unit_test(test_relaxed), cmocka_unit_test(test_cache)};

    return cmocka_run_group_tests(tests, NULL, NULL);
}
