/* feed_log.c: reading and parsing the log once for several sinks.
 *
 * A ring of the last parsed records, found by their place in the log. Whoever comes first to a place parses
 * it, the others wait for that and share the outcome; places that fell out of the ring are parsed again by
 * the sink that is behind. The ring holds at most 512 records and 32 MiB of text.
 *
 * A damaged record is logged once, counted (postern_archive_damaged_records_total) and passed over. */
#include <string.h>
#include "archive-store/server/feed_private.h"
#include "lib/base/log.h"
#include "lib/base/metrics.h"

#define RING_RECORDS 512
#define RING_BYTES (32u << 20)
#define DAMAGED_REMEMBERED 10000

struct feed_log {
    struct store *store;
    GMutex lock;
    GCond ready;
    GQueue ring;          /* struct feed_entry *, newest at the tail; owns a reference */
    GHashTable *by_place; /* the same by their place (borrowed) */
    gsize weight;
    GHashTable *damaged; /* "segment:offset" already told */
    guint64 n_damaged;
    struct metric *damaged_total;
};

/* ---- records ---- */

struct feed_record *
feed_record_new(struct store_item *item)
{
    struct feed_record *record = g_new0(struct feed_record, 1);

    record->item = *item;
    memset(item, 0, sizeof *item);
    if (record->item.kind == STORE_MESSAGE && record->item.capture) {
        record->document = document_new(record->item.id, record->item.capture);
        /* The bytes are not needed any more, and the ring should not hold them. */
        g_clear_pointer(&record->item.capture->message, g_bytes_unref);
    } else if (record->item.kind == STORE_EVENT && record->item.capture) {
        record->addresses = document_event_addresses(record->item.capture, &record->address_text);
    } else if (record->item.kind == STORE_EXPANSION) {
        record->addresses = document_expansion_addresses(record->item.expansion_mailboxes, &record->address_text);
    } else {
        feed_record_free(&record);
    }
    return record;
}

void
feed_record_free(struct feed_record **record)
{
    struct feed_record *r = *record;

    if (!r)
        return;
    *record = NULL;
    document_free(&r->document);
    g_clear_pointer(&r->addresses, g_array_unref);
    g_clear_pointer(&r->address_text, g_ptr_array_unref);
    store_item_clear(&r->item);
    g_free(r);
}

/* ---- entries ---- */

static guint
place_hash(gconstpointer entry)
{
    const struct store_cursor *at = &((const struct feed_entry *)entry)->at;

    return (guint)(at->offset >> 3) * 2654435761u + (guint)at->segment;
}

static gboolean
place_equal(gconstpointer a, gconstpointer b)
{
    return cursor_equal(&((const struct feed_entry *)a)->at, &((const struct feed_entry *)b)->at);
}

static struct feed_entry *
entry_new(const struct store_cursor *at)
{
    struct feed_entry *entry = g_new0(struct feed_entry, 1);

    entry->at = *at;
    entry->refs = 2; /* the ring and the caller */
    return entry;
}

void
feed_entry_unref(struct feed_entry *entry)
{
    if (!g_atomic_int_dec_and_test(&entry->refs))
        return;
    feed_record_free(&entry->record);
    g_free(entry);
}

static void
log_damaged(struct feed_log *log, const struct store_cursor *at, const char *text)
{
    g_autofree char *place = g_strdup_printf("%" G_GUINT64_FORMAT ":%" G_GUINT64_FORMAT, at->segment, at->offset);

    g_mutex_lock(&log->lock);
    gboolean fresh = g_hash_table_size(log->damaged) < DAMAGED_REMEMBERED &&
                     g_hash_table_add(log->damaged, g_strdup(place));
    if (fresh)
        log->n_damaged++;
    g_mutex_unlock(&log->lock);
    if (!fresh)
        return;
    metrics_add(log->damaged_total, 0, 1);
    log_text(LOG_SEV_ERROR, "damaged",
             "record at %s can't be read and is passed over: %s; run `postern archive verify`", place, text);
}

/* Reads and parses the place; without the lock. Outcome as of store_next; -1 only for what may pass. */
static int
entry_fill(struct feed_log *log, struct feed_entry *entry, GError **error)
{
    struct store_item item = {0};
    g_autoptr(GError) problem = NULL;
    int found = store_next(log->store, &entry->at, &item, &problem);

    if (found < 0) {
        gboolean onward = g_error_matches(problem, STORE_ERROR, STORE_ERROR_DAMAGED) &&
                          cursor_reached(&item.next, &entry->at) && !cursor_equal(&item.next, &entry->at);
        entry->next = item.next;
        store_item_clear(&item);
        if (!onward) {
            g_propagate_error(error, g_steal_pointer(&problem));
            return -1;
        }
        log_damaged(log, &entry->at, problem ? problem->message : "unknown");
        return 1;
    }
    if (found == 0)
        return 0;
    entry->next = item.next;
    /* The record of an expansion knows its event only; the index goes by content. */
    if (item.kind == STORE_EXPANSION && store_content(log->store, item.event, &item.id, error) < 0) {
        store_item_clear(&item);
        return -1;
    }
    entry->record = feed_record_new(&item);
    entry->weight = entry->record && entry->record->document ? document_weight(entry->record->document) : 1024;
    return 1;
}

/* With the lock held: drops the oldest until the ring is within its bounds (the newest always stays). */
static void
ring_trim(struct feed_log *log)
{
    while (log->ring.length > 1 && (log->ring.length > RING_RECORDS || log->weight > RING_BYTES)) {
        struct feed_entry *oldest = g_queue_peek_head(&log->ring);
        if (!oldest->ready)
            return;
        g_queue_pop_head(&log->ring);
        g_hash_table_remove(log->by_place, oldest);
        log->weight -= oldest->weight;
        feed_entry_unref(oldest);
    }
}

static struct feed_entry *
ring_find(struct feed_log *log, const struct store_cursor *at)
{
    const struct feed_entry wanted = {.at = *at};

    return g_hash_table_lookup(log->by_place, &wanted);
}

/* With the lock held. */
static void
ring_push(struct feed_log *log, struct feed_entry *entry)
{
    g_queue_push_tail(&log->ring, entry);
    g_hash_table_add(log->by_place, entry);
}

/* With the lock held; the newest are at the tail, so a failed entry is found at once. */
static void
ring_drop(struct feed_log *log, struct feed_entry *entry)
{
    for (GList *l = log->ring.tail; l; l = l->prev) {
        if (l->data == entry) {
            g_queue_delete_link(&log->ring, l);
            break;
        }
    }
    g_hash_table_remove(log->by_place, entry);
}

int
feed_log_get(struct feed_log *log, const struct store_cursor *at, struct feed_entry **entry_r, GError **error)
{
    struct feed_entry *entry;

    g_mutex_lock(&log->lock);
    while ((entry = ring_find(log, at))) {
        g_atomic_int_inc(&entry->refs);
        while (!entry->ready && !entry->failed)
            g_cond_wait(&log->ready, &log->lock);
        if (entry->ready) {
            g_mutex_unlock(&log->lock);
            *entry_r = entry;
            return 1;
        }
        feed_entry_unref(entry); /* the other reader found nothing or failed: look again for ourselves */
    }
    entry = entry_new(at);
    ring_push(log, entry);
    g_mutex_unlock(&log->lock);

    int found = entry_fill(log, entry, error);
    g_mutex_lock(&log->lock);
    if (found > 0) {
        entry->ready = TRUE;
        log->weight += entry->weight;
        ring_trim(log);
    } else {
        entry->failed = TRUE;
        ring_drop(log, entry);
    }
    g_cond_broadcast(&log->ready);
    g_mutex_unlock(&log->lock);
    if (found > 0) {
        *entry_r = entry;
        return 1;
    }
    feed_entry_unref(entry);
    feed_entry_unref(entry);
    return found;
}

struct feed_log *
feed_log_new(struct store *store)
{
    struct feed_log *log = g_new0(struct feed_log, 1);

    log->store = store;
    g_mutex_init(&log->lock);
    g_cond_init(&log->ready);
    g_queue_init(&log->ring);
    log->by_place = g_hash_table_new(place_hash, place_equal);
    log->damaged = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
    log->damaged_total = metrics_counter("postern_archive_damaged_records_total",
                                         "Records of the store's log that could not be read and were passed over.",
                                         NULL, NULL);
    return log;
}

void
feed_log_free(struct feed_log **log)
{
    struct feed_log *l = *log;
    struct feed_entry *entry;

    if (!l)
        return;
    *log = NULL;
    g_hash_table_unref(l->by_place);
    while ((entry = g_queue_pop_head(&l->ring)))
        feed_entry_unref(entry);
    g_hash_table_unref(l->damaged);
    g_mutex_clear(&l->lock);
    g_cond_clear(&l->ready);
    g_free(l);
}

guint64
feed_log_damaged(struct feed_log *log)
{
    g_mutex_lock(&log->lock);
    guint64 n = log->n_damaged;
    g_mutex_unlock(&log->lock);
    return n;
}
