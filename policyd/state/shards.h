/* shards.h: a hash table of millions of small cells that threads share, and the list of those that changed.
 *
 * 256 shards with a mutex each; a shard is 16 pieces, and a piece is one open-addressing table that grows on its own, by half: with
 * 10 million cells that moves some 2,500 of them (tens of microseconds), so that nobody ever waits for a big one. Shards and pieces are
 * in the order of the keys, so that what one shard has to be written lies together in SQL as well.
 *
 * Bounded: when a piece has its part of the maximum, a new cell takes the place of the one of its neighbours that is worth least
 * (a function tells), one that needn't be written first if there is any.
 *
 * A changed cell is on its shard's list once, with the text that SQL will show; the text isn't kept longer. When a list has
 * CHANGES_WITH_TEXT lines (the database is away for long), further ones go without text. */
#pragma once
#include "policyd/state/key.h"

#define SHARDS 256u
#define SHARD_PIECES 16u
#define CHANGES_WITH_TEXT 4096u

/* What all cells begin with. */
struct cell {
    struct state_key key;
    guint32 bits; /* 0: no cell. Lowest 6: the kind (not 0); CELL_DIRTY; the upper 24 are the owner's */
};
#define CELL_KIND_MASK 63u
#define CELL_DIRTY 64u
#define CELL_OWN_SHIFT 8u
#define CELL_KIND(cell) ((cell)->bits & CELL_KIND_MASK)

struct piece {
    char *cells;
    guint32 n, used;
};

struct change {
    struct change *next;
    struct state_key key;
    char text[]; /* "" when it isn't known */
};

struct shard {
    GMutex lock; /* guards all below */
    struct piece pieces[SHARD_PIECES];
    struct change *changes, **changes_end; /* oldest first */
    guint n_changes, n_orphans; /* orphans: their cells have gone; an estimate */
};

/* What a cell will be worth: the one with the least goes first. */
typedef gint64 (*cell_worth_func)(const struct cell *cell, gconstpointer data);

struct shards {
    gsize cell_size;
    guint32 piece_max;
    guint64 secret; /* odd */
    cell_worth_func worth;
    gconstpointer worth_data;
    gint64 n, dirty, evicted; /* atomic (see shards_count) */
    struct shard shard[SHARDS];
};

struct shards *shards_new(gsize cell_size, guint64 max, cell_worth_func worth, gconstpointer worth_data);
void shards_free(struct shards **shards); /* NULL-safe */
gint64 shards_count(const gint64 *counter);

/* The locked shard of a key; unlock by g_mutex_unlock(&shard->lock). The functions below want it locked. */
struct shard *shards_lock(struct shards *shards, const struct state_key *key);
/* NULL when there is none. Valid until the next shards_add or shards_remove in the shard. */
gpointer shards_find(struct shards *shards, struct shard *shard, const struct state_key *key);
/* A new cell, zeroed but for key and kind. The key must not be there. */
gpointer shards_add(struct shards *shards, struct shard *shard, const struct state_key *key, guint kind);
void shards_remove(struct shards *shards, struct shard *shard, gpointer cell);
/* The cell is to be written. text is copied, cut at STATE_TEXT_MAX. */
void shards_changed(struct shards *shards, struct shard *shard, gpointer cell, const char *text);
/* Takes the oldest change off the list; NULL: none left. The cell isn't dirty any more; *cell_r is NULL when it has gone. The caller frees. */
struct change *shards_take_change(struct shards *shards, struct shard *shard, gpointer *cell_r);
/* Puts back one that couldn't be written, and takes it over. */
void shards_put_change(struct shards *shards, struct shard *shard, struct change *change);

/* Removes what the function says TRUE to, piece by piece (the shard is locked for one piece at a time); dirty cells aren't asked
 * about. Returns how many went. */
typedef gboolean (*cell_expired_func)(const struct cell *cell, gconstpointer data);
guint shards_sweep(struct shards *shards, guint shard, cell_expired_func expired, gconstpointer data);
