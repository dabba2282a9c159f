/* ingest.c: one record into the store, the answer when it is durable.
 *
 * The worker decodes and appends; the store's commit thread calls back after the group's fdatasync. The
 * record's bytes are let go as soon as they are appended, so that memory does not wait for the disk. */
#include <string.h>
#include "archive-store/server/archived.h"
#include "archive-store/server/render.h"
#include "lib/base/log.h"

enum { OUTCOME_NEW, OUTCOME_KNOWN, OUTCOME_REPEAT };

static void
ingest_failed(struct work *work, const GError *error)
{
    log_text(error->domain == CAPTURE_ERROR ? LOG_SEV_WARNING : LOG_SEV_ERROR, "ingest",
             "a record was not stored: %s", error->message);
    work_fail(work, error);
}

/* From the store's commit thread, or (errors before the append) from store_ingest itself. */
static void
ingest_done(const struct store_receipt *receipt, const GError *error, gpointer data)
{
    struct work *work = data;
    struct archived *archived = work->archived;
    char id[STORE_ID_TEXT], event[STORE_ID_TEXT];

    if (error) {
        ingest_failed(work, error);
        return;
    }
    metrics_add(archived->ingested, receipt->repeat ? OUTCOME_REPEAT : receipt->known ? OUTCOME_KNOWN : OUTCOME_NEW,
                1);
    metrics_observe(archived->ingest_time, g_get_monotonic_time() - work->began_us);
    store_id_format(receipt->id, id);
    store_id_format(receipt->event, event);
    /* Ids are of [0-9a-z]: written by hand, since this is the hot path. */
    char text[128];
    int n = g_snprintf(text, sizeof text, "{\"id\":\"%s\",\"event\":\"%s\",\"known\":%s,\"repeat\":%s}", id, event,
                       receipt->known ? "true" : "false", receipt->repeat ? "true" : "false");
    g_autoptr(GBytes) payload = g_bytes_new(text, (gsize)n);
    exchange_send(work->exchange, ARCHIVE_STORED, payload);
    exchange_finish(work->exchange);
    work_free(work);
}

void
ingest_run(gpointer data)
{
    struct work *work = data;
    g_autoptr(GError) error = NULL;
    struct store *store = work->archived->store;
    g_autoptr(GBytes) payload = g_steal_pointer(&work->payload);
    struct capture *capture = capture_decode(payload, &error);

    if (capture && !capture->message) {
        capture_free(&capture);
        g_set_error(&error, CAPTURE_ERROR, CAPTURE_ERROR_FORMAT, "the record has no message");
    }
    if (!capture) {
        ingest_failed(work, error);
        return;
    }
    store_ingest(store, capture, ingest_done, work); /* work may be freed from here on */
    capture_free(&capture);
}
