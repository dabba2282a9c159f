/* test_lookup_cache.c: freshness, staleness while the database is away, one question at a time, bounds. */
#include "policyd/accounts/lookup_cache.h"
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>
#include <string.h>

#define START G_GINT64_CONSTANT(1796000000000)

/* A database of one answer. */
struct base {
    enum lookup answer;
    const char *value;
    gint asked;
    gulong takes_us;
};

static enum lookup
ask_base(gpointer data, GBytes **value_r)
{
    struct base *base = data;
    g_atomic_int_inc(&base->asked);
    if (base->takes_us)
        g_usleep(base->takes_us);
    if (base->value && base->answer != LOOKUP_UNKNOWN)
        *value_r = g_bytes_new(base->value, strlen(base->value));
    return base->answer;
}

/* Asks for key and checks the answer. value: NULL for none. */
static void
expect(int line, struct lookup_cache *cache, const char *key, gboolean may_block, gint64 now_ms, struct base *base, enum lookup want,
       const char *value, gboolean want_stale)
{
    g_autoptr(GBytes) got = NULL;
    gboolean stale = 2;
    enum lookup answer = lookup_cache_get(cache, key, strlen(key), may_block, now_ms, ask_base, base, &got, &stale);

    if (answer != want || stale != want_stale)
        fail_msg("line %d: %s: answer %d, stale %d; want %d, %d", line, key, answer, stale, want, want_stale);
    g_autoptr(GBytes) wanted = value ? g_bytes_new(value, strlen(value)) : NULL;
    if ((got != NULL) != (wanted != NULL) || (got && !g_bytes_equal(got, wanted)))
        fail_msg("line %d: %s: another value", line, key);
}
#define EXPECT(...) expect(__LINE__, __VA_ARGS__)

static void
fresh_for_its_time(void **state G_GNUC_UNUSED)
{
    struct lookup_cache *cache = lookup_cache_new(&lookup_cache_defaults);
    struct base base = {LOOKUP_YES, "one", 0, 0};

    EXPECT(cache, "k", FALSE, START, &base, LOOKUP_WOULD_BLOCK, NULL, FALSE);
    assert_int_equal(base.asked, 0);
    EXPECT(cache, "k", TRUE, START, &base, LOOKUP_YES, "one", FALSE);
    base.value = "two";
    EXPECT(cache, "k", FALSE, START + 59999, &base, LOOKUP_YES, "one", FALSE);
    assert_int_equal(base.asked, 1);
    EXPECT(cache, "k", FALSE, START + 60000, &base, LOOKUP_WOULD_BLOCK, NULL, FALSE);
    EXPECT(cache, "k", TRUE, START + 60000, &base, LOOKUP_YES, "two", FALSE);
    assert_int_equal(base.asked, 2);

    base = (struct base){LOOKUP_NO, NULL, 0, 0};
    EXPECT(cache, "n", TRUE, START, &base, LOOKUP_NO, NULL, FALSE);
    base.answer = LOOKUP_YES;
    EXPECT(cache, "n", FALSE, START + 9999, &base, LOOKUP_NO, NULL, FALSE);
    EXPECT(cache, "n", FALSE, START + 10000, &base, LOOKUP_WOULD_BLOCK, NULL, FALSE);
    EXPECT(cache, "n", TRUE, START + 10000, &base, LOOKUP_YES, NULL, FALSE);
    /* Keys may hold anything. */
    assert_int_equal(lookup_cache_get(cache, "a\0b", 3, TRUE, START, ask_base, &base, NULL, NULL), LOOKUP_YES);
    assert_int_equal(lookup_cache_get(cache, "a\0c", 3, FALSE, START, ask_base, &base, NULL, NULL), LOOKUP_WOULD_BLOCK);
    lookup_cache_free(&cache);
    assert_null(cache);
    lookup_cache_free(&cache);
}

static void
while_away(void **state G_GNUC_UNUSED)
{
    struct lookup_cache *cache = lookup_cache_new(&lookup_cache_defaults);
    struct base base = {LOOKUP_UNKNOWN, "one", 0, 0};
    gint64 hour = START + 3600 * 1000;

    /* Unknown is never kept. */
    EXPECT(cache, "k", TRUE, START, &base, LOOKUP_UNKNOWN, NULL, FALSE);
    EXPECT(cache, "k", FALSE, START, &base, LOOKUP_WOULD_BLOCK, NULL, FALSE);
    base.answer = LOOKUP_YES;
    EXPECT(cache, "k", TRUE, START, &base, LOOKUP_YES, "one", FALSE);
    base.answer = LOOKUP_NO;
    EXPECT(cache, "n", TRUE, START, &base, LOOKUP_NO, "one", FALSE);
    base.answer = LOOKUP_UNKNOWN;
    base.asked = 0;
    /* The first to come too late asks, those after it don't wait. */
    EXPECT(cache, "k", FALSE, START + 60000, &base, LOOKUP_WOULD_BLOCK, NULL, FALSE);
    EXPECT(cache, "k", TRUE, START + 60000, &base, LOOKUP_YES, "one", TRUE);
    EXPECT(cache, "k", FALSE, START + 60001, &base, LOOKUP_YES, "one", TRUE);
    EXPECT(cache, "k", TRUE, START + 61999, &base, LOOKUP_YES, "one", TRUE);
    assert_int_equal(base.asked, 1);
    EXPECT(cache, "k", TRUE, START + 62000, &base, LOOKUP_YES, "one", TRUE);
    assert_int_equal(base.asked, 2);
    EXPECT(cache, "k", TRUE, hour - 1, &base, LOOKUP_YES, "one", TRUE);
    EXPECT(cache, "k", TRUE, hour, &base, LOOKUP_UNKNOWN, NULL, FALSE);
    EXPECT(cache, "k", FALSE, hour, &base, LOOKUP_WOULD_BLOCK, NULL, FALSE);
    /* "No" may have become "yes" since. */
    EXPECT(cache, "n", TRUE, START + 10000, &base, LOOKUP_UNKNOWN, NULL, FALSE);
    /* It is back. */
    base.answer = LOOKUP_NO;
    EXPECT(cache, "k", TRUE, START + 70000, &base, LOOKUP_NO, "one", FALSE);
    EXPECT(cache, "k", FALSE, START + 70001, &base, LOOKUP_NO, "one", FALSE);
    lookup_cache_free(&cache);
}

static void
clock_jumps(void **state G_GNUC_UNUSED)
{
    struct lookup_cache *cache = lookup_cache_new(&lookup_cache_defaults);
    struct base base = {LOOKUP_YES, NULL, 0, 0};
    gint64 past = START - 400 * G_GINT64_CONSTANT(86400000);

    EXPECT(cache, "k", TRUE, START, &base, LOOKUP_YES, NULL, FALSE);
    /* Back by a year: counts as made now, so it isn't kept for a year. */
    EXPECT(cache, "k", FALSE, past, &base, LOOKUP_YES, NULL, FALSE);
    EXPECT(cache, "k", FALSE, past + 60000, &base, LOOKUP_WOULD_BLOCK, NULL, FALSE);
    /* The pause after a failure doesn't last for a year either. */
    EXPECT(cache, "k", TRUE, START, &base, LOOKUP_YES, NULL, FALSE);
    base.answer = LOOKUP_UNKNOWN;
    EXPECT(cache, "k", TRUE, START + 60000, &base, LOOKUP_YES, NULL, TRUE);
    base.asked = 0;
    base.answer = LOOKUP_NO;
    EXPECT(cache, "k", TRUE, past, &base, LOOKUP_YES, NULL, FALSE);
    EXPECT(cache, "k", TRUE, past + 60000, &base, LOOKUP_NO, NULL, FALSE);
    assert_int_equal(base.asked, 1);
    lookup_cache_free(&cache);
}

static void
forgetting(void **state G_GNUC_UNUSED)
{
    struct lookup_cache *cache = lookup_cache_new(&lookup_cache_defaults);
    struct lookup_cache_stats stats;
    struct base base = {LOOKUP_YES, "one", 0, 0};

    EXPECT(cache, "a", TRUE, START, &base, LOOKUP_YES, "one", FALSE);
    EXPECT(cache, "b", TRUE, START, &base, LOOKUP_YES, "one", FALSE);
    lookup_cache_drop(cache, "a", 1);
    lookup_cache_drop(cache, "never", 5);
    EXPECT(cache, "a", FALSE, START, &base, LOOKUP_WOULD_BLOCK, NULL, FALSE);
    EXPECT(cache, "b", FALSE, START, &base, LOOKUP_YES, "one", FALSE);
    lookup_cache_forget(cache, NULL);
    EXPECT(cache, "b", FALSE, START, &base, LOOKUP_WOULD_BLOCK, NULL, FALSE);
    /* A reload while the database is away doesn't lose what is known. */
    base.answer = LOOKUP_UNKNOWN;
    EXPECT(cache, "b", TRUE, START, &base, LOOKUP_YES, "one", TRUE);
    EXPECT(cache, "a", TRUE, START, &base, LOOKUP_UNKNOWN, NULL, FALSE);
    base.answer = LOOKUP_NO;
    EXPECT(cache, "b", TRUE, START + 2000, &base, LOOKUP_NO, "one", FALSE);
    lookup_cache_read_stats(cache, &stats);
    assert_int_equal(stats.entries, 1);
    assert_int_equal(stats.asked, 5);
    assert_int_equal(stats.hits, 1);
    assert_int_equal(stats.stale, 1);
    lookup_cache_free(&cache);
}

/* A table was changed: only what comes from it is asked anew. */
static void
forgetting_some(void **state G_GNUC_UNUSED)
{
    struct lookup_cache *cache = lookup_cache_new(&lookup_cache_defaults);
    struct base base = {LOOKUP_YES, "one", 0, 0};
    const char *keys[] = {"Ax", "Cx", "Sx", ""};

    for (guint i = 0; i < G_N_ELEMENTS(keys); i++)
        EXPECT(cache, keys[i], TRUE, START, &base, LOOKUP_YES, "one", FALSE);
    lookup_cache_forget(cache, "AC");
    EXPECT(cache, "Ax", FALSE, START, &base, LOOKUP_WOULD_BLOCK, NULL, FALSE);
    EXPECT(cache, "Cx", FALSE, START, &base, LOOKUP_WOULD_BLOCK, NULL, FALSE);
    EXPECT(cache, "Sx", FALSE, START, &base, LOOKUP_YES, "one", FALSE);
    EXPECT(cache, "", FALSE, START, &base, LOOKUP_YES, "one", FALSE);
    lookup_cache_free(&cache);
}

static void
bounded(void **state G_GNUC_UNUSED)
{
    struct lookup_cache_options options = lookup_cache_defaults;
    struct lookup_cache_stats stats;
    g_autofree char *large = g_strnfill(100000, 'x');
    struct base base = {LOOKUP_YES, "one", 0, 0};
    char key[32];

    options.entries_max = 1600;
    options.bytes_max = 16 * 200000;
    struct lookup_cache *cache = lookup_cache_new(&options);
    for (guint i = 0; i < 20000; i++) {
        g_snprintf(key, sizeof key, "key %u", i);
        EXPECT(cache, key, TRUE, START, &base, LOOKUP_YES, "one", FALSE);
        EXPECT(cache, "used all the time", i == 0, START, &base, LOOKUP_YES, "one", FALSE);
    }
    lookup_cache_read_stats(cache, &stats);
    assert_in_range(stats.entries, 1500, 1600);
    assert_int_equal(stats.entries + stats.evicted, stats.asked);
    EXPECT(cache, "key 19999", FALSE, START, &base, LOOKUP_YES, "one", FALSE);
    EXPECT(cache, "key 0", FALSE, START, &base, LOOKUP_WOULD_BLOCK, NULL, FALSE);
    /* Large answers count by their bytes. */
    base.value = large;
    for (guint i = 0; i < 200; i++) {
        g_snprintf(key, sizeof key, "large %u", i);
        EXPECT(cache, key, TRUE, START, &base, LOOKUP_YES, large, FALSE);
    }
    lookup_cache_read_stats(cache, &stats);
    assert_in_range(stats.bytes, 16 * 50000, options.bytes_max);
    /* One that is too large for all of it is answered and not kept, and nothing else goes for it. */
    g_autofree char *huge = g_strnfill(300000, 'x');
    base.value = huge;
    guint64 evicted = stats.evicted;
    EXPECT(cache, "huge", TRUE, START, &base, LOOKUP_YES, huge, FALSE);
    EXPECT(cache, "huge", FALSE, START, &base, LOOKUP_WOULD_BLOCK, NULL, FALSE);
    lookup_cache_read_stats(cache, &stats);
    assert_int_equal(stats.evicted, evicted);
    lookup_cache_free(&cache);
}

#define CALLERS 8
struct caller {
    struct lookup_cache *cache;
    struct base *base;
    enum lookup answer;
    gboolean good;
};

static gpointer
call(gpointer data)
{
    struct caller *caller = data;
    g_autoptr(GBytes) value = NULL;
    caller->answer = lookup_cache_get(caller->cache, "k", 1, TRUE, START, ask_base, caller->base, &value, NULL);
    caller->good = value && g_bytes_get_size(value) == 3;
    return NULL;
}

static void
one_question_at_a_time(void **state G_GNUC_UNUSED)
{
    struct lookup_cache *cache = lookup_cache_new(&lookup_cache_defaults);
    enum lookup answers[] = {LOOKUP_UNKNOWN, LOOKUP_YES};

    for (guint round = 0; round < G_N_ELEMENTS(answers); round++) {
        struct base base = {answers[round], "one", 0, 200000};
        struct caller callers[CALLERS];
        GThread *threads[CALLERS];
        for (guint i = 0; i < CALLERS; i++) {
            callers[i] = (struct caller){cache, &base, LOOKUP_NO, FALSE};
            threads[i] = g_thread_new("caller", call, &callers[i]);
            while (g_atomic_int_get(&base.asked) == 0)
                g_usleep(1000);
        }
        /* An event loop's question comes back at once. */
        EXPECT(cache, "k", FALSE, START, &base, LOOKUP_WOULD_BLOCK, NULL, FALSE);
        EXPECT(cache, "another", FALSE, START, &base, LOOKUP_WOULD_BLOCK, NULL, FALSE);
        for (guint i = 0; i < CALLERS; i++) {
            g_thread_join(threads[i]);
            assert_int_equal(callers[i].answer, answers[round]);
            assert_int_equal(callers[i].good, answers[round] == LOOKUP_YES);
        }
        assert_int_equal(base.asked, 1);
    }
    lookup_cache_free(&cache);
}

static gpointer
call_late(gpointer data)
{
    struct caller *caller = data;
    gboolean stale;
    caller->answer = lookup_cache_get(caller->cache, "k", 1, TRUE, START + 60000, ask_base, caller->base, NULL, &stale);
    caller->good = stale;
    return NULL;
}

/* A database that hangs makes one wait, not all. */
static void
hanging(void **state G_GNUC_UNUSED)
{
    struct lookup_cache *cache = lookup_cache_new(&lookup_cache_defaults);
    struct base base = {LOOKUP_YES, "one", 0, 0};
    struct caller caller = {cache, &base, LOOKUP_NO, FALSE};

    EXPECT(cache, "k", TRUE, START, &base, LOOKUP_YES, "one", FALSE);
    base = (struct base){LOOKUP_UNKNOWN, NULL, 0, 300000};
    GThread *thread = g_thread_new("caller", call_late, &caller);
    while (g_atomic_int_get(&base.asked) == 0)
        g_usleep(1000);
    EXPECT(cache, "k", FALSE, START + 61000, &base, LOOKUP_WOULD_BLOCK, NULL, FALSE); /* slow is not away */
    EXPECT(cache, "k", FALSE, START + 61001, &base, LOOKUP_YES, "one", TRUE);
    EXPECT(cache, "k", TRUE, START + 61001, &base, LOOKUP_YES, "one", TRUE);
    g_thread_join(thread);
    assert_int_equal(caller.answer, LOOKUP_YES);
    assert_true(caller.good);
    assert_int_equal(base.asked, 1);
    lookup_cache_free(&cache);
}

/* What was asked before the reload may be older than what the admin changed: it is answered, not kept. */
static void
forgotten_in_flight(void **state G_GNUC_UNUSED)
{
    static const char *const firsts[] = {NULL, "jk", "j"};
    for (guint i = 0; i <= G_N_ELEMENTS(firsts); i++) {
        const char *want = i < G_N_ELEMENTS(firsts) && g_strcmp0(firsts[i], "j") == 0 ? "old" : "new";
        struct lookup_cache *cache = lookup_cache_new(&lookup_cache_defaults);
        struct base base = {LOOKUP_YES, "old", 0, 200000}, now = {LOOKUP_YES, "new", 0, 0};
        struct caller caller = {cache, &base, LOOKUP_NO, FALSE};
        GThread *thread = g_thread_new("caller", call, &caller);
        while (g_atomic_int_get(&base.asked) == 0)
            g_usleep(1000);
        if (i < G_N_ELEMENTS(firsts))
            lookup_cache_forget(cache, firsts[i]);
        else
            lookup_cache_drop(cache, "k", 1);
        EXPECT(cache, "k", TRUE, START, &now, LOOKUP_YES, want, FALSE); /* doesn't wait for the old one */
        g_thread_join(thread);
        assert_int_equal(caller.answer, LOOKUP_YES);
        EXPECT(cache, "k", FALSE, START, &now, LOOKUP_YES, want, FALSE);
        lookup_cache_free(&cache);
    }
}

/* Answers that change, keys that come and go, forgetting meanwhile: for the sanitizers. */
struct rush {
    struct lookup_cache *cache;
    guint seed;
    gint *stop;
};

static enum lookup
ask_rush(gpointer data, GBytes **value_r)
{
    guint n = *(guint *)data % 3;
    if (n)
        *value_r = g_bytes_new("value", 5);
    return n == 0 ? LOOKUP_UNKNOWN : n == 1 ? LOOKUP_YES : LOOKUP_NO;
}

static gpointer
rush(gpointer data)
{
    struct rush *r = data;
    g_autoptr(GRand) random = g_rand_new_with_seed(r->seed);
    while (!g_atomic_int_get(r->stop)) {
        guint key = (guint)g_rand_int_range(random, 0, 300), kind = g_rand_int(random);
        g_autoptr(GBytes) value = NULL;
        if (kind % 500 == 0)
            lookup_cache_forget(r->cache, NULL);
        else if (kind % 50 == 1)
            lookup_cache_drop(r->cache, &key, sizeof key);
        else
            lookup_cache_get(r->cache, &key, sizeof key, kind % 2, START + g_rand_int_range(random, 0, 200000), ask_rush, &kind,
                             &value, NULL);
    }
    return NULL;
}

static void
many_threads(void **state G_GNUC_UNUSED)
{
    struct lookup_cache_options options = lookup_cache_defaults;
    options.entries_max = 100;
    struct lookup_cache *cache = lookup_cache_new(&options);
    struct lookup_cache_stats stats;
    struct rush rushes[4];
    GThread *threads[4];
    gint stop = 0;

    for (guint i = 0; i < 4; i++) {
        rushes[i] = (struct rush){cache, i, &stop};
        threads[i] = g_thread_new("rush", rush, &rushes[i]);
    }
    g_usleep(500000);
    g_atomic_int_set(&stop, 1);
    for (guint i = 0; i < 4; i++)
        g_thread_join(threads[i]);
    lookup_cache_read_stats(cache, &stats);
    assert_true(stats.hits > 0 && stats.asked > 0 && stats.evicted > 0);
    assert_in_range(stats.entries, 0, 100);
    lookup_cache_free(&cache);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(fresh_for_its_time),     cmocka_unit_test(while_away),          cmocka_unit_test(clock_jumps),
        cmocka_unit_test(forgetting),             cmocka_unit_test(forgetting_some),     cmocka_unit_test(bounded),
        cmocka_unit_test(one_question_at_a_time), cmocka_unit_test(hanging),             cmocka_unit_test(forgotten_in_flight),
        cmocka_unit_test(many_threads),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
