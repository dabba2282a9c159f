/* recover.c: recovery of the segment that was being written.
 *
 * A group is acknowledged only after both its records and their key slots were synced, and a record carries
 * how far the segment was durable when it was appended. The highest such mark in the segment is W: what lies
 * before W was acknowledged; what lies behind it was in flight, as far as can be known. The rules:
 *   - Nothing valid follows: the tail is cut there, zeroed and synced, so that stale bytes can't be taken for
 * records later. A record without its key slot counts as not valid.
 *   - Something valid follows and the damage lies before W: acknowledged data is damaged. It is reported and
 * left as it is; readers pass over it; verify goes on reporting it.
 *   - Something valid follows and the damage lies behind W: torn writes of a group that was never
 * acknowledged. The range becomes a GAP record, a record without its key gets the VOID flag, and so does what
 * depended on them (an event whose content is gone, a message whose attachment is gone). What is whole stays:
 * if it was acknowledged it must, if not it is at worst a message that its sender sends again. VOID leaves
 * payloads as they are: nothing but torn bytes is overwritten. Doing all this again after a crash in the
 * middle of it comes to the same end. */
#include "archive-store/store/recover.h"
#include "archive-store/store/io.h"
#include "archive-store/store/keys.h"
#include "archive-store/store/store.h"
#include "archive-store/store/walk.h"
#include <errno.h>

struct item {
    guint64 at, next;
    struct record_header header;
    gboolean damaged; /* a range, no record */
    gboolean keyless; /* its slot isn't there */
};

struct job {
    int fd, key_fd;
    guint64 segment;
    GArray *items;        /* struct item, in order */
    guint64 acknowledged; /* W */
    struct recovery *result;
    GString *report;
};

static guint64
log_id(const struct record_header *header)
{
    return header->type == RECORD_EXPANSION ? header->id : header->event;
}

static gboolean
needs_slot(const struct record_header *header)
{
    return header->type != RECORD_ATTACHMENT && header->type != RECORD_GAP;
}

static void
say(struct job *job, const char *what, guint64 from, guint64 to)
{
    g_string_append_printf(job->report,
                           "segment %016" G_GINT64_MODIFIER "x: %s (bytes %" G_GUINT64_FORMAT
                           " to %" G_GUINT64_FORMAT ")\n",
                           job->segment, what, from, to);
}

static gboolean
collect(struct job *job, const struct segment_header *header, GError **error)
{
    struct walk walk;
    enum walk_step step;

    walk_init(&walk, job->fd, SEGMENT_HEADER, header->capacity);
    while ((step = walk_next(&walk)) == WALK_RECORD || step == WALK_DAMAGED) {
        struct item item = {.at = walk.at, .next = walk.next, .damaged = step == WALK_DAMAGED};
        if (!item.damaged) {
            item.header = walk.header;
            item.keyless = needs_slot(&item.header) && (item.header.flags & RECORD_VOID) == 0 &&
                           (item.header.slot == 0 || item.header.slot > header->slots ||
                            keys_state(job->key_fd, item.header.slot, log_id(&item.header)) == KEY_FREE);
            job->acknowledged = MAX(job->acknowledged, (guint64)item.header.durable * 8);
            job->result->last_id = MAX(job->result->last_id, log_id(&item.header));
        }
        g_array_append_val(job->items, item);
    }
    int number = errno;
    walk_clear(&walk);
    if (step == WALK_ERROR)
        io_set_error(error, number, "reading", "the last segment");
    return step != WALK_ERROR;
}

/* How many items stay: what can't be used goes from the end, but only as far as it was never acknowledged. */
static guint
count_kept(const struct job *job)
{
    const struct item *items = (const struct item *)(void *)job->items->data;
    guint n = job->items->len;

    while (n > 0 &&
           (items[n - 1].damaged || items[n - 1].keyless || items[n - 1].header.type == RECORD_GAP) &&
           items[n - 1].at >= job->acknowledged)
        n--;
    guint64 mark = 0;
    gboolean damage = FALSE;
    for (guint i = 0; i < n; i++) {
        if (!items[i].damaged)
            mark = MAX(mark, (guint64)items[i].header.durable * 8);
        damage |= (items[i].damaged || items[i].keyless) && items[i].at < job->acknowledged;
    }
    /* Where acknowledged data is damaged, the record whose mark proves that it was acknowledged stays too
     * (VOID), else the next recovery would judge otherwise. */
    for (guint proof = job->items->len; damage && mark < job->acknowledged && proof > n; proof--) {
        if (!items[proof - 1].damaged && (guint64)items[proof - 1].header.durable * 8 == job->acknowledged)
            return proof;
    }
    return n;
}

/* Drops what can't be used from the end of the list; the log ends behind the last good record. */
static gboolean
cut_tail(struct job *job, guint64 capacity, GError **error)
{
    guint n = count_kept(job);

    g_array_set_size(job->items, n);
    guint64 end = n > 0 ? g_array_index(job->items, struct item, n - 1).next : SEGMENT_HEADER;
    /* With damage at the very end its range reaches to the capacity: the log then goes on at the mark. */
    if (n > 0 && g_array_index(job->items, struct item, n - 1).damaged)
        end = MIN(end, job->acknowledged);
    job->result->end = end;
    guint64 garbage = walk_nonzero_end(job->fd, end, capacity);
    if (garbage == G_MAXUINT64) {
        io_set_error(error, errno, "reading", "the last segment");
        return FALSE;
    }
    if (garbage > end) {
        job->result->cut = garbage - end;
        say(job, "writes that were never acknowledged were cut off", end, garbage);
        return io_zero(job->fd, end, garbage, "the last segment", error);
    }
    return TRUE;
}

static gboolean
write_gap(struct job *job, const struct item *item, GError **error)
{
    guint8 bytes[RECORD_HEADER];
    guint64 length = item->next - item->at;

    if (length < RECORD_HEADER || length - RECORD_HEADER > RECORD_MAX) {
        job->result->damaged++;
        say(job, "damaged, passed over", item->at, item->next);
        return TRUE;
    }
    struct record_header gap = {
        .type = RECORD_GAP, .stored = (guint32)(length - RECORD_HEADER), .slot = RECORD_NO_SLOT};
    format_record_header(&gap, bytes);
    job->result->gaps++;
    say(job, "torn writes that were never acknowledged, passed over", item->at, item->next);
    return io_write_full(job->fd, bytes, sizeof bytes, item->at, "the last segment", error);
}

static gboolean
write_void(struct job *job, struct item *item, const char *why, GError **error)
{
    guint8 bytes[RECORD_HEADER];

    item->header.flags |= RECORD_VOID;
    format_record_header(&item->header, bytes);
    job->result->voided++;
    say(job, why, item->at, item->next);
    return io_write_full(job->fd, bytes, sizeof bytes, item->at, "the last segment", error);
}

static gboolean
contains(GHashTable *set, guint64 value)
{
    return g_hash_table_contains(set, &value);
}

static void
insert(GHashTable *set, guint64 value)
{
    g_hash_table_add(set, g_memdup2(&value, sizeof value));
}

/* Whether what a whole record builds on is there: contents: ids, attachments: offsets, so far in this
 * segment. */
static gboolean
depends_on_lost(struct job *job, const struct item *item, GHashTable *contents, GHashTable *attachments,
                guint64 last_id_before, recover_references references, gpointer data)
{
    if (item->header.type == RECORD_EVENT)
        return item->header.id > last_id_before && !contains(contents, item->header.id);
    if (item->header.type != RECORD_MESSAGE || references == NULL)
        return FALSE;
    g_autoptr(GArray) offsets = g_array_new(FALSE, FALSE, sizeof(guint64));
    g_autofree guint8 *record = g_malloc(RECORD_HEADER + (gsize)item->header.stored);
    gsize length = RECORD_HEADER + (gsize)item->header.stored;
    if (io_read_full(job->fd, record, length, item->at) != (gssize)length ||
        !references(&item->header, item->at, record, offsets, data))
        return FALSE; /* not for recovery to judge */
    for (guint n = 0; n < offsets->len; n++) {
        if (!contains(attachments, g_array_index(offsets, guint64, n)))
            return TRUE;
    }
    return FALSE;
}

/* Everything in order: reports damage, makes gaps and voids. */
static gboolean
settle(struct job *job, guint64 last_id_before, recover_references references, gpointer data, GError **error)
{
    g_autoptr(GHashTable) contents = g_hash_table_new_full(g_int64_hash, g_int64_equal, g_free, NULL);
    g_autoptr(GHashTable) attachments = g_hash_table_new_full(g_int64_hash, g_int64_equal, g_free, NULL);
    gboolean torn = FALSE, good = TRUE;

    for (guint n = 0; n < job->items->len && good; n++) {
        struct item *item = &g_array_index(job->items, struct item, n);
        gboolean open = item->at >= job->acknowledged;

        if (item->damaged || item->keyless) {
            torn |= open;
            if (!open) {
                job->result->damaged++;
#ifdef POSTERN_PLANTED_BUGS
                if (job->result->damaged == 2) { /* the bug: reads behind a copy of the item */
                    g_autofree guint8 *copy = g_memdup2(item, sizeof *item);
                    job->segment += copy[sizeof *item];
                }
#endif
                say(job, item->damaged ? "damaged, passed over" : "its key slot is damaged", item->at,
                    item->next);
            } else if (item->damaged) {
                good = write_gap(job, item, error);
            } else {
                good = write_void(job, item, "a message without its key, never acknowledged, passed over",
                                  error);
            }
            continue;
        }
        if (item->header.type == RECORD_GAP || (item->header.flags & RECORD_VOID) != 0) {
            torn |= open;
            continue;
        }
        if (torn && depends_on_lost(job, item, contents, attachments, last_id_before, references, data)) {
            good = write_void(job, item, "builds on torn writes, never acknowledged, passed over", error);
            continue;
        }
        job->result->records++;
        if (item->header.type == RECORD_MESSAGE)
            insert(contents, item->header.id);
        else if (item->header.type == RECORD_ATTACHMENT)
            insert(attachments, item->at);
    }
    return good;
}

gboolean
recover_segment(int fd, int key_fd, const struct segment_header *header, guint64 last_id_before,
                recover_references references, gpointer data, struct recovery *recovery_r, GString *report,
                GError **error)
{
    g_autoptr(GArray) items = g_array_new(FALSE, FALSE, sizeof(struct item));
    struct job job = {.fd = fd,
                      .key_fd = key_fd,
                      .segment = header->segment,
                      .items = items,
                      .acknowledged = SEGMENT_HEADER,
                      .result = recovery_r,
                      .report = report};

    *recovery_r = (struct recovery){.end = SEGMENT_HEADER};
    if (!collect(&job, header, error) || !cut_tail(&job, header->capacity, error) ||
        !settle(&job, last_id_before, references, data, error))
        return FALSE;
    recovery_r->last_slot = keys_last_used(key_fd, header->slots);
    return io_fdatasync(fd, "the last segment", error);
}
