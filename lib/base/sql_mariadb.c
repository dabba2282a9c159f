/* sql_mariadb.c: the MariaDB backend of sql.h, over libmariadb's prepared statements.
 *
 * Every value travels bound, in the binary protocol. A session is made independent of the server's
 * configuration: utf8mb4, strict mode, rows matched (not changed) counted, lock waits and statements bounded
 * below the client's own read timeout, no LOCAL INFILE, no multi-statements. Connecting takes at most 3 s.
 *
 * Results are stored whole before the first row is handed out, so that an error never comes after a part, and
 * with libmariadb's max_length the buffers fit the longest value: nothing is cut.
 *
 * TLS isn't asked for: servers on other hosts belong behind a private network or tunnel. */
#include "lib/base/sql_private.h"
#include <mysql.h>
#include <mysqld_error.h>
#include <errmsg.h>
#include <string.h>

#define CONNECT_SECONDS 3
#define DEFAULT_SECONDS 10
/* Below the server's default max_allowed_packet of 16 MiB: above that it hangs up, which would look like AWAY. */
#define VALUES_MAX (15 * 1024 * 1024)

static enum sql_error
maria_class(guint code)
{
    switch (code) {
    case ER_DUP_ENTRY:
    case ER_DUP_KEY:
    case ER_DUP_ENTRY_WITH_KEY_NAME:
        return SQL_ERROR_DUPLICATE;
    case ER_LOCK_WAIT_TIMEOUT:
    case ER_LOCK_DEADLOCK:
    case ER_CHECKREAD: /* 11.6 and later: the row changed since this transaction's snapshot */
        return SQL_ERROR_BUSY;
    case ER_SERVER_SHUTDOWN:
    case ER_NORMAL_SHUTDOWN:
    case ER_CON_COUNT_ERROR:
    case ER_TOO_MANY_USER_CONNECTIONS:
    case ER_USER_LIMIT_REACHED:
    case ER_CONNECTION_KILLED:
    case ER_QUERY_INTERRUPTED:
    case ER_STATEMENT_TIMEOUT:
    case ER_OPTION_PREVENTS_STATEMENT: /* --read-only, during a failover */
    case ER_UNKNOWN_STMT_HANDLER:      /* a proxy moved us to another server */
    case ER_MAX_PREPARED_STMT_COUNT_REACHED:
    case ER_DISK_FULL:
    case ER_RECORD_FILE_FULL:
    case ER_OUT_OF_RESOURCES:
    case ER_OUTOFMEMORY:
        return SQL_ERROR_AWAY;
    default:
        /* CR_*: the client library's own: lost, gone, malformed packet, timeout. */
        return code >= CR_MIN_ERROR && code <= CER_MAX_ERROR ? SQL_ERROR_AWAY : SQL_ERROR_STATEMENT;
    }
}

static gboolean
maria_fail(const struct sql *sql, guint code, const char *text, GError **error)
{
    const struct sql_options *o = &sql->options;
    g_set_error(error, SQL_ERROR, maria_class(code), "MariaDB %s/%s: %s (%u)", o->host && *o->host ? o->host : "localhost",
                o->database ? o->database : "", text, code);
    return FALSE;
}

static gpointer
maria_library_init(gpointer data G_GNUC_UNUSED)
{
    mysql_library_init(0, NULL, NULL);
    return NULL;
}

static guint
maria_seconds(const struct sql *sql)
{
    return sql->options.timeout_ms ? (sql->options.timeout_ms + 999) / 1000 : DEFAULT_SECONDS;
}

/* The session's own settings. */
static gboolean
maria_session(struct sql *sql, MYSQL *my)
{
    /* One second less than the client waits, so that the server's answer (and not a hung-up connection) comes first. */
    guint limit = MAX(maria_seconds(sql), 2) - 1;
    g_autofree char *text = g_strdup_printf(
        "SET SESSION sql_mode='STRICT_ALL_TABLES,ERROR_FOR_DIVISION_BY_ZERO,NO_ENGINE_SUBSTITUTION',"
        "innodb_lock_wait_timeout=%u,max_statement_time=%u", MIN(limit, 2), sql->patient ? 0 : limit);
    if (mysql_real_query(my, text, strlen(text)))
        return FALSE;
    static const char read_only[] = "SET SESSION TRANSACTION READ ONLY";
    return !sql->options.read_only || mysql_real_query(my, read_only, sizeof read_only - 1) == 0;
}

static const char *
text_or_null(const char *text)
{
    return text && *text ? text : NULL;
}

static gboolean
maria_connect(struct sql *sql, GError **error)
{
    static GOnce once = G_ONCE_INIT;
    g_once(&once, maria_library_init, NULL);
    MYSQL *my = mysql_init(NULL);
    if (!my)
        g_error("out of memory");
    const struct sql_options *o = &sql->options;
    guint connect_seconds = CONNECT_SECONDS, seconds = sql->patient ? 24 * 3600 : maria_seconds(sql), infile = 0;
    my_bool no = 0;
    mysql_options(my, MYSQL_OPT_CONNECT_TIMEOUT, &connect_seconds);
    mysql_options(my, MYSQL_OPT_READ_TIMEOUT, &seconds);
    mysql_options(my, MYSQL_OPT_WRITE_TIMEOUT, &seconds);
    mysql_options(my, MYSQL_OPT_LOCAL_INFILE, &infile);
    mysql_options(my, MYSQL_OPT_RECONNECT, &no);
    mysql_options(my, MYSQL_REPORT_DATA_TRUNCATION, &(my_bool){1});
    /* Connector 3.4 (Debian 13) would insist on TLS by default; the same behaviour on both. */
    mysql_options(my, MYSQL_OPT_SSL_VERIFY_SERVER_CERT, &no);
    mysql_options(my, MYSQL_SET_CHARSET_NAME, "utf8mb4");
    gboolean socket = o->host && o->host[0] == '/';
    if (!mysql_real_connect(my, socket ? NULL : text_or_null(o->host), text_or_null(o->user), text_or_null(o->password),
                            text_or_null(o->database), o->port, socket ? o->host : NULL, CLIENT_FOUND_ROWS) ||
        !maria_session(sql, my)) {
        /* Whatever the reason (refused, password, no such database): it is not there for us now. */
        g_autofree char *text = g_strdup(mysql_error(my));
        guint code = mysql_errno(my);
        mysql_close(my);
        g_set_error(error, SQL_ERROR, SQL_ERROR_AWAY, "MariaDB %s/%s: can't connect as \"%s\": %s (%u)",
                    o->host && *o->host ? o->host : "localhost", o->database ? o->database : "", o->user ? o->user : "",
                    text, code);
        return FALSE;
    }
    sql->handle = my;
    return TRUE;
}

static void
maria_disconnect(struct sql *sql)
{
    mysql_close(sql->handle);
}

static gboolean
maria_alive(struct sql *sql)
{
    return mysql_ping(sql->handle) == 0;
}

static gpointer
maria_prepare(struct sql *sql, const char *text, guint *n_parameters_r, GError **error)
{
    MYSQL_STMT *stmt = mysql_stmt_init(sql->handle);
    if (!stmt)
        g_error("out of memory");
    my_bool yes = 1;
    mysql_stmt_attr_set(stmt, STMT_ATTR_UPDATE_MAX_LENGTH, &yes);
    if (mysql_stmt_prepare(stmt, text, strlen(text))) {
        maria_fail(sql, mysql_stmt_errno(stmt), mysql_stmt_error(stmt), error);
        mysql_stmt_close(stmt);
        return NULL;
    }
    *n_parameters_r = (guint)mysql_stmt_param_count(stmt);
    return stmt;
}

static void
maria_finalise(gpointer prepared)
{
    mysql_stmt_close(prepared);
}

/* Points binds at the values; FALSE when they can't be sent. */
static gboolean
maria_bind(struct sql *sql, MYSQL_STMT *stmt, MYSQL_BIND *binds, unsigned long *lengths,
             const struct sql_value *values, guint n_values, GError **error)
{
    gsize total = 0;
    for (guint i = 0; i < n_values; i++) {
        const struct sql_value *value = &values[i];
        MYSQL_BIND *bind = &binds[i];
        switch (value->type) {
        case SQL_NULL:
            bind->buffer_type = MYSQL_TYPE_NULL;
            continue;
        case SQL_INT:
            bind->buffer_type = MYSQL_TYPE_LONGLONG;
            bind->buffer = (void *)&value->integer;
            continue;
        case SQL_TEXT:
            bind->buffer_type = MYSQL_TYPE_STRING;
            break;
        case SQL_BLOB:
            bind->buffer_type = MYSQL_TYPE_BLOB;
            break;
        }
        bind->buffer = (void *)(value->data ? value->data : "");
        bind->buffer_length = lengths[i] = value->length;
        bind->length = &lengths[i];
        if (value->length > VALUES_MAX || (total += value->length) > VALUES_MAX) {
            g_set_error(error, SQL_ERROR, SQL_ERROR_STATEMENT, "values of more than %d bytes", VALUES_MAX);
            return FALSE;
        }
    }
    if (n_values && mysql_stmt_bind_param(stmt, binds))
        return maria_fail(sql, mysql_stmt_errno(stmt), mysql_stmt_error(stmt), error);
    return TRUE;
}

/* The buffers of one result: integers by value, everything else as text of at most the column's longest value. */
struct maria_result {
    guint n;
    MYSQL_BIND *binds;
    unsigned long *lengths;
    my_bool *nulls, *cut;
    gint64 *integers;
    char *text; /* all columns' text buffers in one piece */
    struct sql_row row;
};

static void
maria_result_clear(struct maria_result *result)
{
    g_free(result->binds);
    g_free(result->lengths);
    g_free(result->nulls);
    g_free(result->cut);
    g_free(result->integers);
    g_free(result->text);
    g_free(result->row.cells);
    g_free(result->row.numbers);
}

static gboolean
is_integer(const MYSQL_FIELD *field)
{
    switch (field->type) {
    case MYSQL_TYPE_TINY:
    case MYSQL_TYPE_SHORT:
    case MYSQL_TYPE_INT24:
    case MYSQL_TYPE_LONG:
    case MYSQL_TYPE_LONGLONG:
    case MYSQL_TYPE_YEAR:
        return TRUE;
    default:
        return FALSE;
    }
}

/* Bytes to set aside for a text column: max_length is exact for strings; numbers and dates fit 128. */
static gsize
room_for(const MYSQL_FIELD *field)
{
    return is_integer(field) ? 0 : MAX((gsize)field->max_length, 128) + 1;
}

static void
maria_result_init(struct maria_result *result, const MYSQL_FIELD *fields, guint n)
{
    gsize room = 0;
    for (guint i = 0; i < n; i++)
        room += room_for(&fields[i]);
    result->n = n;
    result->binds = g_new0(MYSQL_BIND, n);
    result->lengths = g_new0(unsigned long, n);
    result->nulls = g_new0(my_bool, n);
    result->cut = g_new0(my_bool, n);
    result->integers = g_new0(gint64, n);
    result->text = g_malloc(room + 1);
    result->row.n = n;
    result->row.cells = g_new0(struct sql_cell, n);
    result->row.numbers = g_malloc0(n * sizeof *result->row.numbers);
    char *at = result->text;
    for (guint i = 0; i < n; i++) {
        MYSQL_BIND *bind = &result->binds[i];
        bind->is_null = &result->nulls[i];
        bind->length = &result->lengths[i];
        bind->error = &result->cut[i];
        if (is_integer(&fields[i])) {
            bind->buffer_type = MYSQL_TYPE_LONGLONG;
            bind->buffer = &result->integers[i];
            bind->is_unsigned = (fields[i].flags & UNSIGNED_FLAG) != 0;
        } else {
            bind->buffer_type = MYSQL_TYPE_STRING;
            bind->buffer = at;
            bind->buffer_length = room_for(&fields[i]) - 1;
            at += room_for(&fields[i]);
        }
    }
}

static void
maria_fill(struct maria_result *result)
{
    for (guint i = 0; i < result->n; i++) {
        struct sql_cell *cell = &result->row.cells[i];
        if (result->nulls[i]) {
            cell->type = CELL_NULL;
        } else if (result->binds[i].buffer_type == MYSQL_TYPE_LONGLONG) {
            cell->type = CELL_INT;
            cell->integer = result->integers[i];
        } else {
            char *text = result->binds[i].buffer;
            text[result->lengths[i]] = '\0';
            cell->type = CELL_TEXT;
            cell->text = text;
            cell->length = result->lengths[i];
        }
    }
}

static gboolean
maria_walk(struct sql *sql, MYSQL_STMT *stmt, sql_row_func each, gpointer data, gboolean *delivered_r, GError **error)
{
    MYSQL_RES *meta = mysql_stmt_result_metadata(stmt);
    if (!meta)
        return maria_fail(sql, mysql_stmt_errno(stmt), mysql_stmt_error(stmt), error);
    struct maria_result result = {0};
    maria_result_init(&result, mysql_fetch_fields(meta), mysql_num_fields(meta));
    gboolean good = TRUE;
    if (mysql_stmt_bind_result(stmt, result.binds))
        good = maria_fail(sql, mysql_stmt_errno(stmt), mysql_stmt_error(stmt), error);
    while (good) {
        int rc = mysql_stmt_fetch(stmt);
        if (rc == MYSQL_NO_DATA)
            break;
        if (rc == MYSQL_DATA_TRUNCATED) {
            g_set_error(error, SQL_ERROR, SQL_ERROR_STATEMENT, "a value is longer than its buffer");
            good = FALSE;
        } else if (rc) {
            good = maria_fail(sql, mysql_stmt_errno(stmt), mysql_stmt_error(stmt), error);
        } else {
            maria_fill(&result);
            *delivered_r = TRUE;
            if (!each(&result.row, data))
                break;
        }
    }
    maria_result_clear(&result);
    mysql_free_result(meta);
    return good;
}

static gboolean
maria_execute(struct sql *sql, gpointer prepared, const struct sql_value *values, guint n_values, sql_row_func each,
                gpointer data, gboolean *delivered_r, gint64 *changed_r, GError **error)
{
    MYSQL_STMT *stmt = prepared;
    g_autofree MYSQL_BIND *binds = g_new0(MYSQL_BIND, n_values);
    g_autofree unsigned long *lengths = g_new0(unsigned long, n_values);
    if (!maria_bind(sql, stmt, binds, lengths, values, n_values, error))
        return FALSE;
    gboolean rows = mysql_stmt_field_count(stmt) > 0;
    *changed_r = 0;
    if (mysql_stmt_execute(stmt)) {
        /* A value with characters that the column's character set doesn't have (PostfixAdmin tables in latin1, an
         * address in Chinese) can't be in the column: no row, not a failure. The statements are fixed texts, so this
         * error can only come from values. */
        if (rows && mysql_stmt_errno(stmt) == ER_CANT_AGGREGATE_2COLLATIONS)
            return TRUE;
        return maria_fail(sql, mysql_stmt_errno(stmt), mysql_stmt_error(stmt), error);
    }
    if (!rows) {
        *changed_r = (gint64)mysql_stmt_affected_rows(stmt);
        return TRUE;
    }
    gboolean good = TRUE;
    if (mysql_stmt_store_result(stmt))
        good = maria_fail(sql, mysql_stmt_errno(stmt), mysql_stmt_error(stmt), error);
    else if (each)
        good = maria_walk(sql, stmt, each, data, delivered_r, error);
    mysql_stmt_free_result(stmt);
    return good;
}

static gboolean
maria_script(struct sql *sql, const char *text, GError **error)
{
    MYSQL *my = sql->handle;
    if (mysql_real_query(my, text, strlen(text)))
        return maria_fail(sql, mysql_errno(my), mysql_error(my), error);
    MYSQL_RES *rows = mysql_store_result(my);
    if (rows)
        mysql_free_result(rows);
    return TRUE;
}

const struct sql_backend sql_mariadb_backend = {
    .name = "mariadb",
    .dialect = 1,
    .begin = "START TRANSACTION",
    .connect = maria_connect,
    .disconnect = maria_disconnect,
    .alive = maria_alive,
    .prepare = maria_prepare,
    .finalise = maria_finalise,
    .execute = maria_execute,
    .script = maria_script,
};
