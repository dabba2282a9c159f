/* append.h: the end of the log: giving out places and ids, writing records there, group commit, rolling over.
 *
 * A place is given out under a short lock; the record is encrypted and written outside it; the commit thread
 * syncs the longest run of written records for all that wait (commit.c). Thread-safe. */
#pragma once
#include "archive-store/store/locator.h"
#include "archive-store/store/prepare.h"
#include "archive-store/store/record.h"
#include "archive-store/store/store.h"

/* Milliseconds since the epoch; tests put another clock in. */
extern gint64 (*store_clock)(void);

struct appender;
struct appender_options {
    struct segments *segments;
    struct locator *locator;
    struct dictionaries *dictionaries;
    struct preparer *preparer;
    const struct secrets *secrets;                    /* current */
    void (*finished)(guint64 segment, gpointer data); /* a segment is complete: seal it, or remove it when it
                                                       * is empty. Any thread, no lock held */
    gpointer data;
};
/* Where recovery left the log. */
struct appender_start {
    guint64 last_id, last_segment; /* highest ever given out */
    guint64 log_segment, log_end;  /* durable end; 0, 0 = empty */
    gboolean active;               /* the last segment can be written on: */
    guint64 active_end;            /* from here, which is its beginning when log_segment is an earlier one */
    struct segment_header header;
    guint32 slots_used;
};
struct appender *appender_start(const struct appender_options *options, const struct appender_start *start,
                                GError **error);
/* Waits for everything that is under way, then stops. */
void appender_stop(struct appender **appender);

/* What a record is built for. A retired segment or a new dictionary changes the generation: records built
 * before (which may refer to attachments that are gone) must be built again. */
struct append_epoch {
    guint64 generation;
    guint32 month;
    const struct dictionary *dictionary;
};
void append_epoch(struct appender *appender, struct append_epoch *epoch_r);

struct append_waiter {
    store_done done;
    gpointer data;
    struct store_receipt receipt; /* id and event are filled in when 0 */
};
struct append {
    struct record record; /* packed; header.id preset for EVENT (content id) and header.event for EXPANSION */
    guint8 key[32];       /* data key */
    struct append_epoch epoch;
    gboolean same_month;                /* must land in epoch.month */
    const struct append_waiter *waiter; /* NULL = nobody waits for this record itself */
    guint64 segment, offset;            /* out */
};
/* Gives the record a place and writes it. 1 = under way: the waiter is called when it is durable or failed; 0
 * = the epoch has passed, build again; -1 = error, the waiter is not called. */
int append_record(struct appender *appender, struct append *append, GError **error);

/* Waits with the record at that place: 1 = it is in flight, the waiter will be called; 0 = not in flight. */
int append_join(struct appender *appender, guint64 segment, guint64 offset,
                const struct append_waiter *waiter);
/* Durable end of the log. */
struct store_cursor append_end(struct appender *appender);
/* Blocks until the end is beyond cursor, the timeout has passed or the appender stops. */
gboolean append_wait(struct appender *appender, const struct store_cursor *cursor, int timeout_ms);
/* The next record opens a new segment (after a dictionary was made, and in tests). */
void append_roll(struct appender *appender);
