/* sim.c: see sim.h. Everything is kept in memory under one lock. */
#include "sim.h"
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define SECTOR 512u

/* One file, whatever its name. */
struct inode {
    guint64 number;
    GByteArray *durable; /* bytes that surely survive */
    GArray *writes;      /* struct pending_write, in order */
};
struct pending_write {
    guint64 offset;
    GByteArray *data; /* NULL = cut to offset */
};
/* A change of names in a folder. */
struct name_change {
    char *folder, *name;
    struct inode *inode; /* NULL = name removed */
};

static struct {
    GMutex lock;
    char *dir;
    GHashTable *inodes;  /* guint64 → struct inode */
    GHashTable *names;   /* durable: path → struct inode */
    GHashTable *live;    /* as the process sees it */
    GArray *changes;     /* struct name_change, in order */
    GHashTable *folders; /* GINT fd → path */
    guint sync_failures, write_failures;
    guint64 capacity;
    GRand *rand;
    GPtrArray *all; /* every inode there ever was */
} sim;

static gboolean
inside(const char *path)
{
    return sim.dir != NULL && g_str_has_prefix(path, sim.dir);
}

static struct inode *
inode_of(int fd)
{
    struct stat st;
    guint64 number;

    if (fstat(fd, &st) < 0)
        return NULL;
    number = st.st_ino;
    return g_hash_table_lookup(sim.inodes, &number);
}

static gboolean
chance(guint per_mille)
{
    return per_mille > 0 && sim.rand != NULL && (guint)g_rand_int_range(sim.rand, 0, 1000) < per_mille;
}

static void
add_change(const char *path, struct inode *inode)
{
    struct name_change change = {g_path_get_dirname(path), g_strdup(path), inode};
    g_array_append_val(sim.changes, change);
}

static int
sim_open(const char *path, int flags, int mode)
{
    int fd = open(path, flags, mode);

    if (fd < 0 || !inside(path))
        return fd;
    g_mutex_lock(&sim.lock);
    if ((flags & O_DIRECTORY) != 0) {
        g_hash_table_insert(sim.folders, GINT_TO_POINTER(fd), g_strdup(path));
    } else if ((flags & O_CREAT) != 0) {
        struct stat st;
        struct inode *inode = g_new0(struct inode, 1);
        fstat(fd, &st);
        inode->number = st.st_ino;
        inode->durable = g_byte_array_new();
        inode->writes = g_array_new(FALSE, FALSE, sizeof(struct pending_write));
        g_ptr_array_add(sim.all, inode);
        g_hash_table_replace(sim.inodes, &inode->number, inode);
        g_hash_table_insert(sim.live, g_strdup(path), inode);
        add_change(path, inode);
    }
    g_mutex_unlock(&sim.lock);
    return fd;
}

static int
sim_close(int fd)
{
    g_mutex_lock(&sim.lock);
    g_hash_table_remove(sim.folders, GINT_TO_POINTER(fd));
    g_mutex_unlock(&sim.lock);
    return close(fd);
}

/* Bytes of all files as the process sees them, if this one grew to size. */
static gboolean
too_full(int fd, guint64 size)
{
    GHashTableIter iter;
    gpointer path;
    struct stat st, self;
    guint64 total = 0;

    if (sim.capacity == 0 || fstat(fd, &self) < 0 || (guint64)self.st_size >= size)
        return FALSE;
    g_hash_table_iter_init(&iter, sim.live);
    while (g_hash_table_iter_next(&iter, &path, NULL)) {
        if (stat(path, &st) == 0)
            total += st.st_ino == self.st_ino ? size : (guint64)st.st_size;
    }
    return total > sim.capacity;
}

static ssize_t
sim_pwrite(int fd, const void *data, size_t n, off_t offset)
{
    g_mutex_lock(&sim.lock);
    struct inode *inode = inode_of(fd);
    int number = 0;
    if (inode != NULL && too_full(fd, (guint64)offset + n))
        number = ENOSPC;
    else if (inode != NULL && chance(sim.write_failures))
        number = EIO;
    if (inode != NULL && number == 0) {
        struct pending_write w = {(guint64)offset, g_byte_array_new()};
        g_byte_array_append(w.data, data, (guint)n);
        g_array_append_val(inode->writes, w);
    }
    g_mutex_unlock(&sim.lock);
    errno = number;
    return number != 0 ? -1 : pwrite(fd, data, n, offset);
}

static int
sim_allocate(int fd, guint64 size)
{
    g_mutex_lock(&sim.lock);
    gboolean full = inode_of(fd) != NULL && too_full(fd, size);
    g_mutex_unlock(&sim.lock);
    return full ? ENOSPC : EOPNOTSUPP; /* then only the writes count */
}

static int
sim_ftruncate(int fd, off_t length)
{
    g_mutex_lock(&sim.lock);
    struct inode *inode = inode_of(fd);
    if (inode != NULL) {
        struct pending_write w = {(guint64)length, NULL};
        g_array_append_val(inode->writes, w);
    }
    g_mutex_unlock(&sim.lock);
    return ftruncate(fd, length);
}

static void
apply(GByteArray *content, const struct pending_write *w)
{
    if (w->data == NULL) {
        guint old = content->len;
        g_byte_array_set_size(content, (guint)w->offset);
        if (content->len > old)
            memset(content->data + old, 0, content->len - old);
        return;
    }
    guint old = content->len, end = (guint)(w->offset + w->data->len);
    if (end > old) {
        g_byte_array_set_size(content, end);
        memset(content->data + old, 0, end - old);
    }
    memcpy(content->data + w->offset, w->data->data, w->data->len);
}

static void
drop_write(struct pending_write *w)
{
    if (w->data != NULL)
        g_byte_array_unref(w->data);
}

/* Applies those sectors of a pending write that chance lets live. */
static void
apply_some(GByteArray *content, const struct pending_write *w, GRand *rand)
{
    if (w->data == NULL) {
        if (g_rand_boolean(rand))
            apply(content, w);
        return;
    }
    for (guint64 at = w->offset; at < w->offset + w->data->len;) {
        guint64 next = MIN((at / SECTOR + 1) * SECTOR, w->offset + w->data->len);
        if (g_rand_boolean(rand)) {
            struct pending_write part = {at, g_byte_array_new()};
            g_byte_array_append(part.data, w->data->data + (at - w->offset), (guint)(next - at));
            apply(content, &part);
            drop_write(&part);
        }
        at = next;
    }
}

/* A sync that failed: some of it may be on the disk, the rest is gone for good. */
static void
lose_some(struct inode *inode)
{
    for (guint n = 0; n < inode->writes->len; n++) {
        struct pending_write *w = &g_array_index(inode->writes, struct pending_write, n);
        apply_some(inode->durable, w, sim.rand);
        drop_write(w);
    }
    g_array_set_size(inode->writes, 0);
}

static void
make_durable(struct inode *inode)
{
    for (guint n = 0; n < inode->writes->len; n++) {
        struct pending_write *w = &g_array_index(inode->writes, struct pending_write, n);
        apply(inode->durable, w);
        drop_write(w);
    }
    g_array_set_size(inode->writes, 0);
}

static void
apply_change(GHashTable *names, const struct name_change *change)
{
    if (change->inode != NULL)
        g_hash_table_insert(names, g_strdup(change->name), change->inode);
    else
        g_hash_table_remove(names, change->name);
}

static void
sync_folder(const char *folder)
{
    guint kept = 0;

    for (guint n = 0; n < sim.changes->len; n++) {
        struct name_change *change = &g_array_index(sim.changes, struct name_change, n);
        if (strcmp(change->folder, folder) == 0) {
            apply_change(sim.names, change);
            g_free(change->folder);
            g_free(change->name);
        } else {
            g_array_index(sim.changes, struct name_change, kept++) = *change;
        }
    }
    g_array_set_size(sim.changes, kept);
}

static int
sim_sync(int fd)
{
    g_mutex_lock(&sim.lock);
    const char *folder = g_hash_table_lookup(sim.folders, GINT_TO_POINTER(fd));
    struct inode *inode = folder == NULL ? inode_of(fd) : NULL;
    gboolean fails = (folder != NULL || inode != NULL) && chance(sim.sync_failures);
    if (folder != NULL && !fails)
        sync_folder(folder);
    else if (inode != NULL && fails)
        lose_some(inode);
    else if (inode != NULL)
        make_durable(inode);
    g_mutex_unlock(&sim.lock);
    errno = EIO;
    return fails ? -1 : 0;
}

static int
sim_rename(const char *from, const char *to)
{
    int result = rename(from, to);

    if (result != 0 || !inside(from))
        return result;
    g_mutex_lock(&sim.lock);
    struct inode *inode = g_hash_table_lookup(sim.live, from);
    if (inode != NULL) {
        g_hash_table_remove(sim.live, from);
        g_hash_table_insert(sim.live, g_strdup(to), inode);
        add_change(
            to, inode); /* both or neither: the new name comes first, a left-over temporary one is harmless */
        add_change(from, NULL);
    }
    g_mutex_unlock(&sim.lock);
    return result;
}

static int
sim_unlink(const char *path)
{
    int result = unlink(path);

    if (result != 0 || !inside(path))
        return result;
    g_mutex_lock(&sim.lock);
    struct inode *inode = g_hash_table_lookup(sim.live, path);
    if (inode != NULL) { /* the number may be used again, the content may have to come back */
        g_hash_table_remove(sim.live, path);
        g_hash_table_steal(sim.inodes, &inode->number);
        add_change(path, NULL);
    }
    g_mutex_unlock(&sim.lock);
    return result;
}

static guint64
sim_free_bytes(const char *dir)
{
    (void)dir;
    return G_MAXUINT64;
}

static const struct store_io sim_io = {.open = sim_open,
                                       .close = sim_close,
                                       .pwrite = sim_pwrite,
                                       .allocate = sim_allocate,
                                       .fdatasync = sim_sync,
                                       .fsync = sim_sync,
                                       .ftruncate = sim_ftruncate,
                                       .rename = sim_rename,
                                       .unlink = sim_unlink,
                                       .free_bytes = sim_free_bytes};

void
sim_start(const char *dir)
{
    memset(&sim, 0, sizeof sim);
    g_mutex_init(&sim.lock);
    sim.dir = g_strdup(dir);
    sim.inodes = g_hash_table_new(g_int64_hash, g_int64_equal);
    sim.names = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
    sim.live = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
    sim.changes = g_array_new(FALSE, FALSE, sizeof(struct name_change));
    sim.folders = g_hash_table_new_full(g_direct_hash, g_direct_equal, NULL, g_free);
    sim.all = g_ptr_array_new();
    store_io = &sim_io;
}

void
sim_failures(guint sync_per_mille, guint write_per_mille, guint seed)
{
    g_mutex_lock(&sim.lock);
    sim.sync_failures = sync_per_mille;
    sim.write_failures = write_per_mille;
    if (sim.rand == NULL)
        sim.rand = g_rand_new_with_seed(seed);
    g_mutex_unlock(&sim.lock);
}

void
sim_capacity(guint64 bytes)
{
    g_mutex_lock(&sim.lock);
    sim.capacity = bytes;
    g_mutex_unlock(&sim.lock);
}

static void
write_out(const char *to, const char *path, const struct inode *inode, GRand *rand)
{
    GByteArray *content = g_byte_array_new();
    g_autofree char *target = g_strconcat(to, path + strlen(sim.dir), NULL);
    g_autofree char *folder = g_path_get_dirname(target);

    g_byte_array_append(content, inode->durable->data, inode->durable->len);
    for (guint n = 0; n < inode->writes->len; n++)
        apply_some(content, &g_array_index(inode->writes, struct pending_write, n), rand);
    g_mkdir_with_parents(folder, 0700);
    FILE *f = fopen(target, "w");
    if (f == NULL || fwrite(content->data, 1, content->len, f) != content->len)
        g_error("can't write %s", target);
    fclose(f);
    g_byte_array_unref(content);
}

void
sim_cut(const char *to, guint seed)
{
    GRand *rand = g_rand_new_with_seed(seed);
    GHashTable *names = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
    GHashTableIter iter;
    gpointer path, inode;

    g_mutex_lock(&sim.lock);
    g_hash_table_iter_init(&iter, sim.names);
    while (g_hash_table_iter_next(&iter, &path, &inode))
        g_hash_table_insert(names, g_strdup(path), inode);
    guint survive = (guint)g_rand_int_range(rand, 0, (gint32)sim.changes->len + 1);
    for (guint n = 0; n < survive; n++)
        apply_change(names, &g_array_index(sim.changes, struct name_change, n));
    g_mkdir_with_parents(to, 0700);
    g_hash_table_iter_init(&iter, names);
    while (g_hash_table_iter_next(&iter, &path, &inode))
        write_out(to, path, inode, rand);
    g_mutex_unlock(&sim.lock);
    g_hash_table_unref(names);
    g_rand_free(rand);
}

void
sim_stop(void)
{
    store_io = &store_io_system;
    for (guint n = 0; n < sim.all->len; n++) {
        struct inode *inode = g_ptr_array_index(sim.all, n);
        make_durable(inode);
        g_byte_array_unref(inode->durable);
        g_array_unref(inode->writes);
        g_free(inode);
    }
    for (guint n = 0; n < sim.changes->len; n++) {
        g_free(g_array_index(sim.changes, struct name_change, n).folder);
        g_free(g_array_index(sim.changes, struct name_change, n).name);
    }
    g_ptr_array_unref(sim.all);
    g_array_unref(sim.changes);
    g_hash_table_unref(sim.inodes);
    g_hash_table_unref(sim.names);
    g_hash_table_unref(sim.live);
    g_hash_table_unref(sim.folders);
    g_clear_pointer(&sim.rand, g_rand_free);
    g_clear_pointer(&sim.dir, g_free);
    g_mutex_clear(&sim.lock);
}
