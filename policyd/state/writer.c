/* writer.c: the thread that writes what changed and removes what has expired.
 *
 * It goes round every flush_ms, or at once when state_flush asks. A round that fails is said once in the log, and tried again after
 * retry_ms; what it should have written stays dirty. */
#include <errno.h>
#include <sys/resource.h>
#include "lib/base/log.h"
#include "policyd/state/flush.h"
#include "policyd/state/lease.h"

#define COMPLAIN_US (60 * G_USEC_PER_SEC)
#define STOP_US (10 * G_USEC_PER_SEC)
#define WRITER_NICE 10 /* a tenth of the weight of the threads that answer */

gboolean
state_connect(struct state *state, gboolean wait, GError **error)
{
    if (!state->sql) {
        state->sql = sql_open(&state->options.sql, error);
        if (!state->sql)
            return FALSE;
        /* A server that was away may be another one, or older. */
        if (!sql_migrate(state->sql, STATE_SCHEMA, NULL, error)) {
            sql_close(&state->sql);
            return FALSE;
        }
    }
    return state->leased ? lease_keep(state, error) : lease_take(state, wait, error);
}

static gboolean
load_once(struct state *state, GError **error)
{
    if (state_is_loaded(state))
        return TRUE;
    if (!state_load(state, error))
        return FALSE;
    g_mutex_lock(&state->lock);
    state->loaded = TRUE;
    g_mutex_unlock(&state->lock);
    return TRUE;
}

/* Everything there is to do now, but for sweeping. */
static gboolean
write_and_read(struct state *state, GError **error)
{
    gint64 started_us = g_get_monotonic_time();
    if (!state_connect(state, FALSE, error) || !load_once(state, error) || !state_write_dirty(state, error))
        return FALSE;
    g_mutex_lock(&state->lock);
    state->clean_us = started_us;
    g_mutex_unlock(&state->lock);
    return TRUE;
}

/* ---- what is said of it ---- */

static void
say_failure(struct state *state, const GError *failure, gboolean was_connected)
{
    gint64 now_us = g_get_monotonic_time();
    if (g_error_matches(failure, SQL_ERROR, SQL_ERROR_AWAY)) {
        if (was_connected)
            log_text(LOG_SEV_WARNING, "state", "the database is away, what is known stays in memory until it is back: %s",
                     failure->message);
        return;
    }
    /* Busy once is nothing to talk about. */
    if (now_us - state->complained_us < COMPLAIN_US ||
        (g_error_matches(failure, SQL_ERROR, SQL_ERROR_BUSY) && now_us - state->clean_us < COMPLAIN_US / 6))
        return;
    state->complained_us = now_us;
    log_text(LOG_SEV_ERROR, "state", "can't write: %s", failure->message);
}

/* Notes how the round went, and wakes those who wait for it. Takes failure over. */
static void
round_ended(struct state *state, guint64 asked, GError *failure)
{
    gboolean away = g_error_matches(failure, SQL_ERROR, SQL_ERROR_AWAY);
    g_mutex_lock(&state->lock);
    gboolean was_connected = state->connected;
    state->connected = !failure || (was_connected && !away);
    state->answered = asked;
    g_clear_error(&state->failure);
    state->failure = failure ? g_error_copy(failure) : NULL;
    g_cond_broadcast(&state->done);
    g_mutex_unlock(&state->lock);
    if (failure)
        say_failure(state, failure, was_connected);
    else if (!was_connected)
        log_text(LOG_SEV_INFO, "state", "the database is back, all is written");
    g_clear_error(&failure);
}

/* ---- the thread ---- */

/* A piece of what has expired. What fails here is tried again, and if it lasts the next writing says so. */
static void
sweep_when_due(struct state *state)
{
    gint64 now_ms = g_get_real_time() / 1000;
    gboolean agrees = FALSE;
    if (state_sweep_due(state, now_ms, g_get_monotonic_time()) &&
        (!state_clock_agrees(state, now_ms, &agrees, NULL) || (agrees && !state_sweep(state, now_ms, NULL))))
        state->sweep.next_us = g_get_monotonic_time() + G_USEC_PER_SEC;
}

static gboolean
one_round(struct state *state, guint64 asked)
{
    GError *failure = NULL;
    gboolean good = write_and_read(state, &failure);
    round_ended(state, asked, failure);
    if (good)
        sweep_when_due(state);
    return good;
}

static gpointer
writer_main(gpointer data)
{
    struct state *state = data;
    gint64 next_us = g_get_monotonic_time();

    /* Who asks is not to wait while thousands of rows are written. (Linux: of this thread alone.) */
    if (setpriority(PRIO_PROCESS, 0, WRITER_NICE) != 0)
        log_text(LOG_SEV_DEBUG, "state", "the writing thread keeps its priority: %s", g_strerror(errno));
    g_mutex_lock(&state->lock);
    while (!state->stop) {
        if (state->asked == state->answered && g_cond_wait_until(&state->wake, &state->lock, next_us))
            continue;
        guint64 asked = state->asked;
        g_mutex_unlock(&state->lock);
        gint64 started_us = g_get_monotonic_time();
        gboolean good = one_round(state, asked);
        guint pause_ms = good ? state->options.flush_ms : state->options.sql.retry_ms;
        next_us = good ? started_us + (gint64)pause_ms * 1000 : g_get_monotonic_time() + (gint64)pause_ms * 1000;
        g_mutex_lock(&state->lock);
    }
    g_mutex_unlock(&state->lock);
    return NULL;
}

void
state_writer_start(struct state *state)
{
    state->writer = g_thread_new("state-writer", writer_main, state);
}

void
state_writer_stop(struct state *state)
{
    if (!state->writer)
        return;
    gint64 until_us = g_get_monotonic_time() + STOP_US;
    __atomic_store_n(&state->write_until_us, until_us, __ATOMIC_RELAXED);
    g_mutex_lock(&state->lock);
    state->stop = TRUE;
    g_cond_broadcast(&state->wake);
    g_mutex_unlock(&state->lock);
    g_thread_join(state->writer);
    /* What is left; someone else may hold the database. */
    while (!one_round(state, state->asked) && g_get_monotonic_time() < until_us && state->connected)
        g_usleep(100 * 1000);
    guint64 left = state_dirty(state);
    if (left > 0)
        log_text(LOG_SEV_WARNING, "state", "ends with %" G_GUINT64_FORMAT " changes that aren't written", left);
}
