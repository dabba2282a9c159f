/* sweep.c: removes what has expired, a shard's part of the keys at a time: first from SQL, then from memory.
 *
 * In that order, since a mark that memory has forgotten and SQL still has would get its former life back when it is touched again.
 * Rows are looked for without locks and removed by their keys if they are still as they were. A clock that jumped would
 * expire everything: after a jump, sweeping waits for an hour. */
#include "policyd/state/flush.h"
#include "policyd/state/rows.h"

#define PAGE 1000u
#define EVERY_US (5 * G_USEC_PER_SEC)
#define JUMP_US (5 * G_TIME_SPAN_MINUTE)
#define AFTER_JUMP_US G_TIME_SPAN_HOUR
#define FACTS_EXPIRED_MS DAY_MS
#define FACTS_DROPPED_MS (7 * DAY_MS)

gboolean
state_sweep_due(struct state *state, gint64 now_ms, gint64 now_us)
{
    gint64 offset_us = now_ms * 1000 - now_us;
    gint64 jump_us = ABS(offset_us - state->clock_offset_us);
    gboolean first = state->clock_offset_us == 0;
    state->clock_offset_us = offset_us;
    if (!first && jump_us > JUMP_US) {
        state->sweep_us = now_us + AFTER_JUMP_US;
        state->sweep_shard = 0;
    }
    return now_us >= state->sweep_us;
}

struct old {
    struct state *state;
    GArray *rows;
    guint seen;
    gint64 now_ms;
    struct state_key last;
    guint last_node;
};

/* ---- marks ---- */

static gboolean
take_mark(const struct sql_row *row, gpointer data)
{
    struct old *old = data;
    struct mark_row mark;
    if (rows_read_mark(row, &mark) && marks_row_expired(old->state, &mark, (guint32)(old->now_ms / 1000)))
        g_array_append_val(old->rows, mark);
    old->last = mark.key;
    old->seen++;
    return TRUE;
}

static gboolean
drop_marks(struct state *state, const GArray *rows, GError **error)
{
    if (rows->len == 0)
        return TRUE;
    if (!sql_begin(state->sql, error))
        return FALSE;
    for (guint i = 0; i < rows->len; i++) {
        const struct mark_row *row = &g_array_index(rows, struct mark_row, i);
        const struct sql_value values[] = {SQL_B(row->key.bytes, sizeof row->key.bytes), SQL_I(row->epoch), SQL_I(row->last_s)};
        if (!sql_run(state->sql, "policy_mark_drop", values, G_N_ELEMENTS(values), NULL, NULL, NULL, error)) {
            sql_rollback(state->sql);
            return FALSE;
        }
    }
    return sql_commit(state->sql, error);
}

static guint32
shortest_expiry(const guint32 *expiry_s, guint n)
{
    guint32 shortest = G_MAXUINT32;
    for (guint i = 1; i < n; i++)
        shortest = MIN(shortest, expiry_s[i]);
    return shortest;
}

/* A page of the shard's marks from old->last on. */
static gboolean
sweep_marks(struct state *state, struct old *old, const struct state_key *end, GError **error)
{
    gint64 before_s = old->now_ms / 1000 - shortest_expiry(state->options.mark_expiry_s, MARK_KINDS);
    struct state_key from = old->last;
    const struct sql_value values[] = {SQL_B(from.bytes, sizeof from.bytes), SQL_B(end->bytes, sizeof end->bytes),
                                       SQL_I(before_s), SQL_I(PAGE)};
    old->rows = g_array_new(FALSE, FALSE, sizeof(struct mark_row));
    gboolean good = sql_run(state->sql, "policy_mark_old", values, G_N_ELEMENTS(values), take_mark, old, NULL, error);
    if (good) {
        g_mutex_lock(&state->turn);
        good = drop_marks(state, old->rows, error);
        g_mutex_unlock(&state->turn);
    }
    g_array_unref(old->rows);
    return good;
}

/* ---- meters ---- */

struct old_meter {
    struct meter_row row;
    guint node;
};

static gboolean
take_meter(const struct sql_row *row, gpointer data)
{
    struct old *old = data;
    struct old_meter meter = {0};
    if (rows_read_meter(row, &meter.row, &meter.node) && meters_row_expired(old->state, &meter.row, old->now_ms))
        g_array_append_val(old->rows, meter);
    old->last = meter.row.key;
    old->last_node = meter.node;
    old->seen++;
    return TRUE;
}

static gboolean
drop_meters(struct state *state, const GArray *rows, GError **error)
{
    if (rows->len == 0)
        return TRUE;
    if (!sql_begin(state->sql, error))
        return FALSE;
    for (guint i = 0; i < rows->len; i++) {
        const struct old_meter *meter = &g_array_index(rows, struct old_meter, i);
        const struct sql_value values[] = {SQL_B(meter->row.key.bytes, sizeof meter->row.key.bytes), SQL_I(meter->node),
                                           SQL_I(meter->row.last_ms)};
        if (!sql_run(state->sql, "policy_meter_drop", values, G_N_ELEMENTS(values), NULL, NULL, NULL, error)) {
            sql_rollback(state->sql);
            return FALSE;
        }
    }
    return sql_commit(state->sql, error);
}

static gboolean
sweep_meters(struct state *state, struct old *old, const struct state_key *end, GError **error)
{
    gint64 before_ms = old->now_ms - (gint64)shortest_expiry(state->options.meter_expiry_s, METER_KINDS) * 1000;
    struct state_key from = old->last;
    const struct sql_value key = SQL_B(from.bytes, sizeof from.bytes);
    const struct sql_value values[] = {key, key, SQL_I(old->last_node), SQL_B(end->bytes, sizeof end->bytes), SQL_I(before_ms),
                                       SQL_I(PAGE)};
    old->rows = g_array_new(FALSE, FALSE, sizeof(struct old_meter));
    gboolean good = sql_run(state->sql, "policy_meter_old", values, G_N_ELEMENTS(values), take_meter, old, NULL, error);
    if (good) {
        g_mutex_lock(&state->turn);
        good = drop_meters(state, old->rows, error);
        g_mutex_unlock(&state->turn);
    }
    g_array_unref(old->rows);
    return good;
}

/* ---- facts ---- */

struct old_fact {
    char *kind, *subject;
    gint64 set_ms;
};

static void
old_fact_clear(gpointer data)
{
    struct old_fact *fact = data;
    g_free(fact->kind);
    g_free(fact->subject);
}

static gboolean
take_fact(const struct sql_row *row, gpointer data)
{
    struct old_fact fact = {g_strdup(sql_row_text(row, 0, NULL)), g_strdup(sql_row_text(row, 1, NULL)), sql_row_int(row, 2)};
    g_array_append_val((GArray *)data, fact);
    return TRUE;
}

static gboolean
sweep_facts(struct state *state, gint64 now_ms, GError **error)
{
    const struct sql_value values[] = {SQL_I(now_ms - FACTS_EXPIRED_MS), SQL_I(now_ms - FACTS_DROPPED_MS), SQL_I(PAGE)};
    g_autoptr(GArray) facts = g_array_new(FALSE, FALSE, sizeof(struct old_fact));
    g_array_set_clear_func(facts, old_fact_clear);
    do {
        g_array_set_size(facts, 0);
        if (!sql_run(state->sql, "policy_fact_old", values, G_N_ELEMENTS(values), take_fact, facts, NULL, error))
            return FALSE;
        for (guint i = 0; i < facts->len; i++) {
            const struct old_fact *fact = &g_array_index(facts, struct old_fact, i);
            const struct sql_value key[] = {SQL_T(fact->kind), SQL_T(fact->subject), SQL_I(fact->set_ms)};
            if (!sql_run(state->sql, "policy_fact_delete", key, G_N_ELEMENTS(key), NULL, NULL, NULL, error))
                return FALSE;
        }
    } while (facts->len == PAGE);
    state_count(state, &state->expired, facts_sweep(state->facts, now_ms - FACTS_EXPIRED_MS, now_ms - FACTS_DROPPED_MS));
    return TRUE;
}

/* ---- a step ---- */

/* Pages of one table until the shard's end. */
static gboolean
sweep_table(struct state *state, gint64 now_ms, gboolean (*page)(struct state *, struct old *, const struct state_key *, GError **),
            GError **error)
{
    struct state_key end;
    memset(end.bytes, 0xff, sizeof end.bytes);
    end.bytes[0] = (guint8)state->sweep_shard;
    struct old old = {.state = state, .now_ms = now_ms, .last = {{(guint8)state->sweep_shard}}};
    do {
        old.seen = 0;
        if (!page(state, &old, &end, error) || !state_between(state, error))
            return FALSE;
    } while (old.seen == PAGE);
    return TRUE;
}

gboolean
state_sweep(struct state *state, gint64 now_ms, GError **error)
{
    if (!sweep_table(state, now_ms, sweep_marks, error) || !sweep_table(state, now_ms, sweep_meters, error))
        return FALSE;
    guint gone = marks_sweep(state, state->sweep_shard, (guint32)(now_ms / 1000)) + meters_sweep(state, state->sweep_shard, now_ms);
    state_count(state, &state->expired, gone);
    state->sweep_us = g_get_monotonic_time() + EVERY_US;
    state->sweep_shard = (state->sweep_shard + 1) % SHARDS;
    return state->sweep_shard != 0 || sweep_facts(state, now_ms, error);
}
