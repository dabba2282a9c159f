/* report.c: STATUS, VERIFY, CATCH_UP and RECONCILE. */
#include <string.h>
#include "archive-store/server/archived.h"
#include "archive-store/server/expand.h"
#include "archive-store/server/render.h"
#include "archive-store/server/rows.h"
#include "lib/base/log.h"

#define CATCH_UP_MS 60000
#define PROGRESS_US (G_USEC_PER_SEC / 5)

static json_t *
feeders_json(struct archived *archived)
{
    json_t *list = json_array();

    for (guint n = 0; n < feed_sinks(archived->feed); n++) {
        struct feed_status status;
        feed_get_status(archived->feed, n, &status);
        json_t *feeder = json_pack("{s:s, s:I, s:I, s:I, s:I, s:I}", "name", status.name, "segment",
                                   (json_int_t)status.cursor.segment, "offset", (json_int_t)status.cursor.offset,
                                   "lag_bytes", (json_int_t)status.lag_bytes, "lag_ms", (json_int_t)status.lag_ms,
                                   "records", (json_int_t)status.records);
        if (status.problem)
            json_object_set_new(feeder, "problem", render_text(status.problem, -1));
        json_array_append_new(list, feeder);
        g_free(status.problem);
    }
    return list;
}

/* {"version","uptime"(s),"store":{...},"feeders":[...],"connections","requests","bytes_in_flight","damaged",
 *  "pending_expansions","unarchived"} */
void
status_run(gpointer data)
{
    struct work *work = data;
    struct archived *archived = work->archived;
    struct store_stats stats;

    if (!work_parse(work))
        return;
    store_stats(archived->store, &stats);
    json_t *store = json_pack("{s:I, s:I, s:I, s:I, s:I, s:I, s:I}", "segments", (json_int_t)stats.segments, "records",
                              (json_int_t)stats.records, "messages", (json_int_t)stats.messages, "events",
                              (json_int_t)stats.events, "attachments", (json_int_t)stats.attachments, "raw_bytes",
                              (json_int_t)stats.raw_bytes, "disk_bytes", (json_int_t)stats.disk_bytes);
    json_t *report = json_pack("{s:s, s:I, s:o, s:o, s:i, s:i, s:I, s:I, s:I, s:I}", "version", POSTERN_VERSION,
                               "uptime", (json_int_t)((g_get_real_time() - archived->started_us) / G_USEC_PER_SEC),
                               "store", store, "feeders", feeders_json(archived), "connections",
                               (int)server_connections(archived->server), "requests",
                               (int)server_exchanges(archived->server), "bytes_in_flight",
                               (json_int_t)server_bytes(archived->server), "damaged",
                               (json_int_t)feed_damaged(archived->feed), "pending_expansions",
                               (json_int_t)expander_pending(archived->expander), "unarchived",
                               (json_int_t)metrics_get(archived->unarchived, 0));
    work_reply(work, ARCHIVE_REPORT, report);
}

/* ---- verify ---- */

struct verification {
    struct exchange *exchange;
    gint64 last_told;
};

static void
on_progress(guint64 done, guint64 total, const char *what, gpointer data)
{
    struct verification *verification = data;
    gint64 now = g_get_monotonic_time();

    if (now - verification->last_told < PROGRESS_US && done < total)
        return;
    verification->last_told = now;
    if (exchange_gone(verification->exchange))
        return;
    g_autoptr(GBytes) progress = render_bytes(json_pack("{s:I, s:I, s:o}", "done", (json_int_t)done, "total",
                                                        (json_int_t)total, "what", render_text(what, -1)));
    exchange_send(verification->exchange, ARCHIVE_PROGRESS, progress);
}

static json_t *
verify_json(const struct store_verify_report *report, const GPtrArray *index_problems)
{
    gboolean ok = report->damaged == 0 && report->problems->len == 0 && index_problems->len == 0;

    return json_pack("{s:b, s:I, s:I, s:I, s:I, s:I, s:I, s:o, s:o}", "ok", ok, "segments",
                     (json_int_t)report->segments, "records", (json_int_t)report->records, "messages",
                     (json_int_t)report->messages, "bytes", (json_int_t)report->bytes, "damaged",
                     (json_int_t)report->damaged, "erased", (json_int_t)report->erased, "problems",
                     rows_strings(report->problems), "index_problems", rows_strings(index_problems));
}

static void
verify_all(struct work *work)
{
    struct archived *archived = work->archived;
    struct verification verification = {.exchange = work->exchange};
    struct store_verify_report report = {0};
    g_autoptr(GPtrArray) index_problems = g_ptr_array_new_with_free_func(g_free);
    g_autoptr(GError) error = NULL;

    if (!store_verify(archived->store, on_progress, &verification, &report, &error)) {
        work_fail(work, error);
        return;
    }
    on_progress(1, 1, "index", &verification);
    if (!index_verify(archived->index, index_problems, &error)) {
        g_ptr_array_add(index_problems, g_strdup(error->message));
    }
    json_t *json = verify_json(&report, index_problems);
    log_text(json_is_true(json_object_get(json, "ok")) ? LOG_SEV_INFO : LOG_SEV_ERROR, "verify",
             "%" G_GUINT64_FORMAT " records verified, %" G_GUINT64_FORMAT " damaged", report.records,
             report.damaged);
    store_verify_report_clear(&report);
    work_reply(work, ARCHIVE_REPORT, json);
}

void
verify_run(gpointer data)
{
    struct work *work = data;
    struct archived *archived = work->archived;

    if (!work_parse(work))
        return;
    if (!g_atomic_int_compare_and_exchange(&archived->verifying, 0, 1)) {
        work_fail_code(work, "busy", TRUE, "a verification is running already");
        return;
    }
    verify_all(work);
    g_atomic_int_set(&archived->verifying, 0);
}

/* ---- catching up ---- */

/* Waits until all that is durable now is in index and SQL, telling progress; FALSE and answered when not in time. */
static gboolean
wait_for_feed(struct work *work)
{
    struct archived *archived = work->archived;
    struct store_cursor end = store_end(archived->store);
    gint64 until = g_get_monotonic_time() + (gint64)CATCH_UP_MS * 1000;

    while (!feed_wait(archived->feed, &end, 500)) {
        struct feed_status status;
        g_autofree char *problem = NULL;
        guint64 lag = 0;
        for (guint n = 0; n < feed_sinks(archived->feed); n++) {
            feed_get_status(archived->feed, n, &status);
            lag = MAX(lag, status.lag_bytes);
            if (status.problem && !problem)
                problem = g_strdup_printf("%s: %s", status.name, status.problem);
            g_free(status.problem);
        }
        if (g_get_monotonic_time() > until || g_atomic_int_get(&archived->stopping) ||
            exchange_gone(work->exchange)) {
            g_autofree char *text = g_strdup_printf("index and SQL are behind by %" G_GUINT64_FORMAT " bytes%s%s", lag,
                                                    problem ? "; " : "", problem ? problem : "");
            work_fail_code(work, "busy", TRUE, text);
            return FALSE;
        }
        g_autoptr(GBytes) progress = render_bytes(json_pack("{s:i, s:i, s:s}", "done", 0, "total", 0, "what",
                                                            "catching up"));
        exchange_send(work->exchange, ARCHIVE_PROGRESS, progress);
    }
    return TRUE;
}

void
catch_up_run(gpointer data)
{
    struct work *work = data;

    if (work_parse(work) && wait_for_feed(work))
        work_reply(work, ARCHIVE_REPORT, json_pack("{s:b}", "ok", TRUE));
}

/* ---- reconcile ---- */

/* {"asked":n,"missing":[{"id","time"}]} */
static void
answer_reconcile(struct work *work, const struct catalogue_queue_id *asked, guint n)
{
    struct archived *archived = work->archived;
    json_t *missing = json_array();

    for (guint i = 0; i < n; i++) {
        if (asked[i].event == 0)
            json_array_append_new(missing, json_pack("{s:o, s:I}", "id", render_text(asked[i].queue_id, -1), "time",
                                                     (json_int_t)(asked[i].time_ms / 1000)));
    }
    gint64 count = (gint64)json_array_size(missing);
    if (work->request->add)
        metrics_add(archived->unarchived, 0, count);
    else
        metrics_set(archived->unarchived, 0, count);
    if (count > 0)
        log_text(LOG_SEV_WARNING, "reconcile", "%" G_GINT64_FORMAT " of %u messages of Postfix's log are not in the "
                 "archive", count, n);
    work_reply(work, ARCHIVE_REPORT, json_pack("{s:I, s:o}", "asked", (json_int_t)n, "missing", missing));
}

void
reconcile_run(gpointer data)
{
    struct work *work = data;
    g_autoptr(GError) error = NULL;

    /* What is durable but not in SQL yet must not count as missing. */
    if (!work_parse(work) || !wait_for_feed(work))
        return;
    const GArray *ids = work->request->queue_ids;
    g_autofree struct catalogue_queue_id *asked = g_new0(struct catalogue_queue_id, MAX(ids->len, 1));
    for (guint n = 0; n < ids->len; n++) {
        const struct request_queue_id *one = &g_array_index(ids, struct request_queue_id, n);
        asked[n].queue_id = one->id;
        asked[n].time_ms = CLAMP(one->time, -(G_MAXINT64 / 4000), G_MAXINT64 / 4000) * 1000;
    }
    if (!catalogue_find_queue_ids(work->archived->catalogue, asked, ids->len, &error)) {
        work_fail(work, error);
        return;
    }
    answer_reconcile(work, asked, ids->len);
}
