/* segment.h: the table of a store's segments: which there are, how far the log in each goes, and their files.
 *
 * Files for reading are opened on demand and a bounded number is kept open. Thread-safe. */
#pragma once
#include "archive-store/store/format.h"

enum segment_state { SEGMENT_ACTIVE, SEGMENT_FINISHED /* complete, not sealed yet */, SEGMENT_SEALED };

struct segment {
    struct segment_header header;
    enum segment_state state;
    guint64 end;       /* of its log; for the active one what is durable */
    guint64 file_size; /* of the segment, as last known */
    guint64 key_bytes; /* of the key file, as last known */
    struct seal seal;  /* when sealed */
    guint8 seal_hash[32];
};

enum segment_file { SEGMENT_LOG, SEGMENT_KEYS };

struct segments;
struct segments *segments_new(const char *dir);
void segments_free(struct segments **table);
/* Path of a segment's file below the store's folder; caller frees. */
char *segments_path(const struct segments *table, guint64 segment, enum segment_file file);

void segments_put(struct segments *table, const struct segment *segment); /* adds or replaces */
void segments_remove(struct segments *table, guint64 segment);
gboolean segments_get(struct segments *table, guint64 id, struct segment *segment_r);
/* The segment with the lowest id above id. */
gboolean segments_after(struct segments *table, guint64 id, struct segment *segment_r);
void segments_set_end(struct segments *table, guint64 id, guint64 end, guint64 key_bytes);
void segments_finish(struct segments *table, guint64 id, guint64 end);
guint segments_count(struct segments *table);

/* A descriptor for reading, held until segments_release. NULL with STORE_ERROR_IO. */
struct segment_handle {
    int fd;
};
struct segment_handle *segments_open(struct segments *table, guint64 id, enum segment_file file,
                                     GError **error);
void segments_release(struct segments *table, struct segment_handle *handle);
/* Forgets open descriptors of a segment whose file was replaced or removed. */
void segments_forget(struct segments *table, guint64 id);
