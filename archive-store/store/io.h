/* io.h: every write of the store goes through this table, so that tests can make it fail and can play a power
 * cut.
 *
 * Reading uses pread directly. Errors become STORE_ERROR_FULL for a full disk, quota or file size limit, else
 * STORE_ERROR_IO. Thread-safe. */
#pragma once
#include <glib.h>
#include <sys/types.h>

struct store_io {
    int (*open)(const char *path, int flags, int mode);
    int (*close)(int fd);
    ssize_t (*pwrite)(int fd, const void *data, size_t n, off_t offset);
    int (*allocate)(int fd, guint64 size); /* posix_fallocate from 0: 0 or an error number */
    int (*fdatasync)(int fd);
    int (*fsync)(int fd);
    int (*ftruncate)(int fd, off_t length);
    int (*rename)(const char *from, const char *to);
    int (*unlink)(const char *path);
    guint64 (*free_bytes)(const char *dir); /* G_MAXUINT64 = can't be told */
};
extern const struct store_io store_io_system;
extern const struct store_io *store_io; /* set by tests only, while no store is open */

void io_set_error(GError **error, int number, const char *what, const char *path);
/* path only names the file in errors. */
gboolean io_write_full(int fd, const void *data, gsize n, guint64 offset, const char *path, GError **error);
/* Bytes read (short only at the end of the file), or -1 with errno. */
gssize io_read_full(int fd, void *data, gsize n, guint64 offset);
gboolean io_fdatasync(int fd, const char *path, GError **error);
gboolean io_fsync(int fd, const char *path, GError **error);
gboolean io_sync_dir(const char *dir, GError **error);
/* Writes zeros from..to, syncing every 8 MiB so that others' syncs don't wait behind a big one. */
gboolean io_zero(int fd, guint64 from, guint64 to, const char *path, GError **error);
/* A whole new file: temporary name, written, synced, renamed, folder synced. */
gboolean io_put_file(const char *dir, const char *name, const void *data, gsize n, GError **error);
/* At most max bytes of a file; NULL with error. */
GBytes *io_get_file(const char *path, gsize max, GError **error);
/* Makes a folder (0700) unless it is there, and syncs its parent. */
gboolean io_make_dir(const char *path, GError **error);
