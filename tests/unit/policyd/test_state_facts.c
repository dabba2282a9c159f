/* test_state_facts.c: facts in memory: what stands, expiry, the later of two, what is to be written. */
#include "tests/unit/policyd/state_test.h"

static const char *
value_of(struct state *state, enum fact_kind kind, const char *subject, gint64 now_ms)
{
    static char value[64];
    struct fact *fact = fact_get(state, kind, subject, now_ms);
    if (!fact)
        return NULL;
    g_strlcpy(value, fact->value, sizeof value);
    fact_unref(fact);
    return value;
}

static void
put(struct state *state, const char *subject, const char *value, gint64 expires_ms, gint64 now_ms)
{
    assert_true(fact_put_behind(state, FACT_QUOTA, subject, &(struct fact_change){.value = value, .expires_ms = expires_ms,
                                                                                  .by = "test"}, now_ms));
}

static void
put_and_get(void **data G_GNUC_UNUSED)
{
    struct state *state = memory_state("a");
    assert_null(fact_get(state, FACT_QUOTA, "u", T0_MS));
    put(state, "u", "1", 0, T0_MS);
    put(state, "u", "2", T0_MS + 1000, T0_MS);
    struct fact *fact = fact_get(state, FACT_QUOTA, "u", T0_MS);
    assert_string_equal(fact->value, "2");
    assert_string_equal(fact->subject, "u");
    assert_string_equal(fact->by, "test");
    assert_string_equal(fact->node, "a");
    assert_int_equal(fact->since_ms, T0_MS);
    assert_true(fact->changed_ms > T0_MS);
    assert_null(fact_get(state, FACT_SUSPENSION, "u", T0_MS));
    assert_null(fact_get(state, FACT_QUOTA, "u", T0_MS + 1000));
    assert_true(fact_drop_behind(state, FACT_QUOTA, "u", T0_MS));
    assert_null(fact_get(state, FACT_QUOTA, "u", T0_MS));
    /* What someone still holds stays whole. */
    assert_string_equal(fact->value, "2");
    fact_unref(fact);
    put(state, "u", NULL, 0, T0_MS);
    assert_string_equal(value_of(state, FACT_QUOTA, "u", T0_MS), "{}");
    state_free(&state);
}

static void
unfit(void **data G_GNUC_UNUSED)
{
    struct state *state = memory_state("a");
    g_autofree char *subject = g_strnfill(FACT_SUBJECT_MAX + 1, 's'), *value = g_strnfill(FACT_VALUE_MAX + 1, 'v'),
                    *by = g_strnfill(FACT_BY_MAX + 1, 'b');
    assert_false(fact_put_behind(state, FACT_QUOTA, subject, &(struct fact_change){0}, T0_MS));
    assert_false(fact_put_behind(state, FACT_QUOTA, "", &(struct fact_change){0}, T0_MS));
    assert_false(fact_put_behind(state, FACT_QUOTA, "\xff", &(struct fact_change){0}, T0_MS));
    assert_false(fact_put_behind(state, FACT_QUOTA, "u", &(struct fact_change){.value = value}, T0_MS));
    assert_false(fact_put_behind(state, FACT_QUOTA, "u", &(struct fact_change){.by = by}, T0_MS));
    assert_int_equal(facts_count(state->facts), 0);
    state_free(&state);
}

static void
later(void **data G_GNUC_UNUSED)
{
    struct state *state = memory_state("b");
    struct {
        const char *value, *node;
        gint64 changed_ms;
        const char *want;
    } steps[] = {
        {"1", "b", T0_MS, "1"},     {"old", "c", T0_MS - 1, "1"}, {"other node", "c", T0_MS, "other node"},
        {"low", "a", T0_MS, "other node"}, {NULL, "a", T0_MS + 5, NULL}, {"late", "z", T0_MS + 4, NULL},
        {"new", "a", T0_MS + 6, "new"},
    };
    for (guint i = 0; i < G_N_ELEMENTS(steps); i++) {
        struct fact_change change = {.value = steps[i].value};
        struct fact *fact = fact_new(FACT_ALLOW, "x", &change, !steps[i].value, steps[i].node, T0_MS, steps[i].changed_ms);
        facts_merge(state->facts, fact);
        fact_unref(fact);
        const char *value = value_of(state, FACT_ALLOW, "x", T0_MS);
        assert_int_equal(value != NULL, steps[i].want != NULL);
        if (value)
            assert_string_equal(value, steps[i].want);
    }
    /* A decision here comes after all that is known here, whatever the clocks say. */
    assert_true(fact_put_behind(state, FACT_ALLOW, "x", &(struct fact_change){.value = "here"}, T0_MS - 1000));
    assert_string_equal(value_of(state, FACT_ALLOW, "x", T0_MS), "here");
    state_free(&state);
}

static void
list(void **data G_GNUC_UNUSED)
{
    struct state *state = memory_state("a");
    put(state, "c", "1", 0, T0_MS);
    put(state, "a", "2", 0, T0_MS);
    put(state, "expired", "3", T0_MS + 1, T0_MS);
    put(state, "dropped", "4", 0, T0_MS);
    fact_drop_behind(state, FACT_QUOTA, "dropped", T0_MS);
    GPtrArray *all = fact_list(state, FACT_QUOTA, T0_MS + 1);
    assert_int_equal(all->len, 2);
    assert_string_equal(((struct fact *)g_ptr_array_index(all, 0))->subject, "a");
    assert_string_equal(((struct fact *)g_ptr_array_index(all, 1))->subject, "c");
    g_ptr_array_unref(all);
    state_free(&state);
}

static void
pending(void **data G_GNUC_UNUSED)
{
    struct state *state = memory_state("a");
    put(state, "x", "1", 0, T0_MS);
    put(state, "y", "1", 0, T0_MS);
    put(state, "x", "2", 0, T0_MS);
    assert_int_equal(facts_pending(state->facts), 2);
    GPtrArray *taken = facts_take_pending(state->facts, 100);
    assert_int_equal(taken->len, 2);
    assert_int_equal(facts_pending(state->facts), 0);
    put(state, "x", "3", 0, T0_MS);
    facts_put_pending(state->facts, taken);
    g_ptr_array_unref(taken);
    assert_int_equal(facts_pending(state->facts), 2);
    taken = facts_take_pending(state->facts, 100);
    for (guint i = 0; i < taken->len; i++) {
        const struct fact *fact = g_ptr_array_index(taken, i);
        assert_string_equal(fact->value, strcmp(fact->subject, "x") == 0 ? "3" : "1");
    }
    g_ptr_array_unref(taken);
    state_free(&state);
}

static void
sweep(void **data G_GNUC_UNUSED)
{
    struct state *state = memory_state("a");
    put(state, "x", "1", T0_MS + 5, T0_MS);
    put(state, "y", "1", 0, T0_MS);
    put(state, "z", "1", 0, T0_MS);
    fact_drop_behind(state, FACT_QUOTA, "z", T0_MS);
    assert_int_equal(facts_sweep(state->facts, T0_MS + 6, T0_MS + 6), 0); /* not before they are written */
    g_ptr_array_unref(facts_take_pending(state->facts, 100));
    assert_int_equal(facts_sweep(state->facts, T0_MS + 5, T0_MS + 1), 0);
    assert_int_equal(facts_sweep(state->facts, T0_MS + 6, T0_MS + 6), 2);
    assert_int_equal(facts_count(state->facts), 1);
    assert_string_equal(value_of(state, FACT_QUOTA, "y", T0_MS), "1");
    state_free(&state);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(put_and_get), cmocka_unit_test(unfit),   cmocka_unit_test(later),
        cmocka_unit_test(list),        cmocka_unit_test(pending), cmocka_unit_test(sweep),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
