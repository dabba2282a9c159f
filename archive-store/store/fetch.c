/* fetch.c: reading records and messages back: CRC, key slot, GCM tag, decompression, attachments, SHA-256. */
#include "archive-store/store/crc32c.h"
#include "archive-store/store/io.h"
#include "archive-store/store/keys.h"
#include "archive-store/store/store_private.h"
#include <errno.h>
#include <string.h>

#define FIRST_READ 8192u /* header and, for most mails, all of the record */

static gboolean
fail(GError **error, enum store_error code, guint64 segment, guint64 offset, const char *what)
{
    g_set_error(error, STORE_ERROR, (int)code,
                "segment %016" G_GINT64_MODIFIER "x, offset %" G_GUINT64_FORMAT ": %s", segment, offset,
                what);
    return FALSE;
}

gboolean
fetch_entry(guint64 segment, guint64 offset, struct locator_entry *entry_r, gpointer data)
{
    struct store *store = data;
    struct segment s;
    guint8 bytes[RECORD_HEADER];

    if (!segments_get(store->segments, segment, &s) || offset < SEGMENT_HEADER || offset >= s.end)
        return FALSE;
    struct segment_handle *h = segments_open(store->segments, segment, SEGMENT_LOG, NULL);
    if (h == NULL)
        return FALSE;
    gboolean good = io_read_full(h->fd, bytes, sizeof bytes, offset) == RECORD_HEADER &&
                    parse_record_header(bytes, &entry_r->header) && entry_r->header.type != RECORD_GAP &&
                    (entry_r->header.flags & RECORD_VOID) == 0;
    segments_release(store->segments, h);
    entry_r->segment = segment;
    entry_r->offset = offset;
    entry_r->end = good ? offset + record_span(entry_r->header.stored) : offset;
    entry_r->month = s.header.month;
    return good;
}

/* The rest of a record whose first bytes are at hand. */
static guint8 *
read_stored(int fd, const guint8 *first, gsize have, guint64 offset, gsize stored)
{
    guint8 *out = g_malloc(stored);
    gsize at_hand = MIN(have - RECORD_HEADER, stored);

    memcpy(out, first + RECORD_HEADER, at_hand);
    if (at_hand < stored && io_read_full(fd, out + at_hand, stored - at_hand,
                                         offset + RECORD_HEADER + at_hand) != (gssize)(stored - at_hand))
        g_clear_pointer(&out, g_free);
    return out;
}

gboolean
fetch_stored(struct store *store, guint64 segment, guint64 offset, struct record_header *header_r,
             guint8 **stored_r, GError **error)
{
    guint8 first[FIRST_READ];
    struct segment s;

    if (!segments_get(store->segments, segment, &s))
        return fail(error, STORE_ERROR_DAMAGED, segment, offset, "this segment is missing");
    if (offset < SEGMENT_HEADER || offset >= s.end || s.end - offset < RECORD_HEADER)
        return fail(error, STORE_ERROR_DAMAGED, segment, offset, "outside the log");
    struct segment_handle *h = segments_open(store->segments, segment, SEGMENT_LOG, error);
    if (h == NULL)
        return FALSE;
    gssize n = io_read_full(h->fd, first, sizeof first, offset);
    int number = errno;
    guint8 *stored = NULL;
    gboolean parsed = n >= (gssize)RECORD_HEADER && parse_record_header(first, header_r) &&
                      record_span(header_r->stored) <= s.end - offset;
    if (parsed)
        stored = read_stored(h->fd, first, (gsize)n, offset, header_r->stored);
    segments_release(store->segments, h);
    if (n < 0)
        return fail(error, STORE_ERROR_IO, segment, offset, g_strerror(number));
    if (!parsed)
        return fail(error, STORE_ERROR_DAMAGED, segment, offset, "no record begins here");
    if (stored == NULL ||
        (header_r->type != RECORD_GAP && crc32c(0, stored, header_r->stored) != header_r->payload_crc)) {
        g_free(stored);
        return fail(error, STORE_ERROR_DAMAGED, segment, offset, "the checksum of the record is wrong");
    }
    *stored_r = stored;
    return TRUE;
}

GBytes *
fetch_open(struct store *store, guint64 segment, guint64 offset, const struct record_header *header,
           guint8 *stored, GError **error)
{
    struct segment s;
    guint8 key[32];

    if (!segments_get(store->segments, segment, &s) || header->slot == RECORD_NO_SLOT || header->slot == 0) {
        fail(error, STORE_ERROR_DAMAGED, segment, offset, "a record without a key");
        return NULL;
    }
    const struct secrets *secrets = keyring_find(store->keyring, s.header.key_id);
    if (secrets == NULL) {
        fail(error, STORE_ERROR_KEY, segment, offset,
             "written under a master key that is not in the key file");
        return NULL;
    }
    struct segment_handle *h = segments_open(store->segments, segment, SEGMENT_KEYS, error);
    if (h == NULL)
        return NULL;
    guint64 event = header->type == RECORD_EXPANSION ? header->id : header->event;
    gboolean have = keys_read(h->fd, secrets, segment, header->slot, event, key, error);
    segments_release(store->segments, h);
    if (!have)
        return NULL;
    GBytes *plain = record_open(header, segment, offset, stored, key,
                                dictionaries_find(store->dictionaries, header->dictionary), error);
    crypto_wipe(key, sizeof key);
    return plain;
}

GBytes *
fetch_plain(struct store *store, guint64 segment, guint64 offset, struct record_header *header_r,
            GError **error)
{
    g_autofree guint8 *stored = NULL;

    if (!fetch_stored(store, segment, offset, header_r, &stored, error))
        return NULL;
    return fetch_open(store, segment, offset, header_r, stored, error);
}

/* The attachment's plain bytes: at the place that the reference names, else wherever the locator knows it. */
static GBytes *
fetch_attachment(struct store *store, const struct attach_reference *r, GError **error)
{
    struct locator_entry entry;
    struct segment s;
    struct record_header header;
    g_autofree guint8 *stored = NULL;

    if (!fetch_entry(r->segment, r->at, &entry, store) || entry.header.type != RECORD_ATTACHMENT ||
        memcmp(entry.header.hash, r->id, 32) != 0) {
        guint32 month = segments_get(store->segments, r->segment, &s) ? s.header.month : 0;
        int found = locator_find(store->locator, LOCATE_ATTACHMENT, r->id, month, &entry, error);
        if (found < 0)
            return NULL;
        if (found == 0) {
            fail(error, STORE_ERROR_DAMAGED, r->segment, r->at, "an attachment of this message is missing");
            return NULL;
        }
    }
    if (!fetch_stored(store, entry.segment, entry.offset, &header, &stored, error))
        return NULL;
    GBytes *plain = record_open(&header, entry.segment, entry.offset, stored, r->key,
                                dictionaries_find(store->dictionaries, header.dictionary), error);
    if (plain != NULL && g_bytes_get_size(plain) != r->plain) {
        g_bytes_unref(plain);
        fail(error, STORE_ERROR_DAMAGED, r->segment, r->at,
             "an attachment has another length than it should");
        return NULL;
    }
    return plain;
}

/* Frame and attachments put together; the sizes were checked by payload_decode. */
static GBytes *
assemble(struct store *store, const struct payload *p, GError **error)
{
    g_autofree guint8 *message = g_malloc((gsize)p->size + 1);
    const guint8 *frame = p->frame.data;
    gsize at = 0, from = 0;

    for (guint n = 0; n < p->references->len; n++) {
        const struct attach_reference *r = &g_array_index(p->references, struct attach_reference, n);
        g_autoptr(GBytes) plain = fetch_attachment(store, r, error);
        if (plain == NULL)
            return NULL;
        memcpy(message + at, frame + from, r->offset - at);
        from += r->offset - at;
        attach_encode(&r->coding, g_bytes_get_data(plain, NULL), g_bytes_get_size(plain),
                      message + r->offset);
        at = (gsize)r->offset + r->length;
    }
    memcpy(message + at, frame + from, p->size - at);
    return g_bytes_new_take(g_steal_pointer(&message), p->size);
}

static GBytes *
check_sha(const struct payload *p, GBytes *message, GError **error)
{
    gsize length;
    const guint8 *data = g_bytes_get_data(message, &length);
    guint8 sha[32];

    crypto_sha256(&(struct bytes){data, length}, 1, sha);
    if (length == p->size && memcmp(sha, p->message_sha, 32) == 0)
        return message;
    g_set_error(error, STORE_ERROR, STORE_ERROR_DAMAGED,
                "a message is not what was stored: its SHA-256 differs");
    g_bytes_unref(message);
    return NULL;
}

GBytes *
fetch_message(struct store *store, const struct payload *p, GError **error)
{
    GBytes *message;

    if (p->references->len == 0)
        message = g_bytes_new_from_bytes(
            p->plain,
            (gsize)((const guint8 *)p->frame.data - (const guint8 *)g_bytes_get_data(p->plain, NULL)),
            p->frame.length);
    else
        message = assemble(store, p, error);
    return message != NULL ? check_sha(p, message, error) : NULL;
}

GBytes *
fetch_event_message(struct store *store, const struct payload *p, guint64 content, GError **error)
{
    struct locator_entry entry;
    struct record_header header;
    struct payload first = {0};

    int found = locator_find_id(store->locator, content, &entry, error);
    if (found < 0)
        return NULL;
    if (found == 0 || entry.header.type != RECORD_MESSAGE) {
        g_set_error(error, STORE_ERROR, STORE_ERROR_DAMAGED, "the content of this delivery is missing");
        return NULL;
    }
    g_autoptr(GBytes) plain = fetch_plain(store, entry.segment, entry.offset, &header, error);
    if (plain == NULL)
        return NULL;
    g_autoptr(GBytes) message = NULL, stripped = NULL;
    if (!payload_decode(plain, RECORD_MESSAGE, &first))
        fail(error, STORE_ERROR_DAMAGED, entry.segment, entry.offset, "the payload is malformed");
    else
        message = fetch_message(store, &first, error);
    if (message != NULL)
        stripped =
            identity_strip(message, (const struct trace_span *)(void *)first.trace->data, first.trace->len);
    payload_clear(&first);
    if (stripped == NULL)
        return NULL;
    GBytes *woven =
        identity_weave(stripped, (const struct trace_insert *)(void *)p->inserts->data, p->inserts->len);
    if (woven == NULL) {
        g_set_error(error, STORE_ERROR, STORE_ERROR_DAMAGED,
                    "a delivery's trace lines don't fit its content");
        return NULL;
    }
    return check_sha(p, woven, error);
}

struct capture *
fetch_capture(const struct payload *p, GError **error)
{
    g_autoptr(GError) local = NULL;
    const guint8 *base = g_bytes_get_data(p->plain, NULL);
    g_autoptr(GBytes) encoded =
        g_bytes_new_from_bytes(p->plain, (gsize)((const guint8 *)p->capture.data - base), p->capture.length);

    struct capture *capture = capture_decode(encoded, &local);
    if (capture == NULL)
        g_set_error(error, STORE_ERROR, STORE_ERROR_DAMAGED, "an envelope can't be read: %s", local->message);
    return capture;
}

gboolean
fetch_references(const struct record_header *header, guint64 offset, const guint8 *record, GArray *offsets,
                 gpointer data)
{
    const struct fetch_references_data *d = data;
    struct payload payload;
    g_autofree guint8 *stored = g_memdup2(record + RECORD_HEADER, header->stored);
    g_autoptr(GBytes) plain = fetch_open(d->store, d->segment, offset, header, stored, NULL);

    if (plain == NULL)
        return FALSE;
    gboolean good = payload_decode(plain, RECORD_MESSAGE, &payload);
    for (guint n = 0; good && n < payload.references->len; n++) {
        const struct attach_reference *r = &g_array_index(payload.references, struct attach_reference, n);
        if (r->segment == d->segment)
            g_array_append_val(offsets, r->at);
    }
    payload_clear(&payload);
    return good;
}
