/* sweep.c: removes what has expired, a shard's part of the keys at a time, and of the audit a page: first from SQL, then from memory.
 *
 * In that order, since a mark that memory has forgotten and SQL still has would get its former life back when it is touched again.
 * Rows are looked for without locks and removed by their keys if they are still as they were. A clock that is wrong would expire
 * everything, for all nodes: after a jump, and when the database has quite another time, sweeping waits for an hour. SQLite has no
 * other time than this machine's, and the audit is nowhere else: its lines grow old only as newer ones are written. */
#include "lib/base/log.h"
#include "policyd/state/flush.h"
#include "policyd/state/lease.h"
#include "policyd/state/rows.h"

#define PAGE 1000u
#define EVERY_US (5 * G_USEC_PER_SEC)
#define BUDGET_US (200 * 1000) /* of a round: what is to be written must not wait for this */
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
        memset(&state->sweep, 0, sizeof state->sweep);
        state->sweep.next_us = now_us + AFTER_JUMP_US;
    }
    return now_us >= state->sweep.next_us;
}

gboolean
state_clock_agrees(struct state *state, gint64 now_ms, gboolean *agrees_r, GError **error)
{
    gint64 theirs_ms = 0;
    if (!rows_read_now(state->sql, &theirs_ms, error))
        return FALSE;
    *agrees_r = ABS(theirs_ms - now_ms) < G_TIME_SPAN_HOUR / 1000;
    if (*agrees_r)
        return TRUE;
    log_text(LOG_SEV_WARNING, "state", "nothing is removed: this machine's clock and the database's are %" G_GINT64_FORMAT
             " s apart", ABS(theirs_ms - now_ms) / 1000);
    state->sweep.next_us = g_get_monotonic_time() + AFTER_JUMP_US;
    return TRUE;
}

/* A page that is read. */
struct old {
    struct state *state;
    GArray *rows;
    guint seen;
};

/* ---- marks ---- */

static gboolean
take_mark(const struct sql_row *row, gpointer data)
{
    struct old *old = data;
    struct mark_row mark;
    if (rows_read_mark(row, &mark) && marks_row_expired(old->state, &mark, (guint32)(old->state->sweep.now_ms / 1000)))
        g_array_append_val(old->rows, mark);
    old->state->sweep.key = mark.key;
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

static gboolean
sweep_marks(struct state *state, struct old *old, const struct state_key *end, GError **error)
{
    gint64 before_s = state->sweep.now_ms / 1000 - shortest_expiry(state->options.mark_expiry_s, MARK_KINDS);
    struct state_key from = state->sweep.key;
    const struct sql_value values[] = {SQL_B(from.bytes, sizeof from.bytes), SQL_B(end->bytes, sizeof end->bytes),
                                       SQL_I(before_s), SQL_I(PAGE)};
    old->rows = g_array_new(FALSE, FALSE, sizeof(struct mark_row));
    gboolean good = sql_run(state->sql, "policy_mark_old", values, G_N_ELEMENTS(values), take_mark, old, NULL, error);
    if (good) {
        state_turn_take(state);
        good = drop_marks(state, old->rows, error);
        state_turn_give(state);
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
    if (rows_read_meter(row, &meter.row, &meter.node) && meters_row_expired(old->state, &meter.row, old->state->sweep.now_ms))
        g_array_append_val(old->rows, meter);
    old->state->sweep.key = meter.row.key;
    old->state->sweep.node = meter.node;
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
    gint64 before_ms = state->sweep.now_ms - (gint64)shortest_expiry(state->options.meter_expiry_s, METER_KINDS) * 1000;
    struct state_key from = state->sweep.key;
    const struct sql_value key = SQL_B(from.bytes, sizeof from.bytes);
    const struct sql_value values[] = {key, key, SQL_I(state->sweep.node), SQL_B(end->bytes, sizeof end->bytes), SQL_I(before_ms),
                                       SQL_I(PAGE)};
    old->rows = g_array_new(FALSE, FALSE, sizeof(struct old_meter));
    gboolean good = sql_run(state->sql, "policy_meter_old", values, G_N_ELEMENTS(values), take_meter, old, NULL, error);
    if (good) {
        state_turn_take(state);
        good = drop_meters(state, old->rows, error);
        state_turn_give(state);
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

/* ---- the audit ---- */

struct audit_page {
    gint64 last, before_ms;
    guint seen, old;
};

static gboolean
take_line(const struct sql_row *row, gpointer data)
{
    struct audit_page *page = data;
    page->last = sql_row_int(row, 0);
    page->old += sql_row_int(row, 1) < page->before_ms;
    page->seen++;
    return TRUE;
}

static gboolean
take_newest(const struct sql_row *row, gpointer data)
{
    gint64 *newest_ms = data;
    *newest_ms = MIN(*newest_ms, sql_row_int(row, 0));
    return TRUE;
}

/* One page, from the oldest lines on. Ids rise with time, so a page without an old line ends the round; there is no index on the times. */
static gboolean
sweep_audit(struct state *state, gint64 now_ms, GError **error)
{
    gint64 keep_ms = __atomic_load_n(&state->options.audit_keep_ms, __ATOMIC_RELAXED), from = state->audit.after;
    gint64 newest_ms = now_ms;
    struct audit_page page = {.last = from};
    const struct sql_value start[] = {SQL_I(from), SQL_I(PAGE)};
    gboolean good = TRUE;
    if (keep_ms <= 0 || state->audit.done)
        return TRUE;
    if (!sql_run(state->sql, "policy_audit_newest", NULL, 0, take_newest, &newest_ms, NULL, error))
        return FALSE;
    page.before_ms = newest_ms - keep_ms;
    if (!sql_run(state->sql, "policy_audit_page", start, G_N_ELEMENTS(start), take_line, &page, NULL, error))
        return FALSE;
    if (page.old > 0) {
        const struct sql_value range[] = {SQL_I(from), SQL_I(page.last), SQL_I(page.before_ms)};
        state_turn_take(state);
        good = sql_run(state->sql, "policy_audit_drop", range, G_N_ELEMENTS(range), NULL, NULL, NULL, error);
        state_turn_give(state);
    }
    state->audit.after = good ? page.last : from;
    state->audit.done = good && (page.old == 0 || page.seen < PAGE);
    return good;
}

/* ---- a step ---- */

/* One page of the shard's marks, or when these are done of its meters. *done_r: that was the last. */
static gboolean
sweep_page(struct state *state, gboolean *done_r, GError **error)
{
    struct state_key end;
    struct old old = {.state = state};
    memset(end.bytes, 0xff, sizeof end.bytes);
    end.bytes[0] = (guint8)state->sweep.shard;
    if (!(state->sweep.meters ? sweep_meters(state, &old, &end, error) : sweep_marks(state, &old, &end, error)) ||
        !lease_keep(state, error))
        return FALSE;
    if (old.seen == PAGE)
        return TRUE;
    *done_r = state->sweep.meters;
    state->sweep.meters = TRUE;
    state->sweep.key = (struct state_key){{(guint8)state->sweep.shard}};
    state->sweep.node = 0;
    return TRUE;
}

static void
begin_shard(struct state *state, guint shard)
{
    memset(&state->sweep, 0, sizeof state->sweep);
    state->sweep.shard = shard;
    state->sweep.key.bytes[0] = (guint8)shard;
}

gboolean
state_sweep(struct state *state, gint64 now_ms, GError **error)
{
    gint64 until_us = g_get_monotonic_time() + BUDGET_US;
    gboolean done = FALSE;
    if (!state->sweep.now_ms)
        state->sweep.now_ms = now_ms;
    while (!done) {
        if (!sweep_page(state, &done, error))
            return FALSE;
        if (!done && g_get_monotonic_time() > until_us)
            return TRUE; /* the next round goes on here */
    }
    guint shard = state->sweep.shard;
    now_ms = state->sweep.now_ms;
    state_count(state, &state->expired, marks_sweep(state, shard, (guint32)(now_ms / 1000)) + meters_sweep(state, shard, now_ms));
    begin_shard(state, (shard + 1) % SHARDS);
    state->sweep.next_us = g_get_monotonic_time() + EVERY_US;
    if (shard == 0)
        memset(&state->audit, 0, sizeof state->audit);
    return sweep_audit(state, now_ms, error) && (shard + 1 < SHARDS || sweep_facts(state, now_ms, error));
}
