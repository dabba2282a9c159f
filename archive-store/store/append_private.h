/* append_private.h: what append.c, roll.c and commit.c share. Everything is under appender->lock unless said.
 */
#pragma once
#include "archive-store/store/append.h"

struct active {
    guint64 segment;
    int fd, key_fd;
    char *path, *key_path;
    guint32 month, slots, slots_used;
    guint64 capacity, reserved, durable;
    guint16 dictionary;
    guint refs;       /* appender->current and each pending record */
    gboolean retired; /* a write or sync failed: never used again */
    GError *failure;
};

enum pending_state { PENDING_WRITING, PENDING_WRITTEN, PENDING_FAILED };
struct pending {
    struct active *active;
    guint64 offset, end;
    enum pending_state state;
    gboolean keyed;  /* has a key slot: the key file must be synced too */
    GError *error;   /* FAILED */
    GArray *waiters; /* struct append_waiter */
};

struct appender {
    struct appender_options o;
    GMutex lock;
    GCond work;    /* the commit thread: something was written, or stop */
    GCond room;    /* rolling ended, or the queue got shorter */
    GCond durable; /* the end moved, or stop */
    GQueue queue;  /* struct pending *, log order */
    struct active *current;
    const struct dictionary *dictionary; /* of current, or of the next */
    guint64 last_id, last_segment, log_segment, log_end;
    guint64 generation;
    gboolean rolling, want_roll, stop;
    guint failures;  /* segments retired since the last good sync */
    gint64 retry_at; /* monotonic: no new segment before that */
    GThread *thread;
};

guint32 append_month(guint64 id);
struct active *active_ref(struct active *active);
void active_unref(struct active *active);
/* Makes a new current segment that takes a record of span bytes. Called with lock held, gives it up in
 * between. */
gboolean roll_over(struct appender *a, guint64 span, guint32 month, GError **error);
/* Opens the segment that recovery left open. */
struct active *roll_reopen(struct appender *a, const struct appender_start *start, GError **error);
/* Nothing more is written to it; what wasn't synced will be answered with error. Lock held. */
void commit_retire(struct appender *a, struct active *active, const GError *error);
gpointer commit_thread(gpointer appender);
