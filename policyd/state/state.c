/* state.c: opening and closing, and how it is. See state.h. */
#include "lib/base/log.h"
#include "policyd/state/flush.h"
#include "policyd/state/lease.h"

#define FLUSH_WAIT_US (10 * G_USEC_PER_SEC)
#define CONNECTIONS 4u
/* After a boot the clock may have to be set right first. */
#define SWEEP_AFTER_US (10 * G_TIME_SPAN_MINUTE)

/* ---- opening ---- */

static gboolean
options_are_fit(const struct state_options *options, GError **error)
{
    static const char fit[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-";
    const char *node = options->node ? options->node : "";
    if (!*node || strlen(node) > 64 || strspn(node, fit) != strlen(node)) {
        g_set_error(error, SQL_ERROR, SQL_ERROR_STATEMENT, "a node's name is 1 to 64 letters, digits, dots, _ or -: \"%s\"", node);
        return FALSE;
    }
    if (options->shared && g_strcmp0(options->sql.driver, "mariadb") != 0) {
        g_set_error(error, SQL_ERROR, SQL_ERROR_STATEMENT, "several nodes need MariaDB");
        return FALSE;
    }
    return TRUE;
}

/* Connects and reads all there is. */
static gboolean
begin(struct state *state, GError **error)
{
    if (!state_connect(state, TRUE, error) || !state_load(state, error))
        return FALSE;
    state->loaded = state->connected = TRUE;
    return TRUE;
}

struct state *
state_open(const struct state_options *options, GError **error)
{
    if (!options_are_fit(options, error))
        return NULL;
    struct state *state = state_new(options);
    state->pool = sql_pool_new(&state->options.sql, CONNECTIONS);
    state->clean_us = g_get_monotonic_time();
    state->sweep.next_us = state->clean_us + SWEEP_AFTER_US;
    GError *failure = NULL;
    if (!begin(state, &failure)) {
        if (!options->start_empty || !g_error_matches(failure, SQL_ERROR, SQL_ERROR_AWAY)) {
            g_propagate_error(error, failure);
            state_close(&state);
            return NULL;
        }
        log_text(LOG_SEV_WARNING, "state", "begins with nothing known, as the database is away: %s", failure->message);
        g_error_free(failure);
    }
    state_writer_start(state);
    state_reader_start(state);
    return state;
}

void
state_close(struct state **state)
{
    if (!state || !*state)
        return;
    state_reader_stop(*state);
    state_writer_stop(*state);
    if ((*state)->sql)
        lease_release(*state);
    sql_close(&(*state)->sql);
    sql_pool_free(&(*state)->pool);
    state_free(state);
}

/* ---- turns ---- */

void
state_turn_take(struct state *state)
{
    if (!sql_is_mariadb(state->sql))
        g_mutex_lock(&state->turn);
}

void
state_turn_give(struct state *state)
{
    if (!sql_is_mariadb(state->sql))
        g_mutex_unlock(&state->turn);
}

/* ---- how it is ---- */

void
state_count(struct state *state, guint64 *counter, guint64 n)
{
    g_mutex_lock(&state->lock);
    *counter += n;
    g_mutex_unlock(&state->lock);
}

gboolean
state_is_loaded(struct state *state)
{
    g_mutex_lock(&state->lock);
    gboolean loaded = state->loaded;
    g_mutex_unlock(&state->lock);
    return loaded;
}

gboolean
state_is_connected(struct state *state)
{
    g_mutex_lock(&state->lock);
    gboolean connected = state->connected;
    g_mutex_unlock(&state->lock);
    return connected;
}

/* A round that was asked for while another ran begins after it, so one that answers a later number has seen all. */
gboolean
state_flush(struct state *state, GError **error)
{
    gint64 deadline_us = g_get_monotonic_time() + FLUSH_WAIT_US;
    gboolean good = TRUE;
    g_mutex_lock(&state->lock);
    guint64 mine = ++state->asked;
    g_cond_broadcast(&state->wake);
    while (good && state->answered < mine)
        good = g_cond_wait_until(&state->done, &state->lock, deadline_us);
    if (!good)
        g_set_error(error, SQL_ERROR, SQL_ERROR_AWAY, "not all was written within 10 s");
    else if (state->failure) {
        good = FALSE;
        if (error)
            *error = g_error_copy(state->failure);
    }
    g_mutex_unlock(&state->lock);
    return good;
}

void
state_get_stats(struct state *state, struct state_stats *stats_r)
{
    *stats_r = (struct state_stats){
        .marks = (guint64)shards_count(&state->marks->n),
        .meters = (guint64)shards_count(&state->meters->n),
        .facts = facts_count(state->facts),
        .dirty = state_dirty(state),
        .evicted = (guint64)(shards_count(&state->marks->evicted) + shards_count(&state->meters->evicted)),
    };
    g_mutex_lock(&state->lock);
    stats_r->written = state->written;
    stats_r->pulled = state->pulled;
    stats_r->expired = state->expired;
    stats_r->lag_ms = (g_get_monotonic_time() - state->clean_us) / 1000;
    g_mutex_unlock(&state->lock);
}
