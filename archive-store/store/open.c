/* open.c: what is on the disk when a store is opened: segments, where each one's log ends, recovery of the
 * last one, the locator brought up to date.
 *
 * A segment is followed by another whose header says where its log ended; so only the last one has to be
 * recovered. A segment that no later one names, and that isn't the last, never held anything acknowledged. */
#include "archive-store/store/io.h"
#include "archive-store/store/keys.h"
#include "archive-store/store/recover.h"
#include "archive-store/store/seal.h"
#include "archive-store/store/store_private.h"
#include "archive-store/store/walk.h"
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static void
say_segment(GString *report, guint64 id, const char *what)
{
    g_string_append_printf(report, "segment %016" G_GINT64_MODIFIER "x: %s\n", id, what);
}

/* Reads header and seal of one file into the table; FALSE = unusable (told in the report). */
static gboolean
load_segment(struct store *store, guint64 id, GString *report)
{
    g_autofree char *path = segments_path(store->segments, id, SEGMENT_LOG);
    g_autofree char *key_path = segments_path(store->segments, id, SEGMENT_KEYS);
    struct segment s = {.state = SEGMENT_FINISHED};
    guint8 block[SEGMENT_HEADER];
    struct stat st = {0}, key_st = {0};
    int fd = open(path, O_RDONLY | O_CLOEXEC);

    gboolean good = fd >= 0 && fstat(fd, &st) == 0 &&
                    io_read_full(fd, block, sizeof block, 0) == SEGMENT_HEADER &&
                    parse_segment_header(block, &s.header) && s.header.segment == id;
    int sealed = good ? seal_read(fd, &s.seal) : 0;
    if (fd >= 0)
        close(fd);
    if (!good || sealed < 0 || (sealed == 1 && s.seal.segment != id)) {
        say_segment(report, id,
                    "its header is damaged; nothing in it can be read. Restore this file from a backup");
        return FALSE;
    }
    if (stat(key_path, &key_st) < 0)
        say_segment(report, id, "its key file is missing; restore it from its backup");
    s.file_size = (guint64)st.st_size;
    s.key_bytes = (guint64)key_st.st_size;
    if (sealed == 1) {
        s.state = SEGMENT_SEALED;
        s.end = s.seal.index_offset;
        seal_hash(&s.seal, s.seal_hash);
    }
    segments_put(store->segments, &s);
    return TRUE;
}

static int
compare_ids(gconstpointer a, gconstpointer b)
{
    guint64 x = *(const guint64 *)a, y = *(const guint64 *)b;
    return x < y ? -1 : x > y;
}

/* Ids of the files in segments/, rising. */
static GArray *
list_segments(struct store *store)
{
    GArray *ids = g_array_new(FALSE, FALSE, sizeof(guint64));
    g_autofree char *folder = g_build_filename(store->dir, "segments", NULL);
    GDir *d = g_dir_open(folder, 0, NULL);
    const char *name;

    while (d != NULL && (name = g_dir_read_name(d)) != NULL) {
        char *end;
        guint64 id = g_ascii_strtoull(name, &end, 16);
        if (end == name + 16 && strcmp(end, ".seg") == 0 && id != 0)
            g_array_append_val(ids, id);
    }
    if (d != NULL)
        g_dir_close(d);
    g_array_sort(ids, compare_ids);
    return ids;
}

/* End of the last record that can be read. */
static guint64
scan_end(struct store *store, const struct segment *s)
{
    struct segment_handle *h = segments_open(store->segments, s->header.segment, SEGMENT_LOG, NULL);
    guint64 end = SEGMENT_HEADER;
    struct walk walk;
    enum walk_step step;

    if (h == NULL)
        return end;
    walk_init(&walk, h->fd, SEGMENT_HEADER, s->header.capacity);
    while ((step = walk_next(&walk)) == WALK_RECORD || step == WALK_DAMAGED) {
        if (step == WALK_RECORD)
            end = walk.next;
    }
    walk_clear(&walk);
    segments_release(store->segments, h);
    return end;
}

/* The end that a later header names, or 0. */
static guint64
named_end(struct store *store, guint64 id)
{
    struct segment later;

    for (guint64 at = id; segments_after(store->segments, at, &later); at = later.header.segment) {
        if (later.header.previous == id)
            return later.header.previous_end;
        if (later.header.previous > id)
            break;
    }
    return 0;
}

/* Ends of all unsealed segments but the last. whole: every file could be read. */
static void
find_ends(struct store *store, guint64 last, gboolean whole, GString *report)
{
    struct segment s;

    for (guint64 at = 0; segments_after(store->segments, at, &s); at = s.header.segment) {
        guint64 id = s.header.segment;
        if (s.state == SEGMENT_SEALED || id == last)
            continue;
        guint64 end = named_end(store, id);
        if (end == 0 && !whole) {
            end = scan_end(store, &s);
            say_segment(report, id, "the segment after it is damaged: its end was found by reading it");
        } else if (end == 0) {
            end = SEGMENT_HEADER; /* the keeper removes it */
        }
        segments_finish(store->segments, id, end);
    }
}

/* The highest id given out in a segment, 0 = none. */
static guint64
last_id_in(struct store *store, const struct segment *s)
{
    struct segment_handle *h = segments_open(store->segments, s->header.segment, SEGMENT_LOG, NULL);
    struct walk walk;
    enum walk_step step;
    guint64 last = 0;

    if (h == NULL)
        return 0;
    walk_init(&walk, h->fd, SEGMENT_HEADER, s->end);
    while ((step = walk_next_header(&walk)) == WALK_RECORD || step == WALK_DAMAGED) {
        if (step == WALK_RECORD)
            last = MAX(last, walk.header.type == RECORD_EXPANSION ? walk.header.id : walk.header.event);
    }
    walk_clear(&walk);
    segments_release(store->segments, h);
    return last;
}

/* The newest segment before id that has records; its last id. */
static guint64
last_before(struct store *store, guint64 id, guint64 *segment_r, guint64 *end_r)
{
    struct segment s;
    g_autoptr(GArray) list = g_array_new(FALSE, FALSE, sizeof(struct segment));

    for (guint64 at = 0; segments_after(store->segments, at, &s) && s.header.segment < id;
         at = s.header.segment)
        g_array_append_val(list, s);
    for (guint n = list->len; n-- > 0;) {
        const struct segment *p = &g_array_index(list, struct segment, n);
        if (p->end <= SEGMENT_HEADER)
            continue;
        *segment_r = p->header.segment;
        *end_r = p->end;
        return last_id_in(store, p);
    }
    *segment_r = *end_r = 0;
    return 0;
}

static gboolean
recover_last(struct store *store, struct segment *s, guint64 last_id_before, struct recovery *recovery,
             GString *report, GError **error)
{
    guint64 id = s->header.segment, named_segment, named_key;
    g_autofree char *path = segments_path(store->segments, id, SEGMENT_LOG);
    g_autofree char *key_path = segments_path(store->segments, id, SEGMENT_KEYS);
    struct fetch_references_data data = {store, id};
    guint8 slot[KEY_SLOT];
    guint32 slots;
    int fd = store_io->open(path, O_RDWR | O_CLOEXEC, 0);
    int key_fd = store_io->open(key_path, O_RDWR | O_CLOEXEC, 0);
    gboolean good = fd >= 0 && key_fd >= 0 && io_read_full(key_fd, slot, sizeof slot, 0) == KEY_SLOT &&
                    parse_key_file(slot, &named_segment, &named_key, &slots) && named_segment == id;

    if (!good)
        g_set_error(error, STORE_ERROR, STORE_ERROR_KEY,
                    "%s is missing or damaged, and without it the newest messages can't be read: restore it "
                    "from its backup",
                    key_path);
    else /* references are read through the table: let them see everything */
        segments_set_end(store->segments, id, s->header.capacity, s->key_bytes);
    good = good && recover_segment(fd, key_fd, &s->header, last_id_before, fetch_references, &data, recovery,
                                   report, error);
    if (good && s->file_size < s->header.capacity)
        good = io_zero(fd, MAX(s->file_size, recovery->end), s->header.capacity, path, error) &&
               io_fsync(fd, path, error);
    if (fd >= 0)
        store_io->close(fd);
    if (key_fd >= 0)
        store_io->close(key_fd);
    return good;
}

/* Recovers the last segment and says where the log goes on. */
static gboolean
settle_last(struct store *store, guint64 last, struct appender_start *start, GString *report, GError **error)
{
    struct segment s;
    struct recovery recovery = {0};

    if (last == 0 || !segments_get(store->segments, last, &s))
        return TRUE;
    start->last_id = last_before(store, last, &start->log_segment, &start->log_end);
    if (s.state == SEGMENT_SEALED) {
        if (s.end > SEGMENT_HEADER) {
            start->log_segment = last;
            start->log_end = s.end;
            start->last_id = MAX(start->last_id, last_id_in(store, &s));
        }
        return TRUE;
    }
    if (!recover_last(store, &s, start->last_id, &recovery, report, error))
        return FALSE;
    start->last_id = MAX(start->last_id, recovery.last_id);
    segments_set_end(store->segments, last, recovery.end, key_file_size(recovery.last_slot));
    if (recovery.end > SEGMENT_HEADER) {
        start->log_segment = last;
        start->log_end = recovery.end;
    }
    if (s.header.key_id != store->secrets->key_id) { /* a new master key begins a new segment */
        segments_finish(store->segments, last, recovery.end);
        return TRUE;
    }
    start->active = TRUE;
    start->header = s.header;
    start->slots_used = recovery.last_slot;
    segments_get(store->segments, last, &s);
    s.state = SEGMENT_ACTIVE;
    segments_put(store->segments, &s);
    start->active_end = recovery.end;
    return TRUE;
}

/* TRUE when the cursor is at a place where a record begins or the log ends. */
static gboolean
cursor_fits(struct store *store, guint64 segment, guint64 offset)
{
    struct segment s;
    struct locator_entry e;

    if (segment == 0)
        return offset == 0;
    if (!segments_get(store->segments, segment, &s) || offset < SEGMENT_HEADER || offset > s.end)
        return FALSE;
    if (offset == s.end)
        return TRUE;
    struct segment_handle *h = segments_open(store->segments, segment, SEGMENT_LOG, NULL);
    guint8 bytes[RECORD_HEADER];
    gboolean good = h != NULL && io_read_full(h->fd, bytes, sizeof bytes, offset) == RECORD_HEADER &&
                    parse_record_header(bytes, &e.header);
    segments_release(store->segments, h);
    return good;
}

static gboolean
replay_segment(struct store *store, const struct segment *s, guint64 from, GError **error)
{
    struct segment_handle *h = segments_open(store->segments, s->header.segment, SEGMENT_LOG, error);
    struct walk walk;
    enum walk_step step;

    if (h == NULL)
        return FALSE;
    walk_init(&walk, h->fd, from, s->end);
    while ((step = walk_next_header(&walk)) == WALK_RECORD || step == WALK_DAMAGED) {
        if (step == WALK_DAMAGED || walk.header.type == RECORD_GAP || (walk.header.flags & RECORD_VOID) != 0)
            continue;
        locator_add(store->locator,
                    &(struct locator_entry){.segment = s->header.segment,
                                            .offset = walk.at,
                                            .end = walk.next,
                                            .month = s->header.month,
                                            .header = walk.header},
                    TRUE);
    }
    int number = errno;
    walk_clear(&walk);
    segments_release(store->segments, h);
    if (step == WALK_ERROR)
        io_set_error(error, number, "reading", "a segment");
    return step != WALK_ERROR;
}

static gboolean
replay(struct store *store, GString *report, GError **error)
{
    guint64 segment, offset;
    struct segment s;

    locator_cursor(store->locator, &segment, &offset);
    if (!cursor_fits(store, segment, offset)) {
        g_string_append(report, "locator.db doesn't fit the segments: it is being rebuilt\n");
        if (!locator_reset(store->locator, error))
            return FALSE;
        segment = offset = 0;
    }
    for (guint64 at = segment > 0 ? segment - 1 : 0; segments_after(store->segments, at, &s);
         at = s.header.segment) {
        guint64 from = s.header.segment == segment ? offset : SEGMENT_HEADER;
        if (!replay_segment(store, &s, from, error))
            return FALSE;
    }
    return TRUE;
}

/* The end of the chain of seals, and what is left to seal. */
static void
find_chain(struct store *store)
{
    struct segment s;
    g_autoptr(GHashTable) followed = g_hash_table_new_full(g_int64_hash, g_int64_equal, g_free, NULL);

    for (guint64 at = 0; segments_after(store->segments, at, &s); at = s.header.segment) {
        if (s.state == SEGMENT_SEALED)
            g_hash_table_add(followed, g_memdup2(&s.seal.previous, sizeof s.seal.previous));
        else if (s.state == SEGMENT_FINISHED)
            keeper_finished(s.header.segment, store);
    }
    for (guint64 at = 0; segments_after(store->segments, at, &s); at = s.header.segment) {
        if (s.state == SEGMENT_SEALED && !g_hash_table_contains(followed, &s.header.segment)) {
            store->sealed = s.header.segment;
            memcpy(store->sealed_hash, s.seal_hash, 32);
        }
    }
}

gboolean
store_load(struct store *store, struct appender_start *start_r, GString *report, GError **error)
{
    g_autoptr(GArray) ids = list_segments(store);
    guint64 last = 0;
    gboolean whole = TRUE;

    memset(start_r, 0, sizeof *start_r);
    for (guint n = 0; n < ids->len; n++) {
        guint64 id = g_array_index(ids, guint64, n);
        start_r->last_segment = id;
        if (load_segment(store, id, report))
            last = id;
        else
            whole = FALSE;
    }
    find_ends(store, last, whole, report);
    if (!settle_last(store, last, start_r, report, error) || !replay(store, report, error))
        return FALSE;
    find_chain(store);
    return TRUE;
}
