/* rows.c: see rows.h. */
#include "policyd/state/rows.h"

#define MARK_COLUMNS 8u
#define METER_COLUMNS 13u
#define MILLI 1e3
#define NANO 1e9

static gint64
to_integer(double value, double scale)
{
    return (gint64)CLAMP(value * scale + 0.5, 0, 9e18);
}

static struct sql_value
key_value(const struct state_key *key)
{
    return SQL_B(key->bytes, sizeof key->bytes);
}

/* Whole groups by one statement each, the rest one by one. fill writes a row's values. */
static gboolean
put_rows(struct sql *sql, const char *many, const char *one, guint columns, guint n,
         void (*fill)(struct sql_value *values, gconstpointer puts, guint i, guint node), gconstpointer puts, guint node,
         GError **error)
{
    struct sql_value values[METER_COLUMNS * ROWS_AT_ONCE];
    for (guint i = 0; i < n;) {
        guint group = n - i >= ROWS_AT_ONCE ? ROWS_AT_ONCE : 1;
        for (guint j = 0; j < group; j++)
            fill(&values[j * columns], puts, i + j, node);
        if (!sql_run(sql, group > 1 ? many : one, values, group * columns, NULL, NULL, NULL, error))
            return FALSE;
        i += group;
    }
    return TRUE;
}

/* ---- marks ---- */

static void
fill_mark(struct sql_value *values, gconstpointer puts, guint i, guint node)
{
    const struct mark_put *put = (const struct mark_put *)puts + i;
    values[0] = key_value(&put->row.key);
    values[1] = SQL_T(mark_kind_name(put->row.kind));
    values[2] = SQL_I(put->row.epoch);
    values[3] = SQL_I(put->row.first_s);
    values[4] = SQL_I(put->row.last_s);
    values[5] = SQL_I(put->row.count);
    values[6] = SQL_I(node);
    values[7] = SQL_T(put->change->text);
}

gboolean
rows_put_marks(struct sql *sql, guint node, const struct mark_put *puts, guint n, GError **error)
{
    return put_rows(sql, "policy_mark_put_16", "policy_mark_put_1", MARK_COLUMNS, n, fill_mark, puts, node, error);
}

static gboolean
read_key(const struct sql_row *row, guint column, struct state_key *key_r)
{
    gsize length = 0;
    const char *bytes = sql_row_text(row, column, &length);
    memset(key_r->bytes, 0, sizeof key_r->bytes);
    memcpy(key_r->bytes, bytes, MIN(length, sizeof key_r->bytes)); /* in any case, since pages go on from it */
    return length == sizeof key_r->bytes;
}

static guint32
read_seconds(const struct sql_row *row, guint column)
{
    return (guint32)CLAMP(sql_row_int(row, column), 0, (gint64)G_MAXUINT32);
}

gboolean
rows_read_mark(const struct sql_row *row, struct mark_row *mark_r)
{
    mark_r->kind = mark_kind_find(sql_row_text(row, 1, NULL));
    mark_r->epoch = read_seconds(row, 2);
    mark_r->first_s = read_seconds(row, 3);
    mark_r->last_s = read_seconds(row, 4);
    mark_r->count = read_seconds(row, 5);
    gboolean whole = read_key(row, 0, &mark_r->key);
    return whole && mark_r->kind;
}

/* ---- meters ---- */

static void
fill_meter(struct sql_value *values, gconstpointer puts, guint i, guint node)
{
    const struct meter_put *put = (const struct meter_put *)puts + i;
    values[0] = key_value(&put->row.key);
    values[1] = SQL_I(node);
    values[2] = SQL_T(meter_kind_name(put->row.kind));
    values[3] = SQL_I((gint64)put->row.taken);
    values[4] = SQL_I((gint64)put->row.given);
    values[5] = SQL_I(put->row.last_ms);
    for (guint w = 0; w < METER_WINDOWS; w++) {
        values[6 + w] = SQL_I(to_integer(put->row.level[w], MILLI));
        values[9 + w] = SQL_I(to_integer(put->row.rate[w], NANO));
    }
    values[12] = SQL_T(put->change->text);
}

gboolean
rows_put_meters(struct sql *sql, guint node, const struct meter_put *puts, guint n, GError **error)
{
    return put_rows(sql, "policy_meter_put_16", "policy_meter_put_1", METER_COLUMNS, n, fill_meter, puts, node, error);
}

gboolean
rows_read_meter(const struct sql_row *row, struct meter_row *meter_r, guint *node_r)
{
    *node_r = (guint)sql_row_int(row, 1);
    meter_r->kind = meter_kind_find(sql_row_text(row, 2, NULL));
    meter_r->taken = (guint64)MAX(sql_row_int(row, 3), 0);
    meter_r->given = (guint64)MAX(sql_row_int(row, 4), 0);
    meter_r->last_ms = sql_row_int(row, 5);
    for (guint w = 0; w < METER_WINDOWS; w++) {
        meter_r->level[w] = (double)MAX(sql_row_int(row, 6 + w), 0) / MILLI;
        meter_r->rate[w] = (double)MAX(sql_row_int(row, 9 + w), 0) / NANO;
    }
    gboolean whole = read_key(row, 0, &meter_r->key);
    return whole && meter_r->kind;
}

/* ---- facts ---- */

gboolean
rows_put_fact(struct sql *sql, const struct fact *fact, GError **error)
{
    const struct sql_value values[] = {
        SQL_T(fact_kind_name(fact->kind)), SQL_T(fact->subject), SQL_T(fact->value), SQL_I(fact->since_ms),
        SQL_I(fact->expires_ms), SQL_T(fact->by), SQL_T(fact->node), SQL_I(fact->changed_ms),
    };
    return sql_run(sql, "policy_fact_put", values, G_N_ELEMENTS(values), NULL, NULL, NULL, error);
}

struct fact *
rows_read_fact(const struct sql_row *row)
{
    enum fact_kind kind = fact_kind_find(sql_row_text(row, 0, NULL));
    if (!kind)
        return NULL;
    struct fact_change change = {
        .value = sql_row_text(row, 2, NULL),
        .since_ms = sql_row_int(row, 3),
        .expires_ms = sql_row_int(row, 4),
        .by = sql_row_text(row, 5, NULL),
    };
    return fact_new(kind, sql_row_text(row, 1, NULL), &change, sql_row_is_null(row, 2), sql_row_text(row, 6, NULL),
                    change.since_ms, sql_row_int(row, 7));
}

static gboolean
take_now(const struct sql_row *row, gpointer data)
{
    *(gint64 *)data = sql_row_int(row, 0);
    return FALSE;
}

gboolean
rows_read_now(struct sql *sql, gint64 *now_r, GError **error)
{
    return sql_run(sql, "policy_now", NULL, 0, take_now, now_r, NULL, error);
}
