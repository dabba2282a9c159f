/* walk.h: going through the records of one segment, finding the way again after damage. Not thread-safe. */
#pragma once
#include "archive-store/store/format.h"

enum walk_step { WALK_END, WALK_RECORD, WALK_DAMAGED, WALK_ERROR /* reading failed: errno */ };

struct walk {
    int fd;
    guint64 at;                  /* the step's record or damaged range begins here */
    guint64 next;                /* and ends here */
    guint64 end;                 /* nothing counts from here on */
    struct record_header header; /* WALK_RECORD */
    const guint8 *record;        /* header and stored bytes; valid until the next step */
    guint8 *window;
    guint64 base;
    gsize have, room;
};

/* From an offset that is the beginning of a record. */
void walk_init(struct walk *walk, int fd, guint64 from, guint64 end);
void walk_clear(struct walk *walk);
/* The record at walk->next with both CRCs right (WALK_RECORD), or the damaged range up to the next such
 * record (WALK_DAMAGED; up to end when there is none), or WALK_END. GAP records are given as records. */
enum walk_step walk_next(struct walk *walk);
/* The same, trusting header CRCs alone: payloads are passed over unread, record is NULL. */
enum walk_step walk_next_header(struct walk *walk);
/* The end of the last byte that isn't zero in from..to; from = all are zero. G_MAXUINT64 with errno. */
guint64 walk_nonzero_end(int fd, guint64 from, guint64 to);
