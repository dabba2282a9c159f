/* test_state_sql.c: what SQL keeps of a state: restarts, lists, write-through, the audit, expiry, node names. */
#include "tests/unit/policyd/state_sql.h"
#include <sys/wait.h>
#include <unistd.h>

static const struct meter_limit hourly[] = {{100, 3600}, {500, 86400}};

/* ---- restarts ---- */

static void
restart(const struct sqltest *test)
{
    guint32 now_s = real_s();
    gint64 now_ms = real_ms();
    char text[32];
    struct meter_answer answer;
    struct state *state = open_state(test, "a", FALSE);
    assert_true(state_is_loaded(state) && state_is_connected(state));
    for (guint i = 0; i < 5000; i++) {
        g_snprintf(text, sizeof text, "mark %u", i);
        marks_touch(state, MARK_GREYLIST, text, now_s - 300, 1, NULL);
        if (i % 2)
            marks_touch(state, MARK_GREYLIST, text, now_s, 2, NULL);
        g_snprintf(text, sizeof text, "meter %u", i);
        assert_true(meter_take(state, METER_RATE_MESSAGES, text, hourly, 2, 1 + i % 90, now_ms, NULL));
    }
    marks_forget(state, MARK_GREYLIST, "mark 7", now_s);
    meter_give(state, METER_RATE_MESSAGES, "meter 80", hourly, 2, 1, now_ms);
    state_close(&state);
    assert_null(state);

    state = open_state(test, "a", FALSE);
    for (guint i = 0; i < 5000; i++) {
        g_snprintf(text, sizeof text, "mark %u", i);
        if (i == 7)
            assert_false(marks_get(state, MARK_GREYLIST, text, now_s, NULL));
        else
            assert_mark(state, MARK_GREYLIST, text, now_s, now_s - 300, i % 2 ? now_s : now_s - 300, i % 2 ? 3 : 1);
        g_snprintf(text, sizeof text, "meter %u", i);
        meter_read(state, METER_RATE_MESSAGES, text, hourly, 2, 0, real_ms(), &answer);
        double want = 1 + i % 90 - (i == 80 ? 1 : 0);
        assert_true(answer.before[0] <= want && answer.before[0] > want - 2);
        assert_true(answer.before[1] <= want && answer.before[1] > want - 1);
    }
    state_close(&state);
}

/* A mark that SQL still has, though it expired: its former life doesn't come back, here and after a restart. */
static void
expired_row(const struct sqltest *test)
{
    guint32 now_s = real_s(), long_ago_s = now_s - 10 * DAY_S;
    struct state *state = open_state(test, "a", FALSE);
    marks_touch(state, MARK_GREYLIST, "x", long_ago_s, 9, NULL);
    state_close(&state);
    state = open_state(test, "a", FALSE);
    assert_false(marks_get(state, MARK_GREYLIST, "x", now_s, NULL));
    assert_true(marks_touch(state, MARK_GREYLIST, "x", now_s, 1, NULL));
    state_close(&state);
    state = open_state(test, "a", FALSE);
    assert_mark(state, MARK_GREYLIST, "x", now_s, now_s, now_s, 1);
    state_close(&state);
}

static void
hostile_texts(const struct sqltest *test)
{
    struct state *state = open_state(test, "a", FALSE);
    g_autofree char *longest = g_strnfill(5000, 'x');
    const char *texts[] = {"", "x", "x ", "X", "\xff\xfe bad", "'; DROP TABLE policy_mark; --", "%_", "\xf0\x9f\x93\xac", longest};
    for (guint i = 0; i < G_N_ELEMENTS(texts); i++)
        assert_true(marks_touch(state, MARK_ORIGIN, texts[i], real_s(), i, NULL));
    state_close(&state);
    state = open_state(test, "a", FALSE);
    for (guint i = 0; i < G_N_ELEMENTS(texts); i++) {
        struct mark mark;
        assert_true(marks_get(state, MARK_ORIGIN, texts[i], real_s(), &mark));
        assert_int_equal(mark.count, i);
    }
    state_close(&state);
}

/* ---- lists ---- */

struct seen {
    guint n;
    GString *texts;
};

static gboolean
see_mark(const char *text, const struct mark *mark, gpointer data)
{
    struct seen *seen = data;
    seen->n += mark->count;
    g_string_append_printf(seen->texts, "%s;", text);
    return TRUE;
}

static gboolean
see_meter(const struct meter_line *line, gpointer data)
{
    struct seen *seen = data;
    seen->n += (guint)line->total;
    g_string_append_printf(seen->texts, "%s %.0f;", line->text, line->levels[0]);
    return TRUE;
}

static void
lists(const struct sqltest *test)
{
    guint32 now_s = real_s();
    gint64 now_ms = real_ms();
    struct seen seen = {0, g_string_new(NULL)};
    struct state *state = open_state(test, "a", FALSE);
    marks_touch(state, MARK_ORIGIN, "192.0.2.0/24 example.org", now_s, 1, NULL);
    marks_touch(state, MARK_ORIGIN, "192.0.2.0/24 example.com", now_s, 10, NULL);
    marks_touch(state, MARK_ORIGIN, "198.51.100.0/24 example.org", now_s, 100, NULL);
    marks_touch(state, MARK_GREYLIST, "example.org", now_s, 1000, NULL);
    marks_touch(state, MARK_ORIGIN, "example.org expired", now_s - 100 * DAY_S, 10000, NULL);
    marks_touch(state, MARK_ORIGIN, "example.org forgotten", now_s, 10000, NULL);
    marks_forget(state, MARK_ORIGIN, "example.org forgotten", now_s);
    assert_true(marks_list(state, MARK_ORIGIN, "example.org", now_s, 10, see_mark, &seen, NULL));
    assert_int_equal(seen.n, 101);
    assert_non_null(strstr(seen.texts->str, "192.0.2.0/24 example.org;"));
    assert_true(marks_list(state, MARK_ORIGIN, NULL, now_s, 10, see_mark, &seen, NULL));
    assert_int_equal(seen.n, 101 + 111);
    seen.n = 0;
    g_string_truncate(seen.texts, 0);
    assert_true(marks_list(state, MARK_ORIGIN, "%", now_s, 10, see_mark, &seen, NULL));
    assert_true(marks_list(state, MARK_ORIGIN, "", now_s, 0, see_mark, &seen, NULL));
    assert_int_equal(seen.n, 0);
    assert_true(marks_list(state, MARK_ORIGIN, "", now_s, 1, see_mark, &seen, NULL));
    assert_int_equal(strchr(seen.texts->str, ';') - seen.texts->str + 1, seen.texts->len);
    seen.n = 0;
    g_string_truncate(seen.texts, 0);
    meter_add(state, METER_SENT, "u@example.org", hourly, 2, 40, now_ms, NULL);
    meter_give(state, METER_SENT, "u@example.org", hourly, 2, 10, now_ms);
    meter_add(state, METER_SENT, "v", hourly, 2, 1, now_ms, NULL);
    assert_true(meters_list(state, METER_SENT, "example", now_ms, 10, see_meter, &seen, NULL));
    assert_int_equal(seen.n, 30);
    assert_string_equal(seen.texts->str, "u@example.org 30;");
    g_string_free(seen.texts, TRUE);
    state_close(&state);
}

/* ---- facts ---- */

static gboolean
see_audit(const struct state_audit *line, gpointer data)
{
    struct seen *seen = data;
    seen->n++;
    g_string_append_printf(seen->texts, "%s|%s|%s|%s|%s;", line->node, line->who, line->action, line->subject, line->detail);
    return TRUE;
}

static void
facts(const struct sqltest *test)
{
    gint64 now_ms = real_ms();
    gboolean was = TRUE;
    struct seen seen = {0, g_string_new(NULL)};
    struct state *state = open_state(test, "a", FALSE);
    const struct fact_change change = {.value = "{\"why\":\"郵\"}", .expires_ms = now_ms + DAY_MS, .by = "admin"};
    assert_true(fact_put(state, FACT_SUSPENSION, "u@example.org", &change, now_ms, NULL));
    assert_true(fact_put(state, FACT_ALLOW, "x", &(struct fact_change){.by = "b", .action = "let in", .detail = "d"}, now_ms, NULL));
    assert_true(fact_put_behind(state, FACT_QUOTA, "u", &(struct fact_change){.value = "80"}, now_ms));
    assert_true(fact_put_behind(state, FACT_QUOTA, "u ", &(struct fact_change){.value = "95"}, now_ms));
    assert_true(fact_put_behind(state, FACT_QUOTA, "U", &(struct fact_change){.value = "100"}, now_ms));
    state_close(&state);

    state = open_state(test, "a", FALSE);
    struct fact *fact = fact_get(state, FACT_SUSPENSION, "u@example.org", now_ms);
    assert_string_equal(fact->value, change.value);
    assert_string_equal(fact->by, "admin");
    assert_int_equal(fact->expires_ms, now_ms + DAY_MS);
    assert_int_equal(fact->since_ms, now_ms);
    fact_unref(fact);
    GPtrArray *quotas = fact_list(state, FACT_QUOTA, now_ms);
    assert_int_equal(quotas->len, 3);
    g_ptr_array_unref(quotas);
    assert_true(fact_drop(state, FACT_SUSPENSION, "u@example.org", &(struct fact_change){.by = "admin"}, now_ms, &was, NULL));
    assert_true(was);
    assert_null(fact_get(state, FACT_SUSPENSION, "u@example.org", now_ms));
    assert_true(fact_drop(state, FACT_SUSPENSION, "u@example.org", &(struct fact_change){.by = "admin"}, now_ms, &was, NULL));
    assert_false(was);
    fact_drop_behind(state, FACT_QUOTA, "u", now_ms);
    state_close(&state);

    state = open_state(test, "a", FALSE);
    assert_null(fact_get(state, FACT_SUSPENSION, "u@example.org", now_ms));
    assert_null(fact_get(state, FACT_QUOTA, "u", now_ms));
    assert_true(state_audit_list(state, "x", 10, see_audit, &seen, NULL));
    assert_string_equal(seen.texts->str, "a|b|let in|x|d;");
    g_string_truncate(seen.texts, 0);
    assert_true(state_audit_list(state, "u@example.org", 10, see_audit, &seen, NULL));
    assert_string_equal(seen.texts->str, "a|admin|drop suspension|u@example.org|;a|admin|drop suspension|u@example.org|;"
                                         "a|admin|put suspension|u@example.org|{\"why\":\"郵\"};");
    assert_true(state_audit(state, now_ms, "w\xff", NULL, "z", "only said", NULL));
    g_string_truncate(seen.texts, 0);
    assert_true(state_audit_list(state, NULL, 1, see_audit, &seen, NULL));
    assert_string_equal(seen.texts->str, "a|w\xef\xbf\xbd||z|only said;");
    g_string_free(seen.texts, TRUE);
    state_close(&state);
}

/* Someone else holds the database: the write fails, and nothing has changed. */
static void
busy(const struct sqltest *test)
{
    gint64 now_ms = real_ms();
    g_autoptr(GError) error = NULL;
    struct state *state = open_state(test, "a", FALSE);
    assert_true(fact_put(state, FACT_HOLD, "u", &(struct fact_change){.value = "1"}, now_ms, NULL));
    struct sql *other = sqltest_open(test);
    assert_true(sql_begin(other, NULL));
    SQLTEST_STATEMENT(lock_it, "UPDATE policy_fact SET value = 'held' WHERE subject = 'u'");
    sqltest_exec(other, &lock_it, NULL, 0);
    assert_false(fact_put(state, FACT_HOLD, "u", &(struct fact_change){.value = "2"}, now_ms, &error));
    assert_true(g_error_matches(error, SQL_ERROR, SQL_ERROR_BUSY));
    struct fact *fact = fact_get(state, FACT_HOLD, "u", now_ms);
    assert_string_equal(fact->value, "1");
    fact_unref(fact);
    sql_rollback(other);
    assert_true(fact_put(state, FACT_HOLD, "u", &(struct fact_change){.value = "2"}, now_ms, NULL));
    SQLTEST_STATEMENT(audits, "SELECT COUNT(*) FROM policy_audit");
    assert_int_equal(sqltest_int(other, &audits, NULL, 0), 2);
    sql_close(&other);
    state_close(&state);
}

static void
unfit(const struct sqltest *test)
{
    struct state *state = open_state(test, "a", FALSE);
    g_autoptr(GError) error = NULL;
    assert_false(fact_put(state, FACT_HOLD, "", &(struct fact_change){.value = "1"}, T0_MS, &error));
    assert_true(g_error_matches(error, SQL_ERROR, SQL_ERROR_STATEMENT));
    state_close(&state);
}

/* ---- rows that aren't as they should be ---- */

SQLTEST_STATEMENT(n_marks, "SELECT COUNT(*) FROM policy_mark");

static void
strange_rows(const struct sqltest *test)
{
    struct state *state = open_state(test, "a", FALSE);
    struct sql *sql = sqltest_open(test);
    marks_touch(state, MARK_ORIGIN, "x", real_s(), 1, NULL);
    meter_add(state, METER_SENT, "x", hourly, 2, 1, real_ms(), NULL);
    fact_put_behind(state, FACT_ALLOW, "x", &(struct fact_change){0}, real_ms());
    state_close(&state);
    sqltest_script(sql, "UPDATE policy_mark SET kind = 'newer'\n;\nUPDATE policy_meter SET kind = 'newer'\n;\n"
                        "UPDATE policy_fact SET kind = 'newer'\n;\n");
    state = open_state(test, "a", FALSE);
    struct state_stats stats;
    state_get_stats(state, &stats);
    assert_int_equal(stats.marks + stats.meters + stats.facts, 0);
    state_close(&state);
    assert_int_equal(sqltest_int(sql, &n_marks, NULL, 0), 1);
    sql_close(&sql);
}

/* One row that SQL refuses doesn't hold up the others. */
static void
refused_row(const struct sqltest *test)
{
    struct state *state = threadless_state(test, "a");
    struct sql *sql = sqltest_open(test);
    g_autoptr(GError) error = NULL;
    const char *trigger = test->mariadb ? "CREATE TRIGGER refuse BEFORE INSERT ON policy_mark FOR EACH ROW "
                                          "IF NEW.label = 'mark 50' THEN SIGNAL SQLSTATE '45000'; END IF"
                                        : "CREATE TRIGGER refuse BEFORE INSERT ON policy_mark WHEN NEW.label = 'mark 50' "
                                          "BEGIN SELECT RAISE(ABORT, 'no'); END";
    assert_true(sql_script(sql, trigger, NULL));
    char text[32];
    for (guint i = 0; i < 100; i++) {
        g_snprintf(text, sizeof text, "mark %u", i);
        marks_touch(state, MARK_ORIGIN, text, real_s(), 1, NULL);
    }
    write_now(state);
    assert_int_equal(state_dirty(state), 0);
    assert_int_equal(sqltest_int(sql, &n_marks, NULL, 0), 99);
    assert_true(marks_get(state, MARK_ORIGIN, "mark 50", real_s(), NULL));
    sql_close(&sql);
    state_close(&state);
}

/* A text that couldn't be kept until it was written comes with a later touch. */
static void
late_text(const struct sqltest *test)
{
    struct seen seen = {0, g_string_new(NULL)};
    struct state *state = open_state(test, "a", FALSE);
    struct sql *sql = sqltest_open(test);
    marks_touch(state, MARK_ORIGIN, "x", real_s(), 1, NULL);
    flush(state);
    sqltest_script(sql, "UPDATE policy_mark SET label = ''\n;\n");
    assert_true(marks_list(state, MARK_ORIGIN, "x", real_s(), 10, see_mark, &seen, NULL));
    assert_int_equal(seen.n, 0);
    marks_touch(state, MARK_ORIGIN, "x", real_s(), 1, NULL);
    assert_true(marks_list(state, MARK_ORIGIN, "x", real_s(), 10, see_mark, &seen, NULL));
    assert_int_equal(seen.n, 2);
    g_string_free(seen.texts, TRUE);
    sql_close(&sql);
    state_close(&state);
}

/* The end has come, and there is no time for more. */
static void
no_time_left(const struct sqltest *test)
{
    struct state *state = threadless_state(test, "a");
    g_autoptr(GError) error = NULL;
    marks_touch(state, MARK_ORIGIN, "x", real_s(), 1, NULL);
    state->write_until_us = g_get_monotonic_time() - 1;
    assert_false(state_write_dirty(state, &error));
    assert_int_equal(state_dirty(state), 1);
    state->write_until_us = 0;
    write_now(state);
    assert_int_equal(state_dirty(state), 0);
    state_close(&state);
}

/* ---- expiry ---- */

SQLTEST_STATEMENT(n_meters, "SELECT COUNT(*) FROM policy_meter");
SQLTEST_STATEMENT(n_facts, "SELECT COUNT(*) FROM policy_fact");

static void
sweep_all(struct state *state, gint64 now_ms)
{
    g_autoptr(GError) error = NULL;
    do {
        if (!state_sweep(state, now_ms, &error))
            fail_msg("%s", error->message);
    } while (state->sweep.shard != 0 || state->sweep.now_ms != 0);
}

static void
sweep(const struct sqltest *test)
{
    struct state *state = threadless_state(test, "a");
    struct sql *sql = sqltest_open(test);
    guint32 now_s = real_s();
    gint64 now_ms = real_ms();
    char text[32];
    struct state_stats stats;
    for (guint i = 0; i < 3000; i++) {
        g_snprintf(text, sizeof text, "%u", i);
        marks_touch(state, i % 2 ? MARK_GREYLIST : MARK_CORRESPONDENT, text, now_s, 1, NULL);
        meter_add(state, METER_RATE_RECIPIENTS, text, hourly, 2, i % 2, now_ms, NULL);
    }
    marks_forget(state, MARK_ORIGIN, "forgotten", now_s);
    fact_put_behind(state, FACT_ALLOW, "stays", &(struct fact_change){0}, now_ms);
    fact_put_behind(state, FACT_ALLOW, "expires", &(struct fact_change){.expires_ms = now_ms + 1000}, now_ms);
    fact_drop_behind(state, FACT_ALLOW, "dropped", now_ms);
    write_now(state);
    sweep_all(state, now_ms);
    assert_int_equal(sqltest_int(sql, &n_marks, NULL, 0), 3001);
    assert_int_equal(sqltest_int(sql, &n_meters, NULL, 0), 1500);
    assert_int_equal(sqltest_int(sql, &n_facts, NULL, 0), 3);
    /* Touched again, but not written yet: it stays. */
    marks_touch(state, MARK_GREYLIST, "1", now_s + 3 * DAY_S, 1, NULL);
    sweep_all(state, now_ms + 3 * DAY_MS);
    state_get_stats(state, &stats);
    assert_int_equal(stats.marks, 1502);
    assert_int_equal(stats.meters, 0);
    assert_int_equal(stats.expired, 1499 + 1500 + 1);
    assert_int_equal(sqltest_int(sql, &n_marks, NULL, 0), 1501);
    assert_int_equal(sqltest_int(sql, &n_meters, NULL, 0), 0);
    assert_int_equal(sqltest_int(sql, &n_facts, NULL, 0), 2);
    write_now(state);
    assert_int_equal(sqltest_int(sql, &n_marks, NULL, 0), 1502);
    sweep_all(state, now_ms + 400 * DAY_MS);
    assert_int_equal(sqltest_int(sql, &n_marks, NULL, 0), 0);
    assert_int_equal(sqltest_int(sql, &n_facts, NULL, 0), 1);
    sql_close(&sql);
    state_close(&state);
}

SQLTEST_STATEMENT(n_audit, "SELECT COUNT(*) FROM policy_audit");

/* Lines from before the time go, some pages of them, a page a step; what stands out of its time stays in its place, and holds up nothing. */
static void
sweep_of_the_audit(const struct sqltest *test)
{
    struct state *state = threadless_state(test, "a");
    struct sql *sql = sqltest_open(test);
    gint64 now_ms = real_ms();
    SQLTEST_STATEMENT(add, "INSERT INTO policy_audit (at_ms, node, who, action, subject, detail) VALUES (?, 'a', 'w', 'd', 's', '')");
    SQLTEST_STATEMENT(youngest, "SELECT MIN(at_ms) FROM policy_audit");
    assert_true(sql_begin(sql, NULL));
    for (guint i = 0; i < 2600; i++) {
        gint64 days = i == 5 ? 0 : i < 2500 ? 100 : 10; /* i == 5: another node's clock was wrong */
        sqltest_exec(sql, &add, (struct sql_value[]){SQL_I(now_ms - days * DAY_MS)}, 1);
    }
    assert_true(sql_commit(sql, NULL));
    sweep_all(state, now_ms);
    assert_int_equal(sqltest_int(sql, &n_audit, NULL, 0), 2600); /* for ever */
    state_keep_audit(state, 100 * DAY_MS);
    sweep_all(state, now_ms);
    assert_int_equal(sqltest_int(sql, &n_audit, NULL, 0), 2600); /* as old as that is not older */
    state_keep_audit(state, 50 * DAY_MS);
    while (state->sweep.shard < 2)
        assert_true(state_sweep(state, now_ms, NULL));
    assert_int_equal(sqltest_int(sql, &n_audit, NULL, 0), 601); /* a page of 1000 with each of the two steps */
    sweep_all(state, now_ms);
    assert_int_equal(sqltest_int(sql, &n_audit, NULL, 0), 101);
    assert_int_equal(sqltest_int(sql, &youngest, NULL, 0), now_ms - 10 * DAY_MS);
    sweep_all(state, now_ms + 60 * DAY_MS);
    assert_int_equal(sqltest_int(sql, &n_audit, NULL, 0), 101); /* a clock that is ahead makes no line old */
    sqltest_exec(sql, &add, (struct sql_value[]){SQL_I(now_ms + 60 * DAY_MS)}, 1);
    sweep_all(state, now_ms + 60 * DAY_MS);
    assert_int_equal(sqltest_int(sql, &n_audit, NULL, 0), 1);
    sql_close(&sql);
    state_close(&state);
}

static void
sweep_waits_after_jump(const struct sqltest *test)
{
    struct state *state = threadless_state(test, "a");
    const gint64 us = G_USEC_PER_SEC;
    assert_true(state_sweep_due(state, T0_MS, 100 * us));
    assert_true(state_sweep_due(state, T0_MS + 60000, 160 * us));
    assert_false(state_sweep_due(state, T0_MS + 400 * DAY_MS, 170 * us));
    assert_false(state_sweep_due(state, T0_MS + 400 * DAY_MS + 10000, 180 * us));
    assert_true(state_sweep_due(state, T0_MS + 400 * DAY_MS + 3630000, 3800 * us));
    assert_false(state_sweep_due(state, T0_MS, 3801 * us));
    gboolean agrees = FALSE;
    assert_true(state_clock_agrees(state, real_ms(), &agrees, NULL));
    assert_true(agrees);
    assert_true(state_clock_agrees(state, real_ms() + 2 * 3600000, &agrees, NULL));
    assert_false(agrees);
    assert_false(state_sweep_due(state, T0_MS, g_get_monotonic_time()));
    state_close(&state);
}

/* ---- whose the name is ---- */

static void
name_in_use(const struct sqltest *test)
{
    struct state *state = open_state(test, "a", FALSE);
    struct state_options options = {.sql = test->options, .node = "a"};
    g_autoptr(GError) error = NULL;
    gint64 before = g_get_monotonic_time();
    assert_null(state_open(&options, &error));
    assert_true(g_error_matches(error, SQL_ERROR, SQL_ERROR_DUPLICATE));
    assert_true(g_get_monotonic_time() - before < 6 * G_USEC_PER_SEC); /* it is renewed every 2 s */
    state_close(&state);
    state = open_state(test, "a", FALSE);
    struct state *other = open_state(test, "b", FALSE);
    state_close(&other);
    state_close(&state);
}

/* Its holder was killed: the name is free at once. */
static void
name_of_the_dead(const struct sqltest *test)
{
    struct state *state = threadless_state(test, "a");
    pid_t child = fork();
    if (child == 0)
        _exit(0);
    waitpid(child, NULL, 0);
    g_auto(GStrv) parts = g_strsplit(state->holder, "/", -1);
    g_autofree char *dead = g_strdup_printf("%s/%s/%d/12345/1", parts[0], parts[1], (int)child);
    g_autofree char *elsewhere = g_strdup_printf("another-boot/%s/%d/12345/1", parts[1], (int)child);
    state_close(&state);
    struct sql *sql = sqltest_open(test);
    SQLTEST_STATEMENT(hold, "UPDATE policy_node SET holder = ?, renewed = renewed + ?");
    struct { const char *holder; gint64 at_least_ms, at_most_ms; } tries[] = {{dead, 0, 3000}, {elsewhere, 9000, 14000}};
    for (guint i = 0; i < G_N_ELEMENTS(tries); i++) {
        sqltest_exec(sql, &hold, (struct sql_value[]){SQL_T(tries[i].holder), SQL_I(real_ms())}, 2);
        gint64 before = g_get_monotonic_time();
        state = open_state(test, "a", FALSE);
        gint64 took_ms = (g_get_monotonic_time() - before) / 1000;
        assert_in_range(took_ms, tries[i].at_least_ms, tries[i].at_most_ms);
        state_close(&state);
    }
    sql_close(&sql);
}

/* This process slept, another took the name: nothing more is written under it, and in the end it is taken back. */
static void
name_lost(const struct sqltest *test)
{
    struct state *state = threadless_state(test, "a");
    struct sql *sql = sqltest_open(test);
    g_autoptr(GError) error = NULL;
    sqltest_script(sql, "UPDATE policy_node SET holder = 'x/y/1/2/3'\n;\n");
    state->renewed_us -= 60 * G_USEC_PER_SEC;
    assert_false(state_connect(state, FALSE, &error));
    assert_true(g_error_matches(error, SQL_ERROR, SQL_ERROR_DUPLICATE));
    assert_false(state->leased);
    sqltest_script(sql, "UPDATE policy_node SET renewed = 0\n;\n");
    assert_true(state_connect(state, FALSE, NULL));
    assert_true(state->leased);
    sql_close(&sql);
    state_close(&state);
}

static void
wrong_options(const struct sqltest *test)
{
    g_autofree char *longest = g_strnfill(65, 'n');
    const char *names[] = {NULL, "", "a b", "ä", longest};
    g_autoptr(GError) error = NULL;
    for (guint i = 0; i < G_N_ELEMENTS(names); i++) {
        struct state_options options = {.sql = test->options, .node = names[i]};
        assert_null(state_open(&options, &error));
        assert_true(g_error_matches(error, SQL_ERROR, SQL_ERROR_STATEMENT));
        g_clear_error(&error);
    }
    struct state_options options = {.sql = test->options, .node = "a", .shared = TRUE};
    if (!test->mariadb) {
        assert_null(state_open(&options, &error));
        assert_true(g_error_matches(error, SQL_ERROR, SQL_ERROR_STATEMENT));
    }
}

/* ---- threads ---- */

static gpointer
work(gpointer data)
{
    struct state *state = data;
    char text[32];
    for (guint i = 0; i < 20000; i++) {
        g_snprintf(text, sizeof text, "%u", i % 3000);
        marks_touch(state, MARK_ORIGIN, text, real_s(), 1, NULL);
        meter_take(state, METER_RATE_MESSAGES, text, hourly, 2, 1, real_ms(), NULL);
        marks_get(state, MARK_ORIGIN, text, real_s(), NULL);
        if (i % 100 == 0)
            fact_put_behind(state, FACT_QUOTA, text, &(struct fact_change){.value = "1"}, real_ms());
        fact_unref(fact_get(state, FACT_QUOTA, text, real_ms()));
        if (i % 5000 == 0)
            fact_put(state, FACT_HOLD, text, &(struct fact_change){.value = "1"}, real_ms(), NULL);
    }
    return NULL;
}

static void
threads(const struct sqltest *test)
{
    struct state *state = open_state(test, "a", test->mariadb);
    GThread *thread[4];
    struct state_stats stats;
    for (guint i = 0; i < 4; i++)
        thread[i] = g_thread_new("work", work, state);
    for (guint i = 0; i < 20; i++) {
        state_get_stats(state, &stats);
        g_usleep(5000);
    }
    for (guint i = 0; i < 4; i++)
        g_thread_join(thread[i]);
    flush(state);
    state_get_stats(state, &stats);
    assert_int_equal(stats.dirty, 0);
    assert_int_equal(stats.marks, 3000);
    state_close(&state);
    state = open_state(test, "a", FALSE);
    char text[32];
    guint64 total = 0;
    for (guint i = 0; i < 3000; i++) {
        struct mark mark;
        g_snprintf(text, sizeof text, "%u", i);
        assert_true(marks_get(state, MARK_ORIGIN, text, real_s(), &mark));
        total += mark.count;
    }
    assert_int_equal(total, 80000);
    state_close(&state);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        SQLTEST(restart),      SQLTEST(expired_row),            SQLTEST(hostile_texts), SQLTEST(lists),
        SQLTEST(facts),        SQLTEST(busy),                   SQLTEST(unfit),         SQLTEST(strange_rows),
        SQLTEST(refused_row),  SQLTEST(sweep),                  SQLTEST(sweep_waits_after_jump),
        SQLTEST(name_in_use),  SQLTEST(name_of_the_dead),       SQLTEST(name_lost),     SQLTEST(wrong_options),
        SQLTEST(threads),      SQLTEST(late_text),              SQLTEST(no_time_left),
        SQLTEST(sweep_of_the_audit),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
