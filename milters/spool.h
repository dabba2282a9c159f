/* spool.h: the milter's own durable store for records that the archive could not take just now.
 *
 * One directory per instance (SPOOL/INSTANCE): one file per record, named so that sorting by name is oldest
 * first. The file format is told in spool.c. spool_put may be called from any thread at any time, also while
 * another process serves the same directory (take-over restart); draining needs the lock, which one process
 * holds at a time. */
#pragma once
#include <glib.h>

#define SPOOL_ERROR spool_error_quark()
GQuark spool_error_quark(void);
enum spool_error { SPOOL_ERROR_FULL /* over a cap */, SPOOL_ERROR_IO, SPOOL_ERROR_DAMAGED, SPOOL_ERROR_NAME };

struct spool;

/* Opens dir/instance, making both when absent (0750). instance: 1 to 64 of a-z A-Z 0-9 . _ -, not starting
 * with a dot. max_bytes: cap over all records here; min_free: bytes that must stay free on the file system.
 * NULL and error when the directory can't be used. */
struct spool *spool_open(const char *dir, const char *instance, guint64 max_bytes, guint64 min_free, GError **error);
void spool_close(struct spool **spool);
/* New caps, from a reload. */
void spool_set_caps(struct spool *spool, guint64 max_bytes, guint64 min_free);

/* TRUE: the record is on disk, file and directory entry both synced. FALSE: it is not there (what was
 * written is removed again) and the message must not be accepted. */
gboolean spool_put(struct spool *spool, const guint8 transaction[16], gint64 received_us, GBytes *record,
                   GError **error);

/* Becomes the one that drains; FALSE when another process is. Idempotent. */
gboolean spool_lock(struct spool *spool);
void spool_unlock(struct spool *spool);

/* Names of all whole records, oldest first (char *, freed with the array); corrects the counters, and
 * removes what a crash left half-written (never acknowledged) once it is ten minutes old. NULL on error. */
GPtrArray *spool_list(struct spool *spool, GError **error);
/* The record in name; SPOOL_ERROR_DAMAGED when the file is not what was written. */
GBytes *spool_read(struct spool *spool, const char *name, GError **error);
/* Removes a record that the archive has. */
gboolean spool_remove(struct spool *spool, const char *name, GError **error);
/* Moves a record that the archive will never take (or that is damaged) to refused/, for an admin. */
gboolean spool_refuse(struct spool *spool, const char *name, GError **error);
/* Records and bytes waiting, as far as this process knows. */
void spool_count(struct spool *spool, guint64 *files_r, guint64 *bytes_r);

/* The record inside a whole spool file, as a slice of it; for spool_read and the fuzz target. */
GBytes *spool_parse(GBytes *file, GError **error);

/* The system calls whose failure decides about mail: replaceable, so that tests can make each of them fail. */
struct spool_calls {
    gssize (*write)(int fd, const void *data, gsize n);
    int (*sync)(int fd);
    int (*rename)(int dir, const char *from, const char *to);
};
extern struct spool_calls spool_calls;
