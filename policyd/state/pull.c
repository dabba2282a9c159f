/* pull.c: reads what other nodes changed.
 *
 * Times of change are the database's, as no two nodes' clocks agree. A transaction may commit after a later one was read, so each time
 * what changed in the last OVERLAP_MS is read once more: merging it again changes nothing. Where a node's own rows say all that
 * there is, it doesn't read them. Facts are read also where there is one node (on MariaDB): after a commit whose answer was lost,
 * what the database says is what is so. */
#include "policyd/state/flush.h"
#include "policyd/state/rows.h"

#define PAGE 5000u
#define OVERLAP_MS 5000

/* Where the next page begins. */
struct place {
    struct state *state;
    struct sql *sql;
    gint64 changed;
    struct state_key key;
    guint node;
    char *kind, *subject;
    gint64 now_ms;
    guint n;
};

static gboolean
take_mark(const struct sql_row *row, gpointer data)
{
    struct place *place = data;
    struct mark_row mark;
    if (rows_read_mark(row, &mark))
        marks_merge(place->state, &mark);
    place->key = mark.key;
    place->changed = sql_row_int(row, 6);
    place->n++;
    return TRUE;
}

static gboolean
pull_marks(struct state *state, struct place *place, GError **error)
{
    do {
        place->n = 0;
        const struct sql_value values[] = {SQL_I(place->changed), SQL_I(place->changed),
                                           SQL_B(place->key.bytes, sizeof place->key.bytes), SQL_I(state->node_id), SQL_I(PAGE)};
        if (!sql_run(place->sql, "policy_mark_pull", values, G_N_ELEMENTS(values), take_mark, place, NULL, error))
            return FALSE;
        state_count(state, &state->pulled, place->n);
    } while (place->n == PAGE);
    return TRUE;
}

static gboolean
take_meter(const struct sql_row *row, gpointer data)
{
    struct place *place = data;
    struct meter_row meter;
    if (rows_read_meter(row, &meter, &place->node))
        meters_hear(place->state, place->node, &meter, FALSE, place->now_ms);
    place->key = meter.key;
    place->changed = sql_row_int(row, 12);
    place->n++;
    return TRUE;
}

static gboolean
pull_meters(struct state *state, struct place *place, GError **error)
{
    do {
        place->n = 0;
        const struct sql_value key = SQL_B(place->key.bytes, sizeof place->key.bytes);
        const struct sql_value values[] = {SQL_I(place->changed), SQL_I(place->changed), key,        key,
                                           SQL_I(place->node),    SQL_I(state->node_id), SQL_I(PAGE)};
        if (!sql_run(place->sql, "policy_meter_pull", values, G_N_ELEMENTS(values), take_meter, place, NULL, error))
            return FALSE;
        state_count(state, &state->pulled, place->n);
    } while (place->n == PAGE);
    return TRUE;
}

static gboolean
take_fact(const struct sql_row *row, gpointer data)
{
    struct place *place = data;
    struct fact *fact = rows_read_fact(row);
    if (fact)
        facts_merge(place->state->facts, fact);
    fact_unref(fact);
    g_free(place->kind);
    g_free(place->subject);
    place->kind = g_strdup(sql_row_text(row, 0, NULL));
    place->subject = g_strdup(sql_row_text(row, 1, NULL));
    place->changed = sql_row_int(row, 8);
    place->n++;
    return TRUE;
}

static gboolean
pull_facts(struct state *state, struct place *place, GError **error)
{
    gboolean good;
    place->kind = g_strdup("");
    place->subject = g_strdup("");
    do {
        place->n = 0;
        const struct sql_value values[] = {SQL_I(place->changed), SQL_I(place->changed), SQL_T(place->kind),
                                           SQL_T(place->kind),    SQL_T(place->subject), SQL_I(PAGE)};
        good = sql_run(place->sql, "policy_fact_pull", values, G_N_ELEMENTS(values), take_fact, place, NULL, error);
        state_count(state, &state->pulled, place->n);
    } while (good && place->n == PAGE);
    g_free(place->kind);
    g_free(place->subject);
    return good;
}

static gboolean
pull_one(struct state *state, struct sql *sql, gint64 *to, gint64 now, gboolean (*pull)(struct state *, struct place *, GError **),
         GError **error)
{
    /* Also where the database's clock was put back. */
    struct place place = {.state = state, .sql = sql, .changed = MIN(*to, now) - OVERLAP_MS, .now_ms = g_get_real_time() / 1000};
    if (!pull(state, &place, error))
        return FALSE;
    *to = now;
    return TRUE;
}

gboolean
state_pull(struct state *state, struct sql *sql, GError **error)
{
    gint64 now = 0;
    if (!rows_read_now(sql, &now, error) || !pull_one(state, sql, &state->facts_to, now, pull_facts, error))
        return FALSE;
    return !state->options.shared || (pull_one(state, sql, &state->meters_to, now, pull_meters, error) &&
                                      pull_one(state, sql, &state->marks_to, now, pull_marks, error));
}

/* ---- the thread ---- */

/* That the database is away is the writing thread's to say, which keeps its lease. */
static gboolean
read_once(struct state *state, struct sql **sql)
{
    if (!state_is_loaded(state))
        return TRUE;
    if (!*sql)
        *sql = sql_open(&state->options.sql, NULL);
    return *sql && state_pull(state, *sql, NULL);
}

static gpointer
reader_main(gpointer data)
{
    struct state *state = data;
    struct sql *sql = NULL;
    gint64 next_us = g_get_monotonic_time();
    g_mutex_lock(&state->lock);
    while (!state->stop) {
        if (g_cond_wait_until(&state->wake, &state->lock, next_us))
            continue;
        g_mutex_unlock(&state->lock);
        gint64 started_us = g_get_monotonic_time();
        gboolean good = read_once(state, &sql);
        next_us = good ? started_us + (gint64)state->options.pull_ms * 1000
                       : g_get_monotonic_time() + (gint64)state->options.sql.retry_ms * 1000;
        g_mutex_lock(&state->lock);
    }
    g_mutex_unlock(&state->lock);
    sql_close(&sql);
    return NULL;
}

/* SQLite has one node. */
void
state_reader_start(struct state *state)
{
    if (g_strcmp0(state->options.sql.driver, "mariadb") == 0)
        state->reader = g_thread_new("state-reader", reader_main, state);
}

void
state_reader_stop(struct state *state)
{
    if (!state->reader)
        return;
    g_mutex_lock(&state->lock);
    state->stop = TRUE;
    g_cond_broadcast(&state->wake);
    g_mutex_unlock(&state->lock);
    g_thread_join(state->reader);
    state->reader = NULL;
}
