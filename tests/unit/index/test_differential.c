/* test_differential.c: the index against brute force: random texts, random queries, the same messages found.
 *
 * Texts are Chinese (a few Traditional and Simplified characters that fold together), Latin words, digits,
 * punctuation and wrapped lines. Brute force looks for a phrase of Chinese characters as a substring of the text
 * without its line breaks. */
#include "tests/unit/index/fixture.h"
#include "archive-store/index/fold.h"

#define DOCS 250
#define QUERIES 700

static const char *const chars[] = {"軟", "软", "體", "体", "公", "司", "上", "海", "發", "发", "髮", "中"};
static const char *const breaks[] = {"。", "，", " ", "abc", "7", "\n", "\n\n"};

struct corpus {
    char *texts[DOCS]; /* as brute force sees them: wrapped lines joined */
    char *folded[DOCS];
    GRand *rand;
};

static char *
simplify(const char *text)
{
    GString *out = g_string_new(NULL);

    for (const char *s = text; *s != '\0'; s = g_utf8_next_char(s))
        g_string_append_unichar(out, fold_simplify(g_utf8_get_char(s)));
    return g_string_free(out, FALSE);
}

static const char *
pick(GRand *rand, const char *const *from, guint n)
{
    return from[g_rand_int_range(rand, 0, (gint)n)];
}

static void
fill(struct fixture *f, struct corpus *c)
{
    for (guint d = 0; d < DOCS; d++) {
        g_autoptr(GString) text = g_string_new(NULL);
        GString *plain = g_string_new(NULL);
        guint n = (guint)g_rand_int_range(c->rand, 1, 60);
        gboolean cjk = FALSE; /* the last piece was a character: a single line break after it is a wrap */
        for (guint i = 0; i < n; i++) {
            if (g_rand_int_range(c->rand, 0, 6) != 0) {
                const char *s = pick(c->rand, chars, G_N_ELEMENTS(chars));
                g_string_append(text, s);
                g_string_append(plain, s);
                cjk = TRUE;
                continue;
            }
            const char *s = pick(c->rand, breaks, G_N_ELEMENTS(breaks));
            g_string_append(text, s);
            if (!cjk || strcmp(s, "\n") != 0)
                g_string_append(plain, s);
            cjk = FALSE;
        }
        c->texts[d] = g_string_free(plain, FALSE);
        c->folded[d] = simplify(c->texts[d]);
        add(f, id_at(JAN_2024_MS + d * DAY_MS / 4, d), NULL, text->str);
        if (d % 40 == 39)
            commit(f, 1);
    }
    commit(f, 2);
}

/* The sequences of documents that hold (or not) the needle. */
static void
mark(const struct corpus *c, const char *needle, gboolean exact, gboolean *has)
{
    g_autofree char *folded = simplify(needle);

    for (guint d = 0; d < DOCS; d++)
        has[d] = exact ? strstr(c->texts[d], needle) != NULL : strstr(c->folded[d], folded) != NULL;
}

static void
compare(struct fixture *f, const char *query, const gboolean *expected)
{
    g_autoptr(GError) error = NULL;
    struct index_hits hits;
    guint at = 0;

    must(index_search(f->index, query, NULL, 0, DOCS, 0, &hits, &error), error);
    for (guint d = DOCS; d-- > 0;) {
        gboolean found = at < hits.ids->len && (g_array_index(hits.ids, guint64, at) & 0xfffff) == d;
        at += found;
        if (found != expected[d])
            fail_msg("%s: message %u was %s", query, d, found ? "found" : "not found");
    }
    assert_int_equal(at, hits.ids->len);
    index_hits_clear(&hits);
}

static char *
random_word(GRand *rand)
{
    g_autoptr(GString) word = g_string_new(NULL);
    guint n = (guint)g_rand_int_range(rand, 1, 5);

    for (guint i = 0; i < n; i++)
        g_string_append(word, pick(rand, chars, G_N_ELEMENTS(chars)));
    return g_string_free(g_steal_pointer(&word), FALSE);
}

static void
phrases(void **state)
{
    struct fixture *f = *state;
    struct corpus c = {.rand = g_rand_new_with_seed(42)};
    gboolean a[DOCS], b[DOCS];
    guint found = 0;

    fill(f, &c);
    for (guint q = 0; q < QUERIES; q++) {
        g_autofree char *one = random_word(c.rand), *two = random_word(c.rand), *query = NULL;
        gboolean exact = g_rand_boolean(c.rand);
        const char *mark_s = exact ? "\"" : "";
        int kind = g_rand_int_range(c.rand, 0, 4);
        mark(&c, one, exact, a);
        mark(&c, two, exact, b);
        for (guint d = 0; d < DOCS; d++) {
            a[d] = kind == 0 ? a[d] : kind == 1 ? a[d] && b[d] : kind == 2 ? a[d] || b[d] : a[d] && !b[d];
            found += a[d];
        }
        query = g_strdup_printf(kind == 0   ? "%s%s%s"
                                : kind == 1 ? "%s%s%s %s%s%s"
                                : kind == 2 ? "%s%s%s OR %s%s%s"
                                            : "%s%s%s -%s%s%s",
                                mark_s, one, mark_s, mark_s, two, mark_s);
        compare(f, query, a);
    }
    assert_true(found > QUERIES); /* they weren't all empty */
    for (guint d = 0; d < DOCS; d++) {
        g_free(c.texts[d]);
        g_free(c.folded[d]);
    }
    g_rand_free(c.rand);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(phrases, fixture_set_up, fixture_tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
