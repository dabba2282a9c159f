/* recover.h: putting the last, unsealed segment in order after a crash or power cut. The rules: recover.c. */
#pragma once
#include "archive-store/store/format.h"

struct recovery {
    guint64 end;          /* the log goes on from here */
    guint64 last_id;      /* highest id given out in this segment, also to what is dropped; 0 = none */
    guint32 last_slot;    /* last key slot that isn't free */
    guint64 records;      /* that count */
    guint64 cut;          /* bytes zeroed behind the end */
    guint64 gaps, voided; /* torn ranges and records that were never acknowledged */
    guint64 damaged;      /* ranges and records that were acknowledged and can't be read */
};

/* Tells the attachments that a MESSAGE record refers to: appends guint64 offsets of those that lie in this
 * same segment. FALSE = can't be read. */
typedef gboolean (*recover_references)(const struct record_header *header, guint64 offset,
                                       const guint8 *record, GArray *offsets, gpointer data);

/* fd and key_fd are open for writing; last_id_before: the highest id of earlier segments. What is changed is
 * synced before return. Text about what was done, one line each, is appended to report. */
gboolean recover_segment(int fd, int key_fd, const struct segment_header *header, guint64 last_id_before,
                         recover_references references, gpointer data, struct recovery *recovery_r,
                         GString *report, GError **error);
