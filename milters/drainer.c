/* drainer.c: one record after the other, oldest first, until the spool is empty or the archive fails.
 *
 * A record leaves the spool only when the archive said STORED. After a passing failure the thread waits, 1 s
 * at first and twice as long each time up to archive.drain_interval. A record that the archive refuses for
 * good, or that is damaged on disk, goes to refused/ with a warning and the next one is tried; one that fails
 * for now does not hold up the others either, unless the archive is away or several fail in a row. */
#include "lib/base/log.h"
#include "milters/drainer.h"
#include "milters/stats.h"

#define FIRST_PAUSE_MS 1000
#define FAILURES_IN_A_ROW_MAX 3u

struct drainer {
    struct spool *spool;
    GThread *thread;
    GMutex lock; /* guards all below */
    GCond changed;
    gboolean stop, wake;
};

enum drained { DRAINED, DRAIN_REFUSED, DRAIN_LATER /* only this one fails */, DRAIN_STOP /* all would */ };

static gboolean
stopping(struct drainer *drainer)
{
    gboolean stop;

    g_mutex_lock(&drainer->lock);
    stop = drainer->stop;
    g_mutex_unlock(&drainer->lock);
    return stop;
}

static void
show_counts(struct spool *spool)
{
    guint64 files, bytes;

    spool_count(spool, &files, &bytes);
    metrics_set(stats.spool_files, 0, (gint64)files);
    metrics_set(stats.spool_bytes, 0, (gint64)bytes);
}

static enum drained
refuse(struct spool *spool, const char *name, const char *why)
{
    g_autoptr(GError) error = NULL;

    log_text(LOG_SEV_WARNING, "spool", "%s goes to refused/: %s; look at it and hand it in again or delete it", name,
             why);
    if (!spool_refuse(spool, name, &error)) {
        log_text(LOG_SEV_ERROR, "spool", "%s", error->message);
        return DRAIN_STOP;
    }
    metrics_add(stats.refused, 0, 1);
    return DRAIN_REFUSED;
}

static enum drained
drain_one(struct spool *spool, struct archive_client *archive, const char *name)
{
    g_autoptr(GError) error = NULL;
    g_autoptr(GBytes) record = spool_read(spool, name, &error);
    struct archive_stored stored;
    struct log_line *line;

    if (record == NULL) {
        if (g_error_matches(error, SPOOL_ERROR, SPOOL_ERROR_DAMAGED))
            return refuse(spool, name, error->message);
        log_text(LOG_SEV_ERROR, "spool", "%s", error->message);
        return DRAIN_LATER;
    }
    if (!archive_client_ingest(archive, record, &stored, &error)) {
        if (g_error_matches(error, ARCHIVE_ERROR, ARCHIVE_ERROR_PERMANENT))
            return refuse(spool, name, error->message);
        log_text(LOG_SEV_DEBUG, "spool", "%s stays: %s", name, error->message);
        return g_error_matches(error, ARCHIVE_ERROR, ARCHIVE_ERROR_AWAY) ? DRAIN_STOP : DRAIN_LATER;
    }
    if (!spool_remove(spool, name, &error)) { /* will be sent again and recognised */
        log_text(LOG_SEV_ERROR, "spool", "%s", error->message);
        return DRAIN_STOP;
    }
    line = log_line_new(LOG_SEV_INFO, "drained");
    log_line_str(line, "record", name);
    log_line_str(line, "archive_id", stored.id);
    log_line_str(line, "repeat", stored.repeat ? "yes" : NULL);
    log_line_emit(line);
    metrics_add(stats.drained, 0, 1);
    return DRAINED;
}

/* FALSE: something failed; wait longer. */
static gboolean
drain_all(struct drainer *drainer)
{
    struct runtime *runtime = runtime_current();
    g_autoptr(GError) error = NULL;
    g_autoptr(GPtrArray) names = spool_list(drainer->spool, &error);
    gboolean fine = names != NULL;
    guint in_a_row = 0;

    if (names == NULL)
        log_text(LOG_SEV_ERROR, "spool", "%s", error->message);
    for (guint i = 0; names != NULL && runtime != NULL && runtime->archive != NULL && i < names->len; i++) {
        enum drained drained;

        if (in_a_row == FAILURES_IN_A_ROW_MAX || stopping(drainer))
            break;
        drained = drain_one(drainer->spool, runtime->archive, g_ptr_array_index(names, i));
        fine = fine && drained < DRAIN_LATER;
        in_a_row = drained == DRAIN_STOP ? FAILURES_IN_A_ROW_MAX : drained == DRAIN_LATER ? in_a_row + 1 : 0;
        show_counts(drainer->spool);
    }
    runtime_unref(runtime);
    return fine;
}

static gint64
interval_ms(void)
{
    struct runtime *runtime = runtime_current();
    gint64 interval = runtime != NULL ? runtime->config->archive.drain_interval : FIRST_PAUSE_MS;

    runtime_unref(runtime);
    return MAX(interval, 10);
}

/* Waits for the time, a wake or the stop; FALSE = stop. */
static gboolean
pause_ms(struct drainer *drainer, gint64 ms)
{
    gint64 until = g_get_monotonic_time() + ms * 1000;
    gboolean stop;

    g_mutex_lock(&drainer->lock);
    while (!drainer->stop && !drainer->wake)
        if (!g_cond_wait_until(&drainer->changed, &drainer->lock, until))
            break;
    drainer->wake = FALSE;
    stop = drainer->stop;
    g_mutex_unlock(&drainer->lock);
    return !stop;
}

static gpointer
drainer_thread(gpointer data)
{
    struct drainer *drainer = data;
    gint64 pause = 0, backoff = 0; /* backoff: 0 = the last round was fine */

    while (pause_ms(drainer, pause)) {
        gint64 longest = interval_ms();

        if (!spool_lock(drainer->spool))
            pause = MIN(FIRST_PAUSE_MS, longest); /* another process drains, as in a take-over restart */
        else if (drain_all(drainer)) {
            backoff = 0;
            pause = longest;
        } else {
            backoff = MIN(backoff == 0 ? FIRST_PAUSE_MS : backoff * 2, longest);
            pause = backoff;
        }
        show_counts(drainer->spool);
    }
    spool_unlock(drainer->spool);
    return NULL;
}

struct drainer *
drainer_start(struct spool *spool)
{
    struct drainer *drainer = g_new0(struct drainer, 1);

    drainer->spool = spool;
    g_mutex_init(&drainer->lock);
    g_cond_init(&drainer->changed);
    drainer->thread = g_thread_new("drainer", drainer_thread, drainer);
    return drainer;
}

void
drainer_wake(struct drainer *drainer)
{
    if (drainer == NULL)
        return;
    g_mutex_lock(&drainer->lock);
    drainer->wake = TRUE;
    g_cond_signal(&drainer->changed);
    g_mutex_unlock(&drainer->lock);
}

void
drainer_stop(struct drainer **drainer)
{
    if (*drainer == NULL)
        return;
    g_mutex_lock(&(*drainer)->lock);
    (*drainer)->stop = TRUE;
    g_cond_signal(&(*drainer)->changed);
    g_mutex_unlock(&(*drainer)->lock);
    g_thread_join((*drainer)->thread);
    g_cond_clear(&(*drainer)->changed);
    g_mutex_clear(&(*drainer)->lock);
    g_clear_pointer(drainer, g_free);
}
