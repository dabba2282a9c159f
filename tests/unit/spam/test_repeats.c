/* test_repeats.c: how patterns of the form (?:X){n,} are split, expressions written backwards, and that what is said of a text is never too
 * little: against the pattern itself, over many random texts. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <string.h>
#include "lib/spam/engine/pattern.h"
#include "lib/spam/engine/prefilter_reverse.h"
#include "lib/spam/engine/repeats.h"

static void
test_split(void **state)
{
    static const struct {
        const char *pattern, *part;
        guint least;
    } cases[] = {
        {"(?:a|b){3}", "(?:a|b)", 3}, {"(?i)(?:a(?:b)[)]\\)c){2,5}", "(?i)(?:a(?:b)[)]\\)c)", 2}, {"(?sm)(?:x){10,}", "(?sm)(?:x)", 10},
        {"(?:[[:alpha:])]){4}", "(?:[[:alpha:])])", 4}, {"(?:a){1}", NULL, 0}, {"(?:a){0,3}", NULL, 0}, {"(?:a){,3}", NULL, 0},
        {"(?:a){3}b", NULL, 0}, {"(?:a){3}?", NULL, 0}, {"(?:a){3}+", NULL, 0}, {"b(?:a){3}", NULL, 0}, {"(a){3}", NULL, 0},
        {"(?:a){3}|b", NULL, 0}, {"(?:a)|(?:b){3}", NULL, 0}, {"(?x)(?:a){3}", NULL, 0}, {"(?:(?x)a #)\n){3}", NULL, 0},
        {"(?:a(?#b)c){3}", NULL, 0}, {"(?:[]a)]){3}", NULL, 0}, {"(?:\\Qa(\\E){3}", NULL, 0}, {"(?:a", NULL, 0}, {"(?:[a", NULL, 0},
        {"(?:a\\", NULL, 0}, {"", NULL, 0}, {"(?:a)", NULL, 0}, {"(?:a){2000}", NULL, 0}, {"(?:(*F)a){3}", NULL, 0},
    };

    (void)state;
    for (guint i = 0; i < G_N_ELEMENTS(cases); i++) {
        guint least = 0;
        g_autofree char *part = repeats_split(cases[i].pattern, &least);

        if (cases[i].part == NULL && part != NULL)
            fail_msg("%s is split: %s", cases[i].pattern, part);
        if (cases[i].part != NULL) {
            assert_non_null(part);
            assert_string_equal(part, cases[i].part);
            assert_int_equal(least, cases[i].least);
        }
    }
}

/* X, made large enough by words that stand in no text. */
static char *
large(const char *before, const char *x, const char *after)
{
    GString *pattern = g_string_new(before);

    g_string_append_printf(pattern, "(?:%s", x);
    for (guint i = 0; pattern->len < REPEATS_PATTERN_MIN; i++)
        g_string_append_printf(pattern, "|qqq%uqqq", i);
    g_string_append_printf(pattern, ")%s", after);
    return g_string_free(pattern, FALSE);
}

struct looker {
    struct spam_ruleset *ruleset;
    GPtrArray *rules;
    struct repeats *repeats;
    struct repeats_seen seen;
    struct prefilter_scratch *scratch;
};

static void
looker_init(struct looker *looker, const char *pattern)
{
    const struct rules_options options = {.local_tests_only = TRUE};
    g_autofree char *rules = g_strdup_printf("loadplugin Mail::SpamAssassin::Plugin::Check\nbody OTHER /other/\nbody A /%s/\n", pattern);
    g_autoptr(GError) error = NULL;

    looker->ruleset = rules_load_text(&options, "test.cf", rules, strlen(rules));
    looker->rules = g_ptr_array_new();
    g_ptr_array_add(looker->rules, (gpointer)rules_find(looker->ruleset, "OTHER"));
    g_ptr_array_add(looker->rules, (gpointer)rules_find(looker->ruleset, "A"));
    assert_true(repeats_make(&looker->repeats, looker->rules, ENGINE_COMPILED, NULL, &error));
    looker->scratch = prefilter_scratch_new();
    repeats_fit(looker->repeats, looker->scratch);
    repeats_seen_init(&looker->seen);
}

static void
looker_clear(struct looker *looker)
{
    repeats_seen_clear(&looker->seen);
    repeats_free(looker->repeats);
    prefilter_scratch_free(looker->scratch);
    g_ptr_array_unref(looker->rules);
    rules_free(&looker->ruleset);
}

/* What is said of one text: "n" that it has no match, "y" where one may begin that is found by trying these offsets, "m" where trying them
 * finds none, "a" that it may begin anywhere; "o" (never): there is one, which is not found so. */
static char
said_of(struct looker *looker, const struct pattern *pattern, struct matcher *matcher, const struct repeats_texts *texts, guint i,
        const char *text)
{
    gsize begin = g_array_index(texts->begins, gsize, i), length = strlen(text);
    gboolean does = pattern_match(pattern, matcher, text, length, 0, NULL, NULL) == MATCH_YES, found = FALSE;
    const guint32 *starts;
    guint n;

    assert_false(repeats_starts(looker->repeats, &looker->seen, looker->scratch, 0, i, texts, &starts, &n)); /* the other rule */
    if (!repeats_starts(looker->repeats, &looker->seen, looker->scratch, 1, i, texts, &starts, &n))
        return 'a';
    for (guint k = 0; k < n; k++) {
        assert_in_range(starts[k], begin, begin + length);
        found |= pattern_match_at(pattern, matcher, text, length, starts[k] - begin) == MATCH_YES;
    }
    return does != found ? 'o' : found ? 'y' : n > 0 ? 'm' : 'n';
}

/* Of all the texts, which end with NULL. */
static char *
look_at(struct looker *looker, const struct pattern *pattern, const char *const *texts)
{
    g_autoptr(GString) whole = g_string_new(NULL);
    g_autoptr(GArray) begins = g_array_new(FALSE, FALSE, sizeof(gsize));
    struct matcher *matcher = matcher_new();
    GString *said = g_string_new(NULL);

    for (guint i = 0; texts[i] != NULL; i++) {
        gsize begin = whole->len;
        g_array_append_val(begins, begin);
        g_string_append_printf(whole, "%s\n", texts[i]);
    }
    struct repeats_texts all = {whole->str, whole->len, begins};
    repeats_begin(looker->repeats, &looker->seen);
    for (guint i = begins->len; i-- > 0;) /* in any order */
        g_string_prepend_c(said, said_of(looker, pattern, matcher, &all, i, texts[i]));
    matcher_free(matcher);
    return g_string_free(said, FALSE);
}

static void
test_known(void **state)
{
    static const char *const texts[] = {"name: age: sex:", "name: age:", "names, names", "", "NAME:age:sex:", "name:::::", "sex: x name: x age:", NULL};
    g_autofree char *pattern = large("(?i)", "(?:name|age|sex)[:,]{1,9}\\s?", "{3}");
    struct pattern *compiled = pattern_new(pattern, strlen(pattern), NULL, NULL);
    struct looker looker;

    (void)state;
    looker_init(&looker, pattern);
    assert_non_null(looker.repeats);
    for (guint again = 0; again < 2; again++) {
        g_autofree char *said = look_at(&looker, compiled, texts);
        assert_string_equal(said, "ynnnynm");
    }
    looker_clear(&looker);
    pattern_free(compiled);
}

/* What is too small, or may be empty, or needs to know where its text ends, is not looked at. */
static void
test_others(void **state)
{
    static const char *const texts[] = {"x", NULL};
    static const char *const parts[] = {"(?:ab)*", "ab\\z", "(?<!a)(?:b)?", "(a)\\1"};
    struct looker looker;

    (void)state;
    looker_init(&looker, "(?:ab){3}");
    assert_null(looker.repeats);
    looker_clear(&looker);
    for (guint i = 0; i < G_N_ELEMENTS(parts); i++) {
        g_autofree char *pattern = large("", parts[i], "{3}");
        struct pattern *compiled = pattern_new(pattern, strlen(pattern), NULL, NULL);

        looker_init(&looker, pattern);
        g_autofree char *said = look_at(&looker, compiled, texts);
        assert_string_equal(said, "a");
        looker_clear(&looker);
        pattern_free(compiled);
    }
}

static char *
random_text(GRand *random)
{
    static const char *const pieces[] = {"ab", "a", "b", ":", "::", " ", "AB:", "abc", "c", "\xe4", "b:", "x"};
    GString *text = g_string_new(NULL);

    for (gint i = g_rand_int_range(random, 0, 14); i > 0; i--)
        g_string_append(text, pieces[g_rand_int_range(random, 0, G_N_ELEMENTS(pieces))]);
    return g_string_free(text, FALSE);
}

static void
test_random(void **state)
{
    static const struct {
        const char *flags, *part, *times;
    } cases[] = {{"(?i)", "(?:ab?c?){1,2}:+\\s?", "{2}"}, {"", "a(?:b|\\xe4)*(?::|$)", "{2,4}"}, {"(?i)", "\\bab|\\Bb:|^a:{1,3}", "{3}"},
                 {"", "(?>a+b?|b)[: ]?", "{4,}"}, {"(?i)", "a(?=b)|b(?!a):?", "{3}"}};
    GRand *random = g_rand_new_with_seed(7);
    guint no = 0, yes = 0, all = 0;

    (void)state;
    for (guint c = 0; c < G_N_ELEMENTS(cases); c++) {
        g_autofree char *pattern = large(cases[c].flags, cases[c].part, cases[c].times);
        struct pattern *compiled = pattern_new(pattern, strlen(pattern), NULL, NULL);
        struct looker looker;

        looker_init(&looker, pattern);
        for (guint round = 0; round < 300; round++) {
            g_autoptr(GPtrArray) texts = g_ptr_array_new_with_free_func(g_free);
            for (guint i = 0; i < 8; i++)
                g_ptr_array_add(texts, random_text(random));
            g_ptr_array_add(texts, NULL);
            g_autofree char *said = look_at(&looker, compiled, (const char *const *)texts->pdata);
            assert_null(strchr(said, 'o'));
            assert_null(strchr(said, 'a'));
            for (const char *p = said; *p != '\0'; p++, all++) {
                no += *p == 'n';
                yes += *p == 'y';
            }
        }
        looker_clear(&looker);
        pattern_free(compiled);
    }
    g_rand_free(random);
    assert_true(no > all / 3 && yes > all / 50);
}

/* More places than are kept: anywhere. */
static void
test_many(void **state)
{
    g_autofree char *pattern = large("", "ab", "{2}"), *text = g_strnfill(30000, 'b');
    const char *texts[] = {text, NULL};
    struct pattern *compiled = pattern_new(pattern, strlen(pattern), NULL, NULL);
    struct looker looker;

    (void)state;
    for (gsize i = 0; i < 30000; i += 2)
        text[i] = 'a';
    looker_init(&looker, pattern);
    g_autofree char *said = look_at(&looker, compiled, texts);
    assert_string_equal(said, "a");
    looker_clear(&looker);
    pattern_free(compiled);
}

static void
test_reversed(void **state)
{
    static const struct {
        const char *expression, *reversed; /* NULL: it can't be */
    } cases[] = {
        {"abc", "cba"}, {"", ""}, {"(?i)a+b{2,}?c", "(?i)cb{2,}?a+"}, {"a|bc|", "a|cb|"}, {"(?:a(b[)\\]]|c)d)*e", "e(?:d([)\\]]b|c)a)*"},
        {"\\xe4\\d+\\.\\bx", "x\\b\\.\\d+\\xe4"}, {"^a$|b", "a|b"}, {"(?>a++b)c", "c(?:ba+)"}, {"a(?=b)(?!c)(?<=d)(?<!e)f", "fa"},
        {"(?i-s:ab)c", "c(?i-s:ba)"}, {"[^[:alpha:]a]{2}b", "b[^[:alpha:]a]{2}"}, {"a{b", "b{a"}, {"(a)\\1", NULL}, {"a\\Ab", NULL},
        {"a(?i)b", NULL}, {"[]a]", NULL}, {"[^]a]", NULL}, {"[a", NULL}, {"(a", NULL}, {"a)", NULL}, {"(?", NULL}, {"(?<n>a)", NULL},
        {"(*F)", NULL}, {"*a", NULL}, {"a\\", NULL}, {"\\x4", NULL}, {"(?x)a # b\nc", NULL}, {"a(?x:b # )\n)", NULL}, {"a(?i)b", NULL},
    };

    (void)state;
    for (guint i = 0; i < G_N_ELEMENTS(cases); i++) {
        g_autofree char *reversed = prefilter_reverse(cases[i].expression);
        if (g_strcmp0(reversed, cases[i].reversed) != 0)
            fail_msg("%s becomes %s", cases[i].expression, reversed);
    }
    g_autofree char *opening = g_strnfill(1000, '(');
    assert_null(prefilter_reverse(opening));
}

int
main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_split),  cmocka_unit_test(test_known),
                                       cmocka_unit_test(test_others), cmocka_unit_test(test_random),
                                       cmocka_unit_test(test_many),   cmocka_unit_test(test_reversed)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
