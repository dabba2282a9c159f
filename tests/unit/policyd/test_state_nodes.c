/* test_state_nodes.c: two nodes on one MariaDB: they know the same within two seconds, and how far a limit is overshot until then. */
#include "tests/unit/policyd/state_sql.h"

#define CONVERGED_MS 2000

static const struct meter_limit hourly[] = {{100, 3600}, {500, 86400}};

/* Waits until the condition is true; fails the test after CONVERGED_MS. */
#define EVENTUALLY(condition)                                                                                                        \
    do {                                                                                                                             \
        for (gint64 until_ms = real_ms() + CONVERGED_MS; !(condition); g_usleep(20000))                                              \
            if (real_ms() > until_ms)                                                                                                \
                fail_msg("not within %d ms: %s", CONVERGED_MS, #condition);                                                          \
    } while (0)

/* As the program has it: the default times. */
static struct state *
node(const struct sqltest *test, const char *name)
{
    struct state_options options = {.sql = test->options, .node = name, .shared = TRUE};
    g_autoptr(GError) error = NULL;
    struct state *state = state_open(&options, &error);
    if (!state)
        fail_msg("%s", error->message);
    return state;
}

static void
marks(const struct sqltest *test)
{
    struct state *a = node(test, "a"), *b = node(test, "b");
    guint32 now_s = real_s();
    struct mark mark;
    char text[32];
    for (guint i = 0; i < 3000; i++) {
        g_snprintf(text, sizeof text, "%u", i);
        marks_touch(a, MARK_ORIGIN, text, now_s - 100 + i % 7, 1 + i % 3, NULL);
        if (i % 2)
            marks_touch(b, MARK_ORIGIN, text, now_s - 100 + i % 5, 1 + i % 4, NULL);
    }
    EVENTUALLY(shards_count(&b->marks->n) == 3000);
    g_usleep(CONVERGED_MS * 1000);
    for (guint i = 0; i < 3000; i++) {
        struct mark other;
        g_snprintf(text, sizeof text, "%u", i);
        assert_true(marks_get(a, MARK_ORIGIN, text, now_s, &mark));
        assert_true(marks_get(b, MARK_ORIGIN, text, now_s, &other));
        assert_memory_equal(&mark, &other, sizeof mark);
        assert_int_equal(mark.first_s, now_s - 100 + (i % 2 ? MIN(i % 7, i % 5) : i % 7));
        assert_int_equal(mark.last_s, now_s - 100 + (i % 2 ? MAX(i % 7, i % 5) : i % 7));
        assert_int_equal(mark.count, 1 + (i % 2 ? MAX(i % 3, i % 4) : i % 3));
    }
    assert_true(marks_forget(a, MARK_ORIGIN, "7", real_s()));
    EVENTUALLY(!marks_get(b, MARK_ORIGIN, "7", real_s(), NULL));
    marks_touch(b, MARK_ORIGIN, "7", real_s(), 5, NULL);
    EVENTUALLY(marks_get(a, MARK_ORIGIN, "7", real_s(), &mark) && mark.count == 5);
    state_close(&a);
    state_close(&b);
}

static double
level(struct state *state, const char *text)
{
    struct meter_answer answer;
    meter_read(state, METER_RATE_MESSAGES, text, hourly, 2, 0, real_ms(), &answer);
    return answer.before[1];
}

static void
meters(const struct sqltest *test)
{
    struct state *a = node(test, "a"), *b = node(test, "b");
    assert_true(meter_take(a, METER_RATE_MESSAGES, "u", hourly, 2, 60, real_ms(), NULL));
    EVENTUALLY(level(b, "u") > 59);
    assert_false(meter_take(b, METER_RATE_MESSAGES, "u", hourly, 2, 45, real_ms(), NULL));
    assert_true(meter_take(b, METER_RATE_MESSAGES, "u", hourly, 2, 30, real_ms(), NULL));
    EVENTUALLY(level(a, "u") > 89);
    meter_give(a, METER_RATE_MESSAGES, "u", hourly, 2, 40, real_ms());
    EVENTUALLY(level(b, "u") < 51 && level(b, "u") > 49);
    meter_reset(b, METER_RATE_MESSAGES, "u", real_ms());
    EVENTUALLY(level(a, "u") < 0.1);
    /* Quiet for a while: nothing is counted twice. */
    assert_true(meter_take(a, METER_RATE_MESSAGES, "u", hourly, 2, 10, real_ms(), NULL));
    g_usleep(3 * G_USEC_PER_SEC);
    assert_true(level(a, "u") < 10.1 && level(a, "u") > 9.9);
    assert_true(level(b, "u") < 10.1 && level(b, "u") > 9.9);
    /* One starts again: it knows what both let through. */
    assert_true(meter_take(b, METER_RATE_MESSAGES, "u", hourly, 2, 20, real_ms(), NULL));
    flush(b);
    state_close(&a);
    a = node(test, "a");
    assert_true(level(a, "u") < 30.1 && level(a, "u") > 29.9);
    assert_true(meter_take(a, METER_RATE_MESSAGES, "u", hourly, 2, 5, real_ms(), NULL));
    EVENTUALLY(level(b, "u") > 34.8);
    assert_true(level(b, "u") < 35.1);
    state_close(&a);
    state_close(&b);
}

/* Both are hammered: together they let through at most twice the limit, and after that nothing. */
static void
overshoot(const struct sqltest *test)
{
    struct state *a = node(test, "a"), *b = node(test, "b");
    guint let_through = 0;
    for (gint64 until_ms = real_ms() + 3000; real_ms() < until_ms; g_usleep(1000)) {
        let_through += meter_take(a, METER_RATE_MESSAGES, "u", hourly, 2, 1, real_ms(), NULL) ? 1 : 0;
        let_through += meter_take(b, METER_RATE_MESSAGES, "u", hourly, 2, 1, real_ms(), NULL) ? 1 : 0;
    }
    assert_in_range(let_through, 100, 200);
    assert_false(meter_take(a, METER_RATE_MESSAGES, "u", hourly, 2, 1, real_ms(), NULL));
    assert_false(meter_take(b, METER_RATE_MESSAGES, "u", hourly, 2, 1, real_ms(), NULL));
    /* Slower than the two seconds: as exact as one node. */
    let_through = 0;
    for (guint i = 0; i < 14; i++) {
        let_through += meter_take(i % 2 ? a : b, METER_RATE_MESSAGES, "v", hourly, 2, 10, real_ms(), NULL) ? 10 : 0;
        g_usleep(1100 * 1000);
    }
    assert_int_equal(let_through, 100);
    state_close(&a);
    state_close(&b);
}

static gboolean
has_value(struct state *state, const char *subject, const char *value)
{
    struct fact *fact = fact_get(state, FACT_SUSPENSION, subject, real_ms());
    gboolean same = value ? fact && strcmp(fact->value, value) == 0 : !fact;
    fact_unref(fact);
    return same;
}

static void
facts(const struct sqltest *test)
{
    struct state *a = node(test, "a"), *b = node(test, "b");
    assert_true(fact_put(a, FACT_SUSPENSION, "u", &(struct fact_change){.value = "1"}, real_ms(), NULL));
    EVENTUALLY(has_value(b, "u", "1"));
    /* The clock of b is an hour behind: its decision came later all the same. */
    assert_true(fact_drop(b, FACT_SUSPENSION, "u", &(struct fact_change){0}, real_ms() - 3600000, NULL, NULL));
    EVENTUALLY(has_value(a, "u", NULL));
    /* Both at once: one stands, on both. */
    gint64 now_ms = real_ms();
    assert_true(fact_put(a, FACT_SUSPENSION, "v", &(struct fact_change){.value = "a"}, now_ms, NULL));
    assert_true(fact_put_behind(b, FACT_SUSPENSION, "v", &(struct fact_change){.value = "b"}, now_ms));
    EVENTUALLY(has_value(a, "v", "b") && has_value(b, "v", "b"));
    state_close(&a);
    state_close(&b);
}

/* ---- load ---- */

struct worker {
    struct state *state;
    guint seed;
};

static gpointer
work(gpointer data)
{
    const struct worker *worker = data;
    GRand *random = g_rand_new_with_seed(worker->seed);
    char text[32];
    for (guint i = 0; i < 30000; i++) {
        g_snprintf(text, sizeof text, "%d", g_rand_int_range(random, 0, 5000));
        marks_touch(worker->state, MARK_ORIGIN, text, real_s(), 1, NULL);
        if (i % 3 == 0)
            meter_add(worker->state, METER_SENT, text, hourly, 2, 1, real_ms(), NULL);
        if (i % 500 == 0)
            g_usleep(20000);
    }
    g_rand_free(random);
    return NULL;
}

/* Both write the same rows at once: no deadlock holds them up, and in the end they know the same. */
static void
contention(const struct sqltest *test)
{
    struct state *a = open_state(test, "a", TRUE), *b = open_state(test, "b", TRUE);
    struct worker workers[] = {{a, 1}, {a, 2}, {b, 3}, {b, 4}};
    GThread *thread[4];
    for (guint i = 0; i < 4; i++)
        thread[i] = g_thread_new("work", work, &workers[i]);
    for (guint i = 0; i < 4; i++)
        g_thread_join(thread[i]);
    EVENTUALLY(state_dirty(a) == 0 && state_dirty(b) == 0);
    g_usleep(CONVERGED_MS * 1000);
    double total = 0;
    for (guint i = 0; i < 5000; i++) {
        char text[32];
        struct mark one, two;
        struct meter_answer here, there;
        gint64 now_ms = real_ms();
        g_snprintf(text, sizeof text, "%u", i);
        assert_int_equal(marks_get(a, MARK_ORIGIN, text, real_s(), &one), marks_get(b, MARK_ORIGIN, text, real_s(), &two));
        assert_memory_equal(&one, &two, sizeof one);
        meter_read(a, METER_SENT, text, hourly, 2, 0, now_ms, &here);
        meter_read(b, METER_SENT, text, hourly, 2, 0, now_ms, &there);
        assert_true(ABS(here.before[1] - there.before[1]) < 0.2);
        total += here.before[1];
    }
    assert_true(total > 38000 && total <= 40001);
    state_close(&a);
    state_close(&b);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        SQLTEST_MARIADB(marks), SQLTEST_MARIADB(meters),     SQLTEST_MARIADB(overshoot),
        SQLTEST_MARIADB(facts), SQLTEST_MARIADB(contention),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
