/* roll.c: from one segment to the next.
 *
 * A new segment's header says where the log of the segment before it ended, so it is made only when
 * everything given out there is durable (or was answered with an error): the header is the proof that nothing
 * behind that point was ever acknowledged. Order of steps: header written and synced under the temporary
 * name; key file renamed, then the segment; both folders synced. A segment that exists therefore has its key
 * file. */
#include "archive-store/store/append_private.h"
#include "archive-store/store/io.h"
#include "archive-store/store/keys.h"
#include <errno.h>
#include <fcntl.h>
#include <string.h>

#define BACKOFF (G_USEC_PER_SEC) /* after two segments failed in a row, one attempt in so long */

struct active *
active_ref(struct active *active)
{
    active->refs++;
    return active;
}

void
active_unref(struct active *active)
{
    if (active == NULL || --active->refs > 0)
        return;
    store_io->close(active->fd);
    store_io->close(active->key_fd);
    g_free(active->path);
    g_free(active->key_path);
    g_clear_error(&active->failure);
    g_free(active);
}

struct active *
roll_reopen(struct appender *a, const struct appender_start *start, GError **error)
{
    guint64 id = start->header.segment;
    g_autofree char *path = segments_path(a->o.segments, id, SEGMENT_LOG);
    g_autofree char *key_path = segments_path(a->o.segments, id, SEGMENT_KEYS);
    int fd = store_io->open(path, O_RDWR | O_CLOEXEC, 0);
    int key_fd = store_io->open(key_path, O_RDWR | O_CLOEXEC, 0);

    if (fd < 0 || key_fd < 0) {
        io_set_error(error, errno, "opening", fd < 0 ? path : key_path);
        if (fd >= 0)
            store_io->close(fd);
        if (key_fd >= 0)
            store_io->close(key_fd);
        return NULL;
    }
    struct active *active = g_new0(struct active, 1);
    *active = (struct active){
        .segment = id,
        .fd = fd,
        .key_fd = key_fd,
        .path = g_steal_pointer(&path),
        .key_path = g_steal_pointer(&key_path),
        .month = start->header.month,
        .slots = start->header.slots,
        .slots_used = start->slots_used,
        .capacity = start->header.capacity,
        .reserved = start->active_end,
        .durable = start->active_end,
        .dictionary = (guint16)start->header.dictionary,
        .refs = 1,
    };
    return active;
}

/* Writes the headers and gives the files their names. No lock. */
static gboolean
name_files(const struct prepared *p, const struct segment_header *header, const char *path,
           const char *key_path, gboolean *named_r, GError **error)
{
    guint8 block[SEGMENT_HEADER], slot[KEY_SLOT];
    g_autofree char *folder = g_path_get_dirname(path), *key_folder = g_path_get_dirname(key_path);

    format_segment_header(header, block);
    format_key_file(header->segment, header->key_id, header->slots, slot);
    if (!io_write_full(p->key_fd, slot, sizeof slot, 0, p->key_path, error) ||
        !io_fdatasync(p->key_fd, p->key_path, error) ||
        !io_write_full(p->fd, block, sizeof block, 0, p->path, error) || !io_fdatasync(p->fd, p->path, error))
        return FALSE;
    if (store_io->rename(p->key_path, key_path) < 0) {
        io_set_error(error, errno, "renaming", p->key_path);
        return FALSE;
    }
    if (!io_sync_dir(key_folder, error)) {
        store_io->unlink(key_path);
        return FALSE;
    }
    if (store_io->rename(p->path, path) < 0) {
        io_set_error(error, errno, "renaming", p->path);
        store_io->unlink(key_path);
        return FALSE;
    }
    *named_r = TRUE;
    return io_sync_dir(folder, error);
}

/* The new segment's header; taken under the lock. */
static struct segment_header
new_header(struct appender *a, const struct prepared *p, guint32 month, const struct dictionary *dictionary)
{
    return (struct segment_header){
        .segment = ++a->last_segment,
        .month = month,
        .created_ms = g_get_real_time() / 1000,
        .dictionary = dictionary != NULL ? dictionary->id : 0,
        .key_id = a->o.secrets->key_id,
        .capacity = p->capacity,
        .slots = p->slots,
        .previous = a->log_segment,
        .previous_end = a->log_end,
    };
}

static void
unlink_segment(struct appender *a, guint64 id)
{
    g_autofree char *path = segments_path(a->o.segments, id, SEGMENT_LOG);
    g_autofree char *key_path = segments_path(a->o.segments, id, SEGMENT_KEYS);

    /* First the segment: a key file alone means nothing. */
    store_io->unlink(path);
    store_io->unlink(key_path);
    segments_remove(a->o.segments, id);
}

/* The new segment takes the old one's place. Lock held, given up to tell about the old one. */
static void
install(struct appender *a, const struct segment_header *header, struct active *active,
        const struct dictionary *dictionary)
{
    struct active *old = a->current;
    guint64 finished = 0, empty = 0;

    segments_put(a->o.segments, &(struct segment){.header = *header,
                                                  .state = SEGMENT_ACTIVE,
                                                  .end = SEGMENT_HEADER,
                                                  .file_size = header->capacity,
                                                  .key_bytes = key_file_size(header->slots)});
    if (old != NULL && old->durable > SEGMENT_HEADER)
        finished = old->segment;
    else if (old != NULL)
        empty = old->segment;
    a->current = active;
    a->want_roll = FALSE;
    if (a->dictionary != dictionary) {
        a->dictionary = dictionary;
        a->generation++;
    }
    if (finished != 0)
        segments_finish(a->o.segments, finished, old->durable);
    active_unref(old);
    g_mutex_unlock(&a->lock);
    if (finished != 0)
        a->o.finished(finished, a->o.data);
    if (empty != 0)
        unlink_segment(a, empty);
    g_mutex_lock(&a->lock);
}

/* The successor has its name, but the folder may forget it at a power cut, or remember it: then its header
 * says where the old segment's log ended, so nothing more may be appended there. Lock held, given up in
 * between. */
static void
give_up_current(struct appender *a)
{
    struct active *old = a->current;

    if (old == NULL)
        return;
    guint64 segment = old->segment;
    segments_finish(a->o.segments, segment, old->durable);
    a->current = NULL;
    active_unref(old);
    g_mutex_unlock(&a->lock);
    a->o.finished(segment, a->o.data);
    g_mutex_lock(&a->lock);
}

/* With a->rolling set and the queue empty. Lock held, given up in between. */
static gboolean
activate(struct appender *a, guint64 span, guint32 month, GError **error)
{
    gboolean named = FALSE;

    g_mutex_unlock(&a->lock);
    struct prepared *p = preparer_take(a->o.preparer, SEGMENT_HEADER + span, error);
    g_mutex_lock(&a->lock);
    if (p == NULL)
        return FALSE;
    const struct dictionary *dictionary = dictionaries_latest(a->o.dictionaries);
    struct segment_header header = new_header(a, p, month, dictionary);
    struct active *active = g_new0(struct active, 1);
    *active = (struct active){.segment = header.segment,
                              .fd = p->fd,
                              .key_fd = p->key_fd,
                              .path = segments_path(a->o.segments, header.segment, SEGMENT_LOG),
                              .key_path = segments_path(a->o.segments, header.segment, SEGMENT_KEYS),
                              .month = month,
                              .slots = header.slots,
                              .capacity = header.capacity,
                              .reserved = SEGMENT_HEADER,
                              .durable = SEGMENT_HEADER,
                              .dictionary = (guint16)header.dictionary,
                              .refs = 1};
    g_mutex_unlock(&a->lock);
    gboolean good = name_files(p, &header, active->path, active->key_path, &named, error);
    if (good) {
        p->fd = p->key_fd = -1; /* active's now */
        prepared_free(&p, FALSE);
    } else {
        active->fd = active->key_fd = -1;
        if (named) /* renamed, but the folder may not know: nothing was ever written to it */
            unlink_segment(a, header.segment);
        prepared_free(&p, TRUE);
    }
    g_mutex_lock(&a->lock);
    if (good)
        install(a, &header, active, dictionary);
    else
        active_unref(active);
    if (!good && named)
        give_up_current(a);
    return good;
}

gboolean
roll_over(struct appender *a, guint64 span, guint32 month, GError **error)
{
    if (a->failures >= 2 && g_get_monotonic_time() < a->retry_at) {
        g_set_error(error, STORE_ERROR, STORE_ERROR_IO,
                    "writing failed repeatedly: no new segment is tried within a second; look at the disk");
        return FALSE;
    }
    a->retry_at = g_get_monotonic_time() + BACKOFF;
    a->rolling = TRUE;
    while (!g_queue_is_empty(&a->queue))
        g_cond_wait(&a->room, &a->lock);
    gboolean good = activate(a, span, month, error);
    a->rolling = FALSE;
    a->want_roll = FALSE;
    g_cond_broadcast(&a->room);
    return good;
}
