/* test_state_marks.c: marks in memory: touching, expiry, forgetting, clock jumps, and that merging comes to the same in any order. */
#include "tests/unit/policyd/state_test.h"

static void
touch(void **data G_GNUC_UNUSED)
{
    struct state *state = memory_state("a");
    struct mark before = {1, 1, 1};
    assert_false(marks_get(state, MARK_GREYLIST, "x", T0, &before));
    assert_int_equal(before.first_s, 0);
    assert_true(marks_touch(state, MARK_GREYLIST, "x", T0, 1, &before));
    assert_int_equal(before.count, 0);
    assert_false(marks_touch(state, MARK_GREYLIST, "x", T0 + 300, 2, &before));
    assert_int_equal(before.first_s, T0);
    assert_int_equal(before.last_s, T0);
    assert_int_equal(before.count, 1);
    assert_mark(state, MARK_GREYLIST, "x", T0 + 300, T0, T0 + 300, 3);
    /* A thread that is a little behind. */
    marks_touch(state, MARK_GREYLIST, "x", T0 + 299, 0, NULL);
    assert_mark(state, MARK_GREYLIST, "x", T0 + 300, T0, T0 + 300, 3);
    /* The kind is part of the key. */
    assert_false(marks_get(state, MARK_ORIGIN, "x", T0, NULL));
    /* Seen, but not counted. */
    assert_true(marks_touch(state, MARK_ORIGIN, "y", T0, 0, NULL));
    assert_mark(state, MARK_ORIGIN, "y", T0, T0, T0, 0);
    /* Counts end somewhere. */
    marks_touch(state, MARK_ORIGIN, "y", T0, G_MAXUINT32, NULL);
    marks_touch(state, MARK_ORIGIN, "y", T0, 1, NULL);
    assert_mark(state, MARK_ORIGIN, "y", T0, T0, T0, MARK_COUNT_MAX);
    state_free(&state);
}

static void
expiry(void **data G_GNUC_UNUSED)
{
    struct state *state = memory_state("a");
    const guint32 life = mark_kind_expiry(MARK_GREYLIST);
    struct mark before;
    marks_touch(state, MARK_GREYLIST, "x", T0, 5, NULL);
    assert_true(marks_get(state, MARK_GREYLIST, "x", T0 + life, NULL));
    assert_false(marks_get(state, MARK_GREYLIST, "x", T0 + life + 1, NULL));
    assert_true(marks_touch(state, MARK_GREYLIST, "x", T0 + life + 1, 1, &before));
    assert_int_equal(before.count, 0);
    assert_mark(state, MARK_GREYLIST, "x", T0 + life + 1, T0 + life + 1, T0 + life + 1, 1);
    /* What SQL still has of its former life doesn't come back. */
    struct mark_row row = {.kind = MARK_GREYLIST, .first_s = T0, .last_s = T0, .count = 5};
    state_key_make(&row.key, "greylist", "x");
    marks_merge(state, &row);
    assert_mark(state, MARK_GREYLIST, "x", T0 + life + 1, T0 + life + 1, T0 + life + 1, 1);
    state_free(&state);
}

static void
sweep(void **data G_GNUC_UNUSED)
{
    struct state *state = memory_state("a");
    struct mark_row row = {.kind = MARK_GREYLIST, .first_s = T0, .last_s = T0, .count = 5};
    state_key_make(&row.key, "greylist", "x");
    marks_merge(state, &row);
    row.kind = MARK_CORRESPONDENT;
    state_key_make(&row.key, "correspondent", "x");
    marks_merge(state, &row);
    marks_touch(state, MARK_GREYLIST, "dirty", T0, 1, NULL);
    guint gone = 0;
    for (guint i = 0; i < SHARDS; i++)
        gone += marks_sweep(state, i, T0 + mark_kind_expiry(MARK_GREYLIST) + 1);
    assert_int_equal(gone, 1);
    assert_true(marks_get(state, MARK_CORRESPONDENT, "x", T0, NULL));
    assert_true(marks_get(state, MARK_GREYLIST, "dirty", T0, NULL));
    state_free(&state);
}

static void
forget(void **data G_GNUC_UNUSED)
{
    struct state *state = memory_state("a");
    assert_false(marks_forget(state, MARK_ORIGIN, "x", T0));
    assert_true(marks_touch(state, MARK_ORIGIN, "x", T0 + 5, 7, NULL));
    assert_true(marks_forget(state, MARK_ORIGIN, "x", T0 + 6));
    assert_false(marks_get(state, MARK_ORIGIN, "x", T0 + 6, NULL));
    assert_false(marks_forget(state, MARK_ORIGIN, "x", T0 + 6));
    /* Another node that hasn't heard yet writes what it knows. */
    struct mark_row row = {.kind = MARK_ORIGIN, .epoch = T0, .first_s = T0, .last_s = T0 + 7, .count = 9};
    state_key_make(&row.key, "origin", "x");
    marks_merge(state, &row);
    assert_false(marks_get(state, MARK_ORIGIN, "x", T0 + 7, NULL));
    assert_true(marks_touch(state, MARK_ORIGIN, "x", T0 + 8, 1, NULL));
    assert_mark(state, MARK_ORIGIN, "x", T0 + 8, T0 + 8, T0 + 8, 1);
    state_free(&state);
}

static void
note(void **data G_GNUC_UNUSED)
{
    struct state *state = memory_state("a");
    marks_note(state, MARK_ORIGIN, "x", &(struct mark){T0 - 9 * DAY_S, T0 - 5 * DAY_S, 4}, T0);
    assert_mark(state, MARK_ORIGIN, "x", T0, T0 - 9 * DAY_S, T0 - 5 * DAY_S, 4);
    marks_touch(state, MARK_ORIGIN, "x", T0, 1, NULL);
    marks_note(state, MARK_ORIGIN, "x", &(struct mark){T0 - 10 * DAY_S, T0 - 5 * DAY_S, 2}, T0);
    assert_mark(state, MARK_ORIGIN, "x", T0, T0 - 10 * DAY_S, T0, 5);
    marks_note(state, MARK_ORIGIN, "y", &(struct mark){T0 + 10 * DAY_S, T0 + 5 * DAY_S, 2}, T0);
    assert_mark(state, MARK_ORIGIN, "y", T0, T0, T0, 2);
    assert_int_equal(shards_count(&state->marks->dirty), 2);
    state_free(&state);
}

/* The clock was in 2038 for a while. */
static void
clock_jump(void **data G_GNUC_UNUSED)
{
    struct state *state = memory_state("a");
    const guint32 wrong = T0 + 400 * DAY_S;
    marks_touch(state, MARK_ORIGIN, "x", T0 - 100, 3, NULL);
    marks_touch(state, MARK_ORIGIN, "y", wrong, 2, NULL);
    assert_mark(state, MARK_ORIGIN, "y", T0, T0, T0, 2);
    assert_false(marks_touch(state, MARK_ORIGIN, "y", T0 + 10, 1, NULL));
    assert_mark(state, MARK_ORIGIN, "y", T0 + 20, T0 + 10, T0 + 10, 3);
    /* What SQL has from then isn't later than what is known now. */
    struct mark_row row = {.kind = MARK_ORIGIN, .first_s = wrong, .last_s = wrong, .count = 2};
    state_key_make(&row.key, "origin", "y");
    marks_merge(state, &row);
    assert_mark(state, MARK_ORIGIN, "y", T0 + 20, T0 + 10, T0 + 10, 3);
    /* A jump back: nothing is lost. */
    assert_false(marks_touch(state, MARK_ORIGIN, "x", 1000, 1, NULL));
    assert_true(marks_get(state, MARK_ORIGIN, "x", T0, NULL));
    state_free(&state);
}

/* Two states get the same rows in different orders, some twice: they know the same in the end. */
static void
merging(void **data G_GNUC_UNUSED)
{
    struct state *a = memory_state("a"), *b = memory_state("b");
    GRand *random = g_rand_new_with_seed(6);
    struct mark_row rows[40];
    for (guint i = 0; i < G_N_ELEMENTS(rows); i++) {
        rows[i] = (struct mark_row){.kind = MARK_ORIGIN, .epoch = T0 + (guint32)g_rand_int_range(random, 0, 3)};
        char text[2] = {(char)('a' + i % 4), 0};
        state_key_make(&rows[i].key, "origin", text);
        rows[i].first_s = MARK_NEVER;
        if (g_rand_int_range(random, 0, 8) == 0)
            continue;
        rows[i].first_s = T0 + 10 + (guint32)g_rand_int_range(random, 0, 9);
        rows[i].last_s = rows[i].first_s + (guint32)g_rand_int_range(random, 0, 9);
        rows[i].count = (guint32)g_rand_int_range(random, 1, 100);
    }
    for (guint i = 0; i < G_N_ELEMENTS(rows); i++)
        marks_merge(a, &rows[i]);
    for (guint i = 0; i < 4000; i++)
        marks_merge(b, &rows[g_rand_int_range(random, 0, G_N_ELEMENTS(rows))]);
    for (char c = 'a'; c <= 'd'; c++) {
        char text[2] = {c, 0};
        struct mark x, y;
        assert_int_equal(marks_get(a, MARK_ORIGIN, text, T0 + 50, &x), marks_get(b, MARK_ORIGIN, text, T0 + 50, &y));
        assert_memory_equal(&x, &y, sizeof x);
    }
    g_rand_free(random);
    state_free(&a);
    state_free(&b);
}

/* Full of what is young: what lives longest stays. */
static void
full(void **data G_GNUC_UNUSED)
{
    struct state_options options = {.node = "a", .marks_max = SHARDS * SHARD_PIECES * 10};
    struct state *state = state_new(&options);
    char text[32];
    for (guint i = 0; i < 5000; i++) {
        g_snprintf(text, sizeof text, "%u", i);
        marks_touch(state, MARK_CORRESPONDENT, text, T0, 1, NULL);
    }
    for (guint i = 0; i < 100000; i++) {
        g_snprintf(text, sizeof text, "%u", i);
        marks_touch(state, MARK_GREYLIST, text, T0 + 3600, 1, NULL);
    }
    guint left = 0;
    for (guint i = 0; i < 5000; i++) {
        g_snprintf(text, sizeof text, "%u", i);
        left += marks_get(state, MARK_CORRESPONDENT, text, T0 + 3600, NULL) ? 1 : 0;
    }
    assert_int_equal(left, 5000);
    assert_in_range(shards_count(&state->marks->n), options.marks_max * 9 / 10, options.marks_max);
    state_free(&state);
}

static void
kinds(void **data G_GNUC_UNUSED)
{
    for (guint i = 1; i < MARK_KINDS; i++) {
        assert_non_null(mark_kind_name(i));
        assert_true(mark_kind_expiry(i) > 0);
        assert_int_equal(mark_kind_find(mark_kind_name(i)), i);
        assert_in_range(strlen(mark_kind_name(i)), 1, 24);
    }
    for (guint i = 1; i < METER_KINDS; i++) {
        assert_true(meter_kind_expiry(i) > 0);
        assert_int_equal(meter_kind_find(meter_kind_name(i)), i);
        assert_in_range(strlen(meter_kind_name(i)), 1, 24);
    }
    for (guint i = 1; i < FACT_KINDS; i++)
        assert_int_equal(fact_kind_find(fact_kind_name(i)), i);
    assert_int_equal(mark_kind_find("of a newer program"), 0);
    assert_int_equal(mark_kind_find(NULL), 0);
    assert_null(mark_kind_name(0));
    assert_null(mark_kind_name(MARK_KINDS));
    assert_true(MARK_KINDS <= 64 && METER_KINDS <= 64);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(touch),      cmocka_unit_test(expiry),  cmocka_unit_test(sweep), cmocka_unit_test(forget),
        cmocka_unit_test(note),       cmocka_unit_test(clock_jump), cmocka_unit_test(merging), cmocka_unit_test(full),  cmocka_unit_test(kinds),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
