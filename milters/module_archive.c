/* module_archive.c: the record of every accepted transaction, durable before the reply.
 *
 * NAME     archive - hands the message over to postern-archived, or to the spool
 *
 * keep() sends the whole record (message as received, edits, envelope, verdict) and waits until the archive
 * says that it is on disk. When the archive is away or has a passing trouble (disk full, busy), the same
 * record goes to the milter's own spool, synced. When neither has it, or the archive refuses it for good,
 * the message is not accepted.
 *
 * An archive that hangs would cost every message the whole timeout: after an attempt that failed slowly, the
 * next ones go straight to the spool for some seconds; the first one after that tries again. */
#include <string.h>
#include "lib/base/log.h"
#include "milters/runtime.h"
#include "milters/stats.h"
#include "milters/transaction.h"

#define SLOW_US (G_USEC_PER_SEC / 2)
#define SKIP_US (10 * G_USEC_PER_SEC)

struct archive_state {
    struct runtime *runtime; /* which owns this state */
    GMutex lock;             /* guards both below */
    gint64 skip_until;       /* monotonic: no attempt before; 0 = none */
    gboolean away;           /* for one log line per outage */
};

static guint
archive_needs(const struct config *config)
{
    (void)config;
    return NEED_CLIENT | NEED_HELO | NEED_SENDER | NEED_RECIPIENTS | NEED_HEADERS | NEED_BODY | NEED_EXPANSION;
}

static gpointer
archive_open(struct runtime *runtime, GError **error)
{
    struct archive_state *state = g_new0(struct archive_state, 1);

    (void)error;
    state->runtime = runtime;
    g_mutex_init(&state->lock);
    return state;
}

static void
archive_close(gpointer data)
{
    struct archive_state *state = data;

    g_mutex_clear(&state->lock);
    g_free(state);
}

static gboolean
may_try(struct archive_state *state)
{
    gboolean may;

    g_mutex_lock(&state->lock);
    may = state->skip_until <= g_get_monotonic_time();
    g_mutex_unlock(&state->lock);
    return may;
}

/* One log line when the archive goes away and one when it is back; error NULL = it answered. */
static void
note_attempt(struct archive_state *state, gint64 began, const GError *error)
{
    gboolean changed;

    g_mutex_lock(&state->lock);
    changed = state->away != (error != NULL);
    state->away = error != NULL;
    if (error == NULL)
        state->skip_until = 0;
    else if (g_get_monotonic_time() - began > SLOW_US)
        state->skip_until = g_get_monotonic_time() + SKIP_US;
    g_mutex_unlock(&state->lock);
    if (changed && error != NULL)
        log_text(LOG_SEV_WARNING, "archive", "mail goes to the spool: %s", error->message);
    else if (changed)
        log_text(LOG_SEV_INFO, "archive", "the archive takes records again");
}

/* TRUE: stored. FALSE: error says whether the spool should have it (away, temporary) or nobody (permanent). */
static gboolean
store(struct archive_state *state, GBytes *record, struct transaction *tx, GError **error)
{
    struct archive_stored stored;
    gint64 began = g_get_monotonic_time();
    GError *cause = NULL;

    if (!may_try(state)) {
        g_set_error(error, ARCHIVE_ERROR, ARCHIVE_ERROR_AWAY, "the archive did not answer a moment ago");
        return FALSE;
    }
    if (archive_client_ingest(state->runtime->archive, record, &stored, &cause)) {
        note_attempt(state, began, NULL);
        memcpy(tx->archive_id, stored.id, sizeof tx->archive_id);
        memcpy(tx->archive_event, stored.event, sizeof tx->archive_event);
        tx->archive_known = stored.known;
        tx->archive_repeat = stored.repeat;
        return TRUE;
    }
    if (!g_error_matches(cause, ARCHIVE_ERROR, ARCHIVE_ERROR_PERMANENT))
        note_attempt(state, began, cause);
    g_propagate_error(error, cause);
    return FALSE;
}

static gboolean
archive_keep(gpointer data, struct transaction *tx, const struct decision *decision, GError **error)
{
    struct archive_state *state = data;
    g_autoptr(GBytes) record = capture_encode(tx->capture, TRUE);
    g_autoptr(GError) archive_error = NULL;
    GError *spool_error = NULL;

    (void)decision;
    if (store(state, record, tx, &archive_error)) {
        tx->archive = ARCHIVE_STORED_NOW;
        return TRUE;
    }
    if (g_error_matches(archive_error, ARCHIVE_ERROR, ARCHIVE_ERROR_PERMANENT)) {
        tx->archive = ARCHIVE_NOT_KEPT;
        g_propagate_error(error, g_steal_pointer(&archive_error));
        return FALSE;
    }
    if (spool_put(state->runtime->spool, tx->capture->transaction, tx->capture->received_us, record, &spool_error)) {
        tx->archive = ARCHIVE_SPOOLED;
        return TRUE;
    }
    tx->archive = ARCHIVE_NOT_KEPT;
    g_propagate_prefixed_error(error, spool_error, "%s; then ", archive_error->message);
    return FALSE;
}

const struct milter_module archive_module = {
    .name = "archive",
    .needs = archive_needs,
    .open = archive_open,
    .close = archive_close,
    .keep = archive_keep,
};
