/* prepare.h: empty segments made ahead of need: pre-written with zeros by a background thread.
 *
 * Zeros are really written, not just allocated: on ext4 the first write into an unwritten extent costs a
 * journal commit at every sync. Thread-safe. */
#pragma once
#include "archive-store/store/segment.h"

struct prepared {
    int fd, key_fd;        /* open for writing */
    char *path, *key_path; /* temporary names */
    guint64 capacity;
    guint32 slots;
};

struct preparer;
/* dir: the store's folder. Removes temporary files that an earlier process left. */
struct preparer *preparer_start(const char *dir, guint64 segment_size, guint64 min_free);
void preparer_stop(struct preparer **preparer);
/* Have one of the usual size ready soon. */
void preparer_want(struct preparer *preparer);
/* One of at least that capacity, waiting until it is made. NULL with STORE_ERROR_FULL or _IO. */
struct prepared *preparer_take(struct preparer *preparer, guint64 capacity, GError **error);
/* Closes its descriptors; with_files removes the files too. */
void prepared_free(struct prepared **prepared, gboolean with_files);
/* Whether the disk has min_free left beside bytes more. */
gboolean preparer_room(const char *dir, guint64 min_free, guint64 bytes, GError **error);
