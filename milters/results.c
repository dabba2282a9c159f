/* results.c: the table of kinds of messages, and the thread that empties it into SQL; see results.h.
 *
 * The thread takes a batch out of the table and keeps it, under one number, until the database says that it
 * is in. */
#include <string.h>
#include "lib/base/log.h"
#include "lib/mail/databases.h"
#include "milters/results.h"
#include "milters/stats.h"

static struct {
    GMutex lock; /* guards all up to the thread's own */
    GCond changed;
    GThread *thread;
    gboolean stop, is_on, wake, is_renewed;
    struct config *config;
    GHashTable *kinds; /* set of struct dmarc_tally */
    guint under_way;   /* kinds that the thread holds */
    gsize bytes;       /* of all kinds, those included */

    /* The thread's own. */
    struct sql *sql;
    GPtrArray *batch; /* NULL: none */
    gint64 number;
    char writer[33];
    gboolean is_away;
} results;

/* ---- the table ---- */

static guint
kind_hash(gconstpointer data)
{
    const struct dmarc_tally *tally = data;

    return g_str_hash(tally->key) ^ g_str_hash(tally->domain) ^ (guint)tally->day;
}

static gboolean
kind_equal(gconstpointer left, gconstpointer right)
{
    const struct dmarc_tally *a = left, *b = right;

    return a->day == b->day && strcmp(a->key, b->key) == 0 && strcmp(a->domain, b->domain) == 0;
}

static void
kind_free(gpointer data)
{
    dmarc_tally_free(data);
}

static gsize
kind_size(const struct dmarc_tally *tally)
{
    gsize size = sizeof *tally + strlen(tally->domain) + strlen(tally->record);

    for (guint i = 0; i < TALLY_TEXTS; i++)
        size += strlen(tally->texts[i]);
    return size;
}

/* Under the lock. Takes the tally. */
static void
count_kind(struct dmarc_tally *tally)
{
    struct dmarc_tally *known = g_hash_table_lookup(results.kinds, tally);
    gsize size = kind_size(tally);

    if (known != NULL) {
        results.bytes += size - kind_size(known);
        known->messages++;
        g_free(known->record); /* the day's last one counts */
        known->record = g_steal_pointer(&tally->record);
        dmarc_tally_free(tally);
    } else if (g_hash_table_size(results.kinds) + results.under_way >= RESULTS_KINDS_MAX ||
               results.bytes + size > RESULTS_BYTES_MAX) {
        metrics_add(stats.results, STATS_RESULTS_LOST, 1);
        dmarc_tally_free(tally);
    } else {
        g_hash_table_add(results.kinds, tally);
        results.bytes += size;
    }
    metrics_set(stats.results_waiting, 0, g_hash_table_size(results.kinds) + results.under_way);
}

void
results_add(const struct auth_findings *findings, const struct capture *capture, enum verdict_action action)
{
    struct dmarc_tally *tally;
    gboolean is_on;

    g_mutex_lock(&results.lock);
    is_on = results.is_on;
    g_mutex_unlock(&results.lock);
    if (!is_on || (tally = results_tally(findings, capture, action)) == NULL)
        return;
    g_mutex_lock(&results.lock);
    if (results.is_on)
        count_kind(tally);
    else
        dmarc_tally_free(tally);
    g_mutex_unlock(&results.lock);
}

/* ---- the thread ---- */

/* Moves up to RESULTS_BATCH_MAX kinds into a new batch; FALSE: there are none. */
static gboolean
take_batch(void)
{
    GHashTableIter iter;
    gpointer kind;

    g_mutex_lock(&results.lock);
    if (g_hash_table_size(results.kinds) > 0) {
        results.batch = g_ptr_array_new_with_free_func(kind_free);
        results.number++;
        g_hash_table_iter_init(&iter, results.kinds);
        while (results.batch->len < RESULTS_BATCH_MAX && g_hash_table_iter_next(&iter, &kind, NULL)) {
            g_hash_table_iter_steal(&iter);
            g_ptr_array_add(results.batch, kind);
        }
        results.under_way = results.batch->len;
    }
    g_mutex_unlock(&results.lock);
    return results.batch != NULL;
}

static void
drop_batch(enum stats_results what)
{
    gint64 messages = 0;
    gsize bytes = 0;

    for (guint i = 0; i < results.batch->len; i++) {
        const struct dmarc_tally *tally = g_ptr_array_index(results.batch, i);

        messages += tally->messages;
        bytes += kind_size(tally);
    }
    metrics_add(stats.results, (guint)what, messages);
    g_clear_pointer(&results.batch, g_ptr_array_unref);
    g_mutex_lock(&results.lock);
    results.under_way = 0;
    results.bytes -= bytes;
    metrics_set(stats.results_waiting, 0, g_hash_table_size(results.kinds));
    g_mutex_unlock(&results.lock);
}

/* The connection; after results_start with other settings a new one. NULL with error. */
static struct sql *
connection(GError **error)
{
    struct sql_options options;
    struct config *config;
    gboolean is_renewed;

    g_mutex_lock(&results.lock);
    config = config_ref(results.config);
    is_renewed = results.is_renewed;
    results.is_renewed = FALSE;
    g_mutex_unlock(&results.lock);
    if (is_renewed)
        sql_close(&results.sql);
    if (results.sql == NULL && databases_reports(&config->dmarc, &options))
        results.sql = sql_open(&options, error);
    config_unref(config);
    return results.sql;
}

/* One batch. FALSE: it is still there. */
static gboolean
write_batch(void)
{
    g_autoptr(GError) error = NULL;
    struct sql *sql = connection(&error);

    if (sql != NULL && dmarc_store_add_batch(sql, results.writer, results.number, results.batch, &error)) {
        if (results.is_away)
            log_text(LOG_SEV_INFO, "results", "DMARC results are written again");
        results.is_away = FALSE;
        drop_batch(STATS_RESULTS_STORED);
        return TRUE;
    }
    if (error != NULL && !results.is_away)
        log_text(LOG_SEV_WARNING, "results", "DMARC results wait in memory: %s", error->message);
    results.is_away = error != NULL;
    return FALSE;
}

/* Until all is written or something fails, at the latest until deadline_us (monotonic; 0 = none). */
static void
write_all(gint64 deadline_us)
{
    while (results.batch != NULL || take_batch())
        if ((deadline_us != 0 && g_get_monotonic_time() >= deadline_us) || !write_batch())
            break;
}

/* Waits for the time or the stop; FALSE = stop. */
static gboolean
pause_thread(void)
{
    gint64 until = g_get_monotonic_time() + RESULTS_FLUSH_MS * 1000;
    gboolean stop;

    g_mutex_lock(&results.lock);
    while (!results.stop && !results.wake)
        if (!g_cond_wait_until(&results.changed, &results.lock, until))
            break;
    results.wake = FALSE;
    stop = results.stop;
    g_mutex_unlock(&results.lock);
    return !stop;
}

static gpointer
results_thread(gpointer data)
{
    (void)data;
    while (pause_thread())
        write_all(0);
    write_all(g_get_monotonic_time() + RESULTS_STOP_MS * 1000);
    sql_close(&results.sql);
    return NULL;
}

/* ---- start and stop ---- */

void
results_start(struct config *config)
{
    if (config->dmarc.driver == CONFIG_DMARC_NONE) {
        results_stop();
        return;
    }
    g_mutex_lock(&results.lock);
    g_clear_pointer(&results.config, config_unref);
    results.config = config_ref(config);
    results.is_on = TRUE;
    results.is_renewed = results.wake = results.thread != NULL;
    g_cond_signal(&results.changed);
    if (results.thread == NULL) {
        results.stop = FALSE;
        results.number = 0;
        results.is_away = FALSE;
        results.kinds = g_hash_table_new_full(kind_hash, kind_equal, kind_free, NULL);
        g_snprintf(results.writer, sizeof results.writer, "%08x%08x%08x%08x", g_random_int(), g_random_int(),
                   g_random_int(), g_random_int());
        results.thread = g_thread_new("results", results_thread, NULL);
    }
    g_mutex_unlock(&results.lock);
}

/* After the thread's end. */
static void
tell_loss(void)
{
    guint kinds = g_hash_table_size(results.kinds) + (results.batch != NULL ? results.batch->len : 0);

    if (kinds > 0)
        log_text(LOG_SEV_WARNING, "results",
                 "DMARC results of %u kinds of messages are lost: the database did not take them", kinds);
    if (results.batch != NULL)
        drop_batch(STATS_RESULTS_LOST);
    take_batch();
    for (; results.batch != NULL; take_batch())
        drop_batch(STATS_RESULTS_LOST);
}

void
results_stop(void)
{
    if (results.thread == NULL)
        return;
    g_mutex_lock(&results.lock);
    results.stop = TRUE;
    results.is_on = FALSE;
    g_cond_signal(&results.changed);
    g_mutex_unlock(&results.lock);
    g_thread_join(g_steal_pointer(&results.thread));
    tell_loss();
    g_clear_pointer(&results.kinds, g_hash_table_unref);
    g_clear_pointer(&results.config, config_unref);
}
