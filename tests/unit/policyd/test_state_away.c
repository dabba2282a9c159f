/* test_state_away.c: the database goes away and comes back, isn't there at the start, or is held by someone else. */
#include "tests/unit/policyd/state_sql.h"
#include <fcntl.h>
#include <glib/gstdio.h>
#include <signal.h>
#include <stdlib.h>
#include <unistd.h>

static const struct meter_limit hourly[] = {{1000, 3600}, {5000, 86400}};

/* ---- the log ---- */

struct captured {
    char *path;
    int saved;
};

static struct captured
capture_log(void)
{
    struct captured log = {.saved = dup(2)};
    int fd = g_file_open_tmp("postern-log-XXXXXX", &log.path, NULL);
    assert_true(fd >= 0);
    dup2(fd, 2);
    close(fd);
    return log;
}

/* How many lines of each there were. */
static void
count_log(struct captured *log, guint *away_r, guint *back_r)
{
    g_autofree char *text = NULL;
    dup2(log->saved, 2);
    close(log->saved);
    assert_true(g_file_get_contents(log->path, &text, NULL, NULL));
    g_unlink(log->path);
    g_free(log->path);
    g_auto(GStrv) lines = g_strsplit(text, "\n", -1);
    *away_r = *back_r = 0;
    for (char **line = lines; *line; line++) {
        *away_r += strstr(*line, "the database is away") ? 1 : 0;
        *back_r += strstr(*line, "the database is back") ? 1 : 0;
    }
}

/* ---- */

static struct state *
open_hasty(const struct sqltest *test, gboolean start_empty)
{
    struct state_options options = {.sql = test->options, .node = "a", .shared = test->mariadb, .start_empty = start_empty,
                                    .flush_ms = 100, .pull_ms = 100};
    options.sql.retry_ms = 200;
    g_autoptr(GError) error = NULL;
    struct state *state = state_open(&options, &error);
    if (!state)
        fail_msg("%s", error->message);
    return state;
}

static void
await(struct state *state, gboolean (*what)(struct state *), gboolean want)
{
    for (guint i = 0; i < 200 && what(state) != want; i++)
        g_usleep(50000);
    assert_int_equal(what(state), want);
}

static double
level(struct state *state, const char *text)
{
    struct meter_answer answer;
    meter_read(state, METER_SENT, text, hourly, 2, 0, real_ms(), &answer);
    return answer.before[1];
}

/* Everything goes on in memory; what must be in SQL fails at once, and nothing of it has happened. */
static void
goes_on(struct state *state)
{
    g_autoptr(GError) error = NULL;
    char text[32];
    gint64 before = g_get_monotonic_time();
    for (guint i = 0; i < 5000; i++) {
        g_snprintf(text, sizeof text, "away %u", i);
        assert_true(marks_touch(state, MARK_ORIGIN, text, real_s(), 3, NULL));
        assert_true(meter_take(state, METER_SENT, text, hourly, 2, 5, real_ms(), NULL));
    }
    assert_false(fact_put(state, FACT_HOLD, "u", &(struct fact_change){.value = "1"}, real_ms(), &error));
    assert_true(g_error_matches(error, SQL_ERROR, SQL_ERROR_AWAY));
    assert_null(fact_get(state, FACT_HOLD, "u", real_ms()));
    g_clear_error(&error);
    assert_true(fact_put_behind(state, FACT_QUOTA, "u", &(struct fact_change){.value = "80"}, real_ms()));
    assert_false(state_flush(state, &error));
    assert_true(g_error_matches(error, SQL_ERROR, SQL_ERROR_AWAY));
    g_clear_error(&error);
    assert_false(marks_list(state, MARK_ORIGIN, "", real_s(), 1, NULL, NULL, NULL));
    assert_false(state_audit(state, real_ms(), "w", "a", "s", "d", NULL));
    assert_true(g_get_monotonic_time() - before < 5 * G_USEC_PER_SEC);
    assert_true(state_dirty(state) >= 10001);
}

static void
is_written(const struct sqltest *test)
{
    struct state *state = open_hasty(test, FALSE);
    char text[32];
    for (guint i = 0; i < 5000; i++) {
        g_snprintf(text, sizeof text, "away %u", i);
        struct mark mark;
        assert_true(marks_get(state, MARK_ORIGIN, text, real_s(), &mark));
        assert_int_equal(mark.count, 3);
        assert_true(level(state, text) > 0 && level(state, text) < 5.1);
    }
    struct fact *fact = fact_get(state, FACT_QUOTA, "u", real_ms());
    assert_non_null(fact);
    fact_unref(fact);
    assert_null(fact_get(state, FACT_HOLD, "u", real_ms()));
    state_close(&state);
}

static void
server_killed(const struct sqltest *test)
{
    struct captured log = capture_log();
    struct state *state = open_hasty(test, FALSE);
    marks_touch(state, MARK_ORIGIN, "before", real_s(), 1, NULL);
    flush(state);
    sqltest_kill_server();
    await(state, state_is_connected, FALSE);
    goes_on(state);
    g_usleep(1500 * 1000); /* several tries, one line */
    sqltest_start_server();
    await(state, state_is_connected, TRUE);
    flush(state);
    assert_int_equal(state_dirty(state), 0);
    assert_true(fact_put(state, FACT_HOLD, "v", &(struct fact_change){.value = "1"}, real_ms(), NULL));
    state_close(&state);
    guint away, back;
    count_log(&log, &away, &back);
    assert_int_equal(away, 1);
    assert_int_equal(back, 1);
    is_written(test);
}

/* ---- at the start ---- */

static void
take_away(const struct sqltest *test)
{
    g_autofree char *away = g_strconcat(test->options.path, ".away", NULL);
    if (test->mariadb)
        sqltest_kill_server();
    else
        assert_int_equal(g_rename(test->options.path, away), 0);
}

static void
bring_back(const struct sqltest *test)
{
    g_autofree char *away = g_strconcat(test->options.path, ".away", NULL);
    if (test->mariadb)
        sqltest_start_server();
    else
        assert_int_equal(g_rename(away, test->options.path), 0);
}

static void
start_without(const struct sqltest *test)
{
    struct sqltest there = *test;
    struct state *state = open_hasty(&there, FALSE);
    guint32 before_s = real_s() - 100;
    struct mark mark;
    marks_touch(state, MARK_ORIGIN, "both", before_s, 7, NULL);
    marks_touch(state, MARK_ORIGIN, "sql", before_s, 7, NULL);
    meter_take(state, METER_SENT, "both", hourly, 2, 100, real_ms(), NULL);
    assert_true(fact_put(state, FACT_ALLOW, "x", &(struct fact_change){.value = "1"}, real_ms(), NULL));
    state_close(&state);
    take_away(test);
    there.options.create = FALSE;
    struct state_options options = {.sql = there.options, .node = "a"};
    g_autoptr(GError) error = NULL;
    assert_null(state_open(&options, &error));
    assert_true(g_error_matches(error, SQL_ERROR, SQL_ERROR_AWAY));

    state = open_hasty(&there, TRUE);
    assert_false(state_is_loaded(state));
    assert_false(state_is_connected(state));
    assert_false(marks_get(state, MARK_ORIGIN, "sql", real_s(), NULL));
    assert_true(marks_touch(state, MARK_ORIGIN, "both", real_s(), 1, NULL));
    assert_true(meter_take(state, METER_SENT, "both", hourly, 2, 11, real_ms(), NULL));
    goes_on(state);
    bring_back(test);
    await(state, state_is_loaded, TRUE);
    assert_true(marks_get(state, MARK_ORIGIN, "sql", real_s(), NULL));
    assert_true(marks_get(state, MARK_ORIGIN, "both", real_s(), &mark));
    assert_int_equal(mark.first_s, before_s);
    assert_true(mark.last_s > before_s);
    assert_int_equal(mark.count, 7);
    assert_true(level(state, "both") > 108 && level(state, "both") < 111.1);
    struct fact *fact = fact_get(state, FACT_ALLOW, "x", real_ms());
    assert_non_null(fact);
    fact_unref(fact);
    flush(state);
    state_close(&state);
    is_written(&there);
    state = open_hasty(&there, FALSE);
    assert_true(level(state, "both") > 107 && level(state, "both") < 111.1);
    state_close(&state);
}

/* A load that breaks off in the middle adds no level twice. */
static void
load_again(const struct sqltest *test)
{
    struct state *state = open_hasty(test, FALSE);
    char text[32];
    for (guint i = 0; i < 6000; i++) {
        g_snprintf(text, sizeof text, "%u", i);
        meter_take(state, METER_SENT, text, hourly, 2, 100, real_ms(), NULL);
    }
    state_close(&state);
    struct state_options options = {.sql = test->options, .node = "a"};
    state = state_new(&options);
    assert_true(state_connect(state, TRUE, NULL));
    assert_true(state_load(state, NULL));
    assert_true(state_load(state, NULL));
    for (guint i = 0; i < 6000; i++) {
        g_snprintf(text, sizeof text, "%u", i);
        assert_true(level(state, text) < 100.1);
    }
    lease_release(state);
    sql_close(&state->sql);
    state_free(&state);
}

/* Another program writes for longer than SQLite waits. */
static void
held(const struct sqltest *test)
{
    struct state *state = open_hasty(test, FALSE);
    struct sql *other = sqltest_open(test);
    assert_true(sql_begin(other, NULL));
    marks_touch(state, MARK_ORIGIN, "x", real_s(), 1, NULL);
    assert_false(state_flush(state, NULL));
    assert_true(state_is_connected(state));
    assert_int_equal(state_dirty(state), 1);
    sql_rollback(other);
    flush(state);
    assert_int_equal(state_dirty(state), 0);
    sql_close(&other);
    state_close(&state);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        SQLTEST(start_without), SQLTEST(load_again), SQLTEST_SQLITE(held), SQLTEST_MARIADB(server_killed),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
