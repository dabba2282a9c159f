/* sql_private.h: what the front (sql.c), the two backends, the pool and the migrations share.
 *
 * A backend is a const table of functions that know one client library and nothing of names, retries or
 * transactions; all policy (retry, reconnect, lost transactions) is in sql.c. Tests use this header to run
 * statements and migrations that the programs don't contain. */
#pragma once
#include "lib/base/sql.h"

/* A named statement in both dialects; NULL where a dialect has none. The table is generated from sql/ *.sql
 * by sql/embed.py, sorted by name. */
struct sql_statement {
    const char *name;
    const char *text[2]; /* [0] SQLite, [1] MariaDB */
};
extern const struct sql_statement sql_statements[];
extern const guint sql_n_statements;

/* One step of a schema in one dialect pair; versions of a schema count from 1 without gaps. */
struct sql_migration {
    const char *schema;
    guint version;
    const char *title;
    const char *checksum[2];           /* SHA-256 in hex of each dialect's text */
    const char *const *statements[2];  /* NULL-terminated, one statement each */
};
extern const struct sql_migration sql_migrations[];
extern const guint sql_n_migrations;

struct sql_cell {
    enum { CELL_NULL, CELL_INT, CELL_TEXT } type;
    gint64 integer;
    const char *text;  /* TEXT: NUL-terminated at length */
    gsize length;
};
struct sql_row {
    guint n;
    struct sql_cell *cells;
    char (*numbers)[24]; /* room for integers that are asked for as text */
};

/* When to try again after a failed connect; shared by a pool's connections. Monotonic microseconds. */
struct sql_gate {
    _Atomic gint64 until;
};

struct sql_backend {
    const char *name;
    int dialect; /* index into text[] */
    const char *begin;
    /* sql->handle is set on success. */
    gboolean (*connect)(struct sql *sql, GError **error);
    void (*disconnect)(struct sql *sql);
    /* TRUE when the server still answers; SQLite: always. */
    gboolean (*alive)(struct sql *sql);
    gpointer (*prepare)(struct sql *sql, const char *text, guint *n_parameters_r, GError **error);
    void (*finalise)(gpointer prepared);
    /* *delivered_r becomes TRUE as soon as a row went to each. */
    gboolean (*execute)(struct sql *sql, gpointer prepared, const struct sql_value *values, guint n_values,
                        sql_row_func each, gpointer data, gboolean *delivered_r, gint64 *changed_r, GError **error);
    /* One statement without parameters and without interest in rows. */
    gboolean (*script)(struct sql *sql, const char *text, GError **error);
};
extern const struct sql_backend sql_sqlite_backend, sql_mariadb_backend;

enum sql_transaction { SQL_NO_TRANSACTION, SQL_IN_TRANSACTION, SQL_LOST_TRANSACTION };

struct sql {
    const struct sql_backend *backend;
    struct sql_options options; /* strings are our copies */
    gpointer handle;            /* sqlite3 * or MYSQL *; NULL when not connected */
    GHashTable *prepared;       /* const struct sql_statement * -> struct sql_prepared * */
    enum sql_transaction transaction;
    gint64 last_used;           /* monotonic microseconds */
    struct sql_gate own_gate, *gate;
    gboolean patient;           /* during migrations: no limit on one statement's time */
};

void sql_options_copy(struct sql_options *to, const struct sql_options *from);
void sql_options_clear(struct sql_options *options);
/* Connects; fails at once while the gate is closed. The pool passes its own gate. */
struct sql *sql_open_gated(const struct sql_options *options, struct sql_gate *gate, GError **error);
gboolean sql_run_statement(struct sql *sql, const struct sql_statement *statement, const struct sql_value *values,
                           guint n_values, sql_row_func each, gpointer data, gint64 *changed_r, GError **error);
/* One statement by its text, in whatever transaction is open; never with values in it. */
gboolean sql_script(struct sql *sql, const char *text, GError **error);
/* Drops the connection and its statements; an open transaction counts as lost. */
void sql_drop(struct sql *sql);

gboolean sql_migrate_from(struct sql *sql, const struct sql_migration *steps, guint n_steps, const char *schema,
                          GPtrArray *steps_r, GError **error);
gboolean sql_check_from(struct sql *sql, const struct sql_migration *steps, guint n_steps, const char *schema,
                        GError **error);
