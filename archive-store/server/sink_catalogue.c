/* sink_catalogue.c: the feed's place "catalogue": rows in SQL. */
#include <string.h>
#include "archive-store/server/daemon_parts.h"
#include "lib/base/log.h"

static enum sink_outcome
outcome_of(const GError *error)
{
    if (!error)
        return SINK_OK;
    /* A statement that SQL refuses for this record may go through for the next one; everything else is
     * the database's state. */
    if (g_error_matches(error, SQL_ERROR, SQL_ERROR_STATEMENT) ||
        g_error_matches(error, SQL_ERROR, SQL_ERROR_DUPLICATE))
        return SINK_REFUSED;
    return SINK_RETRY;
}

static enum sink_outcome
catalogue_sink_load(gpointer data, struct store_cursor *cursor_r, GError **error)
{
    guint8 bytes[CATALOGUE_POSITION];
    guint64 numbers[2];

    if (!catalogue_position(data, bytes, error))
        return SINK_RETRY;
    memcpy(numbers, bytes, sizeof numbers);
    cursor_r->segment = GUINT64_FROM_LE(numbers[0]);
    cursor_r->offset = GUINT64_FROM_LE(numbers[1]);
    return SINK_OK;
}

static int
add_message(struct catalogue *catalogue, const struct feed_record *record, GError **error)
{
    const struct document *document = record->document;
    struct catalogue_message message = {
        .size = document->size,
        .subject = document->subject,
        .from = document->senders->len ? document->senders->pdata[0] : document->from,
        .message_id = document->message_id,
        .date = document->date,
        .attachments = document->names->len,
    };

    return catalogue_add(catalogue, record->item.id, record->item.id, record->item.capture, &message, error);
}

static enum sink_outcome
catalogue_sink_add(gpointer data, const struct feed_record *record, GError **error)
{
    const struct store_item *item = &record->item;
    GError *problem = NULL;

    if (record->document)
        add_message(data, record, &problem);
    else if (item->kind == STORE_EVENT)
        catalogue_add(data, item->id, item->event, item->capture, NULL, &problem);
    else if (catalogue_expand(data, item->event, item->expansion_recipient, item->expansion_mailboxes, &problem) == 0)
        log_text(LOG_SEV_WARNING, "feed", "an expansion names a recipient that the catalogue does not know");
    enum sink_outcome outcome = outcome_of(problem);
    if (problem)
        g_propagate_error(error, problem);
    return outcome;
}

static enum sink_outcome
catalogue_sink_commit(gpointer data, const struct store_cursor *cursor, GError **error)
{
    const guint64 numbers[2] = {GUINT64_TO_LE(cursor->segment), GUINT64_TO_LE(cursor->offset)};
    guint8 bytes[CATALOGUE_POSITION];

    memcpy(bytes, numbers, sizeof bytes);
    return catalogue_commit(data, bytes, error) ? SINK_OK : SINK_RETRY;
}

static void
catalogue_sink_abandon(gpointer data)
{
    catalogue_abandon(data);
}

struct sink
catalogue_sink(struct catalogue *catalogue, guint batch)
{
    return (struct sink){.name = "catalogue", .data = catalogue, .load = catalogue_sink_load,
                         .add = catalogue_sink_add, .commit = catalogue_sink_commit,
                         .abandon = catalogue_sink_abandon, .batch = batch};
}
