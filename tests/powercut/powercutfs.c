/* powercutfs: a file system in memory that can lose power.
 *
 * SYNOPSIS     powercutfs MOUNTPOINT SEED_DIR OUT_DIR CONTROL_SOCKET
 * DESCRIPTION  Mounts a FUSE file system whose first contents are those of SEED_DIR. Every write is volatile
 *              until fsync or fdatasync of that file succeeds; every create, rename, link removal and mkdir is
 *              volatile until fsync of its directory, which is stricter than ext4. On the control line
 *              "cut N" (N = random seed) power fails: every later call answers EIO, and OUT_DIR gets what a
 *              disk could hold: durable data plus, for each volatile 512-byte sector, either the old or the
 *              new bytes (so writes are dropped, reordered and torn), and for directories the durable entries
 *              plus a random prefix of the pending changes. Other lines: "failsync N" (the next N fsyncs answer
 *              EIO and their data stays volatile for ever: the page was marked clean), "full N" (at most N more bytes
 *              may be added before ENOSPC; "full -1" lifts it), "stat".
 * LIMITS       For tests: one lock, contents in memory, no hard links, symbolic links or permissions. */
#define FUSE_USE_VERSION 31
#include <errno.h>
#include <fuse.h>
#include <glib.h>
#include <glib/gstdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#define SECTOR 512u

struct node {
    gboolean is_dir;
    GByteArray *live, *durable;    /* files */
    GHashTable *dirty;             /* sector numbers written since the last good sync */
    gsize durable_size;            /* size that a sync has made durable */
    GHashTable *entries, *settled; /* directories: name -> node, as seen and as on disk */
    struct timespec mtime;
    gint opens;
};

/* One directory change that no fsync of the directory has settled yet. */
struct change {
    struct node *dir;
    char *name;
    struct node *node; /* NULL: the name goes away */
    struct change *also; /* rename: the other half, which happens in the same instant */
};

static struct node *root;
static GPtrArray *pending; /* struct change * in order */
static GMutex lock;
static gboolean powered = TRUE;
static gint failing_syncs;
static gint64 room = -1;
static guint64 syncs;
static const char *out_dir;
static GPtrArray *all_nodes;

static struct node *
node_new(gboolean is_dir)
{
    struct node *node = g_new0(struct node, 1);
    node->is_dir = is_dir;
    if (is_dir) {
        node->entries = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
        node->settled = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
    } else {
        node->live = g_byte_array_new();
        node->durable = g_byte_array_new();
        node->dirty = g_hash_table_new(g_direct_hash, g_direct_equal);
    }
    clock_gettime(CLOCK_REALTIME, &node->mtime);
    g_ptr_array_add(all_nodes, node);
    return node;
}

static struct node *
node_find(const char *path)
{
    struct node *node = root;
    g_auto(GStrv) names = g_strsplit(path, "/", -1);
    for (guint i = 0; node && names[i]; i++) {
        if (!*names[i])
            continue;
        node = node->is_dir ? g_hash_table_lookup(node->entries, names[i]) : NULL;
    }
    return node;
}

static struct node *
node_parent(const char *path, char **name_r)
{
    g_autofree char *dir = g_path_get_dirname(path);
    struct node *parent = node_find(dir);
    *name_r = g_path_get_basename(path);
    return parent && parent->is_dir ? parent : NULL;
}

/* Changes a directory as seen now and notes the change as not yet settled. */
static struct change *
dir_change(struct node *dir, const char *name, struct node *node)
{
    struct change *change = g_new0(struct change, 1);
    change->dir = dir;
    change->name = g_strdup(name);
    change->node = node;
    if (node)
        g_hash_table_replace(dir->entries, g_strdup(name), node);
    else
        g_hash_table_remove(dir->entries, name);
    clock_gettime(CLOCK_REALTIME, &dir->mtime);
    return change;
}

static void
settle(struct change *change)
{
    if (change->node)
        g_hash_table_replace(change->dir->settled, g_strdup(change->name), change->node);
    else
        g_hash_table_remove(change->dir->settled, change->name);
    if (change->also)
        settle(change->also);
}

static void
mark_dirty(struct node *node, guint64 from, guint64 to)
{
    for (guint64 sector = from / SECTOR; sector * SECTOR < to; sector++)
        g_hash_table_add(node->dirty, GSIZE_TO_POINTER(sector + 1));
}

/* Copies one sector of the live content over the durable one, which grows with zeros as needed. */
static void
harden_sector(struct node *node, guint64 sector, gsize limit)
{
    gsize from = sector * SECTOR, to = MIN(from + SECTOR, MIN(limit, node->live->len));
    if (to <= from)
        return;
    if (node->durable->len < to) {
        gsize old = node->durable->len;
        g_byte_array_set_size(node->durable, (guint)to);
        memset(node->durable->data + old, 0, to - old);
    }
    memcpy(node->durable->data + from, node->live->data + from, to - from);
}

static void
harden_size(struct node *node, gsize size)
{
    gsize old = node->durable->len;
    g_byte_array_set_size(node->durable, (guint)size);
    if (size > old)
        memset(node->durable->data + old, 0, size - old);
    node->durable_size = size;
}

static void
node_sync(struct node *node)
{
    GHashTableIter iter;
    gpointer key;
    g_hash_table_iter_init(&iter, node->dirty);
    while (g_hash_table_iter_next(&iter, &key, NULL))
        harden_sector(node, GPOINTER_TO_SIZE(key) - 1, node->live->len);
    harden_size(node, node->live->len);
    g_hash_table_remove_all(node->dirty);
}

/* What the disk holds after the cut: each volatile sector and size change came through or did not. */
static void
node_cut(struct node *node, GRand *chance)
{
    guint style = (guint)g_rand_int_range(chance, 0, 4); /* 0: nothing came through, 1: all, else: some */
    gboolean grown = style == 1 || (style > 1 && g_rand_boolean(chance));
    gsize size = grown ? node->live->len : MIN(node->durable_size, node->live->len);
    if (!grown)
        size = node->durable_size;
    GHashTableIter iter;
    gpointer key;
    g_hash_table_iter_init(&iter, node->dirty);
    while (g_hash_table_iter_next(&iter, &key, NULL))
        if (style == 1 || (style > 1 && g_rand_boolean(chance)))
            harden_sector(node, GPOINTER_TO_SIZE(key) - 1, size);
    gsize old = node->durable->len;
    g_byte_array_set_size(node->durable, (guint)size);
    if (size > old)
        memset(node->durable->data + old, 0, size - old);
}

static void
dump(struct node *dir, const char *to)
{
    GHashTableIter iter;
    gpointer name, value;
    g_mkdir_with_parents(to, 0750);
    g_hash_table_iter_init(&iter, dir->settled);
    while (g_hash_table_iter_next(&iter, &name, &value)) {
        struct node *node = value;
        g_autofree char *path = g_build_filename(to, name, NULL);
        if (node->is_dir)
            dump(node, path);
        else if (!g_file_set_contents_full(path, (const char *)node->durable->data, (gssize)node->durable->len,
                                           G_FILE_SET_CONTENTS_NONE, 0600, NULL))
            g_warning("cannot write %s", path);
    }
}

static void
cut(guint32 seed)
{
    GRand *chance = g_rand_new_with_seed(seed);
    guint through = pending->len ? (guint)g_rand_int_range(chance, 0, (gint32)pending->len + 1) : 0;
    powered = FALSE;
    for (guint i = 0; i < through; i++)
        settle(pending->pdata[i]);
    for (guint i = 0; i < all_nodes->len; i++) {
        struct node *node = all_nodes->pdata[i];
        if (!node->is_dir)
            node_cut(node, chance);
    }
    dump(root, out_dir);
    g_rand_free(chance);
}

#define ENTER()                                                                                                \
    g_autoptr(GMutexLocker) locker = g_mutex_locker_new(&lock);                                                \
    (void)locker;                                                                                              \
    if (!powered)                                                                                              \
    return -EIO

static int
fs_getattr(const char *path, struct stat *st, struct fuse_file_info *fi)
{
    ENTER();
    struct node *node = fi ? (struct node *)(guintptr)fi->fh : node_find(path);
    if (!node)
        return -ENOENT;
    memset(st, 0, sizeof *st);
    st->st_mode = node->is_dir ? S_IFDIR | 0750 : S_IFREG | 0600;
    st->st_nlink = node->is_dir ? 2 : 1;
    st->st_size = node->is_dir ? 0 : (off_t)node->live->len;
    st->st_blocks = (st->st_size + 511) / 512;
    st->st_mtim = node->mtime;
    st->st_uid = getuid();
    st->st_gid = getgid();
    return 0;
}

static int
fs_readdir(const char *path, void *buf, fuse_fill_dir_t fill, off_t offset, struct fuse_file_info *fi,
           enum fuse_readdir_flags flags)
{
    ENTER();
    (void)offset, (void)fi, (void)flags;
    struct node *dir = node_find(path);
    if (!dir || !dir->is_dir)
        return -ENOENT;
    GHashTableIter iter;
    gpointer name;
    fill(buf, ".", NULL, 0, 0);
    fill(buf, "..", NULL, 0, 0);
    g_hash_table_iter_init(&iter, dir->entries);
    while (g_hash_table_iter_next(&iter, &name, NULL))
        fill(buf, name, NULL, 0, 0);
    return 0;
}

static int
add(const char *path, gboolean is_dir, struct node **node_r)
{
    g_autofree char *name = NULL;
    struct node *parent = node_parent(path, &name);
    if (!parent)
        return -ENOENT;
    if (g_hash_table_contains(parent->entries, name))
        return -EEXIST;
    *node_r = node_new(is_dir);
    g_ptr_array_add(pending, dir_change(parent, name, *node_r));
    return 0;
}

static int
fs_mkdir(const char *path, mode_t mode)
{
    ENTER();
    (void)mode;
    struct node *node;
    return add(path, TRUE, &node);
}

static int
fs_create(const char *path, mode_t mode, struct fuse_file_info *fi)
{
    ENTER();
    (void)mode;
    struct node *node;
    int result = add(path, FALSE, &node);
    if (!result)
        fi->fh = (guintptr)node;
    return result;
}

static int
fs_open(const char *path, struct fuse_file_info *fi)
{
    ENTER();
    struct node *node = node_find(path);
    if (!node)
        return -ENOENT;
    fi->fh = (guintptr)node;
    return 0;
}

static int
fs_remove(const char *path)
{
    ENTER();
    g_autofree char *name = NULL;
    struct node *parent = node_parent(path, &name), *node = node_find(path);
    if (!parent || !node)
        return -ENOENT;
    if (node->is_dir && g_hash_table_size(node->entries))
        return -ENOTEMPTY;
    g_ptr_array_add(pending, dir_change(parent, name, NULL));
    return 0;
}

static int
fs_rename(const char *from, const char *to, unsigned int flags)
{
    ENTER();
    g_autofree char *from_name = NULL, *to_name = NULL;
    struct node *from_dir = node_parent(from, &from_name), *to_dir = node_parent(to, &to_name),
                *node = node_find(from);
    if (flags & ~1u)
        return -EINVAL;
    if (!from_dir || !to_dir || !node)
        return -ENOENT;
    if ((flags & 1u) && g_hash_table_contains(to_dir->entries, to_name))
        return -EEXIST;
    struct change *change = dir_change(to_dir, to_name, node);
    change->also = dir_change(from_dir, from_name, NULL);
    g_ptr_array_add(pending, change);
    return 0;
}

static int
fs_read(const char *path, char *buf, size_t size, off_t offset, struct fuse_file_info *fi)
{
    ENTER();
    (void)path;
    struct node *node = (struct node *)(guintptr)fi->fh;
    if ((gsize)offset >= node->live->len)
        return 0;
    size = MIN(size, node->live->len - (gsize)offset);
    memcpy(buf, node->live->data + offset, size);
    return (int)size;
}

/* Makes the live content n bytes long, zeros where it grows; FALSE when the disk is full. */
static gboolean
grow(struct node *node, gsize n)
{
    gsize old = node->live->len;
    if (n > old && room >= 0) {
        if ((gint64)(n - old) > room)
            return FALSE;
        room -= (gint64)(n - old);
    }
    g_byte_array_set_size(node->live, (guint)n);
    if (n > old)
        memset(node->live->data + old, 0, n - old);
    return TRUE;
}

static int
fs_write(const char *path, const char *buf, size_t size, off_t offset, struct fuse_file_info *fi)
{
    ENTER();
    (void)path;
    struct node *node = (struct node *)(guintptr)fi->fh;
    gsize end = (gsize)offset + size, old = node->live->len;
    if (end > G_MAXINT)
        return -EFBIG;
    if (end > old && !grow(node, end))
        return -ENOSPC;
    memcpy(node->live->data + offset, buf, size);
    mark_dirty(node, MIN((gsize)offset, old), end);
    clock_gettime(CLOCK_REALTIME, &node->mtime);
    return (int)size;
}

static int
fs_truncate(const char *path, off_t size, struct fuse_file_info *fi)
{
    ENTER();
    struct node *node = fi ? (struct node *)(guintptr)fi->fh : node_find(path);
    if (!node || node->is_dir)
        return -ENOENT;
    gsize old = node->live->len;
    if ((gsize)size > G_MAXINT)
        return -EFBIG;
    if (!grow(node, (gsize)size))
        return -ENOSPC;
    mark_dirty(node, MIN(old, (gsize)size), MAX(old, (gsize)size));
    return 0;
}

static int
fs_fallocate(const char *path, int mode, off_t offset, off_t length, struct fuse_file_info *fi)
{
    ENTER();
    (void)path;
    struct node *node = (struct node *)(guintptr)fi->fh;
    if (mode)
        return -EOPNOTSUPP;
    gsize end = (gsize)(offset + length), old = node->live->len;
    if (end > G_MAXINT)
        return -EFBIG;
    if (end > old && !grow(node, end))
        return -ENOSPC;
    mark_dirty(node, old, end);
    return 0;
}

static int
fs_fsync(const char *path, int datasync, struct fuse_file_info *fi)
{
    ENTER();
    (void)path, (void)datasync;
    struct node *node = (struct node *)(guintptr)fi->fh;
    syncs++;
    if (failing_syncs > 0) {
        /* As Linux does: the error is told once and the pages count as clean from then on. */
        failing_syncs--;
        g_hash_table_remove_all(node->dirty);
        return -EIO;
    }
    node_sync(node);
    return 0;
}

static int
fs_fsyncdir(const char *path, int datasync, struct fuse_file_info *fi)
{
    ENTER();
    (void)datasync, (void)fi;
    struct node *dir = node_find(path);
    if (!dir)
        return -ENOENT;
    for (guint i = 0; i < pending->len;) {
        struct change *change = pending->pdata[i];
        if (change->dir == dir || (change->also && change->also->dir == dir)) {
            settle(change);
            g_ptr_array_remove_index(pending, i);
        } else {
            i++;
        }
    }
    return 0;
}

static int
fs_accept(const char *path, mode_t mode, struct fuse_file_info *fi)
{
    (void)path, (void)mode, (void)fi;
    return 0;
}

static int
fs_accept_owner(const char *path, uid_t uid, gid_t gid, struct fuse_file_info *fi)
{
    (void)path, (void)uid, (void)gid, (void)fi;
    return 0;
}

static int
fs_accept_times(const char *path, const struct timespec tv[2], struct fuse_file_info *fi)
{
    (void)path, (void)tv, (void)fi;
    return 0;
}

static int
fs_statfs(const char *path, struct statvfs *st)
{
    ENTER();
    (void)path;
    memset(st, 0, sizeof *st);
    st->f_bsize = st->f_frsize = 4096;
    st->f_blocks = 1u << 20;
    st->f_bfree = st->f_bavail = room < 0 ? 1u << 20 : (fsblkcnt_t)(room / 4096);
    st->f_namemax = 255;
    return 0;
}

static const struct fuse_operations operations = {
    .getattr = fs_getattr, .readdir = fs_readdir, .mkdir = fs_mkdir, .rmdir = fs_remove, .create = fs_create,
    .open = fs_open, .unlink = fs_remove, .rename = fs_rename, .read = fs_read, .write = fs_write,
    .truncate = fs_truncate, .fallocate = fs_fallocate, .fsync = fs_fsync, .fsyncdir = fs_fsyncdir,
    .chmod = fs_accept, .chown = fs_accept_owner, .utimens = fs_accept_times, .statfs = fs_statfs,
};

static void
obey(int fd, const char *line)
{
    g_autofree char *answer = NULL;
    g_autoptr(GMutexLocker) locker = g_mutex_locker_new(&lock);
    (void)locker;
    gint64 n = 0;
    if (sscanf(line, "cut %" G_GINT64_FORMAT, &n) == 1) {
        cut((guint32)n);
        answer = g_strdup("ok\n");
    } else if (sscanf(line, "failsync %" G_GINT64_FORMAT, &n) == 1) {
        failing_syncs = (gint)n;
        answer = g_strdup("ok\n");
    } else if (sscanf(line, "full %" G_GINT64_FORMAT, &n) == 1) {
        room = n;
        answer = g_strdup("ok\n");
    } else if (g_str_has_prefix(line, "stat")) {
        answer = g_strdup_printf("syncs=%" G_GUINT64_FORMAT " failing=%d pending=%u\n", syncs, failing_syncs,
                                 pending->len);
    } else {
        answer = g_strdup("error: cut N, failsync N, full N or stat\n");
    }
    if (write(fd, answer, strlen(answer)) < 0)
        g_warning("control: %s", g_strerror(errno));
}

static gpointer
control(gpointer data)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    int listener = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    g_strlcpy(address.sun_path, data, sizeof address.sun_path);
    unlink(address.sun_path);
    if (listener < 0 || bind(listener, (struct sockaddr *)&address, sizeof address) || listen(listener, 4))
        g_error("control socket %s: %s", (char *)data, g_strerror(errno));
    for (;;) {
        char line[128];
        int fd = accept(listener, NULL, NULL);
        if (fd < 0)
            continue;
        ssize_t n = read(fd, line, sizeof line - 1);
        if (n > 0) {
            line[n] = '\0';
            obey(fd, line);
        }
        close(fd);
    }
    return NULL;
}

/* Loads a folder as durable content. */
static void
load(struct node *dir, const char *from)
{
    g_autoptr(GDir) listing = g_dir_open(from, 0, NULL);
    for (const char *name; listing && (name = g_dir_read_name(listing));) {
        g_autofree char *path = g_build_filename(from, name, NULL), *bytes = NULL;
        gsize length = 0;
        gboolean is_dir = g_file_test(path, G_FILE_TEST_IS_DIR);
        if (!is_dir && !g_file_get_contents(path, &bytes, &length, NULL))
            continue; /* sockets and the like */
        struct node *node = node_new(is_dir);
        g_hash_table_replace(dir->entries, g_strdup(name), node);
        g_hash_table_replace(dir->settled, g_strdup(name), node);
        if (is_dir) {
            load(node, path);
            continue;
        }
        g_byte_array_append(node->live, (guint8 *)bytes, (guint)length);
        g_byte_array_append(node->durable, (guint8 *)bytes, (guint)length);
        node->durable_size = length;
    }
}

int
main(int argc, char **argv)
{
    if (argc != 5) {
        fprintf(stderr, "usage: powercutfs MOUNTPOINT SEED_DIR OUT_DIR CONTROL_SOCKET\n");
        return 2;
    }
    all_nodes = g_ptr_array_new();
    pending = g_ptr_array_new();
    root = node_new(TRUE);
    load(root, argv[2]);
    out_dir = argv[3];
    g_thread_unref(g_thread_new("control", control, argv[4]));
    char *args[] = {argv[0], (char *)"-f", (char *)"-o", (char *)"allow_other", argv[1], NULL};
    return fuse_main(5, args, &operations, NULL);
}
