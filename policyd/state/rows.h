/* rows.h: marks and meters as rows of SQL, both ways.
 *
 * Levels are kept in thousandths, rates in thousand millionths a second: SQL has integers only. */
#pragma once
#include "policyd/state/private.h"

#define ROWS_AT_ONCE 16u

/* What is to be written, with the change it came from (owned). */
struct mark_put {
    struct mark_row row;
    struct change *change;
};
struct meter_put {
    struct meter_row row;
    struct change *change;
};

/* Writes n rows, in the order of their keys (so that nodes that write the same rows can't lock each other out), in the open
 * transaction. */
gboolean rows_put_marks(struct sql *sql, guint node, const struct mark_put *puts, guint n, GError **error);
gboolean rows_put_meters(struct sql *sql, guint node, const struct meter_put *puts, guint n, GError **error);

/* Columns mark_key, kind, epoch, first_s, last_s, touches. FALSE: not one of ours (a kind of a newer program). */
gboolean rows_read_mark(const struct sql_row *row, struct mark_row *mark_r);
/* Columns meter_key, node, kind, taken, given, last_ms, level1..3, rate1..3. */
gboolean rows_read_meter(const struct sql_row *row, struct meter_row *meter_r, guint *node_r);
/* Columns kind, subject, value, since_ms, expires_ms, decided_by, node, set_ms. NULL: not one of ours. */
struct fact *rows_read_fact(const struct sql_row *row);
gboolean rows_put_fact(struct sql *sql, const struct fact *fact, GError **error);
/* The database's clock in milliseconds. */
gboolean rows_read_now(struct sql *sql, gint64 *now_r, GError **error);
