/* locator.c: the locator's memory of what isn't in its database yet, and the thread that writes it there.
 *
 * Entries come in the order of the log and leave for the database in that order, so that one cursor says all.
 * A lookup asks memory first, then the database: an entry leaves memory only after its commit, so one of both
 * knows it. */
#include "archive-store/store/locator.h"
#include "archive-store/store/locator_db.h"
#include "lib/base/log.h"
#include <string.h>
#include <sys/stat.h>

#define BATCH_MAX 4096u             /* entries in one transaction */
#define BATCH_WAIT (G_USEC_PER_SEC) /* an entry waits at most that long */
#define BACKLOG_MAX (4 * BATCH_MAX) /* replay waits beyond that */

struct entry {
    struct locator_entry entry;
    gint64 keys[LOCATOR_KEYS];
    gboolean settled;
};

struct locator {
    char *path;
    struct locator_db *db;
    locator_read read;
    gpointer data;
    GMutex lock;
    GCond wake;                       /* the writer */
    GHashTable *memory[LOCATOR_KEYS]; /* &keys[k] → struct entry */
    GQueue queue;                     /* struct entry *, log order */
    guint settled;                    /* how many at its head are */
    gint64 first_settled;             /* monotonic time when the head became so */
    struct locator_counters counters; /* of everything settled */
    guint64 segment, offset;          /* the database's cursor */
    GMutex write_lock;                /* one batch at a time */
    GThread *thread;
    gboolean stop, failing;
};

static gboolean
has_key(const struct locator_entry *e, enum locator_key key)
{
    switch (key) {
    case LOCATE_CONTENT:
        return e->header.type == RECORD_MESSAGE;
    case LOCATE_ATTACHMENT:
        return e->header.type == RECORD_ATTACHMENT;
    case LOCATE_ENVELOPE:
        return e->header.type == RECORD_EVENT;
    default:
        return e->header.type == RECORD_MESSAGE || e->header.type == RECORD_EVENT;
    }
}

static gint64
entry_key(const struct locator_entry *e, enum locator_key key)
{
    switch (key) {
    case LOCATE_ID:
        return (gint64)e->header.event;
    case LOCATE_TRANSACTION:
        return locator_hash(key, e->header.transaction, 0);
    case LOCATE_ENVELOPE:
        return locator_hash(key, e->header.envelope, 0);
    default:
        return locator_hash(key, e->header.hash, e->month);
    }
}

static void
count_entry(struct locator_counters *c, const struct record_header *h)
{
    c->records++;
    c->messages += h->type == RECORD_MESSAGE;
    c->events += h->type == RECORD_MESSAGE || h->type == RECORD_EVENT;
    c->attachments += h->type == RECORD_ATTACHMENT;
    c->raw_bytes += h->raw;
}

/* Removes an entry from the tables, unless a newer one took its key, and frees it. Lock held. */
static void
entry_release(struct locator *l, struct entry *e)
{
    for (int k = 0; k < LOCATOR_KEYS; k++) {
        if (has_key(&e->entry, (enum locator_key)k) && g_hash_table_lookup(l->memory[k], &e->keys[k]) == e)
            g_hash_table_remove(l->memory[k], &e->keys[k]);
    }
    g_free(e);
}

/* Takes what is settled, at most a batch, writes it, then forgets it. */
static gboolean
write_batch(struct locator *l, GError **error)
{
    g_mutex_lock(&l->write_lock);
    g_mutex_lock(&l->lock);
    guint n = MIN(l->settled, BATCH_MAX);
    g_autofree const struct locator_entry **batch = g_new(const struct locator_entry *, n + 1);
    struct locator_counters counters = l->counters;
    GList *link = l->queue.head;
    for (guint i = 0; i < n; i++, link = link->next)
        batch[i] = &((struct entry *)link->data)->entry;
    /* The counters must say what the cursor says: take back what stays behind. */
    for (guint i = n; i < l->settled; i++, link = link->next) {
        const struct record_header *h = &((struct entry *)link->data)->entry.header;
        counters.records--;
        counters.messages -= h->type == RECORD_MESSAGE;
        counters.events -= h->type == RECORD_MESSAGE || h->type == RECORD_EVENT;
        counters.attachments -= h->type == RECORD_ATTACHMENT;
        counters.raw_bytes -= h->raw;
    }
    g_mutex_unlock(&l->lock);

    gboolean good = n == 0 || locator_db_write(l->db, batch, n, &counters, error);
    if (good && n > 0) {
        g_mutex_lock(&l->lock);
        l->segment = batch[n - 1]->segment;
        l->offset = batch[n - 1]->end;
        for (guint i = 0; i < n; i++)
            entry_release(l, g_queue_pop_head(&l->queue));
        l->settled -= n;
        l->first_settled = g_get_monotonic_time();
        g_mutex_unlock(&l->lock);
    }
    g_mutex_unlock(&l->write_lock);
    return good;
}

static gpointer
writer(gpointer data)
{
    struct locator *l = data;

    g_mutex_lock(&l->lock);
    while (!l->stop) {
        gint64 until = l->first_settled + BATCH_WAIT;
        if (l->settled == 0 || l->failing) {
            g_cond_wait_until(&l->wake, &l->lock, g_get_monotonic_time() + BATCH_WAIT);
            if (l->settled == 0)
                continue;
        } else if (l->settled < BATCH_MAX && g_get_monotonic_time() < until) {
            g_cond_wait_until(&l->wake, &l->lock, until);
            continue;
        }
        g_mutex_unlock(&l->lock);
        g_autoptr(GError) error = NULL;
        gboolean good = write_batch(l, &error);
        g_mutex_lock(&l->lock);
        if (!good && !l->failing)
            log_text(LOG_SEV_WARNING, "locator", "%s", error != NULL ? error->message : "can't be written");
        l->failing = !good;
    }
    g_mutex_unlock(&l->lock);
    return NULL;
}

struct locator *
locator_open(const char *path, locator_read read, gpointer data, GError **error)
{
    struct locator_db *db = locator_db_open(path, error);
    if (db == NULL)
        return NULL;
    struct locator *l = g_new0(struct locator, 1);
    l->path = g_strdup(path);
    l->db = db;
    l->read = read;
    l->data = data;
    g_mutex_init(&l->lock);
    g_mutex_init(&l->write_lock);
    g_cond_init(&l->wake);
    for (int k = 0; k < LOCATOR_KEYS; k++)
        l->memory[k] = g_hash_table_new(g_int64_hash, g_int64_equal);
    g_queue_init(&l->queue);
    locator_db_state(db, &l->segment, &l->offset, &l->counters);
    l->thread = g_thread_new("locator", writer, l);
    return l;
}

void
locator_close(struct locator **locator)
{
    struct locator *l = *locator;
    if (l == NULL)
        return;
    g_mutex_lock(&l->lock);
    l->stop = TRUE;
    g_cond_broadcast(&l->wake);
    g_mutex_unlock(&l->lock);
    g_thread_join(l->thread);
    locator_flush(l, NULL);
    struct entry *e;
    while ((e = g_queue_pop_head(&l->queue)) != NULL)
        entry_release(l, e);
    for (int k = 0; k < LOCATOR_KEYS; k++)
        g_hash_table_unref(l->memory[k]);
    locator_db_close(&l->db);
    g_cond_clear(&l->wake);
    g_mutex_clear(&l->write_lock);
    g_mutex_clear(&l->lock);
    g_free(l->path);
    g_clear_pointer(locator, g_free);
}

void
locator_cursor(struct locator *l, guint64 *segment_r, guint64 *offset_r)
{
    g_mutex_lock(&l->lock);
    *segment_r = l->segment;
    *offset_r = l->offset;
    g_mutex_unlock(&l->lock);
}

gboolean
locator_reset(struct locator *l, GError **error)
{
    g_mutex_lock(&l->write_lock);
    g_mutex_lock(&l->lock);
    struct entry *e;
    while ((e = g_queue_pop_head(&l->queue)) != NULL)
        entry_release(l, e);
    l->settled = 0;
    l->segment = l->offset = 0;
    memset(&l->counters, 0, sizeof l->counters);
    gboolean good = locator_db_reset(l->db, error);
    g_mutex_unlock(&l->lock);
    g_mutex_unlock(&l->write_lock);
    return good;
}

/* One more at the head of the queue is durable. Lock held. */
static void
settle_one(struct locator *l, struct entry *e)
{
    e->settled = TRUE;
    if (l->settled++ == 0)
        l->first_settled = g_get_monotonic_time();
    count_entry(&l->counters, &e->entry.header);
    if (l->settled == 1 || l->settled == BATCH_MAX)
        g_cond_signal(&l->wake);
}

void
locator_add(struct locator *l, const struct locator_entry *entry, gboolean settled)
{
    struct entry *e = g_new0(struct entry, 1);

    e->entry = *entry;
    g_mutex_lock(&l->lock);
    for (int k = 0; k < LOCATOR_KEYS; k++) {
        if (has_key(entry, (enum locator_key)k)) {
            e->keys[k] = entry_key(entry, (enum locator_key)k);
            g_hash_table_replace(l->memory[k], &e->keys[k], e);
        }
    }
    g_queue_push_tail(&l->queue, e);
    if (settled)
        settle_one(l, e);
    gboolean crowded = settled && l->settled > BACKLOG_MAX;
    g_mutex_unlock(&l->lock);
    if (crowded)
        write_batch(l, NULL);
}

void
locator_settle(struct locator *l, guint64 segment, guint64 end)
{
    g_mutex_lock(&l->lock);
    /* Unsettled entries are few: begin from the tail. */
    GList *link = l->queue.tail;
    while (link != NULL && !((struct entry *)link->data)->settled)
        link = link->prev;
    link = link != NULL ? link->next : l->queue.head;
    for (; link != NULL; link = link->next) {
        struct entry *e = link->data;
        if (e->entry.segment != segment || e->entry.end > end)
            break;
        settle_one(l, e);
    }
    g_mutex_unlock(&l->lock);
}

void
locator_drop(struct locator *l, guint64 segment, guint64 end)
{
    g_mutex_lock(&l->lock);
    for (GList *link = l->queue.tail; link != NULL && !((struct entry *)link->data)->settled;) {
        struct entry *e = link->data;
        GList *before = link->prev;
        if (e->entry.segment == segment && e->entry.offset >= end) {
            g_queue_delete_link(&l->queue, link);
            entry_release(l, e);
        }
        link = before;
    }
    g_mutex_unlock(&l->lock);
}

static gboolean
matches(const struct locator_entry *e, enum locator_key key, const guint8 *hash, guint32 month)
{
    switch (key) {
    case LOCATE_CONTENT:
        return e->header.type == RECORD_MESSAGE && memcmp(e->header.hash, hash, 32) == 0;
    case LOCATE_ATTACHMENT:
        return e->header.type == RECORD_ATTACHMENT && e->month == month &&
               memcmp(e->header.hash, hash, 32) == 0;
    case LOCATE_TRANSACTION:
        return has_key(e, key) && memcmp(e->header.transaction, hash, 16) == 0;
    case LOCATE_ENVELOPE:
        return e->header.type == RECORD_EVENT && memcmp(e->header.envelope, hash, 16) == 0;
    default:
        return FALSE;
    }
}

/* Memory's answer. */
static gboolean
recall(struct locator *l, enum locator_key key, gint64 k, struct locator_entry *entry_r)
{
    g_mutex_lock(&l->lock);
    const struct entry *e = g_hash_table_lookup(l->memory[key], &k);
    if (e != NULL)
        *entry_r = e->entry;
    g_mutex_unlock(&l->lock);
    return e != NULL;
}

int
locator_find(struct locator *l, enum locator_key key, const guint8 *hash, guint32 month,
             struct locator_entry *entry_r, GError **error)
{
    gint64 k = locator_hash(key, hash, month);
    guint64 value;

    if (recall(l, key, k, entry_r) && matches(entry_r, key, hash, month))
        return 1;
    int found = locator_db_find(l->db, key, k, &value, error);
    if (found <= 0)
        return found;
    if (key == LOCATE_ENVELOPE)
        found = locator_find_id(l, value, entry_r, error);
    else
        found = l->read(locator_place_segment(value), locator_place_offset(value), entry_r, l->data);
    return found == 1 ? matches(entry_r, key, hash, month) : found;
}

int
locator_find_id(struct locator *l, guint64 event, struct locator_entry *entry_r, GError **error)
{
    guint64 place;

    if (recall(l, LOCATE_ID, (gint64)event, entry_r))
        return 1;
    int found = locator_db_find(l->db, LOCATE_ID, (gint64)event, &place, error);
    if (found <= 0)
        return found;
    return l->read(locator_place_segment(place), locator_place_offset(place), entry_r, l->data) &&
           has_key(entry_r, LOCATE_ID) && entry_r->header.event == event;
}

void
locator_forget_content(struct locator *l, const guint8 hash[32], guint64 segment, guint64 offset)
{
    locator_flush(l, NULL);
    g_mutex_lock(&l->write_lock);
    locator_db_forget(l->db, LOCATE_CONTENT, locator_hash(LOCATE_CONTENT, hash, 0),
                      locator_place(segment, offset), NULL);
    g_mutex_unlock(&l->write_lock);
}

gboolean
locator_flush(struct locator *l, GError **error)
{
    for (;;) {
        g_mutex_lock(&l->lock);
        guint left = l->settled;
        g_mutex_unlock(&l->lock);
        if (left == 0)
            return TRUE;
        if (!write_batch(l, error))
            return FALSE;
    }
}

void
locator_count(struct locator *l, struct locator_counters *counters_r)
{
    g_mutex_lock(&l->lock);
    *counters_r = l->counters;
    g_mutex_unlock(&l->lock);
}

guint64
locator_bytes(struct locator *l)
{
    struct stat st;
    g_autofree char *wal = g_strconcat(l->path, "-wal", NULL);
    guint64 bytes = stat(l->path, &st) == 0 ? (guint64)st.st_size : 0;
    return bytes + (stat(wal, &st) == 0 ? (guint64)st.st_size : 0);
}
