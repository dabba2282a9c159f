/* list.c: lists of marks and meters for people, from SQL, where their texts are.
 *
 * There is no index on the texts (they would cost more than all else), so a list looks at every row, in slices of the keys that each
 * take a server milliseconds. */
#include "policyd/state/rows.h"

#define SLICES 256u

struct mark_list {
    struct state *state;
    marks_func each;
    gpointer data;
    guint32 now_s;
    guint left;
    gboolean stopped;
};

static gboolean
take_mark(const struct sql_row *row, gpointer data)
{
    struct mark_list *list = data;
    struct mark_row mark_row;
    struct mark mark;
    if (!rows_read_mark(row, &mark_row) || !marks_row_look(list->state, &mark_row, list->now_s, &mark))
        return TRUE;
    list->left--;
    list->stopped = !list->each(sql_row_text(row, 6, NULL), &mark, list->data) || list->left == 0;
    return !list->stopped;
}

/* Runs the named statement for one slice after the other until *stopped. */
static gboolean
list_slices(struct state *state, const char *name, const char *kind, const char *part, sql_row_func take, gpointer list,
            const gboolean *stopped, GError **error)
{
    struct sql *sql = sql_pool_take(state->pool, error);
    gboolean good = sql != NULL;
    for (guint i = 0; i < SLICES && good && !*stopped; i++) {
        struct state_key from = {{(guint8)i}}, to;
        memset(to.bytes, 0xff, sizeof to.bytes);
        to.bytes[0] = (guint8)i;
        const struct sql_value values[] = {SQL_B(from.bytes, sizeof from.bytes), SQL_B(to.bytes, sizeof to.bytes), SQL_T(kind),
                                           SQL_T(part ? part : ""), SQL_I(G_MAXINT32)};
        good = sql_run(sql, name, values, G_N_ELEMENTS(values), take, list, NULL, error);
    }
    sql_pool_give(state->pool, sql);
    return good;
}

gboolean
marks_list(struct state *state, enum mark_kind kind, const char *part, guint32 now_s, guint limit, marks_func each,
           gpointer data, GError **error)
{
    struct mark_list list = {.state = state, .each = each, .data = data, .now_s = now_s, .left = limit, .stopped = limit == 0};
    return state_flush(state, error) && list_slices(state, "policy_mark_list", mark_kind_name(kind), part, take_mark, &list,
                                                    &list.stopped, error);
}

/* ---- meters ---- */

struct meter_list {
    struct state *state;
    meters_func each;
    gpointer data;
    gint64 now_ms;
    guint left;
    gboolean stopped;
};

/* The levels as this node knows them; its memory may have dropped it. */
static void
find_levels(struct state *state, const struct sql_row *row, gint64 now_ms, struct meter_line *line)
{
    struct state_key key = {{0}};
    gsize length = 0;
    const char *bytes = sql_row_text(row, 0, &length);
    memcpy(key.bytes, bytes, MIN(length, sizeof key.bytes));
    struct shard *shard = shards_lock(state->meters, &key);
    const struct meter_cell *meter = shards_find(state->meters, shard, &key);
    struct meter_cell copy = meter ? *meter : (struct meter_cell){.last_ms = now_ms};
    g_mutex_unlock(&shard->lock);
    meter_drain(&copy, NULL, 0, now_ms);
    for (guint w = 0; w < METER_WINDOWS; w++)
        line->levels[w] = copy.level[w];
}

static gboolean
take_meter(const struct sql_row *row, gpointer data)
{
    struct meter_list *list = data;
    struct meter_line line = {
        .text = sql_row_text(row, 3, NULL),
        .total = (guint64)MAX(sql_row_int(row, 1), 0),
        .last_ms = sql_row_int(row, 2),
    };
    find_levels(list->state, row, list->now_ms, &line);
    list->left--;
    list->stopped = !list->each(&line, list->data) || list->left == 0;
    return !list->stopped;
}

gboolean
meters_list(struct state *state, enum meter_kind kind, const char *part, gint64 now_ms, guint limit, meters_func each,
            gpointer data, GError **error)
{
    struct meter_list list = {.state = state, .each = each, .data = data, .now_ms = now_ms, .left = limit, .stopped = limit == 0};
    return state_flush(state, error) && list_slices(state, "policy_meter_list", meter_kind_name(kind), part, take_meter, &list,
                                                    &list.stopped, error);
}
