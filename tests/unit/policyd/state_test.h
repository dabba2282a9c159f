/* state_test.h: what the tests of policyd/state share. */
#pragma once
#include "policyd/state/private.h"
#include "tests/unit/base/test.h"

#define T0 1790000000u             /* some second */
#define T0_MS ((gint64)T0 * 1000)

/* A state in memory only. */
static inline struct state *
memory_state(const char *node)
{
    struct state_options options = {.node = node};
    return state_new(&options);
}

static inline void
assert_mark(struct state *state, enum mark_kind kind, const char *text, guint32 now_s, guint32 first_s, guint32 last_s,
            guint32 count)
{
    struct mark mark;
    assert_true(marks_get(state, kind, text, now_s, &mark));
    assert_int_equal(mark.first_s, first_s);
    assert_int_equal(mark.last_s, last_s);
    assert_int_equal(mark.count, count);
}
