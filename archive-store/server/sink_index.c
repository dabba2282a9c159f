/* sink_index.c: the feed's place "index". */
#include <string.h>
#include "archive-store/server/daemon_parts.h"
#include "lib/base/log.h"

/* The index keeps 16 bytes: segment and offset, little-endian. */
static enum sink_outcome
index_load(gpointer data, struct store_cursor *cursor_r, GError **error)
{
    guint8 bytes[16];
    guint64 numbers[2];

    (void)error;
    index_cursor(data, bytes);
    memcpy(numbers, bytes, sizeof numbers);
    cursor_r->segment = GUINT64_FROM_LE(numbers[0]);
    cursor_r->offset = GUINT64_FROM_LE(numbers[1]);
    return SINK_OK;
}

static enum sink_outcome
index_add_record(gpointer data, const struct feed_record *record, GError **error)
{
    gboolean ok;

    if (record->document)
        ok = index_add(data, &record->document->index, error);
    else
        ok = index_add_addresses(data, record->item.id,
                                 (const struct index_address *)(void *)record->addresses->data,
                                 record->addresses->len, error);
    /* Only the disk refuses: never pass over a record, it would never be found. */
    return ok ? SINK_OK : SINK_RETRY;
}

static enum sink_outcome
index_commit_batch(gpointer data, const struct store_cursor *cursor, GError **error)
{
    const guint64 numbers[2] = {GUINT64_TO_LE(cursor->segment), GUINT64_TO_LE(cursor->offset)};
    guint8 bytes[16];

    memcpy(bytes, numbers, sizeof bytes);
    return index_commit(data, bytes, error) ? SINK_OK : SINK_RETRY;
}

#define UPKEEP_MS 200

static gboolean
index_idle(gpointer data)
{
    g_autoptr(GError) error = NULL;
    int more = index_optimise(data, UPKEEP_MS, &error);

    if (more < 0)
        log_text(LOG_SEV_WARNING, "index", "upkeep failed: %s", error->message);
    return more > 0;
}

struct sink
index_sink(struct archive_index *index, guint batch)
{
    /* No abandon: after a failure the index has dropped its batch itself. */
    return (struct sink){.name = "index", .data = index, .load = index_load, .add = index_add_record,
                         .commit = index_commit_batch, .idle = index_idle, .batch = batch};
}
