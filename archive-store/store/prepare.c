/* prepare.c: the thread that pre-writes segments and key files. */
#include "archive-store/store/prepare.h"
#include "archive-store/store/io.h"
#include "archive-store/store/keys.h"
#include "archive-store/store/store.h"
#include <errno.h>
#include <fcntl.h>
#include <string.h>

#define BYTES_PER_SLOT                                                                                       \
    1024u /* a segment with more records than one in so many bytes is full when its slots are */
#define SLOTS_MIN 16u

enum preparer_state { PREPARER_IDLE, PREPARER_WANTED, PREPARER_READY, PREPARER_FAILED };

struct preparer {
    char *dir;
    guint64 segment_size, min_free;
    GMutex lock;
    GCond wake, done;
    enum preparer_state state;
    struct prepared *ready;
    GError *failure;
    guint64 serial;
    gboolean stop;
    GThread *thread;
};

gboolean
preparer_room(const char *dir, guint64 min_free, guint64 bytes, GError **error)
{
    guint64 available = store_io->free_bytes(dir);

    if (available == G_MAXUINT64 || (available >= bytes && available - bytes >= min_free))
        return TRUE;
    g_set_error(error, STORE_ERROR, STORE_ERROR_FULL,
                "%s: only %" G_GUINT64_FORMAT " MiB are free and min_free is %" G_GUINT64_FORMAT
                " MiB: make room or move the archive to a larger disk",
                dir, available >> 20, min_free >> 20);
    return FALSE;
}

static int
create(const char *path, guint64 size, GError **error)
{
    int fd = store_io->open(path, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);

    if (fd < 0) {
        io_set_error(error, errno, "creating", path);
        return -1;
    }
    /* Contiguous where it can be, and a full disk is known before anything is written. */
    int number = store_io->allocate(fd, size);
    gboolean good = number == 0 || number == EOPNOTSUPP || number == EINVAL;
    if (!good)
        io_set_error(error, number, "allocating", path);
    good = good && io_zero(fd, 0, size, path, error) && io_fsync(fd, path, error);
    if (!good) {
        store_io->close(fd);
        store_io->unlink(path);
        return -1;
    }
    return fd;
}

static struct prepared *
make(struct preparer *p, guint64 capacity, guint64 serial, GError **error)
{
    guint32 slots = (guint32)MAX(capacity / BYTES_PER_SLOT, SLOTS_MIN);

    if (!preparer_room(p->dir, p->min_free, capacity + key_file_size(slots), error))
        return NULL;
    struct prepared *made = g_new0(struct prepared, 1);
    made->capacity = capacity;
    made->slots = slots;
    made->key_fd = -1;
    made->path = g_strdup_printf("%s/segments/next-%" G_GUINT64_FORMAT ".tmp", p->dir, serial);
    made->key_path = g_strdup_printf("%s/keys/next-%" G_GUINT64_FORMAT ".tmp", p->dir, serial);
    made->fd = create(made->path, capacity, error);
    if (made->fd >= 0)
        made->key_fd = create(made->key_path, key_file_size(slots), error);
    if (made->fd < 0 || made->key_fd < 0)
        prepared_free(&made, TRUE);
    return made;
}

void
prepared_free(struct prepared **prepared, gboolean with_files)
{
    struct prepared *p = *prepared;

    if (p == NULL)
        return;
    if (p->fd >= 0) {
        store_io->close(p->fd);
        if (with_files)
            store_io->unlink(p->path);
    }
    if (p->key_fd >= 0) {
        store_io->close(p->key_fd);
        if (with_files)
            store_io->unlink(p->key_path);
    }
    g_free(p->path);
    g_free(p->key_path);
    g_clear_pointer(prepared, g_free);
}

static gpointer
work(gpointer data)
{
    struct preparer *p = data;

    g_mutex_lock(&p->lock);
    while (!p->stop) {
        if (p->state != PREPARER_WANTED) {
            g_cond_wait(&p->wake, &p->lock);
            continue;
        }
        guint64 serial = ++p->serial;
        g_mutex_unlock(&p->lock);
        GError *error = NULL;
        struct prepared *made = make(p, p->segment_size, serial, &error);
        g_mutex_lock(&p->lock);
        p->ready = made;
        g_clear_error(&p->failure);
        p->failure = error;
        p->state = made != NULL ? PREPARER_READY : PREPARER_FAILED;
        g_cond_broadcast(&p->done);
    }
    g_mutex_unlock(&p->lock);
    return NULL;
}

static void
remove_leftovers(const char *dir, const char *folder)
{
    g_autofree char *path = g_build_filename(dir, folder, NULL);
    GDir *d = g_dir_open(path, 0, NULL);
    const char *name;

    while (d != NULL && (name = g_dir_read_name(d)) != NULL) {
        if (g_str_has_suffix(name, ".tmp")) {
            g_autofree char *file = g_build_filename(path, name, NULL);
            store_io->unlink(file);
        }
    }
    if (d != NULL)
        g_dir_close(d);
}

struct preparer *
preparer_start(const char *dir, guint64 segment_size, guint64 min_free)
{
    struct preparer *p = g_new0(struct preparer, 1);

    remove_leftovers(dir, "segments");
    remove_leftovers(dir, "keys");
    p->dir = g_strdup(dir);
    p->segment_size = segment_size;
    p->min_free = min_free;
    g_mutex_init(&p->lock);
    g_cond_init(&p->wake);
    g_cond_init(&p->done);
    p->thread = g_thread_new("prepare", work, p);
    return p;
}

void
preparer_stop(struct preparer **preparer)
{
    struct preparer *p = *preparer;

    if (p == NULL)
        return;
    g_mutex_lock(&p->lock);
    p->stop = TRUE;
    g_cond_broadcast(&p->wake);
    g_mutex_unlock(&p->lock);
    g_thread_join(p->thread);
    prepared_free(&p->ready, TRUE);
    g_clear_error(&p->failure);
    g_cond_clear(&p->wake);
    g_cond_clear(&p->done);
    g_mutex_clear(&p->lock);
    g_free(p->dir);
    g_clear_pointer(preparer, g_free);
}

void
preparer_want(struct preparer *p)
{
    g_mutex_lock(&p->lock);
    if (p->state == PREPARER_IDLE) {
        p->state = PREPARER_WANTED;
        g_cond_signal(&p->wake);
    }
    g_mutex_unlock(&p->lock);
}

struct prepared *
preparer_take(struct preparer *p, guint64 capacity, GError **error)
{
    struct prepared *taken = NULL;

    if (capacity > p->segment_size) {
        g_mutex_lock(&p->lock);
        guint64 serial = ++p->serial;
        g_mutex_unlock(&p->lock);
        return make(p, capacity, serial, error);
    }
    g_mutex_lock(&p->lock);
    if (p->state == PREPARER_IDLE || p->state == PREPARER_FAILED) {
        p->state = PREPARER_WANTED;
        g_cond_signal(&p->wake);
    }
    while (p->state == PREPARER_WANTED)
        g_cond_wait(&p->done, &p->lock);
    taken = g_steal_pointer(&p->ready);
    if (taken == NULL)
        g_propagate_error(error, g_steal_pointer(&p->failure));
    p->state = PREPARER_IDLE;
    g_mutex_unlock(&p->lock);
    return taken;
}
