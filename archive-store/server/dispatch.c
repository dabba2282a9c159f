/* dispatch.c: requests to their pools, errors to their codes.
 *
 * Ingest has threads of its own, so that no search delays mail; what may take minutes (verify, reconcile,
 * catch-up) has others, so that it delays no search. A full queue is answered "busy", which is temporary:
 * the milter spools, the CLI says so. */
#include <jansson.h>
#include "archive-store/server/archived.h"
#include "archive-store/server/render.h"
#include "lib/base/log.h"

enum { FAILED_FULL, FAILED_IO, FAILED_BAD, FAILED_BUSY, FAILED_OTHER };

void
archived_register_metrics(struct archived *archived)
{
    static const char *const outcomes[] = {"new", "known", "repeat", NULL};
    static const char *const codes[] = {"full", "io", "bad", "busy", "other", NULL};

    archived->ingested = metrics_counter("postern_archive_ingested_total",
                                         "Records answered as durable: new content, content known before (a further "
                                         "delivery), repeats of a delivery.",
                                         "outcome", outcomes);
    archived->failed = metrics_counter("postern_archive_failed_total", "Requests answered with a failure.", "code",
                                       codes);
    archived->ingest_time = metrics_histogram("postern_archive_ingest_seconds",
                                              "From the whole frame to the durable answer.");
    archived->search_time = metrics_histogram("postern_archive_search_seconds", "From the request to the hits.");
    archived->unarchived = metrics_gauge("postern_archive_unarchived_messages",
                                         "Messages in Postfix's log that the archive lacks, by the last "
                                         "`postern archive reconcile`.",
                                         NULL, NULL);
}

void
work_free(struct work *work)
{
    g_clear_pointer(&work->payload, g_bytes_unref);
    request_free(&work->request);
    g_free(work);
}

void
work_reply(struct work *work, guint8 type, json_t *json)
{
    g_autoptr(GBytes) payload = render_bytes(json);

    exchange_send(work->exchange, type, payload);
    exchange_finish(work->exchange);
    work_free(work);
}

static guint
code_metric(const char *code)
{
    static const char *const codes[] = {"full", "io", "bad", "busy"};

    for (guint n = 0; n < G_N_ELEMENTS(codes); n++) {
        if (g_str_equal(code, codes[n]))
            return n;
    }
    return FAILED_OTHER;
}

void
work_fail_code(struct work *work, const char *code, gboolean temporary, const char *text)
{
    g_autoptr(GBytes) payload = render_failed(code, temporary, text);

    metrics_add(work->archived->failed, code_metric(code), 1);
    exchange_send(work->exchange, ARCHIVE_FAILED, payload);
    exchange_finish(work->exchange);
    work_free(work);
}

static const char *
store_code(const GError *error, gboolean *temporary_r)
{
    *temporary_r = FALSE;
    switch ((enum store_error)error->code) {
    case STORE_ERROR_FULL:
        *temporary_r = TRUE;
        return "full";
    case STORE_ERROR_ABSENT:
        return "absent";
    case STORE_ERROR_ERASED:
        return "erased";
    case STORE_ERROR_TOO_BIG:
        return "bad";
    case STORE_ERROR_DAMAGED:
        return "io"; /* it stays so: reading again does not help */
    case STORE_ERROR_KEY:
    case STORE_ERROR_IO:
        break;
    }
    *temporary_r = TRUE;
    return "io";
}

void
work_fail(struct work *work, const GError *error)
{
    gboolean temporary = TRUE;
    const char *code = "io";

    if (error->domain == STORE_ERROR) {
        code = store_code(error, &temporary);
    } else if (error->domain == CAPTURE_ERROR || error->domain == REQUEST_ERROR) {
        code = "bad";
        temporary = FALSE;
    } else if (g_error_matches(error, INDEX_ERROR, INDEX_ERROR_QUERY)) {
        code = "query";
        temporary = FALSE;
    } else if (g_error_matches(error, INDEX_ERROR, INDEX_ERROR_TIME)) {
        code = "busy";
    }
    work_fail_code(work, code, temporary, error->message);
}

static struct pool *
pool_for(struct archived *archived, guint8 type, pool_job *job_r)
{
    switch ((enum archive_request)type) {
    case ARCHIVE_INGEST:
        *job_r = ingest_run;
        return archived->ingest_pool;
    case ARCHIVE_SEARCH:
        *job_r = search_run;
        return archived->request_pool;
    case ARCHIVE_FETCH:
        *job_r = fetch_run;
        return archived->request_pool;
    case ARCHIVE_STATUS:
        *job_r = status_run;
        return archived->request_pool;
    case ARCHIVE_VERIFY:
        *job_r = verify_run;
        return archived->long_pool;
    case ARCHIVE_RECONCILE:
        *job_r = reconcile_run;
        return archived->long_pool;
    case ARCHIVE_CATCH_UP:
        *job_r = catch_up_run;
        return archived->long_pool;
    }
    return NULL;
}

void
archived_handle(struct exchange *exchange, guint8 type, GBytes *payload, gpointer data)
{
    struct archived *archived = data;
    struct work *work = g_new0(struct work, 1);
    pool_job job = NULL;
    struct pool *pool = pool_for(archived, type, &job);

    work->archived = archived;
    work->exchange = exchange;
    work->type = type;
    work->began_us = g_get_monotonic_time();
    if (!pool) {
        work_fail_code(work, "bad", FALSE, "unknown request type");
        return;
    }
    /* JSON is read by the worker: the loop only moves bytes. */
    work->payload = g_bytes_ref(payload);
    if (!pool_push(pool, job, work))
        work_fail_code(work, "busy", TRUE, "too many requests are waiting; try again in a moment");
}

gboolean
work_parse(struct work *work)
{
    g_autoptr(GError) error = NULL;
    gsize length;
    const void *bytes = g_bytes_get_data(work->payload, &length);

    work->request = request_parse(work->type, bytes, length, &error);
    g_clear_pointer(&work->payload, g_bytes_unref);
    if (work->request)
        return TRUE;
    work_fail(work, error);
    return FALSE;
}
