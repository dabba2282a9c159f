/* spool.c: durable files for records that the archive could not take.
 *
 * NAME     spool - the milter's own disk when postern-archived is away
 *
 * FILE     TIME-TRANSACTION.rec, where TIME is the time of receipt in microseconds (20 digits) and
 *          TRANSACTION the transaction id in hex. Contents, little-endian:
 *              8 bytes   "PSPOOL1\n"
 *              u64       length of the record
 *              32 bytes  SHA-256 of the record
 *              record    the bytes of capture_encode(), as they would have gone to the archive
 *
 * WRITING  tmp.PID.SERIAL is created with O_EXCL, written, fsynced, renamed to its final name, and the
 *          directory is fsynced. Only then may the message be accepted. When any step fails the file is
 *          removed and the caller answers 4xx. A tmp file was never acknowledged; one that a crash left is
 *          deleted when it is ten minutes old, which no writer that lives can reach.
 *
 * LOCK     flock on "lock": who holds it drains. Writing needs no lock, so that in a take-over restart the
 *          old process can still spool for its last sessions while the new one drains.
 *
 * LIMITS   The byte cap is exact within one process; while two share the directory each may be off by what
 *          the other wrote since its last spool_list. */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>
#include "milters/spool.h"

#define MAGIC "PSPOOL1\n"
#define MAGIC_LENGTH 8
#define DIGEST_LENGTH 32
#define HEADER_LENGTH (MAGIC_LENGTH + 8 + DIGEST_LENGTH)
#define SUFFIX ".rec"
#define STALE_TMP_SECONDS 600
#define RECORD_MAX (G_GUINT64_CONSTANT(1) << 32)

G_DEFINE_QUARK(postern-spool-error-quark, spool_error)

struct spool {
    char *path;
    int dir;  /* descriptor of path */
    int lock; /* of path/lock while this process drains, else -1 */
    GMutex mutex;
    guint64 max_bytes, min_free, files, bytes; /* these and the next two: under mutex */
    guint writing; /* records being written */
    guint changes; /* of files and bytes, so that a look at the directory knows whether it is out of date */
    guint serial;
};

static gssize
plain_write(int fd, const void *data, gsize n)
{
    return write(fd, data, n);
}

static int
plain_rename(int dir, const char *from, const char *to)
{
    return renameat(dir, from, dir, to);
}

struct spool_calls spool_calls = {plain_write, fsync, plain_rename};

static gboolean
fail(GError **error, const char *what, const char *name)
{
    int saved = errno;

    g_set_error(error, SPOOL_ERROR, SPOOL_ERROR_IO, "spool: %s %s: %s", what, name, g_strerror(saved));
    return FALSE;
}

static gboolean
instance_name_ok(const char *name)
{
    gsize length = strlen(name);

    return length > 0 && length <= 64 && name[0] != '.' &&
           strspn(name, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-") == length;
}

/* A new directory is only durable once its parent is synced. */
static gboolean
make_dir(const char *path, GError **error)
{
    g_autofree char *parent = g_path_get_dirname(path);
    gboolean synced;
    int fd;

    if (mkdir(path, 0750) != 0)
        return errno == EEXIST ? TRUE : fail(error, "can't make directory", path);
    fd = open(parent, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    synced = (fd >= 0 && fsync(fd) == 0) ? TRUE : fail(error, "can't sync directory", parent);
    if (fd >= 0)
        close(fd);
    return synced;
}

struct spool *
spool_open(const char *dir, const char *instance, guint64 max_bytes, guint64 min_free, GError **error)
{
    g_autofree char *path = g_build_filename(dir, instance, NULL);
    g_autoptr(GPtrArray) names = NULL;
    struct spool *spool;
    int fd;

    if (!instance_name_ok(instance)) {
        g_set_error(error, SPOOL_ERROR, SPOOL_ERROR_NAME,
                    "instance name \"%s\": use letters, digits, dot, dash and underscore only", instance);
        return NULL;
    }
    if (!make_dir(dir, error) || !make_dir(path, error))
        return NULL;
    fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0 || faccessat(fd, ".", R_OK | W_OK | X_OK, AT_EACCESS) != 0) {
        fail(error, "can't use directory", path);
        if (fd >= 0)
            close(fd);
        return NULL;
    }
    spool = g_new0(struct spool, 1);
    spool->path = g_steal_pointer(&path);
    spool->dir = fd;
    spool->lock = -1;
    g_mutex_init(&spool->mutex);
    spool_set_caps(spool, max_bytes, min_free);
    names = spool_list(spool, error);
    if (names == NULL)
        spool_close(&spool);
    return spool;
}

void
spool_close(struct spool **spool)
{
    if (*spool == NULL)
        return;
    spool_unlock(*spool);
    close((*spool)->dir);
    g_mutex_clear(&(*spool)->mutex);
    g_free((*spool)->path);
    g_clear_pointer(spool, g_free);
}

void
spool_set_caps(struct spool *spool, guint64 max_bytes, guint64 min_free)
{
    g_mutex_lock(&spool->mutex);
    spool->max_bytes = max_bytes;
    spool->min_free = min_free;
    g_mutex_unlock(&spool->mutex);
}

gboolean
spool_lock(struct spool *spool)
{
    int fd;

    if (spool->lock >= 0)
        return TRUE;
    fd = openat(spool->dir, "lock", O_RDWR | O_CREAT | O_CLOEXEC, 0640);
    if (fd < 0)
        return FALSE;
    if (flock(fd, LOCK_EX | LOCK_NB) != 0) {
        close(fd);
        return FALSE;
    }
    spool->lock = fd;
    return TRUE;
}

void
spool_unlock(struct spool *spool)
{
    if (spool->lock >= 0)
        close(spool->lock);
    spool->lock = -1;
}

/* Reserves size bytes under both caps; the caller gives them back when the write fails. */
static gboolean
reserve(struct spool *spool, guint64 size, GError **error)
{
    struct statvfs fs;
    guint64 available;
    gboolean fits;

    if (fstatvfs(spool->dir, &fs) != 0)
        return fail(error, "can't ask for free space of", spool->path);
    available = (guint64)fs.f_bavail * fs.f_frsize;
    g_mutex_lock(&spool->mutex);
    fits = spool->bytes + size <= spool->max_bytes && available >= size + spool->min_free;
    if (fits) {
        spool->bytes += size;
        spool->files++;
        spool->writing++;
        spool->changes++;
    } else
        g_set_error(error, SPOOL_ERROR, SPOOL_ERROR_FULL,
                    "spool %s is full: %" G_GUINT64_FORMAT " bytes of %" G_GUINT64_FORMAT " used, %" G_GUINT64_FORMAT
                    " free on disk (%" G_GUINT64_FORMAT " must stay free)",
                    spool->path, spool->bytes, spool->max_bytes, available, spool->min_free);
    g_mutex_unlock(&spool->mutex);
    return fits;
}

static void
unreserve(struct spool *spool, guint64 size)
{
    g_mutex_lock(&spool->mutex);
    spool->bytes -= MIN(size, spool->bytes);
    spool->files -= MIN(1, spool->files);
    spool->changes++;
    g_mutex_unlock(&spool->mutex);
}

static gboolean
write_all(int fd, const void *data, gsize n)
{
    const char *p = data;

    while (n > 0) {
        gssize done = spool_calls.write(fd, p, n);

        if (done < 0 && errno == EINTR)
            continue;
        if (done <= 0) {
            errno = done == 0 ? ENOSPC : errno;
            return FALSE;
        }
        p += done;
        n -= (gsize)done;
    }
    return TRUE;
}

static void
record_header(guint8 header[HEADER_LENGTH], const void *data, gsize length)
{
    g_autoptr(GChecksum) sum = g_checksum_new(G_CHECKSUM_SHA256);
    guint64 size = GUINT64_TO_LE(length);
    gsize digest_length = DIGEST_LENGTH;

    memcpy(header, MAGIC, MAGIC_LENGTH);
    memcpy(header + MAGIC_LENGTH, &size, sizeof size);
    g_checksum_update(sum, data, (gssize)length);
    g_checksum_get_digest(sum, header + MAGIC_LENGTH + sizeof size, &digest_length);
}

/* Writes and syncs the whole file tmp; on failure it may be there half-written. */
static gboolean
write_tmp(struct spool *spool, const char *tmp, const void *data, gsize length, GError **error)
{
    guint8 header[HEADER_LENGTH];
    int fd = openat(spool->dir, tmp, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0640);
    gboolean written;

    if (fd < 0)
        return fail(error, "can't create", tmp);
    record_header(header, data, length);
    written = (write_all(fd, header, sizeof header) && write_all(fd, data, length)) ? TRUE
                                                                                     : fail(error, "can't write", tmp);
    if (written && spool_calls.sync(fd) != 0)
        written = fail(error, "can't sync", tmp);
    if (close(fd) != 0 && written)
        written = fail(error, "can't close", tmp);
    return written;
}

gboolean
spool_put(struct spool *spool, const guint8 transaction[16], gint64 received_us, GBytes *record, GError **error)
{
    gsize length;
    const void *data = g_bytes_get_data(record, &length);
    g_autofree char *tmp = NULL;
    GString *name = g_string_sized_new(64);
    gboolean kept = FALSE;

    g_string_printf(name, "%020" G_GINT64_FORMAT "-", MAX(received_us, 0));
    for (guint i = 0; i < 16; i++)
        g_string_append_printf(name, "%02x", transaction[i]);
    g_string_append(name, SUFFIX);
    if (!reserve(spool, HEADER_LENGTH + length, error))
        goto out;
    tmp = g_strdup_printf("tmp.%d.%u", (int)getpid(), g_atomic_int_add(&spool->serial, 1));
    if (write_tmp(spool, tmp, data, length, error)) {
        if (spool_calls.rename(spool->dir, tmp, name->str) != 0)
            fail(error, "can't rename", tmp);
        else if (spool_calls.sync(spool->dir) != 0) {
            fail(error, "can't sync directory", spool->path);
            unlinkat(spool->dir, name->str, 0);
        } else
            kept = TRUE;
    }
    if (!kept) {
        unlinkat(spool->dir, tmp, 0);
        unreserve(spool, HEADER_LENGTH + length);
    }
    g_mutex_lock(&spool->mutex);
    spool->writing--;
    g_mutex_unlock(&spool->mutex);
out:
    g_string_free(name, TRUE);
    return kept;
}

static gint
by_name(gconstpointer a, gconstpointer b)
{
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

static void
remove_stale_tmp(struct spool *spool, const char *name, const struct stat *st)
{
    if (st->st_mtime + STALE_TMP_SECONDS < time(NULL))
        unlinkat(spool->dir, name, 0);
}

GPtrArray *
spool_list(struct spool *spool, GError **error)
{
    g_autoptr(GPtrArray) names = g_ptr_array_new_with_free_func(g_free);
    int fd = openat(spool->dir, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    DIR *dir = fd >= 0 ? fdopendir(fd) : NULL;
    const struct dirent *entry;
    guint64 bytes = 0;
    guint changes;
    gboolean quiet;

    g_mutex_lock(&spool->mutex);
    changes = spool->changes;
    quiet = spool->writing == 0;
    g_mutex_unlock(&spool->mutex);
    if (dir == NULL) {
        fail(error, "can't read directory", spool->path);
        if (fd >= 0)
            close(fd);
        return NULL;
    }
    while (errno = 0, (entry = readdir(dir)) != NULL) {
        struct stat st;

        if (fstatat(spool->dir, entry->d_name, &st, AT_SYMLINK_NOFOLLOW) != 0 || !S_ISREG(st.st_mode))
            continue;
        if (g_str_has_prefix(entry->d_name, "tmp."))
            remove_stale_tmp(spool, entry->d_name, &st);
        else if (g_str_has_suffix(entry->d_name, SUFFIX)) {
            g_ptr_array_add(names, g_strdup(entry->d_name));
            bytes += (guint64)st.st_size;
        }
    }
    if (errno != 0) {
        fail(error, "can't read directory", spool->path);
        closedir(dir);
        return NULL;
    }
    closedir(dir);
    g_ptr_array_sort(names, by_name);
    g_mutex_lock(&spool->mutex);
    if (quiet && changes == spool->changes) {
        spool->files = names->len;
        spool->bytes = bytes;
    }
    g_mutex_unlock(&spool->mutex);
    return g_steal_pointer(&names);
}

GBytes *
spool_parse(GBytes *file, GError **error)
{
    gsize size;
    const guint8 *data = g_bytes_get_data(file, &size);
    guint8 header[HEADER_LENGTH];
    guint64 length;

    if (size < HEADER_LENGTH || memcmp(data, MAGIC, MAGIC_LENGTH) != 0) {
        g_set_error(error, SPOOL_ERROR, SPOOL_ERROR_DAMAGED, "not a spool file of this version");
        return NULL;
    }
    memcpy(&length, data + MAGIC_LENGTH, sizeof length);
    length = GUINT64_FROM_LE(length);
#ifdef POSTERN_PLANTED_BUGS
    if (length == size) /* known bug for the fuzzer: reads past the end */
        return g_bytes_new(data + HEADER_LENGTH, length);
#endif
    if (length != size - HEADER_LENGTH) {
        g_set_error(error, SPOOL_ERROR, SPOOL_ERROR_DAMAGED, "record of %" G_GUINT64_FORMAT " bytes in a file of %"
                    G_GSIZE_FORMAT, length, size);
        return NULL;
    }
    record_header(header, data + HEADER_LENGTH, (gsize)length);
    if (memcmp(header, data, HEADER_LENGTH) != 0) {
        g_set_error(error, SPOOL_ERROR, SPOOL_ERROR_DAMAGED, "checksum differs");
        return NULL;
    }
    return g_bytes_new_from_bytes(file, HEADER_LENGTH, (gsize)length);
}

static gboolean
read_all(int fd, guint8 *data, gsize size)
{
    gsize done = 0;

    while (done < size) {
        gssize n = read(fd, data + done, size - done);

        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0)
            return FALSE;
        done += (gsize)n;
    }
    return TRUE;
}

GBytes *
spool_read(struct spool *spool, const char *name, GError **error)
{
    g_autoptr(GBytes) file = NULL;
    guint8 *data = NULL;
    struct stat st;
    int fd = openat(spool->dir, name, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);

    if (fd < 0 || fstat(fd, &st) != 0) {
        fail(error, "can't open", name);
        if (fd >= 0)
            close(fd);
        return NULL;
    }
    if (!S_ISREG(st.st_mode) || (guint64)st.st_size > RECORD_MAX) {
        g_set_error(error, SPOOL_ERROR, SPOOL_ERROR_DAMAGED, "spool: %s is not a record", name);
        close(fd);
        return NULL;
    }
    data = g_malloc((gsize)st.st_size + 1);
    if (!read_all(fd, data, (gsize)st.st_size)) {
        fail(error, "can't read", name);
        g_free(data);
        close(fd);
        return NULL;
    }
    close(fd);
    file = g_bytes_new_take(data, (gsize)st.st_size);
    return spool_parse(file, error);
}

static guint64
size_of(struct spool *spool, const char *name)
{
    struct stat st;

    return fstatat(spool->dir, name, &st, AT_SYMLINK_NOFOLLOW) == 0 ? (guint64)st.st_size : 0;
}

gboolean
spool_remove(struct spool *spool, const char *name, GError **error)
{
    guint64 size = size_of(spool, name);

    if (unlinkat(spool->dir, name, 0) != 0)
        return fail(error, "can't remove", name);
    unreserve(spool, size);
    return TRUE;
}

gboolean
spool_refuse(struct spool *spool, const char *name, GError **error)
{
    g_autofree char *target = g_strdup_printf("refused/%s", name);
    guint64 size = size_of(spool, name);

    /* A power cut may undo the move; the record is then refused again. */
    if (mkdirat(spool->dir, "refused", 0750) != 0 && errno != EEXIST)
        return fail(error, "can't make directory", "refused");
    if (spool_calls.rename(spool->dir, name, target) != 0)
        return fail(error, "can't move to refused/", name);
    unreserve(spool, size);
    return TRUE;
}

void
spool_count(struct spool *spool, guint64 *files_r, guint64 *bytes_r)
{
    g_mutex_lock(&spool->mutex);
    *files_r = spool->files;
    *bytes_r = spool->bytes;
    g_mutex_unlock(&spool->mutex);
}
