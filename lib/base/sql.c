/* sql.c: the front of SQL: named statements, retries, transactions, reconnecting.
 *
 * Everything that is policy is here, once for both engines. The backends (sql_sqlite.c, sql_mariadb.c) only
 * translate. Rules:
 *  - a statement is prepared once per connection and kept with it;
 *  - busy or deadlocked: tried again for up to 2 s outside a transaction when no row was delivered yet; inside
 *    one the transaction is lost, since MariaDB has already undone it and half of it must not go on;
 *  - connection lost: the call fails with SQL_ERROR_AWAY, since a write may or may not have happened; the next
 *    call connects again, unless the last attempt to connect failed less than retry_ms ago;
 *  - a connection that was idle for 30 s is asked whether it still lives, so that a server that closes idle
 *    clients doesn't cost an error. */
#include "lib/base/sql_private.h"
#include <string.h>

#define RETRY_FOR (2 * G_USEC_PER_SEC)
#define IDLE_CHECK (30 * G_USEC_PER_SEC)

G_DEFINE_QUARK(sql-error-quark, sql_error)

struct sql_prepared {
    const struct sql_backend *backend;
    gpointer handle;
    guint n_parameters;
};

static void
prepared_free(gpointer data)
{
    struct sql_prepared *prepared = data;
    prepared->backend->finalise(prepared->handle);
    g_free(prepared);
}

void
sql_options_copy(struct sql_options *to, const struct sql_options *from)
{
    *to = *from;
    to->driver = g_strdup(from->driver);
    to->path = g_strdup(from->path);
    to->host = g_strdup(from->host);
    to->database = g_strdup(from->database);
    to->user = g_strdup(from->user);
    to->password = g_strdup(from->password);
}

void
sql_options_clear(struct sql_options *options)
{
    g_free((char *)options->driver);
    g_free((char *)options->path);
    g_free((char *)options->host);
    g_free((char *)options->database);
    g_free((char *)options->user);
    g_free((char *)options->password);
    memset(options, 0, sizeof *options);
}

void
sql_drop(struct sql *sql)
{
    g_hash_table_remove_all(sql->prepared);
    if (sql->handle)
        sql->backend->disconnect(sql);
    sql->handle = NULL;
    if (sql->transaction == SQL_IN_TRANSACTION)
        sql->transaction = SQL_LOST_TRANSACTION;
}

/* Connects unless the pause after the last failure still runs. */
static gboolean
sql_connect(struct sql *sql, GError **error)
{
    gint64 now = g_get_monotonic_time();
    if (now < sql->gate->until) {
        g_set_error(error, SQL_ERROR, SQL_ERROR_AWAY, "%s: could not connect a moment ago; trying again in %d ms",
                    sql->backend->name, (int)((sql->gate->until - now) / 1000 + 1));
        return FALSE;
    }
    if (!sql->backend->connect(sql, error)) {
        sql->handle = NULL;
        sql->gate->until = g_get_monotonic_time() + (gint64)sql->options.retry_ms * 1000;
        return FALSE;
    }
    sql->gate->until = 0;
    sql->last_used = g_get_monotonic_time();
    return TRUE;
}

/* A connection that can be used now. */
static gboolean
sql_ready(struct sql *sql, GError **error)
{
    if (sql->transaction == SQL_LOST_TRANSACTION) {
        g_set_error(error, SQL_ERROR, SQL_ERROR_BUSY, "%s: the transaction was lost; roll back and begin again",
                    sql->backend->name);
        return FALSE;
    }
    gint64 now = g_get_monotonic_time();
    if (sql->handle && sql->transaction == SQL_NO_TRANSACTION && now - sql->last_used > IDLE_CHECK &&
        !sql->backend->alive(sql))
        sql_drop(sql);
    if (!sql->handle)
        return sql_connect(sql, error);
    sql->last_used = now;
    return TRUE;
}

struct sql *
sql_open_gated(const struct sql_options *options, struct sql_gate *gate, GError **error)
{
    const struct sql_backend *backend = NULL;
    if (g_strcmp0(options->driver, "sqlite") == 0)
        backend = &sql_sqlite_backend;
    else if (g_strcmp0(options->driver, "mariadb") == 0)
        backend = &sql_mariadb_backend;
    if (!backend) {
        g_set_error(error, SQL_ERROR, SQL_ERROR_STATEMENT, "unknown SQL driver \"%s\"; use sqlite or mariadb",
                    options->driver ? options->driver : "");
        return NULL;
    }
    struct sql *sql = g_new0(struct sql, 1);
    sql->backend = backend;
    sql_options_copy(&sql->options, options);
    sql->prepared = g_hash_table_new_full(NULL, NULL, NULL, prepared_free);
    sql->gate = gate ? gate : &sql->own_gate;
    if (!sql_connect(sql, error))
        sql_close(&sql);
    return sql;
}

struct sql *
sql_open(const struct sql_options *options, GError **error)
{
    return sql_open_gated(options, NULL, error);
}

void
sql_close(struct sql **sql)
{
    if (!sql || !*sql)
        return;
    sql_drop(*sql);
    g_hash_table_destroy((*sql)->prepared);
    sql_options_clear(&(*sql)->options);
    g_free(*sql);
    *sql = NULL;
}

gboolean
sql_is_mariadb(const struct sql *sql)
{
    return sql->backend == &sql_mariadb_backend;
}

/* What a failure means for the connection and the transaction. */
static void
sql_failed(struct sql *sql, const GError *error)
{
    if (g_error_matches(error, SQL_ERROR, SQL_ERROR_AWAY))
        sql_drop(sql);
    else if (g_error_matches(error, SQL_ERROR, SQL_ERROR_BUSY) && sql->transaction == SQL_IN_TRANSACTION)
        sql->transaction = SQL_LOST_TRANSACTION;
}

static struct sql_prepared *
sql_prepare(struct sql *sql, const struct sql_statement *statement, GError **error)
{
    struct sql_prepared *prepared = g_hash_table_lookup(sql->prepared, statement);
    if (prepared)
        return prepared;
    const char *text = statement->text[sql->backend->dialect];
    if (!text) {
        g_set_error(error, SQL_ERROR, SQL_ERROR_STATEMENT, "statement %s doesn't exist for %s", statement->name,
                    sql->backend->name);
        return NULL;
    }
    guint n_parameters = 0;
    gpointer handle = sql->backend->prepare(sql, text, &n_parameters, error);
    if (!handle)
        return NULL;
    prepared = g_new0(struct sql_prepared, 1);
    prepared->backend = sql->backend;
    prepared->handle = handle;
    prepared->n_parameters = n_parameters;
    g_hash_table_insert(sql->prepared, (gpointer)statement, prepared);
    return prepared;
}

/* One attempt. */
static gboolean
sql_attempt(struct sql *sql, const struct sql_statement *statement, const struct sql_value *values, guint n_values,
            sql_row_func each, gpointer data, gboolean *delivered_r, gint64 *changed_r, GError **error)
{
    if (!sql_ready(sql, error))
        return FALSE;
    struct sql_prepared *prepared = sql_prepare(sql, statement, error);
    if (!prepared)
        return FALSE;
    if (prepared->n_parameters != n_values) {
        g_set_error(error, SQL_ERROR, SQL_ERROR_STATEMENT, "%u parameters expected, %u given", prepared->n_parameters,
                    n_values);
        return FALSE;
    }
    return sql->backend->execute(sql, prepared->handle, values, n_values, each, data, delivered_r, changed_r, error);
}

/* A copy of values with text made valid UTF-8, or NULL when all is valid already. The texts go to owned. */
static struct sql_value *
sql_clean_values(const struct sql_value *values, guint n_values, GPtrArray **owned_r)
{
    struct sql_value *copy = NULL;
    for (guint i = 0; i < n_values; i++) {
        if (values[i].type != SQL_TEXT || g_utf8_validate_len(values[i].data, values[i].length, NULL))
            continue;
        /* NUL bytes are valid in SQL text, not in GLib's eyes: mend the pieces between them. */
        GString *mended = g_string_sized_new(values[i].length + 16);
        const char *at = values[i].data, *end = at + values[i].length;
        while (at < end) {
            const char *nul = memchr(at, 0, (gsize)(end - at));
            gsize piece = (gsize)((nul ? nul : end) - at);
            g_autofree char *valid = g_utf8_make_valid(at, (gssize)piece);
            g_string_append(mended, valid);
            if (nul)
                g_string_append_c(mended, 0);
            at += piece + (nul ? 1 : 0);
        }
        if (!copy) {
            copy = g_memdup2(values, n_values * sizeof *values);
            *owned_r = g_ptr_array_new_with_free_func(g_free);
        }
        copy[i].length = mended->len;
        copy[i].data = g_string_free(mended, FALSE);
        g_ptr_array_add(*owned_r, (gpointer)copy[i].data);
    }
    return copy;
}

gboolean
sql_run_statement(struct sql *sql, const struct sql_statement *statement, const struct sql_value *values,
                  guint n_values, sql_row_func each, gpointer data, gint64 *changed_r, GError **error)
{
    g_autoptr(GPtrArray) owned = NULL;
    g_autofree struct sql_value *clean = sql_clean_values(values, n_values, &owned);
    gint64 deadline = g_get_monotonic_time() + RETRY_FOR;
    gint64 changed = 0;
    for (guint pause = 5000;; pause = MIN(pause * 2, 200000)) {
        GError *failure = NULL;
        gboolean delivered = FALSE;
        if (sql_attempt(sql, statement, clean ? clean : values, n_values, each, data, &delivered, &changed, &failure)) {
            if (changed_r)
                *changed_r = changed;
            return TRUE;
        }
        gboolean again = g_error_matches(failure, SQL_ERROR, SQL_ERROR_BUSY) && !delivered &&
                         sql->transaction == SQL_NO_TRANSACTION && g_get_monotonic_time() + pause < deadline;
        sql_failed(sql, failure);
        if (!again) {
            g_propagate_prefixed_error(error, failure, "%s: ", statement->name);
            return FALSE;
        }
        g_error_free(failure);
        g_usleep(pause);
    }
}

static int
statement_by_name(const void *name, const void *statement)
{
    return strcmp(name, ((const struct sql_statement *)statement)->name);
}

gboolean
sql_run(struct sql *sql, const char *name, const struct sql_value *values, guint n_values, sql_row_func each,
        gpointer data, gint64 *changed_r, GError **error)
{
    const struct sql_statement *statement =
        bsearch(name, sql_statements, sql_n_statements, sizeof *sql_statements, statement_by_name);
    if (!statement) {
        g_set_error(error, SQL_ERROR, SQL_ERROR_STATEMENT, "no statement is named \"%s\"", name);
        return FALSE;
    }
    return sql_run_statement(sql, statement, values, n_values, each, data, changed_r, error);
}

gboolean
sql_script(struct sql *sql, const char *text, GError **error)
{
    GError *failure = NULL;
    if (sql_ready(sql, &failure) && sql->backend->script(sql, text, &failure))
        return TRUE;
    sql_failed(sql, failure);
    g_propagate_error(error, failure);
    return FALSE;
}

gboolean
sql_begin(struct sql *sql, GError **error)
{
    if (sql->transaction != SQL_NO_TRANSACTION) {
        g_set_error(error, SQL_ERROR, SQL_ERROR_STATEMENT, "a transaction is open already");
        return FALSE;
    }
    if (!sql_script(sql, sql->backend->begin, error))
        return FALSE;
    sql->transaction = SQL_IN_TRANSACTION;
    return TRUE;
}

gboolean
sql_commit(struct sql *sql, GError **error)
{
    if (sql->transaction == SQL_NO_TRANSACTION) {
        g_set_error(error, SQL_ERROR, SQL_ERROR_STATEMENT, "no transaction is open");
        return FALSE;
    }
    gboolean done = sql_script(sql, "COMMIT", error);
    if (!done)
        sql_rollback(sql);
    sql->transaction = SQL_NO_TRANSACTION;
    return done;
}

void
sql_rollback(struct sql *sql)
{
    if (sql->transaction == SQL_NO_TRANSACTION)
        return;
    /* A connection that can't even roll back is of no use; the engine undoes the work when it closes. */
    if (sql->handle && !sql->backend->script(sql, "ROLLBACK", NULL))
        sql_drop(sql);
    sql->transaction = SQL_NO_TRANSACTION;
}

guint
sql_row_columns(const struct sql_row *row)
{
    return row->n;
}

gboolean
sql_row_is_null(const struct sql_row *row, guint column)
{
    return column >= row->n || row->cells[column].type == CELL_NULL;
}

gint64
sql_row_int(const struct sql_row *row, guint column)
{
    if (sql_row_is_null(row, column))
        return 0;
    const struct sql_cell *cell = &row->cells[column];
    return cell->type == CELL_INT ? cell->integer : g_ascii_strtoll(cell->text, NULL, 10);
}

const char *
sql_row_text(const struct sql_row *row, guint column, gsize *length_r)
{
    if (sql_row_is_null(row, column)) {
        if (length_r)
            *length_r = 0;
        return "";
    }
    const struct sql_cell *cell = &row->cells[column];
    if (cell->type == CELL_TEXT) {
        if (length_r)
            *length_r = cell->length;
        return cell->text;
    }
    char *number = row->numbers[column];
    int length = g_snprintf(number, sizeof row->numbers[column], "%" G_GINT64_FORMAT, cell->integer);
    if (length_r)
        *length_r = (gsize)length;
    return number;
}
