/* io.c: the store's way to the disk, and what a failure is called. */
#include "archive-store/store/io.h"
#include "archive-store/store/store.h"
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#define ZERO_CHUNK (256u << 10)
#define ZERO_SYNC (8u << 20)

static int
system_open(const char *path, int flags, int mode)
{
    return open(path, flags, mode);
}

static int
system_allocate(int fd, guint64 size)
{
    return posix_fallocate(fd, 0, (off_t)size);
}

static guint64
system_free_bytes(const char *dir)
{
    struct statvfs vfs;
    if (statvfs(dir, &vfs) < 0)
        return G_MAXUINT64;
    return (guint64)vfs.f_bavail * vfs.f_frsize;
}

const struct store_io store_io_system = {
    .open = system_open,
    .close = close,
    .pwrite = pwrite,
    .allocate = system_allocate,
    .fdatasync = fdatasync,
    .fsync = fsync,
    .ftruncate = ftruncate,
    .rename = rename,
    .unlink = unlink,
    .free_bytes = system_free_bytes,
};
const struct store_io *store_io = &store_io_system;

void
io_set_error(GError **error, int number, const char *what, const char *path)
{
    gboolean full = number == ENOSPC || number == EDQUOT || number == EFBIG;
    g_set_error(error, STORE_ERROR, full ? STORE_ERROR_FULL : STORE_ERROR_IO, "%s %s: %s", what, path,
                g_strerror(number));
}

gboolean
io_write_full(int fd, const void *data, gsize n, guint64 offset, const char *path, GError **error)
{
    const guint8 *p = data;

    while (n > 0) {
        ssize_t written = store_io->pwrite(fd, p, n, (off_t)offset);
        if (written < 0 && errno == EINTR)
            continue;
        if (written <= 0) {
            io_set_error(error, written < 0 ? errno : ENOSPC, "writing", path);
            return FALSE;
        }
        p += written;
        n -= (gsize)written;
        offset += (guint64)written;
    }
    return TRUE;
}

gssize
io_read_full(int fd, void *data, gsize n, guint64 offset)
{
    guint8 *p = data;
    gsize done = 0;

    while (done < n) {
        ssize_t got = pread(fd, p + done, n - done, (off_t)(offset + done));
        if (got < 0 && errno == EINTR)
            continue;
        if (got < 0)
            return -1;
        if (got == 0)
            break;
        done += (gsize)got;
    }
    return (gssize)done;
}

gboolean
io_fdatasync(int fd, const char *path, GError **error)
{
    if (store_io->fdatasync(fd) == 0)
        return TRUE;
    io_set_error(error, errno, "syncing", path);
    return FALSE;
}

gboolean
io_fsync(int fd, const char *path, GError **error)
{
    if (store_io->fsync(fd) == 0)
        return TRUE;
    io_set_error(error, errno, "syncing", path);
    return FALSE;
}

gboolean
io_sync_dir(const char *dir, GError **error)
{
    int fd = store_io->open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC, 0);
    if (fd < 0) {
        io_set_error(error, errno, "opening folder", dir);
        return FALSE;
    }
    gboolean good = io_fsync(fd, dir, error);
    store_io->close(fd);
    return good;
}

gboolean
io_zero(int fd, guint64 from, guint64 to, const char *path, GError **error)
{
    g_autofree guint8 *zeros = g_malloc0(ZERO_CHUNK);
    guint64 unsynced = 0;

    while (from < to) {
        gsize n = (gsize)MIN(to - from, ZERO_CHUNK);
        if (!io_write_full(fd, zeros, n, from, path, error))
            return FALSE;
        from += n;
        unsynced += n;
        if (unsynced >= ZERO_SYNC || from == to) {
            if (!io_fdatasync(fd, path, error))
                return FALSE;
            unsynced = 0;
        }
    }
    return TRUE;
}

gboolean
io_put_file(const char *dir, const char *name, const void *data, gsize n, GError **error)
{
    g_autofree char *path = g_build_filename(dir, name, NULL);
    g_autofree char *temporary = g_strconcat(path, ".tmp", NULL);

    int fd = store_io->open(temporary, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    if (fd < 0) {
        io_set_error(error, errno, "creating", temporary);
        return FALSE;
    }
    gboolean good = io_write_full(fd, data, n, 0, temporary, error) && io_fsync(fd, temporary, error);
    store_io->close(fd);
    if (good && store_io->rename(temporary, path) < 0) {
        io_set_error(error, errno, "renaming", temporary);
        good = FALSE;
    }
    if (!good)
        store_io->unlink(temporary);
    return good && io_sync_dir(dir, error);
}

GBytes *
io_get_file(const char *path, gsize max, GError **error)
{
    struct stat st;
    int fd = open(path, O_RDONLY | O_CLOEXEC);

    if (fd < 0 || fstat(fd, &st) < 0) {
        io_set_error(error, errno, "opening", path);
        if (fd >= 0)
            close(fd);
        return NULL;
    }
    if (st.st_size < 0 || (guint64)st.st_size > max) {
        g_set_error(error, STORE_ERROR, STORE_ERROR_DAMAGED, "%s is larger than such a file can be", path);
        close(fd);
        return NULL;
    }
    guint8 *data = g_malloc((gsize)st.st_size + 1);
    gssize n = io_read_full(fd, data, (gsize)st.st_size, 0);
    int number = errno;
    close(fd);
    if (n < 0) {
        io_set_error(error, number, "reading", path);
        g_free(data);
        return NULL;
    }
    return g_bytes_new_take(data, (gsize)n);
}

gboolean
io_make_dir(const char *path, GError **error)
{
    g_autofree char *parent = g_path_get_dirname(path);

    if (mkdir(path, 0700) == 0)
        return io_sync_dir(parent, error);
    if (errno == EEXIST)
        return TRUE;
    io_set_error(error, errno, "making folder", path);
    return FALSE;
}
