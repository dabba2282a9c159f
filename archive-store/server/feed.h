/* feed.h: the store's log into derived places (index, catalogue), write-behind, each with a cursor of its own.
 *
 * Each sink has a thread. A record is parsed once for all sinks that are at about the same place; one that
 * is behind reads on its own. A sink that fails is tried again for ever; the archive does not notice. */
#pragma once
#include "archive-store/server/document.h"
#include "archive-store/store/store.h"

/* One record, parsed. Exactly one of document (MESSAGE) and addresses (EVENT, EXPANSION) is set. */
struct feed_record {
    struct store_item item;      /* capture without its message */
    struct document *document;
    GArray *addresses;           /* struct index_address */
    GPtrArray *address_text;
};

enum sink_outcome {
    SINK_OK,
    SINK_RETRY,   /* the place is away or full: the same again later */
    SINK_REFUSED  /* this record is not taken: passed over after some tries */
};

/* A place that is fed. All functions are called from the sink's own thread; data is theirs. */
struct sink {
    const char *name; /* "index": metric label, log, status */
    gpointer data;
    /* Where the last commit ended. */
    enum sink_outcome (*load)(gpointer data, struct store_cursor *cursor_r, GError **error);
    enum sink_outcome (*add)(gpointer data, const struct feed_record *record, GError **error);
    enum sink_outcome (*commit)(gpointer data, const struct store_cursor *cursor, GError **error);
    void (*abandon)(gpointer data); /* forgets what was added since the last commit; may be NULL */
    /* Upkeep, when nothing came for a while: TRUE = there is more to do. May be NULL. */
    gboolean (*idle)(gpointer data);
    guint batch;                    /* records per commit */
};

struct feed;
/* sinks (at most 8, the same ones at each start) must outlive the feed. Registers its metrics. */
struct feed *feed_start(struct store *store, const struct sink *sinks, guint n_sinks);
/* Commits what is in the open batches and joins the threads. */
void feed_stop(struct feed **feed);
/* Waits until every sink has committed up to target; TRUE when they have. Thread-safe. */
gboolean feed_wait(struct feed *feed, const struct store_cursor *target, int timeout_ms);

struct feed_status {
    const char *name;
    struct store_cursor cursor; /* committed */
    guint64 lag_bytes, records;
    gint64 lag_ms;       /* since the oldest record that is not committed was received; 0 = none */
    char *problem;       /* why it does not go on, or NULL; caller frees */
};
guint feed_sinks(struct feed *feed);
void feed_get_status(struct feed *feed, guint n, struct feed_status *status_r);
guint64 feed_damaged(struct feed *feed);

/* What a feed does with one record of the log; for feed.c and tests. NULL when the item is none of ours. */
struct feed_record *feed_record_new(struct store_item *item); /* takes the item's content */
void feed_record_free(struct feed_record **record);
