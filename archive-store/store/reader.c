/* reader.c: store_get, and reading the log in order. */
#include "archive-store/store/keys.h"
#include "archive-store/store/store_private.h"
#include "archive-store/store/walk.h"
#include <errno.h>
#include <string.h>

struct capture *
store_get(struct store *store, guint64 id, GError **error)
{
    struct locator_entry e;
    struct record_header header;
    struct payload payload;
    g_autoptr(GBytes) message = NULL;

    int found = locator_find_id(store->locator, id, &e, error);
    if (found == 0)
        g_set_error(error, STORE_ERROR, STORE_ERROR_ABSENT, "no such message");
    if (found != 1)
        return NULL;
    g_autoptr(GBytes) plain = fetch_plain(store, e.segment, e.offset, &header, error);
    if (plain == NULL)
        return NULL;
    struct capture *capture = NULL;
    if (!payload_decode(plain, header.type, &payload))
        g_set_error(error, STORE_ERROR, STORE_ERROR_DAMAGED, "the payload of this message is malformed");
    else if (header.type == RECORD_MESSAGE)
        message = fetch_message(store, &payload, error);
    else
        message = fetch_event_message(store, &payload, header.id, error);
    if (message != NULL)
        capture = fetch_capture(&payload, error);
    if (capture != NULL) {
        g_clear_pointer(&capture->message, g_bytes_unref);
        capture->message = g_steal_pointer(&message);
    }
    payload_clear(&payload);
    return capture;
}

int
store_content(struct store *store, guint64 event, guint64 *id_r, GError **error)
{
    struct locator_entry e;
    int found = locator_find_id(store->locator, event, &e, error);

    if (found == 1)
        *id_r = e.header.id;
    return found;
}

/* Moves the cursor over ends of segments: FALSE = nothing more. */
static gboolean
settle_cursor(struct store *store, struct store_cursor *at, struct segment *s)
{
    struct store_cursor end = append_end(store->appender);

    for (;;) {
        gboolean have = at->segment != 0 && segments_get(store->segments, at->segment, s);
        if (have && at->offset < SEGMENT_HEADER)
            at->offset = SEGMENT_HEADER;
        if (have && at->offset < s->end)
            return TRUE;
        if (at->segment >= end.segment || !segments_after(store->segments, at->segment, s))
            return FALSE;
        at->segment = s->header.segment;
        at->offset = SEGMENT_HEADER;
    }
}

/* Fills the item from a whole record. */
static gboolean
fill_item(struct store *store, const struct store_cursor *at, const struct record_header *header,
          guint8 *stored, struct store_item *item, GError **error)
{
    struct payload payload;
    g_autoptr(GBytes) plain = fetch_open(store, at->segment, at->offset, header, stored, error);

    if (plain == NULL)
        return FALSE;
    item->kind = (enum store_kind)header->type;
    item->id = header->id;
    item->event = header->event;
    if (!payload_decode(plain, header->type, &payload)) {
        g_set_error(error, STORE_ERROR, STORE_ERROR_DAMAGED, "the payload of a record is malformed");
        payload_clear(&payload);
        return FALSE;
    }
    gboolean good = TRUE;
    if (header->type == RECORD_EXPANSION) {
        item->expansion_recipient = payload.recipient;
        item->expansion_mailboxes = g_steal_pointer(&payload.mailboxes);
    } else {
        g_autoptr(GBytes) message =
            header->type == RECORD_MESSAGE ? fetch_message(store, &payload, error) : NULL;
        good = header->type != RECORD_MESSAGE || message != NULL;
        item->capture = good ? fetch_capture(&payload, error) : NULL;
        good = item->capture != NULL;
        if (good && message != NULL) {
            g_clear_pointer(&item->capture->message, g_bytes_unref);
            item->capture->message = g_steal_pointer(&message);
        }
    }
    payload_clear(&payload);
    return good;
}

/* After damage: where the next record begins, or the end of the segment. */
static guint64
find_next(struct store *store, const struct segment *s, guint64 offset)
{
    struct segment_handle *h = segments_open(store->segments, s->header.segment, SEGMENT_LOG, NULL);
    struct walk walk;

    if (h == NULL)
        return s->end;
    walk_init(&walk, h->fd, offset, s->end);
    walk_next(&walk);
    guint64 next = walk.next > offset ? walk.next : s->end;
    walk_clear(&walk);
    segments_release(store->segments, h);
    return next;
}

static gboolean
passed_over(const struct record_header *header)
{
    return header->type == RECORD_ATTACHMENT || header->type == RECORD_GAP ||
           (header->flags & RECORD_VOID) != 0;
}

int
store_next(struct store *store, const struct store_cursor *cursor, struct store_item *item_r, GError **error)
{
    struct store_cursor at = *cursor;
    struct segment s;

    memset(item_r, 0, sizeof *item_r);
    while (settle_cursor(store, &at, &s)) {
        struct record_header header;
        g_autofree guint8 *stored = NULL;
        g_autoptr(GError) local = NULL;

        item_r->next = at;
        gboolean whole = fetch_stored(store, at.segment, at.offset, &header, &stored, &local);
        if (whole) {
            at.offset += record_span(header.stored);
            if (passed_over(&header))
                continue;
            struct store_cursor here = item_r->next;
            if (fill_item(store, &here, &header, stored, item_r, &local)) {
                item_r->next = at;
                return 1;
            }
            if (g_error_matches(local, STORE_ERROR, STORE_ERROR_ERASED))
                continue;
            store_item_clear(item_r);
            item_r->next = here;
        } else if (g_error_matches(local, STORE_ERROR, STORE_ERROR_DAMAGED)) {
            at.offset = find_next(store, &s, at.offset);
        }
        if (g_error_matches(local, STORE_ERROR, STORE_ERROR_DAMAGED))
            item_r->next = at;
        g_propagate_error(error, g_steal_pointer(&local));
        return -1;
    }
    item_r->next = at;
    return 0;
}

void
store_item_clear(struct store_item *item)
{
    capture_free(&item->capture);
    g_clear_pointer(&item->expansion_mailboxes, g_strfreev);
}

gboolean
store_wait(struct store *store, const struct store_cursor *cursor, int timeout_ms)
{
    return append_wait(store->appender, cursor, timeout_ms);
}

struct store_cursor
store_end(struct store *store)
{
    return append_end(store->appender);
}

guint64
store_lag_bytes(struct store *store, const struct store_cursor *cursor)
{
    struct segment s;
    guint64 lag = 0;

    for (guint64 at = cursor->segment > 0 ? cursor->segment - 1 : 0; segments_after(store->segments, at, &s);
         at = s.header.segment) {
        guint64 from =
            s.header.segment == cursor->segment ? MAX(cursor->offset, SEGMENT_HEADER) : SEGMENT_HEADER;
        if (s.end > from)
            lag += s.end - from;
    }
    return lag;
}
