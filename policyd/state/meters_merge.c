/* meters_merge.c: what SQL and other nodes add to meters, and how meters end.
 *
 * Each node has a row of its own for a meter: what it took and gave since ever, and the levels as it knew them when it wrote (all
 * nodes' together). A node that hears that another's total grew by d adds d to its levels, but never more than the level that
 * the other has: so a total that begins anew, or one never heard of, can't count what has long drained. */
#include "policyd/state/private.h"

/* ---- at load ---- */

static struct meter_cell *
find_or_add(struct state *state, struct shard *shard, const struct state_key *key, enum meter_kind kind, gint64 now_ms)
{
    struct meter_cell *meter = shards_find(state->meters, shard, key);
    if (!meter) {
        meter = shards_add(state->meters, shard, key, kind);
        meter->last_ms = now_ms;
    }
    return meter;
}

void
meters_load_own(struct state *state, const struct meter_row *row, gint64 now_ms)
{
    struct shard *shard = shards_lock(state->meters, &row->key);
    struct meter_cell *meter = find_or_add(state, shard, &row->key, row->kind, now_ms);
    meter->taken += row->taken;
    meter->given += row->given;
    g_mutex_unlock(&shard->lock);
}

void
meters_load_levels(struct state *state, const struct state_key *key, enum meter_kind kind, const double *level,
                   const double *rate, gint64 now_ms)
{
    struct shard *shard = shards_lock(state->meters, key);
    struct meter_cell *meter = find_or_add(state, shard, key, kind, now_ms);
    meter_drain(meter, NULL, 0, now_ms);
    for (guint i = 0; i < METER_WINDOWS; i++) {
        meter->level[i] += level[i];
        if (meter->rate[i] <= 0)
            meter->rate[i] = (float)rate[i];
    }
    g_mutex_unlock(&shard->lock);
}

/* ---- other nodes ---- */

/* The key of what was heard of one meter of one node. */
static struct state_key
heard_key(const struct state_key *key, guint node)
{
    struct state_key of_node = *key;
    guint64 half;
    memcpy(&half, of_node.bytes + 8, sizeof half);
    half ^= (guint64)node * G_GUINT64_CONSTANT(0x9e3779b97f4a7c15);
    memcpy(of_node.bytes + 8, &half, sizeof half);
    return of_node;
}

static guint64
grown(guint64 now, guint64 before)
{
    return now >= before ? now - before : now; /* it begins anew when its row expired */
}

/* Notes the node's totals; returns by how much it took more than it gave since they were noted last. */
static double
hear_totals(struct state *state, guint node, const struct meter_row *row, gint64 now_ms)
{
    struct state_key key = heard_key(&row->key, node);
    struct shard *shard = shards_lock(state->heard, &key);
    struct heard_cell *heard = shards_find(state->heard, shard, &key);
    if (!heard)
        heard = shards_add(state->heard, shard, &key, row->kind);
    double more = (double)grown(row->taken, heard->taken) - (double)grown(row->given, heard->given);
    heard->taken = row->taken;
    heard->given = row->given;
    heard->heard_s = (guint32)(now_ms / 1000);
    g_mutex_unlock(&shard->lock);
    return more;
}

double
meter_row_level(const struct meter_row *row, guint window, gint64 now_ms)
{
    double elapsed_s = now_ms > row->last_ms ? (double)(now_ms - row->last_ms) / 1000 : 0;
    return MAX(0, row->level[window] - elapsed_s * row->rate[window]);
}

void
meters_hear(struct state *state, guint node, const struct meter_row *row, gboolean at_load, gint64 now_ms)
{
    double more = hear_totals(state, node, row, now_ms);
    if (at_load || more == 0)
        return;
    struct shard *shard = shards_lock(state->meters, &row->key);
    struct meter_cell *meter = find_or_add(state, shard, &row->key, row->kind, now_ms);
    meter_drain(meter, NULL, 0, now_ms);
    for (guint i = 0; i < METER_WINDOWS; i++) {
        double add = MIN(more, meter_row_level(row, i, now_ms));
        meter->level[i] = MAX(0, meter->level[i] + add);
        if (meter->rate[i] <= 0)
            meter->rate[i] = (float)row->rate[i];
    }
    g_mutex_unlock(&shard->lock);
}

/* ---- the tables ---- */

/* When all windows are empty; a window that nothing drains doesn't count. */
static gint64
at_rest_ms(const struct meter_cell *meter)
{
    double longest_s = 0;
    for (guint i = 0; i < METER_WINDOWS; i++)
        if (meter->rate[i] > 0)
            longest_s = MAX(longest_s, meter->level[i] / (double)meter->rate[i]);
    return meter->last_ms + (gint64)(MIN(longest_s, 1e9) * 1000);
}

static gint64
meter_worth(const struct cell *cell, gconstpointer data G_GNUC_UNUSED)
{
    return at_rest_ms((const struct meter_cell *)cell);
}

struct shards *
meters_table_new(struct state *state)
{
    return shards_new(sizeof(struct meter_cell), state->options.meters_max, meter_worth, NULL);
}

static gint64
heard_worth(const struct cell *cell, gconstpointer data G_GNUC_UNUSED)
{
    return ((const struct heard_cell *)cell)->heard_s;
}

struct shards *
heard_table_new(struct state *state)
{
    return shards_new(sizeof(struct heard_cell), state->options.meters_max * 2, heard_worth, NULL);
}

struct sweep {
    struct state *state;
    gint64 now_ms;
};

static gint64
expiry_ms(const struct state *state, const struct cell *cell)
{
    guint kind = CELL_KIND(cell);
    return (gint64)state->options.meter_expiry_s[kind < METER_KINDS ? kind : 0] * 1000;
}

static gboolean
meter_expired(const struct cell *cell, gconstpointer data)
{
    const struct sweep *sweep = data;
    const struct meter_cell *meter = (const struct meter_cell *)cell;
    return meter->last_ms + expiry_ms(sweep->state, cell) < sweep->now_ms && at_rest_ms(meter) < sweep->now_ms;
}

static gboolean
heard_expired(const struct cell *cell, gconstpointer data)
{
    const struct sweep *sweep = data;
    gint64 heard_ms = (gint64)((const struct heard_cell *)cell)->heard_s * 1000;
    return heard_ms + 2 * expiry_ms(sweep->state, cell) < sweep->now_ms;
}

gboolean
meters_row_expired(const struct state *state, const struct meter_row *row, gint64 now_ms)
{
    struct meter_cell meter = {.cell.bits = row->kind, .last_ms = row->last_ms};
    for (guint i = 0; i < METER_WINDOWS; i++) {
        meter.level[i] = row->level[i];
        meter.rate[i] = (float)row->rate[i];
    }
    return meter.last_ms + expiry_ms(state, &meter.cell) < now_ms && at_rest_ms(&meter) < now_ms;
}

guint
meters_sweep(struct state *state, guint shard, gint64 now_ms)
{
    struct sweep sweep = {state, now_ms};
    shards_sweep(state->heard, shard, heard_expired, &sweep);
    return shards_sweep(state->meters, shard, meter_expired, &sweep);
}
