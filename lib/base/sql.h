/* sql.h: SQL over SQLite and MariaDB with named statements and versioned migrations.
 *
 * Statements live in sql/<set>.sql ("-- name: get_alias" above each; "-- name: x [sqlite]" or "[mariadb]"
 * where the dialects differ) and are compiled into the programs; code names them and binds parameters (?),
 * never pastes values. Migrations live in sql/migrations/<schema>/NNN-title.{sqlite,mariadb}.sql and are
 * recorded in postern_schema.
 *
 * A connection belongs to one thread at a time; sql_pool hands them out. A lost MariaDB server is a
 * SQL_ERROR_AWAY at once (connect timeout 3 s, then a pause of retry_ms before it is tried again), never a
 * hang. Results are three-valued: a row, no row, or an error; they never collapse. */
#pragma once
#include <glib.h>
#include <string.h>

#define SQL_ERROR sql_error_quark()
GQuark sql_error_quark(void);
enum sql_error {
    SQL_ERROR_AWAY,      /* can't connect, or lost: try later */
    SQL_ERROR_BUSY,      /* lock or deadlock after retries: try later */
    SQL_ERROR_DUPLICATE, /* a unique key refused it */
    SQL_ERROR_STATEMENT, /* unknown name, wrong number of parameters, SQL refused: our bug or old schema */
    SQL_ERROR_SCHEMA     /* migrations missing or newer than this program */
};

struct sql_options {
    const char *driver;   /* "sqlite" or "mariadb" */
    const char *path;     /* SQLite: file (":memory:" allowed) */
    gboolean create;      /* SQLite: make the file (mode 0640) when it is missing; else that is SQL_ERROR_AWAY */
    gboolean durable;     /* SQLite: synchronous=FULL; default NORMAL: a power cut may undo the last commits */
    gboolean read_only;   /* no writes; also leaves the journal mode, as keep_journal */
    gboolean keep_journal; /* SQLite: leaves the journal mode: the database isn't ours alone, and with WAL, others that
                            * may only read its folder could not open it */
    const char *host;     /* MariaDB: host, or a socket path when it begins with / */
    guint port;           /* 0 = 3306 */
    const char *database, *user, *password;
    guint retry_ms;       /* MariaDB: pause after a failed connect */
    guint timeout_ms;     /* MariaDB: longest wait for one answer; 0 = 10 s (rounded up to seconds) */
};

struct sql;
/* Connects; the options are copied. NULL with SQL_ERROR_AWAY (or SQL_ERROR_STATEMENT for an unknown driver). A connection
 * that is lost later connects again by itself: the call that meets the loss fails with SQL_ERROR_AWAY, later ones try. */
struct sql *sql_open(const struct sql_options *options, GError **error);
void sql_close(struct sql **sql);
gboolean sql_is_mariadb(const struct sql *sql);

/* One typed parameter. Text and blobs are borrowed until sql_run returns. Text that isn't UTF-8 is stored with U+FFFD in
 * place of the bad bytes (MariaDB would refuse it, SQLite would not; here both do the same). */
struct sql_value {
    enum { SQL_NULL, SQL_INT, SQL_TEXT, SQL_BLOB } type;
    gint64 integer;
    const void *data;
    gsize length;
};
#define SQL_I(n) ((struct sql_value){.type = SQL_INT, .integer = (n)})
#define SQL_T(s) sql_value_text(s)
#define SQL_B(p, n) ((struct sql_value){.type = SQL_BLOB, .data = (p), .length = (n)})

/* NULL is SQL's NULL. (A function, so that s is evaluated once and may be a literal.) */
static inline struct sql_value
sql_value_text(const char *text)
{
    return (struct sql_value){.type = text ? SQL_TEXT : SQL_NULL, .data = text, .length = text ? strlen(text) : 0};
}

/* One result row: valid only inside the callback. */
struct sql_row;
guint sql_row_columns(const struct sql_row *row);
gboolean sql_row_is_null(const struct sql_row *row, guint column);
gint64 sql_row_int(const struct sql_row *row, guint column);
/* NUL-terminated; "" for NULL; *length_r (may be NULL) without the NUL. */
const char *sql_row_text(const struct sql_row *row, guint column, gsize *length_r);
/* FALSE stops the walk (not an error). It must not use the same connection. */
typedef gboolean (*sql_row_func)(const struct sql_row *row, gpointer data);

/* Runs the named statement. each may be NULL. *changed_r (may be NULL) gets the rows changed (an UPDATE counts the rows
 * it matched). Busy and deadlocked statements outside a transaction are retried for up to 2 s. On MariaDB all rows are
 * there before the first callback: statements that may find many carry a LIMIT. */
gboolean sql_run(struct sql *sql, const char *name, const struct sql_value *values, guint n_values,
                 sql_row_func each, gpointer data, gint64 *changed_r, GError **error);
/* A transaction (SQLite: BEGIN IMMEDIATE). After SQL_ERROR_AWAY or SQL_ERROR_BUSY inside it, it is lost: all further
 * calls fail until sql_rollback. sql_commit always ends it; after SQL_ERROR_AWAY from sql_commit it may or may not have
 * happened. sql_rollback without a transaction does nothing. */
gboolean sql_begin(struct sql *sql, GError **error);
gboolean sql_commit(struct sql *sql, GError **error);
void sql_rollback(struct sql *sql);

/* Thread-safe. All connections share one pause after a failed connect. */
struct sql_pool;
struct sql_pool *sql_pool_new(const struct sql_options *options, guint max);
void sql_pool_free(struct sql_pool **pool);
/* A connection for this thread (waits up to 10 s when all are out); NULL with SQL_ERROR_AWAY. Given back with an open
 * transaction, that is rolled back. */
struct sql *sql_pool_take(struct sql_pool *pool, GError **error);
void sql_pool_give(struct sql_pool *pool, struct sql *sql);

/* Brings schema ("catalogue") up to this program's version; each step in one transaction where the engine allows (MariaDB
 * commits each CREATE by itself, so its steps are written to be repeatable); steps_r gets the titles applied (char *, may
 * be NULL). SQL_ERROR_SCHEMA when the database is newer than this program or a step was applied with other content. */
gboolean sql_migrate(struct sql *sql, const char *schema, GPtrArray *steps_r, GError **error);
/* TRUE when the schema's version is exactly this program's; else SQL_ERROR_SCHEMA that names the command. */
gboolean sql_check(struct sql *sql, const char *schema, GError **error);
