/* marks.c: marks in memory. See marks.h, and struct mark_cell for how they merge. */
#include "policyd/state/private.h"

static guint32
count_of(const struct mark_cell *mark)
{
    return mark->cell.bits >> CELL_OWN_SHIFT;
}

static void
set_count(struct mark_cell *mark, guint64 count)
{
    mark->cell.bits = (mark->cell.bits & ((1u << CELL_OWN_SHIFT) - 1)) |
                      ((guint32)MIN(count, MARK_COUNT_MAX) << CELL_OWN_SHIFT);
}

/* The beginning of 2026, when this was written: a clock before it is wrong, and corrects nothing. */
#define PLAUSIBLE_S 1767225600u

/* A clock was wrong when the time was noted. */
static gboolean
impossible(guint32 time_s, guint32 now_s)
{
    return time_s > now_s && time_s - now_s > DAY_S && now_s >= PLAUSIBLE_S;
}

/* When it was touched or forgotten last. */
static guint32
last_of(const struct mark_cell *mark, guint32 now_s)
{
    guint32 last = mark->first_s == MARK_NEVER ? mark->epoch : mark->last_s;
    return impossible(last, now_s) ? now_s : last;
}

static guint32
expiry_of(const struct state *state, guint kind)
{
    return state->options.mark_expiry_s[kind < MARK_KINDS ? kind : 0];
}

static gboolean
is_expired(const struct state *state, const struct mark_cell *mark, guint32 now_s)
{
    guint32 last = last_of(mark, now_s);
    return last < now_s && now_s - last > expiry_of(state, CELL_KIND(&mark->cell));
}

/* What callers see; FALSE: nothing. */
static gboolean
look(const struct state *state, const struct mark_cell *mark, guint32 now_s, struct mark *mark_r)
{
    *mark_r = (struct mark){0};
    if (!mark || mark->first_s == MARK_NEVER || is_expired(state, mark, now_s))
        return FALSE;
    mark_r->first_s = impossible(mark->first_s, now_s) ? now_s : mark->first_s;
    mark_r->last_s = last_of(mark, now_s);
    mark_r->count = count_of(mark);
    return TRUE;
}

/* A new epoch, later than the one before. */
static void
begin_epoch(struct mark_cell *mark, guint32 now_s)
{
    mark->epoch = MAX(now_s, mark->epoch < G_MAXUINT32 ? mark->epoch + 1 : G_MAXUINT32);
}

gboolean
marks_get(struct state *state, enum mark_kind kind, const char *text, guint32 now_s, struct mark *mark_r)
{
    struct state_key key;
    struct mark mark;
    state_key_make(&key, mark_kind_name(kind), text);
    struct shard *shard = shards_lock(state->marks, &key);
    gboolean found = look(state, shards_find(state->marks, shard, &key), now_s, &mark);
    g_mutex_unlock(&shard->lock);
    if (mark_r)
        *mark_r = mark;
    return found;
}

/* Counts a touch of one that callers see. */
static void
touch_again(struct mark_cell *mark, const struct mark *before, guint32 now_s, guint32 count_add)
{
    if (impossible(mark->first_s, now_s) || impossible(mark->last_s, now_s)) {
        /* Other nodes and SQL must believe the earlier time, too. */
        begin_epoch(mark, now_s);
        mark->first_s = before->first_s;
        mark->last_s = now_s;
    } else if (mark->last_s < now_s) {
        mark->last_s = now_s;
    }
    set_count(mark, (guint64)before->count + count_add);
}

gboolean
marks_touch(struct state *state, enum mark_kind kind, const char *text, guint32 now_s, guint32 count_add,
            struct mark *before_r)
{
    struct state_key key;
    struct mark before;
    state_key_make(&key, mark_kind_name(kind), text);
    struct shard *shard = shards_lock(state->marks, &key);
    struct mark_cell *mark = shards_find(state->marks, shard, &key);
    gboolean found = look(state, mark, now_s, &before);
    if (found) {
        touch_again(mark, &before, now_s, count_add);
    } else {
        if (!mark)
            mark = shards_add(state->marks, shard, &key, kind);
        else if (mark->first_s != MARK_NEVER || impossible(mark->epoch, now_s))
            begin_epoch(mark, now_s); /* expired: its first time must not come back by merging */
        mark->first_s = mark->last_s = now_s;
        set_count(mark, count_add);
    }
    shards_changed(state->marks, shard, mark, text);
    g_mutex_unlock(&shard->lock);
    if (before_r)
        *before_r = before;
    return !found;
}

gboolean
marks_forget(struct state *state, enum mark_kind kind, const char *text, guint32 now_s)
{
    struct state_key key;
    struct mark before;
    state_key_make(&key, mark_kind_name(kind), text);
    struct shard *shard = shards_lock(state->marks, &key);
    struct mark_cell *mark = shards_find(state->marks, shard, &key);
    gboolean found = look(state, mark, now_s, &before);
    if (!mark) /* another node, or SQL (when it was evicted here), may still have it */
        mark = shards_add(state->marks, shard, &key, kind);
    begin_epoch(mark, now_s);
    mark->first_s = MARK_NEVER;
    mark->last_s = 0;
    set_count(mark, 0);
    shards_changed(state->marks, shard, mark, text);
    g_mutex_unlock(&shard->lock);
    return found;
}

static void
merge(struct mark_cell *mark, guint32 first_s, guint32 last_s, guint32 count)
{
    mark->first_s = MIN(mark->first_s, first_s);
    mark->last_s = MAX(mark->last_s, last_s);
    set_count(mark, MAX(count_of(mark), count));
}

void
marks_note(struct state *state, enum mark_kind kind, const char *text, const struct mark *mark, guint32 now_s)
{
    struct state_key key;
    guint32 last_s = MIN(mark->last_s, now_s), first_s = MIN(mark->first_s, last_s);
    state_key_make(&key, mark_kind_name(kind), text);
    struct shard *shard = shards_lock(state->marks, &key);
    struct mark_cell *cell = shards_find(state->marks, shard, &key);
    if (!cell) {
        cell = shards_add(state->marks, shard, &key, kind);
        cell->first_s = MARK_NEVER;
    }
    merge(cell, first_s, last_s, mark->count);
    shards_changed(state->marks, shard, cell, text);
    g_mutex_unlock(&shard->lock);
}

/* ---- what SQL has ---- */

/* Expired ones, too: while SQL has them, a new touch must be of a later epoch. They go when SQL's have gone. */
void
marks_merge(struct state *state, const struct mark_row *row)
{
    struct shard *shard = shards_lock(state->marks, &row->key);
    struct mark_cell *mark = shards_find(state->marks, shard, &row->key);
    if (!mark) {
        mark = shards_add(state->marks, shard, &row->key, row->kind);
        mark->epoch = row->epoch;
        mark->first_s = MARK_NEVER;
    }
    if (row->epoch > mark->epoch) {
        mark->epoch = row->epoch;
        mark->first_s = row->first_s;
        mark->last_s = row->last_s;
        set_count(mark, row->count);
    } else if (row->epoch == mark->epoch) {
        merge(mark, row->first_s, row->last_s, row->count);
    }
    g_mutex_unlock(&shard->lock);
}

/* ---- the table ---- */

static gint64
worth(const struct cell *cell, gconstpointer data)
{
    const struct mark_cell *mark = (const struct mark_cell *)cell;
    const struct state *state = data;
    return mark->first_s == MARK_NEVER ? mark->epoch : (gint64)mark->last_s + expiry_of(state, CELL_KIND(cell));
}

struct shards *
marks_table_new(struct state *state)
{
    return shards_new(sizeof(struct mark_cell), state->options.marks_max, worth, state);
}

struct sweep {
    struct state *state;
    guint32 now_s;
};

static gboolean
sweep_expired(const struct cell *cell, gconstpointer data)
{
    const struct sweep *sweep = data;
    return is_expired(sweep->state, (const struct mark_cell *)cell, sweep->now_s);
}

guint
marks_sweep(struct state *state, guint shard, guint32 now_s)
{
    return shards_sweep(state->marks, shard, sweep_expired, &(struct sweep){state, now_s});
}

gboolean
marks_row_expired(const struct state *state, const struct mark_row *row, guint32 now_s)
{
    struct mark_cell mark = {.cell.bits = row->kind, .epoch = row->epoch, .first_s = row->first_s, .last_s = row->last_s};
    return is_expired(state, &mark, now_s);
}

gboolean
marks_row_look(const struct state *state, const struct mark_row *row, guint32 now_s, struct mark *mark_r)
{
    struct mark_cell mark = {.cell.bits = row->kind, .epoch = row->epoch, .first_s = row->first_s, .last_s = row->last_s};
    set_count(&mark, row->count);
    return look(state, &mark, now_s, mark_r);
}
