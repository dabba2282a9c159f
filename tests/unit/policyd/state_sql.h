/* state_sql.h: states on the databases of sqltest.h. */
#pragma once
#include "policyd/state/flush.h"
#include "policyd/state/lease.h"
#include "tests/support/sqltest.h"
#include "tests/unit/policyd/state_test.h"

/* Opens or fails the test. */
static inline struct state *
open_state(const struct sqltest *test, const char *node, gboolean shared)
{
    struct state_options options = {.sql = test->options, .node = node, .shared = shared, .flush_ms = 100, .pull_ms = 100};
    g_autoptr(GError) error = NULL;
    struct state *state = state_open(&options, &error);
    if (!state)
        fail_msg("%s", error->message);
    return state;
}

static inline void
flush(struct state *state)
{
    g_autoptr(GError) error = NULL;
    if (!state_flush(state, &error))
        fail_msg("%s", error->message);
}

/* A state whose rounds the test makes itself. */
static inline struct state *
threadless_state(const struct sqltest *test, const char *node)
{
    struct state_options options = {.sql = test->options, .node = node, .shared = test->mariadb};
    g_autoptr(GError) error = NULL;
    struct state *state = state_new(&options);
    state->pool = sql_pool_new(&state->options.sql, 2);
    if (!state_connect(state, TRUE, &error) || !state_load(state, &error))
        fail_msg("%s", error->message);
    state->loaded = state->connected = TRUE;
    return state;
}

static inline void
write_now(struct state *state)
{
    g_autoptr(GError) error = NULL;
    if (!state_write_dirty(state, &error))
        fail_msg("%s", error->message);
}

static inline gint64
real_ms(void)
{
    return g_get_real_time() / 1000;
}

static inline guint32
real_s(void)
{
    return (guint32)(real_ms() / 1000);
}
