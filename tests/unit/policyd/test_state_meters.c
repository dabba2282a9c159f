/* test_state_meters.c: leaky buckets in memory, and what is counted of other nodes. */
#include "tests/unit/policyd/state_test.h"
#include <math.h>

static const struct meter_limit limits[3] = {{10, 60}, {100, 3600}, {500, 86400}};

static void
assert_level(double level, double want)
{
    if (fabs(level - want) > 1e-6)
        fail_msg("level %f, want %f", level, want);
}

static gboolean
take(struct state *state, guint32 n, gint64 now_ms, struct meter_answer *answer)
{
    return meter_take(state, METER_RATE_MESSAGES, "u", limits, 3, n, now_ms, answer);
}

static void
take_and_drain(void **data G_GNUC_UNUSED)
{
    struct state *state = memory_state("a");
    struct meter_answer answer;
    assert_true(take(state, 4, T0_MS, &answer));
    assert_int_equal(answer.refused_by, -1);
    assert_int_equal(answer.wait_ms, 0);
    assert_level(answer.before[0], 0);
    assert_level(answer.after[0], 4);
    assert_level(answer.after[2], 4);
    assert_true(take(state, 6, T0_MS, &answer));
    assert_level(answer.after[0], 10);
    /* Full: nothing is taken, of no window. */
    assert_false(take(state, 2, T0_MS, &answer));
    assert_int_equal(answer.refused_by, 0);
    assert_int_equal(answer.wait_ms, 12000);
    assert_level(answer.after[0], 10);
    assert_level(answer.after[1], 10);
    /* Ten a minute: one every six seconds. */
    assert_false(take(state, 2, T0_MS + 11999, &answer));
    assert_int_equal(answer.wait_ms, 1);
    assert_true(take(state, 2, T0_MS + 12000, &answer));
    assert_level(answer.before[0], 8);
    assert_level(answer.before[1], 10 - 12 * 100 / 3600.0);
    assert_true(meter_read(state, METER_RATE_MESSAGES, "u", limits, 3, 0, T0_MS + 3600000, &answer));
    assert_level(answer.before[0], 0);
    assert_level(answer.before[1], 0);
    assert_level(answer.before[2], 0); /* 12 at first, and 20.8 an hour drain */
    /* More than ever fits. */
    assert_false(take(state, 11, T0_MS + 3600000, &answer));
    assert_true(answer.wait_ms == METER_NEVER);
    assert_false(meter_take(state, METER_RATE_MESSAGES, "v", &(struct meter_limit){0, 60}, 1, 1, T0_MS, &answer));
    assert_true(answer.wait_ms == METER_NEVER);
    state_free(&state);
}

/* Over the hour's limit, long below the minute's: the limit that refuses is named, and the longest wait. */
static void
longer_window(void **data G_GNUC_UNUSED)
{
    struct state *state = memory_state("a");
    struct meter_answer answer;
    gint64 now_ms = T0_MS;
    guint taken = 0;
    for (; take(state, 10, now_ms, &answer); now_ms += 60000)
        taken += 10;
    assert_in_range(taken, 100, 130);
    assert_int_equal(answer.refused_by, 1);
    assert_in_range(answer.wait_ms, 1, 360000);
    assert_true(meter_read(state, METER_RATE_MESSAGES, "u", limits, 3, 10, now_ms + answer.wait_ms, NULL));
    assert_false(meter_read(state, METER_RATE_MESSAGES, "u", limits, 3, 10, now_ms + answer.wait_ms - 1, NULL));
    state_free(&state);
}

static void
add_give_reset(void **data G_GNUC_UNUSED)
{
    struct state *state = memory_state("a");
    struct meter_answer answer;
    assert_true(meter_add(state, METER_SIGNIN_USER, "u", limits, 2, 10, T0_MS, &answer));
    assert_false(meter_add(state, METER_SIGNIN_USER, "u", limits, 2, 5, T0_MS, &answer));
    assert_int_equal(answer.refused_by, 0);
    assert_level(answer.after[0], 15);
    assert_int_equal(answer.wait_ms, 30000);
    meter_give(state, METER_SIGNIN_USER, "u", limits, 2, 5, T0_MS);
    meter_read(state, METER_SIGNIN_USER, "u", limits, 2, 0, T0_MS, &answer);
    assert_level(answer.before[0], 10);
    meter_give(state, METER_SIGNIN_USER, "u", limits, 2, 50, T0_MS);
    meter_read(state, METER_SIGNIN_USER, "u", limits, 2, 0, T0_MS, &answer);
    assert_level(answer.before[0], 0);
    assert_level(answer.before[1], 0);
    meter_add(state, METER_SIGNIN_USER, "u", limits, 2, 7, T0_MS, NULL);
    meter_reset(state, METER_SIGNIN_USER, "u", T0_MS);
    meter_read(state, METER_SIGNIN_USER, "u", limits, 2, 0, T0_MS, &answer);
    assert_level(answer.before[1], 0);
    /* Of what isn't there: nothing comes to be. */
    meter_give(state, METER_SIGNIN_USER, "nobody", limits, 2, 5, T0_MS);
    meter_reset(state, METER_SIGNIN_USER, "nobody", T0_MS);
    meter_read(state, METER_SIGNIN_USER, "nobody", limits, 2, 5, T0_MS, NULL);
    assert_false(take(state, 11, T0_MS, NULL));
    assert_true(take(state, 0, T0_MS, NULL));
    assert_int_equal(shards_count(&state->meters->n), 1);
    state_free(&state);
}

/* A limit that changes between calls: the level stays, it drains by the new one. */
static void
changed_limit(void **data G_GNUC_UNUSED)
{
    struct state *state = memory_state("a");
    const struct meter_limit more = {20, 60};
    struct meter_answer answer;
    assert_true(take(state, 10, T0_MS, NULL));
    assert_true(meter_take(state, METER_RATE_MESSAGES, "u", &more, 1, 10, T0_MS, &answer));
    assert_level(answer.after[0], 20);
    meter_read(state, METER_RATE_MESSAGES, "u", &more, 1, 0, T0_MS + 30000, &answer);
    assert_level(answer.before[0], 10);
    /* The windows that weren't named drained as before, and weren't filled. */
    meter_take(state, METER_RATE_MESSAGES, "u", &more, 1, 1, T0_MS + 36000, NULL);
    meter_read(state, METER_RATE_MESSAGES, "u", limits, 3, 0, T0_MS + 36000, &answer);
    assert_level(answer.before[1], 9);
    state_free(&state);
}

static void
clock_jump(void **data G_GNUC_UNUSED)
{
    struct state *state = memory_state("a");
    struct meter_answer answer;
    assert_true(take(state, 5, T0_MS + 7 * DAY_MS, NULL));
    /* Back: it doesn't drain at once, but goes on from now. */
    assert_true(take(state, 5, T0_MS, &answer));
    assert_level(answer.before[0], 5);
    assert_false(take(state, 1, T0_MS, NULL));
    assert_true(take(state, 1, T0_MS + 6000, NULL));
    /* Threads that are some milliseconds behind drain nothing twice. */
    for (guint i = 0; i < 1000; i++) {
        meter_read(state, METER_RATE_MESSAGES, "u", limits, 3, 0, T0_MS + 6000, NULL);
        assert_false(take(state, 1, T0_MS + 6000 - 5 * (i % 2), &answer));
    }
    assert_level(answer.before[0], 10);
    state_free(&state);
}

/* ---- other nodes ---- */

static struct meter_row
row_of(const char *text, guint64 taken, guint64 given, double level, gint64 last_ms)
{
    struct meter_row row = {.kind = METER_RATE_MESSAGES, .taken = taken, .given = given, .last_ms = last_ms};
    state_key_make(&row.key, "rate_messages", text);
    for (guint i = 0; i < 3; i++) {
        row.level[i] = level;
        row.rate[i] = (double)limits[i].amount / limits[i].seconds;
    }
    return row;
}

static double
level_of(struct state *state, gint64 now_ms)
{
    struct meter_answer answer;
    meter_read(state, METER_RATE_MESSAGES, "u", limits, 3, 0, now_ms, &answer);
    return answer.before[0];
}

static void
hear(struct state *state, guint node, guint64 taken, guint64 given, double level, gint64 now_ms)
{
    struct meter_row row = row_of("u", taken, given, level, now_ms);
    meters_hear(state, node, &row, FALSE, now_ms);
}

static void
other_nodes(void **data G_GNUC_UNUSED)
{
    struct state *state = memory_state("a");
    assert_true(take(state, 2, T0_MS, NULL));
    hear(state, 2, 3, 0, 3, T0_MS);
    assert_level(level_of(state, T0_MS), 5);
    hear(state, 2, 3, 0, 3, T0_MS); /* heard twice, counted once */
    assert_level(level_of(state, T0_MS), 5);
    hear(state, 3, 1, 0, 6, T0_MS);
    assert_level(level_of(state, T0_MS), 6);
    hear(state, 2, 9, 4, 8, T0_MS); /* took six more, gave four */
    assert_level(level_of(state, T0_MS), 8);
    /* It refuses here for what was let through there. */
    assert_false(take(state, 3, T0_MS, NULL));
    hear(state, 2, 9, 14, 0, T0_MS);
    assert_level(level_of(state, T0_MS), 0);
    /* Others may go over the limit; here that is counted. */
    hear(state, 2, 29, 14, 20, T0_MS);
    assert_level(level_of(state, T0_MS), 20);
    /* Nothing of it goes back to the others. */
    assert_int_equal(shards_count(&state->meters->dirty), 1);
    state_free(&state);
}

/* Totals never heard of, or that begin anew, count at most what the other node's level is. */
static void
bounded(void **data G_GNUC_UNUSED)
{
    struct state *state = memory_state("a");
    assert_true(take(state, 1, T0_MS, NULL));
    hear(state, 2, 123456, 0, 4, T0_MS);
    assert_level(level_of(state, T0_MS), 5);
    hear(state, 2, 2, 0, 2, T0_MS);
    assert_level(level_of(state, T0_MS), 7);
    /* What it had drained long ago. */
    struct meter_row row = row_of("u", 50, 0, 5, T0_MS - 60000);
    meters_hear(state, 3, &row, FALSE, T0_MS);
    assert_level(level_of(state, T0_MS), 7);
    /* At load nothing is counted, only noted. */
    row = row_of("u", 500, 0, 9, T0_MS);
    meters_hear(state, 4, &row, TRUE, T0_MS);
    assert_level(level_of(state, T0_MS), 7);
    hear(state, 4, 501, 0, 9, T0_MS);
    assert_level(level_of(state, T0_MS), 8);
    state_free(&state);
}

static void
load(void **data G_GNUC_UNUSED)
{
    struct state *state = memory_state("a");
    assert_true(take(state, 2, T0_MS, NULL)); /* the database wasn't there at the start */
    struct meter_row row = row_of("u", 100, 1, 3, T0_MS);
    meters_load_own(state, &row, T0_MS);
    meters_load_levels(state, &row.key, row.kind, row.level, row.rate, T0_MS);
    assert_level(level_of(state, T0_MS), 5);
    struct shard *shard = shards_lock(state->meters, &row.key);
    const struct meter_cell *meter = shards_find(state->meters, shard, &row.key);
    assert_int_equal(meter->taken, 102);
    assert_int_equal(meter->given, 1);
    g_mutex_unlock(&shard->lock);
    state_free(&state);
}

static void
sweep_and_room(void **data G_GNUC_UNUSED)
{
    struct state_options options = {.node = "a", .meters_max = SHARDS * SHARD_PIECES * 4};
    struct state *state = state_new(&options);
    struct meter_answer answer;
    char text[32];
    meter_add(state, METER_RATE_MESSAGES, "heavy", limits, 3, 100, T0_MS, NULL);
    for (guint i = 0; i < 50000; i++) {
        g_snprintf(text, sizeof text, "%u", i);
        meter_add(state, METER_RATE_RECIPIENTS, text, limits, 1, 1, T0_MS + 1000, NULL);
    }
    assert_in_range(shards_count(&state->meters->n), options.meters_max * 9 / 10, options.meters_max);
    /* Who is at a limit can't make us forget that by many new names. */
    meter_read(state, METER_RATE_MESSAGES, "heavy", limits, 3, 0, T0_MS + 1000, &answer);
    assert_true(answer.before[1] > 99);
    struct meter_row row = row_of("loaded", 1, 0, 1, T0_MS);
    meters_hear(state, 2, &row, FALSE, T0_MS);
    guint gone = 0;
    for (guint i = 0; i < SHARDS; i++)
        gone += meters_sweep(state, i, T0_MS + 2 * DAY_MS - 1000);
    assert_int_equal(gone, 0);
    for (guint i = 0; i < SHARDS; i++)
        gone += meters_sweep(state, i, T0_MS + 5 * DAY_MS);
    assert_int_equal(gone, 1); /* the others are yet to be written */
    assert_int_equal(shards_count(&state->heard->n), 0);
    state_free(&state);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(take_and_drain), cmocka_unit_test(longer_window), cmocka_unit_test(add_give_reset),
        cmocka_unit_test(changed_limit),  cmocka_unit_test(clock_jump),    cmocka_unit_test(other_nodes),
        cmocka_unit_test(bounded),        cmocka_unit_test(load),          cmocka_unit_test(sweep_and_room),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
