/* feed_private.h: what feed.c (threads) and feed_log.c (shared reading of the log) share. */
#pragma once
#include "archive-store/server/feed.h"

/* The shared reader: parses each record once while the sinks are near each other. */
struct feed_log;
/* One place in the log: a record, or one that can't be read. Reference counted. */
struct feed_entry {
    struct store_cursor at, next;
    struct feed_record *record; /* NULL: damaged or erased, pass over */
    /* private */
    gint refs;
    gboolean ready, failed;
    gsize weight;
};

struct feed_log *feed_log_new(struct store *store);
void feed_log_free(struct feed_log **log);
/* 1 *entry_r (to be unreferenced), 0 nothing more now, -1 the log can't be read at the moment. */
int feed_log_get(struct feed_log *log, const struct store_cursor *at, struct feed_entry **entry_r, GError **error);
void feed_entry_unref(struct feed_entry *entry);
guint64 feed_log_damaged(struct feed_log *log);

static inline gboolean
cursor_equal(const struct store_cursor *a, const struct store_cursor *b)
{
    return a->segment == b->segment && a->offset == b->offset;
}
static inline gboolean
cursor_reached(const struct store_cursor *cursor, const struct store_cursor *target)
{
    return cursor->segment > target->segment ||
           (cursor->segment == target->segment && cursor->offset >= target->offset);
}
