/* shards.c: see shards.h. Linear probing; a cell's home is its key times a secret of this process, scaled to the piece's size (so
 * that sizes needn't be powers of two); removing shifts back what follows, so that there are no tombstones. */
#include "policyd/state/shards.h"
#include "policyd/state/state.h"

#define PIECE_FIRST 8u
#define SAMPLE 32u /* neighbours that are compared when one has to go */

struct shards *
shards_new(gsize cell_size, guint64 max, cell_worth_func worth, gconstpointer worth_data)
{
    struct shards *shards = g_new0(struct shards, 1);
    const guint64 pieces = SHARDS * SHARD_PIECES;
    shards->cell_size = cell_size;
    shards->piece_max = (guint32)CLAMP((max + pieces - 1) / pieces, 1, G_MAXINT32);
    shards->secret = ((guint64)g_random_int() << 32 | g_random_int()) | 1;
    shards->worth = worth;
    shards->worth_data = worth_data;
    for (guint i = 0; i < SHARDS; i++) {
        g_mutex_init(&shards->shard[i].lock);
        shards->shard[i].changes_end = &shards->shard[i].changes;
    }
    return shards;
}

void
shards_free(struct shards **shards)
{
    if (!shards || !*shards)
        return;
    for (guint i = 0; i < SHARDS; i++) {
        struct shard *shard = &(*shards)->shard[i];
        while (shard->changes) {
            struct change *change = shard->changes;
            shard->changes = change->next;
            g_free(change);
        }
        for (guint p = 0; p < SHARD_PIECES; p++)
            g_free(shard->pieces[p].cells);
        g_mutex_clear(&shard->lock);
    }
    g_free(*shards);
    *shards = NULL;
}

gint64
shards_count(const gint64 *counter)
{
    return __atomic_load_n(counter, __ATOMIC_RELAXED);
}

static void
count(gint64 *counter, gint64 by)
{
    __atomic_add_fetch(counter, by, __ATOMIC_RELAXED);
}

struct shard *
shards_lock(struct shards *shards, const struct state_key *key)
{
    struct shard *shard = &shards->shard[key->bytes[0]];
    g_mutex_lock(&shard->lock);
    return shard;
}

/* ---- one piece ---- */

static struct piece *
piece_of(struct shard *shard, const struct state_key *key)
{
    return &shard->pieces[key->bytes[1] >> 4];
}

static struct cell *
cell_at(const struct shards *shards, const struct piece *piece, guint32 i)
{
    return (struct cell *)(gpointer)(piece->cells + (gsize)i * shards->cell_size);
}

static guint32
home_of(const struct shards *shards, const struct piece *piece, const struct state_key *key)
{
    guint64 half;
    memcpy(&half, key->bytes + 8, sizeof half);
    return (guint32)(((half * shards->secret) >> 32) * piece->n >> 32);
}

static guint32
after(const struct piece *piece, guint32 i)
{
    return i + 1 == piece->n ? 0 : i + 1;
}

/* The cell of the key, or the free one where it belongs. A piece always has a free one. */
static struct cell *
probe(const struct shards *shards, const struct piece *piece, const struct state_key *key)
{
    guint32 i = home_of(shards, piece, key);
    for (;; i = after(piece, i)) {
        struct cell *cell = cell_at(shards, piece, i);
        if (!cell->bits || state_key_equal(&cell->key, key))
            return cell;
    }
}

static void
grow(const struct shards *shards, struct piece *piece)
{
    struct piece bigger = {.n = piece->n ? piece->n + piece->n / 2 : PIECE_FIRST, .used = piece->used};
    bigger.cells = g_malloc0_n(bigger.n, shards->cell_size);
    for (guint32 i = 0; i < piece->n; i++) {
        const struct cell *cell = cell_at(shards, piece, i);
        if (cell->bits)
            memcpy(probe(shards, &bigger, &cell->key), cell, shards->cell_size);
    }
    g_free(piece->cells);
    *piece = bigger;
}

static void
piece_remove(struct shards *shards, struct piece *piece, struct cell *cell)
{
    guint32 hole = (guint32)((gsize)((char *)cell - piece->cells) / shards->cell_size);
    for (guint32 i = after(piece, hole);; i = after(piece, i)) {
        struct cell *next = cell_at(shards, piece, i);
        if (!next->bits)
            break;
        guint32 home = home_of(shards, piece, &next->key);
        gboolean stays = hole < i ? home > hole && home <= i : home > hole || home <= i;
        if (stays)
            continue;
        memcpy(cell_at(shards, piece, hole), next, shards->cell_size);
        hole = i;
    }
    memset(cell_at(shards, piece, hole), 0, shards->cell_size);
    piece->used--;
    count(&shards->n, -1);
}

/* ---- changes ---- */

/* Frees the changes whose cells have gone. */
static void
drop_orphans(struct shards *shards, struct shard *shard)
{
    struct change **at = &shard->changes;
    while (*at) {
        struct change *change = *at;
        if (shards_find(shards, shard, &change->key)) {
            at = &change->next;
            continue;
        }
        *at = change->next;
        g_free(change);
        shard->n_changes--;
        count(&shards->dirty, -1);
    }
    shard->changes_end = at;
    shard->n_orphans = 0;
}

/* A cell goes before it was written: its change stays on the list, unless there are too many of these. */
static void
orphaned(struct shards *shards, struct shard *shard)
{
    if (++shard->n_orphans > 64 + shard->n_changes / 2)
        drop_orphans(shards, shard);
}

void
shards_changed(struct shards *shards, struct shard *shard, gpointer data, const char *text)
{
    struct cell *cell = data;
    if (cell->bits & CELL_DIRTY)
        return;
    gsize length = 0;
    if (shard->n_changes < CHANGES_WITH_TEXT)
        length = strnlen(text, STATE_TEXT_MAX);
    /* Not in the middle of a character. */
    if (length == STATE_TEXT_MAX)
        while (length > STATE_TEXT_MAX - 4 && ((guchar)text[length] & 0xc0) == 0x80)
            length--;
    struct change *change = g_malloc(sizeof *change + length + 1);
    change->key = cell->key;
    memcpy(change->text, text, length);
    change->text[length] = '\0';
    change->next = NULL;
    *shard->changes_end = change;
    shard->changes_end = &change->next;
    shard->n_changes++;
    cell->bits |= CELL_DIRTY;
    count(&shards->dirty, 1);
}

struct change *
shards_take_change(struct shards *shards, struct shard *shard, gpointer *cell_r)
{
    struct change *change = shard->changes;
    *cell_r = NULL;
    if (!change)
        return NULL;
    shard->changes = change->next;
    if (!shard->changes)
        shard->changes_end = &shard->changes;
    shard->n_changes--;
    count(&shards->dirty, -1);
    struct cell *cell = shards_find(shards, shard, &change->key);
    if (cell)
        cell->bits &= ~CELL_DIRTY;
    *cell_r = cell;
    return change;
}

void
shards_put_change(struct shards *shards, struct shard *shard, struct change *change)
{
    struct cell *cell = shards_find(shards, shard, &change->key);
    if (!cell || (cell->bits & CELL_DIRTY)) {
        g_free(change);
        return;
    }
    change->next = shard->changes;
    if (!shard->changes)
        shard->changes_end = &change->next;
    shard->changes = change;
    shard->n_changes++;
    cell->bits |= CELL_DIRTY;
    count(&shards->dirty, 1);
}

/* ---- cells ---- */

gpointer
shards_find(struct shards *shards, struct shard *shard, const struct state_key *key)
{
    const struct piece *piece = piece_of(shard, key);
    if (!piece->n)
        return NULL;
    struct cell *cell = probe(shards, piece, key);
    return cell->bits ? cell : NULL;
}

/* Makes room in a full piece near where the key will be. */
static void
evict(struct shards *shards, struct shard *shard, struct piece *piece, const struct state_key *key)
{
    struct cell *worst = NULL;
    gint64 least = 0;
    guint32 i = home_of(shards, piece, key);
    guint seen = 0;
    for (guint32 step = 0; step < piece->n && seen < SAMPLE; step++, i = after(piece, i)) {
        struct cell *cell = cell_at(shards, piece, i);
        if (!cell->bits)
            continue;
        seen++;
        gint64 worth = shards->worth(cell, shards->worth_data);
        gboolean cleaner = worst && (worst->bits & CELL_DIRTY) && !(cell->bits & CELL_DIRTY);
        gboolean dirtier = worst && !(worst->bits & CELL_DIRTY) && (cell->bits & CELL_DIRTY);
        if (!worst || cleaner || (!dirtier && worth < least)) {
            worst = cell;
            least = worth;
        }
    }
    gboolean dirty = (worst->bits & CELL_DIRTY) != 0;
    piece_remove(shards, piece, worst);
    count(&shards->evicted, 1);
    if (dirty)
        orphaned(shards, shard);
}

gpointer
shards_add(struct shards *shards, struct shard *shard, const struct state_key *key, guint kind)
{
    struct piece *piece = piece_of(shard, key);
    if (piece->used >= shards->piece_max)
        evict(shards, shard, piece, key);
    else if (((guint64)piece->used + 1) * 4 > (guint64)piece->n * 3)
        grow(shards, piece);
    struct cell *cell = probe(shards, piece, key);
    cell->key = *key;
    cell->bits = kind & CELL_KIND_MASK;
    piece->used++;
    count(&shards->n, 1);
    return cell;
}

void
shards_remove(struct shards *shards, struct shard *shard, gpointer data)
{
    struct cell *cell = data;
    gboolean dirty = (cell->bits & CELL_DIRTY) != 0;
    piece_remove(shards, piece_of(shard, &cell->key), cell);
    if (dirty)
        orphaned(shards, shard);
}

guint
shards_sweep(struct shards *shards, guint index, cell_expired_func expired, gconstpointer data)
{
    struct shard *shard = &shards->shard[index];
    guint gone = 0;
    for (guint p = 0; p < SHARD_PIECES; p++) {
        struct piece *piece = &shard->pieces[p];
        g_mutex_lock(&shard->lock);
        for (guint32 i = 0; i < piece->n;) {
            struct cell *cell = cell_at(shards, piece, i);
            if (cell->bits && !(cell->bits & CELL_DIRTY) && expired(cell, data)) {
                piece_remove(shards, piece, cell); /* what comes after it moves up: look here again */
                gone++;
            } else {
                i++;
            }
        }
        g_mutex_unlock(&shard->lock);
    }
    return gone;
}
