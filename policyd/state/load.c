/* load.c: reads all that SQL has, page by page in the order of the keys.
 *
 * What is in memory already (the database wasn't there at the start) is merged with it. A load that broke off is done again: marks
 * and facts merge as often as one likes, but levels are added to, so meters go on after the last that was read. */
#include "policyd/state/flush.h"
#include "policyd/state/lease.h"
#include "policyd/state/rows.h"

#define PAGE 5000

/* ---- marks ---- */

struct mark_page {
    struct state *state;
    struct state_key last;
    guint n;
};

static gboolean
take_mark(const struct sql_row *row, gpointer data)
{
    struct mark_page *page = data;
    struct mark_row mark;
    if (rows_read_mark(row, &mark))
        marks_merge(page->state, &mark);
    page->last = mark.key;
    page->n++;
    return TRUE;
}

static gboolean
load_marks(struct state *state, GError **error)
{
    struct mark_page page = {.state = state};
    struct sql_value values[] = {SQL_B("", 0), SQL_I(PAGE)};
    do {
        page.n = 0;
        if (!sql_run(state->sql, "policy_mark_page", values, G_N_ELEMENTS(values), take_mark, &page, NULL, error) ||
            !lease_keep(state, error))
            return FALSE;
        values[0] = SQL_B(page.last.bytes, sizeof page.last.bytes);
    } while (page.n == PAGE);
    return TRUE;
}

/* ---- meters ---- */

struct meter_page {
    struct state *state;
    gint64 now_ms;
    GArray *rows; /* struct meter_at */
};

struct meter_at {
    struct meter_row row;
    guint node;
    gboolean ours; /* a kind that this program knows */
};

static gboolean
take_meter(const struct sql_row *row, gpointer data)
{
    struct meter_page *page = data;
    struct meter_at at = {0};
    at.ours = rows_read_meter(row, &at.row, &at.node);
    g_array_append_val(page->rows, at);
    return TRUE;
}

/* The highest level of all nodes' rows, drained until now: whoever wrote last knew of the others. */
static void
raise_levels(double *level, double *rate, const struct meter_row *row, gint64 now_ms)
{
    for (guint w = 0; w < METER_WINDOWS; w++) {
        double now = meter_row_level(row, w, now_ms);
        level[w] = MAX(level[w], now);
        rate[w] = MAX(rate[w], row->rate[w]);
    }
}

/* All rows of one meter. */
static void
load_meter(struct state *state, const struct meter_at *rows, guint n, gint64 now_ms)
{
    double level[METER_WINDOWS] = {0}, rate[METER_WINDOWS] = {0};
    gint64 last_ms = 0;
    for (guint i = 0; i < n; i++) {
        if (rows[i].node != state->node_id)
            meters_hear(state, rows[i].node, &rows[i].row, TRUE, now_ms);
        raise_levels(level, rate, &rows[i].row, now_ms);
        last_ms = MAX(last_ms, rows[i].row.last_ms);
    }
    gboolean at_rest = level[0] <= 0 && level[1] <= 0 && level[2] <= 0;
    if (at_rest && last_ms + (gint64)state->options.meter_expiry_s[rows->row.kind] * 1000 < now_ms)
        return;
    for (guint i = 0; i < n; i++)
        if (rows[i].node == state->node_id)
            meters_load_own(state, &rows[i].row, now_ms);
    meters_load_levels(state, &rows->row.key, rows->row.kind, level, rate, now_ms);
}

/* Loads whole meters, and removes their rows; more of the last may be on the next page, unless these are all. */
static void
load_whole_meters(struct state *state, GArray *rows, gboolean all, gint64 now_ms)
{
    guint done = 0;
    for (guint i = 1; i <= rows->len; i++) {
        const struct meter_at *first = &g_array_index(rows, struct meter_at, done);
        gboolean ends = i == rows->len ? all
                                       : !state_key_equal(&first->row.key, &g_array_index(rows, struct meter_at, i).row.key);
        if (!ends)
            continue;
        if (first->ours)
            load_meter(state, first, i - done, now_ms);
        state->meters_done = first->row.key;
        done = i;
    }
    if (done > 0)
        g_array_remove_range(rows, 0, done);
}

static gboolean
load_meters(struct state *state, gint64 now_ms, GError **error)
{
    struct meter_page page = {.state = state, .now_ms = now_ms};
    struct state_key from = state->meters_done;
    guint node = G_MAXUINT, n;
    gboolean good;
    page.rows = g_array_new(FALSE, FALSE, sizeof(struct meter_at));
    do {
        const struct sql_value key = SQL_B(from.bytes, sizeof from.bytes);
        const struct sql_value values[] = {key, key, SQL_I(node), SQL_I(PAGE)};
        n = page.rows->len;
        good = sql_run(state->sql, "policy_meter_page", values, G_N_ELEMENTS(values), take_meter, &page, NULL, error) &&
               lease_keep(state, error);
        if (!good || page.rows->len == 0)
            break;
        n = page.rows->len - n;
        const struct meter_at *end = &g_array_index(page.rows, struct meter_at, page.rows->len - 1);
        from = end->row.key;
        node = end->node;
        load_whole_meters(state, page.rows, n < PAGE, now_ms);
    } while (n == PAGE);
    g_array_unref(page.rows);
    return good;
}

/* ---- facts ---- */

struct fact_page {
    struct state *state;
    char *kind, *subject;
    guint n;
};

static gboolean
take_fact(const struct sql_row *row, gpointer data)
{
    struct fact_page *page = data;
    g_free(page->kind);
    g_free(page->subject);
    page->kind = g_strdup(sql_row_text(row, 0, NULL));
    page->subject = g_strdup(sql_row_text(row, 1, NULL));
    page->n++;
    struct fact *fact = rows_read_fact(row);
    if (fact)
        facts_merge(page->state->facts, fact);
    fact_unref(fact);
    return TRUE;
}

static gboolean
load_facts(struct state *state, GError **error)
{
    struct fact_page page = {.state = state, .kind = g_strdup(""), .subject = g_strdup("")};
    gboolean good;
    do {
        page.n = 0;
        const struct sql_value values[] = {SQL_T(page.kind), SQL_T(page.kind), SQL_T(page.subject), SQL_I(PAGE)};
        good = sql_run(state->sql, "policy_fact_page", values, G_N_ELEMENTS(values), take_fact, &page, NULL, error) &&
               lease_keep(state, error);
    } while (good && page.n == PAGE);
    g_free(page.kind);
    g_free(page.subject);
    return good;
}

gboolean
state_load(struct state *state, GError **error)
{
    gint64 from = 0;
    if (!rows_read_now(state->sql, &from, error) || !load_facts(state, error) || !load_marks(state, error) ||
        !load_meters(state, g_get_real_time() / 1000, error))
        return FALSE;
    state->marks_to = state->meters_to = state->facts_to = from;
    return TRUE;
}
