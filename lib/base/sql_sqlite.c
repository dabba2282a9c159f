/* sql_sqlite.c: the SQLite backend of sql.h.
 *
 * WAL, foreign keys on, synchronous NORMAL (a power cut may undo the last commits, never damage the file;
 * FULL as an option), 2 s busy timeout. Databases that are opened read-only or with keep_journal keep their
 * journal mode: they belong to others. Defensive mode and trusted_schema off: a file that someone prepared can't call functions
 * from its schema. */
#include "lib/base/sql_private.h"
#include <errno.h>
#include <fcntl.h>
#include <sqlite3.h>
#include <string.h>
#include <unistd.h>

#define BUSY_MS 2000

static enum sql_error
sqlite_class(int code)
{
    switch (code) {
    case SQLITE_CONSTRAINT_UNIQUE:
    case SQLITE_CONSTRAINT_PRIMARYKEY:
    case SQLITE_CONSTRAINT_ROWID:
        return SQL_ERROR_DUPLICATE;
    default:
        break;
    }
    switch (code & 0xff) {
    case SQLITE_BUSY:
    case SQLITE_LOCKED:
        return SQL_ERROR_BUSY;
    case SQLITE_CANTOPEN:
    case SQLITE_IOERR:
    case SQLITE_FULL:
    case SQLITE_PERM:
    case SQLITE_AUTH:
    case SQLITE_CORRUPT:
    case SQLITE_NOTADB:
    case SQLITE_PROTOCOL:
        return SQL_ERROR_AWAY;
    default:
        return SQL_ERROR_STATEMENT;
    }
}

/* Sets error from the handle's last failure; always FALSE. */
static gboolean
sqlite_fail(sqlite3 *db, const char *path, GError **error)
{
    int code = sqlite3_extended_errcode(db);
    const char *hint = "";
    if ((code & 0xff) == SQLITE_CORRUPT || (code & 0xff) == SQLITE_NOTADB)
        hint = "; the file is damaged: move it away and create it again";
    else if ((code & 0xff) == SQLITE_FULL)
        hint = "; make room on its disk";
    g_set_error(error, SQL_ERROR, sqlite_class(code), "SQLite %s: %s%s", path, sqlite3_errmsg(db), hint);
    return FALSE;
}

/* Makes the file with our mode, so that it and its -wal and -shm aren't readable for everyone. */
static gboolean
sqlite_create_file(const char *path, GError **error)
{
    int fd = open(path, O_CREAT | O_RDWR | O_CLOEXEC, 0640);
    if (fd < 0) {
        int e = errno;
        g_set_error(error, SQL_ERROR, SQL_ERROR_AWAY, "SQLite %s: can't create it: %s", path, g_strerror(e));
        return FALSE;
    }
    close(fd);
    return TRUE;
}

static gboolean
sqlite_setup(sqlite3 *db, const struct sql_options *options)
{
    sqlite3_extended_result_codes(db, 1);
    sqlite3_busy_timeout(db, BUSY_MS);
    sqlite3_db_config(db, SQLITE_DBCONFIG_DEFENSIVE, 1, NULL);
    sqlite3_db_config(db, SQLITE_DBCONFIG_TRUSTED_SCHEMA, 0, NULL);
    sqlite3_db_config(db, SQLITE_DBCONFIG_DQS_DML, 0, NULL);
    sqlite3_db_config(db, SQLITE_DBCONFIG_DQS_DDL, 0, NULL);
    if (sqlite3_exec(db, "PRAGMA foreign_keys=ON", NULL, NULL, NULL) != SQLITE_OK)
        return FALSE;
    gboolean ours = !options->read_only && !options->keep_journal;
    const char *begin = ours ? "PRAGMA journal_mode=WAL" : "SELECT 1 FROM sqlite_master LIMIT 1"; /* shows whether it is a database */
    if (sqlite3_exec(db, begin, NULL, NULL, NULL) != SQLITE_OK)
        return FALSE;
    if (options->read_only)
        return TRUE;
    /* Without WAL, NORMAL could damage the file in a power cut. */
    return sqlite3_exec(db, options->durable || !ours ? "PRAGMA synchronous=FULL" : "PRAGMA synchronous=NORMAL", NULL, NULL,
                        NULL) == SQLITE_OK;
}

static gboolean
sqlite_connect(struct sql *sql, GError **error)
{
    const char *path = sql->options.path;
    if (!path || !*path) {
        g_set_error(error, SQL_ERROR, SQL_ERROR_STATEMENT, "SQLite: no file is configured");
        return FALSE;
    }
    gboolean memory = strcmp(path, ":memory:") == 0;
    if (!memory && sql->options.create && !sql->options.read_only && !sqlite_create_file(path, error))
        return FALSE;
    int flags = SQLITE_OPEN_NOMUTEX | (sql->options.read_only ? SQLITE_OPEN_READONLY : SQLITE_OPEN_READWRITE);
    if (memory)
        flags = SQLITE_OPEN_NOMUTEX | SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE;
    sqlite3 *db = NULL;
    if (sqlite3_open_v2(path, &db, flags, NULL) != SQLITE_OK || !sqlite_setup(db, &sql->options)) {
        sqlite_fail(db, path, error);
        sqlite3_close_v2(db);
        return FALSE;
    }
    sql->handle = db;
    return TRUE;
}

static void
sqlite_disconnect(struct sql *sql)
{
    sqlite3_close_v2(sql->handle);
}

static gboolean
sqlite_alive(struct sql *sql G_GNUC_UNUSED)
{
    return TRUE;
}

static gpointer
sqlite_prepare(struct sql *sql, const char *text, guint *n_parameters_r, GError **error)
{
    sqlite3_stmt *statement = NULL;
    if (sqlite3_prepare_v3(sql->handle, text, -1, SQLITE_PREPARE_PERSISTENT, &statement, NULL) != SQLITE_OK) {
        sqlite_fail(sql->handle, sql->options.path, error);
        return NULL;
    }
    *n_parameters_r = (guint)sqlite3_bind_parameter_count(statement);
    return statement;
}

static void
sqlite_finalise(gpointer prepared)
{
    sqlite3_finalize(prepared);
}

static gboolean
sqlite_bind(sqlite3_stmt *statement, const struct sql_value *values, guint n_values)
{
    int rc = SQLITE_OK;
    for (guint i = 0; i < n_values && rc == SQLITE_OK; i++) {
        const struct sql_value *value = &values[i];
        int at = (int)i + 1;
        switch (value->type) {
        case SQL_NULL:
            rc = sqlite3_bind_null(statement, at);
            break;
        case SQL_INT:
            rc = sqlite3_bind_int64(statement, at, value->integer);
            break;
        case SQL_TEXT: /* a NULL pointer would bind NULL, not an empty value */
            rc = sqlite3_bind_text64(statement, at, value->data ? value->data : "", value->length, SQLITE_STATIC,
                                     SQLITE_UTF8);
            break;
        case SQL_BLOB:
            rc = sqlite3_bind_blob64(statement, at, value->data ? value->data : "", value->length, SQLITE_STATIC);
            break;
        }
    }
    return rc == SQLITE_OK;
}

static void
sqlite_fill(sqlite3_stmt *statement, struct sql_row *row)
{
    for (guint i = 0; i < row->n; i++) {
        struct sql_cell *cell = &row->cells[i];
        switch (sqlite3_column_type(statement, (int)i)) {
        case SQLITE_NULL:
            cell->type = CELL_NULL;
            break;
        case SQLITE_INTEGER:
            cell->type = CELL_INT;
            cell->integer = sqlite3_column_int64(statement, (int)i);
            break;
        default: /* column_text adds a NUL to blobs too and leaves their bytes as they are (UTF-8 database) */
            cell->type = CELL_TEXT;
            cell->text = (const char *)sqlite3_column_text(statement, (int)i);
            cell->length = (gsize)sqlite3_column_bytes(statement, (int)i);
            if (!cell->text)
                cell->text = "";
            break;
        }
    }
}

static gboolean
sqlite_execute(struct sql *sql, gpointer prepared, const struct sql_value *values, guint n_values, sql_row_func each,
               gpointer data, gboolean *delivered_r, gint64 *changed_r, GError **error)
{
    sqlite3_stmt *statement = prepared;
    guint n = (guint)sqlite3_column_count(statement);
    struct sql_row row = {.n = n};
    g_autofree struct sql_cell *cells = each ? g_new0(struct sql_cell, n) : NULL;
    row.cells = cells;
    g_autofree char *numbers = each ? g_malloc((gsize)n * sizeof *row.numbers) : NULL;
    row.numbers = (gpointer)numbers;
    gint64 before = sqlite3_total_changes64(sql->handle);
    int rc = SQLITE_ERROR;
    if (sqlite_bind(statement, values, n_values)) {
        while ((rc = sqlite3_step(statement)) == SQLITE_ROW) {
            if (!each)
                continue;
            sqlite_fill(statement, &row);
            *delivered_r = TRUE;
            if (!each(&row, data)) {
                rc = SQLITE_DONE;
                break;
            }
        }
    }
    if (rc != SQLITE_DONE)
        sqlite_fail(sql->handle, sql->options.path, error);
    else
        *changed_r = sqlite3_total_changes64(sql->handle) != before ? sqlite3_changes64(sql->handle) : 0;
    sqlite3_reset(statement);
    sqlite3_clear_bindings(statement);
    return rc == SQLITE_DONE;
}

static gboolean
sqlite_script(struct sql *sql, const char *text, GError **error)
{
    if (sqlite3_exec(sql->handle, text, NULL, NULL, NULL) == SQLITE_OK)
        return TRUE;
    return sqlite_fail(sql->handle, sql->options.path, error);
}

const struct sql_backend sql_sqlite_backend = {
    .name = "sqlite",
    .dialect = 0,
    .begin = "BEGIN IMMEDIATE",
    .connect = sqlite_connect,
    .disconnect = sqlite_disconnect,
    .alive = sqlite_alive,
    .prepare = sqlite_prepare,
    .finalise = sqlite_finalise,
    .execute = sqlite_execute,
    .script = sqlite_script,
};
