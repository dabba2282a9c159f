/* feed.c: the threads that feed index and catalogue from the store's log.
 *
 * A sink's thread walks the log from the cursor that the sink committed last, adds records and commits
 * after `batch` records, one second, or 200 ms in which nothing came. What a commit covers includes the
 * cursor, so after a crash the walk goes on where the sink is complete.
 *
 * When a sink fails, its open batch is abandoned, the cursor is read again, and the walk is repeated after
 * 0.1, 0.2, 0.4 .. 30 s; this is logged when it begins and when it ends, not in between. A record that is refused
 * three times for itself is logged, counted and passed over. */
#include "archive-store/server/feed.h"
#include <string.h>
#include "archive-store/server/feed_private.h"
#include "lib/base/log.h"
#include "lib/base/metrics.h"

#define BATCH_AGE_US (1 * G_USEC_PER_SEC)
#define IDLE_US (200 * 1000)
#define SLICE_MS 50
#define WAIT_MS 250 /* also how soon a stop is seen */
#define UPKEEP_US (5 * G_USEC_PER_SEC) /* of silence before the sink's upkeep */
#define PAUSE_LEAST_MS 100
#define PAUSE_MOST_MS 30000
#define SINKS_MOST 8
#define REFUSALS 3

struct feeder {
    struct feed *feed;
    const struct sink *sink;
    guint n;
    GThread *thread;
    /* the thread's own */
    gboolean loaded;
    struct store_cursor position;
    guint pending;             /* records added since the commit */
    gint64 batch_began, last_added;
    gboolean upkeep;           /* something was committed since the sink said that no upkeep is due */
    guint pause_ms;
    struct store_cursor trouble, skip; /* where it failed; what is passed over */
    guint tries;
    /* under feed->lock */
    struct store_cursor committed;
    struct store_cursor covered; /* the log's end at a moment when all of it was committed */
    guint64 records;
    gint64 oldest_ms; /* receipt of the oldest record not committed, 0 = none known */
    char *problem;
};

struct feed {
    struct store *store;
    struct feed_log *log;
    GMutex lock;
    GCond moved; /* a commit, or the wish to stop */
    gboolean stopping;
    guint waiters; /* somebody wants a commit now */
    struct feeder *feeders;
    guint n_feeders;
    struct metric *lag_bytes, *lag_seconds, *records_total, *refused_total;
};

static gboolean
feed_is_stopping(struct feed *feed)
{
    g_mutex_lock(&feed->lock);
    gboolean stopping = feed->stopping;
    g_mutex_unlock(&feed->lock);
    return stopping;
}

static void
feeder_update_metrics(struct feeder *feeder)
{
    struct feed *feed = feeder->feed;

    g_mutex_lock(&feed->lock);
    struct store_cursor committed = feeder->committed;
    gint64 oldest = feeder->oldest_ms;
    g_mutex_unlock(&feed->lock);
    guint64 lag = feeder->loaded ? store_lag_bytes(feed->store, &committed) : 0;
    metrics_set(feed->lag_bytes, feeder->n, (gint64)lag);
    gint64 age = oldest ? MAX(g_get_real_time() / 1000 - oldest, 0) : 0;
    metrics_set(feed->lag_seconds, feeder->n, age / 1000);
}

/* Waits out the pause after a failure, keeping the lag's figures moving. */
static void
feeder_pause(struct feeder *feeder)
{
    struct feed *feed = feeder->feed;
    gint64 until = g_get_monotonic_time() + (gint64)feeder->pause_ms * 1000;

    while (!feed_is_stopping(feed) && g_get_monotonic_time() < until) {
        feeder_update_metrics(feeder);
        g_mutex_lock(&feed->lock);
        if (!feed->stopping)
            g_cond_wait_until(&feed->moved, &feed->lock, MIN(until, g_get_monotonic_time() + G_USEC_PER_SEC));
        g_mutex_unlock(&feed->lock);
    }
}

/* A step failed at position: abandons the batch, tells once, waits. */
static void
feeder_failed(struct feeder *feeder, enum sink_outcome outcome, const GError *error)
{
    struct feed *feed = feeder->feed;
    const char *text = error ? error->message : "unknown error";

    if (feeder->sink->abandon)
        feeder->sink->abandon(feeder->sink->data);
    g_mutex_lock(&feed->lock);
    gboolean first = !feeder->problem;
    g_free(feeder->problem);
    feeder->problem = g_strdup(text);
    g_mutex_unlock(&feed->lock);
    if (first)
        log_text(LOG_SEV_WARNING, "feed", "%s does not take records (%s); it is tried again until it does; "
                 "mail is archived all the same, but not found by new searches", feeder->sink->name, text);
    if (cursor_equal(&feeder->trouble, &feeder->position)) {
        feeder->tries++;
    } else {
        feeder->trouble = feeder->position;
        feeder->tries = 1;
    }
    if (outcome == SINK_REFUSED && feeder->tries >= REFUSALS) {
        feeder->skip = feeder->position;
        metrics_add(feed->refused_total, feeder->n, 1);
        log_text(LOG_SEV_ERROR, "feed", "%s refuses the record at %" G_GUINT64_FORMAT ":%" G_GUINT64_FORMAT
                 " (%s); it is passed over, the archive keeps it", feeder->sink->name, feeder->position.segment,
                 feeder->position.offset, text);
    }
    feeder->pending = 0;
    feeder->loaded = FALSE;
    feeder->pause_ms = CLAMP(feeder->pause_ms * 2, PAUSE_LEAST_MS, PAUSE_MOST_MS);
    if (outcome == SINK_REFUSED)
        feeder->pause_ms = PAUSE_LEAST_MS;
    feeder_pause(feeder);
}

static void
feeder_works(struct feeder *feeder)
{
    struct feed *feed = feeder->feed;

    feeder->pause_ms = 0;
    g_mutex_lock(&feed->lock);
    gboolean was_away = feeder->problem != NULL;
    g_clear_pointer(&feeder->problem, g_free);
    g_mutex_unlock(&feed->lock);
    if (was_away)
        log_text(LOG_SEV_INFO, "feed", "%s takes records again", feeder->sink->name);
}

static gboolean
feeder_load(struct feeder *feeder)
{
    g_autoptr(GError) error = NULL;
    struct store_cursor cursor = {0, 0}, end = store_end(feeder->feed->store);
    enum sink_outcome outcome = feeder->sink->load(feeder->sink->data, &cursor, &error);

    if (outcome != SINK_OK) {
        feeder_failed(feeder, SINK_RETRY, error);
        return FALSE;
    }
    if (!cursor_reached(&end, &cursor))
        log_text(LOG_SEV_WARNING, "feed", "%s is ahead of the store (an older store was restored?): it may name "
                 "messages that are gone; rebuild it", feeder->sink->name);
    feeder->position = cursor;
    feeder->pending = 0;
    feeder->loaded = TRUE;
    g_mutex_lock(&feeder->feed->lock);
    feeder->committed = cursor;
    feeder->oldest_ms = 0;
    g_mutex_unlock(&feeder->feed->lock);
    return TRUE;
}

static void
feeder_commit(struct feeder *feeder)
{
    struct feed *feed = feeder->feed;
    g_autoptr(GError) error = NULL;
    enum sink_outcome outcome = feeder->sink->commit(feeder->sink->data, &feeder->position, &error);

    if (outcome != SINK_OK) {
        feeder_failed(feeder, SINK_RETRY, error);
        return;
    }
    metrics_add(feed->records_total, feeder->n, feeder->pending);
    g_mutex_lock(&feed->lock);
    feeder->committed = feeder->position;
    feeder->records += feeder->pending;
    feeder->oldest_ms = 0;
    g_cond_broadcast(&feed->moved);
    g_mutex_unlock(&feed->lock);
    feeder->pending = 0;
    feeder->upkeep = feeder->sink->idle != NULL;
    feeder_works(feeder);
    feeder_update_metrics(feeder);
}

/* One record that was read goes to the sink. */
static void
feeder_add(struct feeder *feeder, const struct feed_entry *entry)
{
    g_autoptr(GError) error = NULL;
    gint64 now = g_get_monotonic_time();

    if (entry->record && !cursor_equal(&feeder->skip, &feeder->position)) {
        if (feeder->pending == 0) {
            g_mutex_lock(&feeder->feed->lock);
            feeder->oldest_ms = store_id_time_ms(entry->record->item.event ? entry->record->item.event
                                                                           : entry->record->item.id);
            g_mutex_unlock(&feeder->feed->lock);
        }
        enum sink_outcome outcome = feeder->sink->add(feeder->sink->data, entry->record, &error);
        if (outcome != SINK_OK) {
            feeder_failed(feeder, outcome, error);
            return;
        }
    }
    if (feeder->pending == 0)
        feeder->batch_began = now;
    feeder->pending++;
    feeder->last_added = now;
    feeder->position = entry->next;
}

static gboolean
feeder_is_due(struct feeder *feeder, gboolean at_end)
{
    struct feed *feed = feeder->feed;
    gint64 now = g_get_monotonic_time();

    if (feeder->pending == 0)
        return FALSE;
    if (feeder->pending >= MAX(feeder->sink->batch, 1) || now - feeder->batch_began >= BATCH_AGE_US)
        return TRUE;
    if (!at_end)
        return FALSE;
    g_mutex_lock(&feed->lock);
    gboolean wanted = feed->waiters > 0 || feed->stopping;
    g_mutex_unlock(&feed->lock);
    return wanted || now - feeder->last_added >= IDLE_US;
}

/* Nothing follows the position and all is committed, so all up to end is in. (The end of the log may be the
 * head of a new segment, which no record's end ever equals.) */
static void
feeder_covered(struct feeder *feeder, const struct store_cursor *end)
{
    struct feed *feed = feeder->feed;

    if (feeder->pause_ms)
        feeder_works(feeder);
    g_mutex_lock(&feed->lock);
    feeder->covered = *end;
    if (feed->waiters > 0)
        g_cond_broadcast(&feed->moved);
    g_mutex_unlock(&feed->lock);
}

/* At the end of the log. With an open batch, records are let gather for a moment instead of waking for each group that the
 * store commits: a wake costs more than a record. */
static void
feeder_rest(struct feeder *feeder)
{
    struct feed *feed = feeder->feed;

    if (feeder->pending == 0) {
        if (!feed_is_stopping(feed))
            store_wait(feed->store, &feeder->position, WAIT_MS);
        return;
    }
    g_mutex_lock(&feed->lock);
    if (!feed->stopping && feed->waiters == 0)
        g_cond_wait_until(&feed->moved, &feed->lock, g_get_monotonic_time() + SLICE_MS * 1000);
    g_mutex_unlock(&feed->lock);
}

/* One step of the walk: a record, a commit, or a wait for more. */
static void
feeder_step(struct feeder *feeder)
{
    g_autoptr(GError) error = NULL;
    struct feed_entry *entry = NULL;
    struct store_cursor end = store_end(feeder->feed->store);
    int found = feed_log_get(feeder->feed->log, &feeder->position, &entry, &error);

    if (found < 0) {
        feeder_failed(feeder, SINK_RETRY, error);
        return;
    }
    if (found > 0) {
        feeder_add(feeder, entry);
        feed_entry_unref(entry);
    }
    if (feeder_is_due(feeder, found == 0)) {
        feeder_commit(feeder);
    } else if (found == 0) {
        if (feeder->pending == 0)
            feeder_covered(feeder, &end);
        feeder_update_metrics(feeder);
        if (feeder->upkeep && feeder->pending == 0 && g_get_monotonic_time() - feeder->last_added > UPKEEP_US)
            feeder->upkeep = feeder->sink->idle(feeder->sink->data);
        feeder_rest(feeder);
    }
}

static gpointer
feeder_thread(gpointer data)
{
    struct feeder *feeder = data;

    while (!feed_is_stopping(feeder->feed)) {
        if (!feeder->loaded && !feeder_load(feeder))
            continue;
        feeder_step(feeder);
    }
    if (feeder->loaded && feeder->pending > 0)
        feeder_commit(feeder);
    return NULL;
}

static void
feed_register_metrics(struct feed *feed)
{
    /* The registry keeps the labels for the life of the process. */
    static const char *names[SINKS_MOST + 1];

    g_assert(feed->n_feeders <= SINKS_MOST);
    for (guint n = 0; n < feed->n_feeders; n++)
        names[n] = feed->feeders[n].sink->name;
    feed->lag_bytes = metrics_gauge("postern_archive_lag_bytes",
                                    "Bytes of the store's log that are not in the derived place yet.", "feeder", names);
    feed->lag_seconds = metrics_gauge("postern_archive_lag_seconds",
                                      "Age of the oldest record that is not in the derived place yet.", "feeder",
                                      names);
    feed->records_total = metrics_counter("postern_archive_fed_records_total",
                                          "Records of the store's log that were committed.", "feeder", names);
    feed->refused_total = metrics_counter("postern_archive_refused_records_total",
                                          "Records that a derived place refused and that were passed over.",
                                          "feeder", names);
}

struct feed *
feed_start(struct store *store, const struct sink *sinks, guint n_sinks)
{
    struct feed *feed = g_new0(struct feed, 1);

    feed->store = store;
    feed->log = feed_log_new(store);
    g_mutex_init(&feed->lock);
    g_cond_init(&feed->moved);
    feed->feeders = g_new0(struct feeder, n_sinks);
    feed->n_feeders = n_sinks;
    for (guint n = 0; n < n_sinks; n++) {
        feed->feeders[n].feed = feed;
        feed->feeders[n].sink = &sinks[n];
        feed->feeders[n].n = n;
        feed->feeders[n].skip.segment = feed->feeders[n].trouble.segment = G_MAXUINT64;
    }
    feed_register_metrics(feed);
    for (guint n = 0; n < n_sinks; n++)
        feed->feeders[n].thread = g_thread_new(sinks[n].name, feeder_thread, &feed->feeders[n]);
    return feed;
}

void
feed_stop(struct feed **feed)
{
    struct feed *f = *feed;

    if (!f)
        return;
    *feed = NULL;
    g_mutex_lock(&f->lock);
    f->stopping = TRUE;
    g_cond_broadcast(&f->moved);
    g_mutex_unlock(&f->lock);
    for (guint n = 0; n < f->n_feeders; n++) {
        g_thread_join(f->feeders[n].thread);
        g_free(f->feeders[n].problem);
    }
    feed_log_free(&f->log);
    g_free(f->feeders);
    g_mutex_clear(&f->lock);
    g_cond_clear(&f->moved);
    g_free(f);
}

/* With the lock held. */
static gboolean
feed_has_reached(const struct feed *feed, const struct store_cursor *target)
{
    for (guint n = 0; n < feed->n_feeders; n++) {
        if (!cursor_reached(&feed->feeders[n].committed, target) &&
            !cursor_reached(&feed->feeders[n].covered, target))
            return FALSE;
    }
    return TRUE;
}

gboolean
feed_wait(struct feed *feed, const struct store_cursor *target, int timeout_ms)
{
    gint64 until = g_get_monotonic_time() + (gint64)timeout_ms * 1000;

    g_mutex_lock(&feed->lock);
    feed->waiters++;
    g_cond_broadcast(&feed->moved); /* who rests with an open batch shall commit it */
    gboolean reached = feed_has_reached(feed, target);
    while (!reached && !feed->stopping && g_cond_wait_until(&feed->moved, &feed->lock, until))
        reached = feed_has_reached(feed, target);
    feed->waiters--;
    g_mutex_unlock(&feed->lock);
    return reached;
}

guint
feed_sinks(struct feed *feed)
{
    return feed->n_feeders;
}

void
feed_get_status(struct feed *feed, guint n, struct feed_status *status_r)
{
    struct feeder *feeder = &feed->feeders[n];

    g_mutex_lock(&feed->lock);
    *status_r = (struct feed_status){
        .name = feeder->sink->name,
        .cursor = feeder->committed,
        .records = feeder->records,
        .lag_ms = feeder->oldest_ms ? MAX(g_get_real_time() / 1000 - feeder->oldest_ms, 0) : 0,
        .problem = g_strdup(feeder->problem),
    };
    g_mutex_unlock(&feed->lock);
    status_r->lag_bytes = store_lag_bytes(feed->store, &status_r->cursor);
}

guint64
feed_damaged(struct feed *feed)
{
    return feed_log_damaged(feed->log);
}
