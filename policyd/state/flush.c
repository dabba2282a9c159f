/* flush.c: writes what changed, in transactions of at most BATCH rows in the order of the keys.
 *
 * Changes are taken off their lists, with copies of their cells; when the transaction fails they go back, and the next round takes
 * them again with what the cells say then. A row that SQL refuses for itself (not because it is away) must not hold up the
 * others for ever: then the batch is written row by row, and such rows are left out. */
#include "lib/base/log.h"
#include "policyd/state/flush.h"
#include "policyd/state/lease.h"
#include "policyd/state/rows.h"

#define BATCH 2048u

struct batch {
    struct shards *shards;
    gsize put_size;
    GArray *puts; /* struct mark_put or struct meter_put: a key first, the change last */
    void (*copy)(const struct cell *cell, struct change *change, GArray *puts);
    gboolean (*write)(struct state *state, gconstpointer puts, guint n, GError **error);
    struct change *(*change_of)(GArray *puts, guint i);
};

/* ---- marks ---- */

static void
copy_mark(const struct cell *cell, struct change *change, GArray *puts)
{
    const struct mark_cell *mark = (const struct mark_cell *)cell;
    struct mark_put put = {
        .row = {cell->key, CELL_KIND(cell), mark->epoch, mark->first_s, mark->last_s, cell->bits >> CELL_OWN_SHIFT},
        .change = change,
    };
    g_array_append_val(puts, put);
}

static gboolean
write_marks(struct state *state, gconstpointer puts, guint n, GError **error)
{
    return rows_put_marks(state->sql, state->node_id, puts, n, error);
}

static struct change *
mark_change(GArray *puts, guint i)
{
    return g_array_index(puts, struct mark_put, i).change;
}

/* ---- meters ---- */

static void
copy_meter(const struct cell *cell, struct change *change, GArray *puts)
{
    const struct meter_cell *meter = (const struct meter_cell *)cell;
    struct meter_put put = {
        .row = {.key = cell->key, .kind = CELL_KIND(cell), .taken = meter->taken, .given = meter->given, .last_ms = meter->last_ms},
        .change = change,
    };
    for (guint w = 0; w < METER_WINDOWS; w++) {
        put.row.level[w] = meter->level[w];
        put.row.rate[w] = (double)meter->rate[w];
    }
    g_array_append_val(puts, put);
}

static gboolean
write_meters(struct state *state, gconstpointer puts, guint n, GError **error)
{
    return rows_put_meters(state->sql, state->node_id, puts, n, error);
}

static struct change *
meter_change(GArray *puts, guint i)
{
    return g_array_index(puts, struct meter_put, i).change;
}

/* ---- both ---- */

/* Takes up to a batch of the shard's first left changes; TRUE when there are more. */
static gboolean
gather(struct batch *batch, struct shard *shard, guint *left)
{
    g_mutex_lock(&shard->lock);
    while (*left > 0 && batch->puts->len < BATCH) {
        gpointer cell;
        struct change *change = shards_take_change(batch->shards, shard, &cell);
        (*left)--;
        if (cell)
            batch->copy(cell, change, batch->puts);
        else if (!change)
            *left = 0;
        else
            g_free(change);
    }
    g_mutex_unlock(&shard->lock);
    return *left > 0;
}

static gint
by_key(gconstpointer a, gconstpointer b)
{
    return memcmp(a, b, sizeof(struct state_key)); /* the key is first in a put */
}

static void
refused(struct state *state, const GError *error)
{
    gint64 now_us = g_get_monotonic_time();
    if (now_us - state->complained_us < 60 * G_USEC_PER_SEC)
        return;
    state->complained_us = now_us;
    log_text(LOG_SEV_ERROR, "state", "a row is not written: %s", error->message);
}

/* One transaction of rows i .. i+n-1. */
static gboolean
write_transaction(struct state *state, struct batch *batch, guint i, guint n, GError **error)
{
    if (!sql_begin(state->sql, error))
        return FALSE;
    if (batch->write(state, batch->puts->data + (gsize)i * batch->put_size, n, error))
        return sql_commit(state->sql, error);
    sql_rollback(state->sql);
    return FALSE;
}

static gboolean
write_batch(struct state *state, struct batch *batch, GError **error)
{
    GError *failure = NULL;
    guint n = batch->puts->len;
    if (write_transaction(state, batch, 0, n, &failure))
        return TRUE;
    if (!g_error_matches(failure, SQL_ERROR, SQL_ERROR_STATEMENT)) {
        g_propagate_error(error, failure);
        return FALSE;
    }
    for (guint i = 0; i < n; i++) {
        g_clear_error(&failure);
        if (write_transaction(state, batch, i, 1, &failure))
            continue;
        if (!g_error_matches(failure, SQL_ERROR, SQL_ERROR_STATEMENT)) {
            g_propagate_error(error, failure);
            return FALSE;
        }
        refused(state, failure);
    }
    g_clear_error(&failure);
    return TRUE;
}

static void
finish_batch(struct batch *batch, gboolean written)
{
    for (guint i = 0; i < batch->puts->len; i++) {
        struct change *change = batch->change_of(batch->puts, i);
        if (written) {
            g_free(change);
            continue;
        }
        struct shard *shard = shards_lock(batch->shards, &change->key);
        shards_put_change(batch->shards, shard, change);
        g_mutex_unlock(&shard->lock);
    }
    g_array_set_size(batch->puts, 0);
}

/* At the end there is no time for all of what may be millions. */
static gboolean
in_time(const struct state *state, GError **error)
{
    gint64 until_us = __atomic_load_n(&state->write_until_us, __ATOMIC_RELAXED);
    if (!until_us || g_get_monotonic_time() < until_us)
        return TRUE;
    g_set_error(error, SQL_ERROR, SQL_ERROR_BUSY, "no time is left to write");
    return FALSE;
}

static gboolean
send_batch(struct state *state, struct batch *batch, GError **error)
{
    guint n = batch->puts->len;
    if (n == 0)
        return TRUE;
    g_array_sort(batch->puts, by_key);
    state_turn_take(state);
    gboolean written = in_time(state, error) && write_batch(state, batch, error);
    state_turn_give(state);
    finish_batch(batch, written);
    if (!written)
        return FALSE;
    state_count(state, &state->written, n);
    return lease_keep(state, error);
}

static gboolean
write_all(struct state *state, struct batch *batch, GError **error)
{
    gboolean good = TRUE;
    batch->puts = g_array_sized_new(FALSE, FALSE, (guint)batch->put_size, BATCH);
    for (guint i = 0; i < SHARDS && good; i++) {
        struct shard *shard = &batch->shards->shard[i];
        g_mutex_lock(&shard->lock);
        guint left = shard->n_changes;
        g_mutex_unlock(&shard->lock);
        while (left > 0 && good) {
            gather(batch, shard, &left);
            if (batch->puts->len >= BATCH)
                good = send_batch(state, batch, error);
        }
    }
    good = good && send_batch(state, batch, error);
    g_array_unref(batch->puts);
    return good;
}

/* ---- facts ---- */

static gboolean
put_facts(struct state *state, const GPtrArray *facts, GError **error)
{
    if (!sql_begin(state->sql, error))
        return FALSE;
    for (guint i = 0; i < facts->len; i++) {
        GError *failure = NULL;
        if (rows_put_fact(state->sql, g_ptr_array_index(facts, i), &failure))
            continue;
        if (!g_error_matches(failure, SQL_ERROR, SQL_ERROR_STATEMENT)) {
            g_propagate_error(error, failure);
            sql_rollback(state->sql);
            return FALSE;
        }
        refused(state, failure);
        g_error_free(failure);
    }
    return sql_commit(state->sql, error);
}

static gint
by_kind_and_subject(gconstpointer a, gconstpointer b)
{
    const struct fact *const *x = a, *const *y = b;
    if ((*x)->kind != (*y)->kind)
        return strcmp(fact_kind_name((*x)->kind), fact_kind_name((*y)->kind));
    return strcmp((*x)->subject, (*y)->subject);
}

static gboolean
write_facts(struct state *state, GError **error)
{
    for (guint left = facts_pending(state->facts); left > 0;) {
        g_autoptr(GPtrArray) facts = facts_take_pending(state->facts, MIN(left, BATCH));
        if (facts->len == 0)
            return TRUE;
        left -= facts->len;
        g_ptr_array_sort(facts, by_kind_and_subject);
        state_turn_take(state);
        gboolean written = put_facts(state, facts, error);
        state_turn_give(state);
        if (!written) {
            facts_put_pending(state->facts, facts);
            return FALSE;
        }
        state_count(state, &state->written, facts->len);
        if (!lease_keep(state, error))
            return FALSE;
    }
    return TRUE;
}

gboolean
state_write_dirty(struct state *state, GError **error)
{
    struct batch marks = {.shards = state->marks, .put_size = sizeof(struct mark_put), .copy = copy_mark, .write = write_marks,
                          .change_of = mark_change};
    struct batch meters = {.shards = state->meters, .put_size = sizeof(struct meter_put), .copy = copy_meter,
                           .write = write_meters, .change_of = meter_change};
    return write_facts(state, error) && write_all(state, &meters, error) && write_all(state, &marks, error);
}

guint64
state_dirty(struct state *state)
{
    return (guint64)shards_count(&state->marks->dirty) + (guint64)shards_count(&state->meters->dirty) +
           facts_pending(state->facts);
}
