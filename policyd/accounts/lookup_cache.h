/* lookup_cache.h: answers of SQL, kept for a while, so that event loops need not wait for a database.
 *
 * What was found is fresh for found_ms, what was not for absent_ms. "Unknown" (the database is away) is never kept; but while it
 * is, or hangs, what was found within stale_ms is answered and marked stale. One question at a time is asked for a key: whoever
 * else wants it waits for that answer, or is told at once that it would have to wait. Bounded in entries and in bytes; the longest
 * unused go first. Keys may come from mail: they are hashed with a random key. Thread-safe.
 *
 * Times are CLOCK_REALTIME's milliseconds. After the clock was put back, an entry from the future counts as made now. */
#pragma once
#include <glib.h>

enum lookup {
    LOOKUP_YES,
    LOOKUP_NO,
    LOOKUP_UNKNOWN,     /* can't be told now: SQL is away or broken */
    LOOKUP_WOULD_BLOCK  /* not kept here: ask again where waiting is allowed */
};

struct lookup_cache_options {
    gint64 found_ms, absent_ms, stale_ms;
    guint entries_max;
    gsize bytes_max;
};
/* 60 s, 10 s, an hour, 100,000 entries, 64 MiB. */
extern const struct lookup_cache_options lookup_cache_defaults;

struct lookup_cache_stats {
    guint64 hits, stale, asked, waited, evicted; /* since the start */
    guint entries;
    gsize bytes;
};

struct lookup_cache;
struct lookup_cache *lookup_cache_new(const struct lookup_cache_options *options);
/* No call may be under way. */
void lookup_cache_free(struct lookup_cache **cache);

/* Asks the database: YES or NO with *value_r (NULL when the answer is all there is to say), or UNKNOWN. Runs in the caller's thread
 * without any lock of the cache. */
typedef enum lookup (*lookup_ask)(gpointer data, GBytes **value_r);
/* *value_r (may be NULL) gets a reference, or NULL. *stale_r (may be NULL) tells whether the answer is older than it should be. */
enum lookup lookup_cache_get(struct lookup_cache *cache, const void *key, gsize length, gboolean may_block, gint64 now_ms,
                             lookup_ask ask, gpointer data, GBytes **value_r, gboolean *stale_r);
/* Forgets one key. What is asked at this moment is answered, but not kept. */
void lookup_cache_drop(struct lookup_cache *cache, const void *key, gsize length);
/* The same for all keys that begin with one of these bytes (NULL: for all), except that what was found stays good for as long as the
 * database can't be asked. */
void lookup_cache_forget(struct lookup_cache *cache, const char *firsts);
void lookup_cache_read_stats(struct lookup_cache *cache, struct lookup_cache_stats *stats_r);
