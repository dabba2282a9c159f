/* state.h: what policyd knows, in memory, written behind to SQL (schema "policy").
 *
 * Three kinds of things: marks (marks.h: something was seen, first, last, how often), meters (meters.h: leaky buckets) and
 * facts (facts.h: what was decided about someone, with an audit). Marks and meters are answered and changed in memory alone; a
 * thread writes what changed every flush_ms, and a kill -9 forgets at most the last second (it has a low priority: on a machine that
 * has no time at all left it falls behind). Facts are written through. All
 * functions are thread-safe, and those that touch SQL say so: only these may block.
 *
 * The database away: everything in memory goes on, what changed stays to be written (bounded: it is at most what is in memory),
 * one log line when it goes and one when it is back; then all is written. Functions that need SQL fail at once.
 *
 * Several nodes on one MariaDB (shared): each has a name of its own, writes as above and reads what others changed every pull_ms,
 * so that all know the same within two seconds:
 *  - marks merge: the earliest first, the latest last, the highest count;
 *  - a meter counts what other nodes let through as soon as it hears of it. Until then each node has only its own count, so N nodes
 *    together may let through more than a limit: at most what they let through in two seconds, and never more than N times the limit;
 *  - of two facts the later one stands.
 * A second process of a node's name is refused (a lease in policy_node, renewed every 2 s, stale after 10 s).
 *
 * Times are the caller's (seconds or milliseconds of CLOCK_REALTIME). Clocks jump: a time of a mark that is more than a day in the
 * future counts as now; a meter whose last use is in the future doesn't drain until then, but goes on from now. */
#pragma once
#include "lib/base/sql.h"
#include "policyd/state/kinds.h"

#define STATE_SCHEMA "policy"
#define STATE_TEXT_MAX 768u /* bytes of a mark's or meter's text that are kept in SQL for people; the key is of all of it */

struct state;

struct state_options {
    struct sql_options sql; /* strings are copied; retry_ms 0 is 1 s here, timeout_ms 0 is 5 s */
    const char *node;       /* this node's name: 1 to 64 of a-z A-Z 0-9 . _ - */
    gboolean shared;        /* several nodes (MariaDB only) */
    gboolean start_empty;   /* the database away at state_open is no error: it is read when it is there */
    guint flush_ms;         /* 0 = 500 */
    guint pull_ms;          /* 0 = 500 */
    /* How many are kept in memory; 0 = 10 million marks (about 0.5 GB when there are as many), 1 million meters. When all are there
     * and a new one comes, the one of some neighbours goes that would expire (a mark) or be empty (a meter) first. */
    guint64 marks_max, meters_max;
    /* Seconds by kind, in place of the defaults; 0 leaves the default. */
    guint32 mark_expiry_s[MARK_KINDS], meter_expiry_s[METER_KINDS];
    gint64 audit_keep_ms; /* how long lines of the audit are kept; 0: for ever */
};

/* Brings the schema up to date, reads all (seconds for millions) and starts the writing thread. NULL with SQL_ERROR_AWAY when
 * the database is away (and not start_empty), SQL_ERROR_SCHEMA when it is newer than this program, SQL_ERROR_DUPLICATE when the
 * node's name is in use, SQL_ERROR_STATEMENT for options that can't be. A node that died on another machine is waited for until
 * its lease is stale. */
struct state *state_open(const struct state_options *options, GError **error);
/* Writes what is left (for at most 10 s), gives back the name and frees. Nobody may be inside. NULL-safe; sets NULL. */
void state_close(struct state **state);

/* TRUE when what SQL knows is in memory (see start_empty). */
gboolean state_is_loaded(struct state *state);
/* TRUE when the database answered last time. */
gboolean state_is_connected(struct state *state);
/* Everything changed before the call is in SQL when it returns TRUE. Blocks, for at most 10 s. */
gboolean state_flush(struct state *state, GError **error);

struct state_stats {
    guint64 marks, meters, facts; /* in memory */
    guint64 dirty;                /* to be written */
    guint64 written, pulled;      /* rows, since the start */
    guint64 evicted, expired;     /* in memory, since the start */
    gint64 lag_ms;                /* since the last time that all was written; 0 before anything was */
};
void state_get_stats(struct state *state, struct state_stats *stats_r);

/* How long lines of the audit are kept from now on, as audit_keep_ms. */
void state_keep_audit(struct state *state, gint64 keep_ms);
/* One line of the audit. Append-only; write-through, so it blocks. */
gboolean state_audit(struct state *state, gint64 now_ms, const char *who, const char *action, const char *subject,
                     const char *detail, GError **error);
/* A change of tables of the schema that aren't the state's, together with its lines of the audit: all of it or, when FALSE, nothing (after
 * SQL_ERROR_AWAY from the commit that isn't known). work runs statements and state_audit_within; FALSE and error: nothing is to be done.
 * Blocks; where SQLite has one writer, all others wait for it. */
typedef gboolean (*state_work)(struct state *state, struct sql *sql, gpointer data, GError **error);
gboolean state_change(struct state *state, state_work work, gpointer data, GError **error);
/* For work: as state_audit, in its transaction. */
gboolean state_audit_within(struct state *state, struct sql *sql, gint64 now_ms, const char *who, const char *action, const char *subject,
                            const char *detail, GError **error);
struct state_audit {
    gint64 at_ms;
    const char *node, *who, *action, *subject, *detail;
};
/* Strings are valid inside the call only. FALSE stops the list. */
typedef gboolean (*state_audit_func)(const struct state_audit *line, gpointer data);
/* Newest first; subject NULL: of all. Blocks. */
gboolean state_audit_list(struct state *state, const char *subject, guint limit, state_audit_func each, gpointer data,
                          GError **error);
