/* index_file.c: index files (index_file.h has the format). */
#include "archive-store/index/index_file.h"
#include "archive-store/index/fold.h"
#include "archive-store/index/terms.h"
#include "archive-store/index/tokenizer.h"
#include <stdio.h>
#include <string.h>

#define TEXT_MAX (4 * 1024 * 1024) /* bytes of one column that are indexed */
#define PROGRESS_OPS 50 /* FTS5 makes SQLite do about three operations for each page that it reads */

/* automerge 8 (FTS5's default is 4): fewer merges while writing, for a few more segments to look into. hashsize: bytes of
 * postings gathered in memory before they are written. CPU a message of building 40,000 in batches of 500 (bench_index DIR
 * 40000, on a busy machine): 0.25 ms so; 0.31 ms with automerge 4; 0.32 ms with a hashsize of 2 MB. */
static const char schema[] =
    "CREATE TABLE meta(key TEXT PRIMARY KEY, value) WITHOUT ROWID;"
    "CREATE TABLE map(docid INTEGER PRIMARY KEY, id INTEGER NOT NULL UNIQUE);"
    "CREATE TABLE late(term TEXT NOT NULL, docid INTEGER NOT NULL, PRIMARY KEY(term, docid)) WITHOUT ROWID;"
    "CREATE VIRTUAL TABLE doc USING fts5(body, subject, sender, rcpt, attach, addr,"
    " content='', columnsize=0, detail=full, tokenize='postern');"
    "INSERT INTO doc(doc, rank) VALUES('automerge', 8);"
    "INSERT INTO doc(doc, rank) VALUES('hashsize', 8388608);"
    "INSERT INTO meta VALUES('fold', " G_STRINGIFY(FOLD_VERSION) ");"
    "PRAGMA user_version = " G_STRINGIFY(INDEX_FORMAT) ";";

gboolean
index_sql_fail(sqlite3 *db, const char *path, GError **error)
{
    int code = sqlite3_errcode(db);

    if (code == SQLITE_INTERRUPT)
        g_set_error_literal(error, INDEX_ERROR, INDEX_ERROR_TIME,
                            "the search took too long; add a rarer word, or after: and before:");
    else
        g_set_error(error, INDEX_ERROR, INDEX_ERROR_IO, "%s: %s", path, sqlite3_errmsg(db));
    return FALSE;
}

sqlite3_stmt *
index_sql_prepare(sqlite3 *db, const char *path, const char *sql, GError **error)
{
    sqlite3_stmt *stmt = NULL;

    if (sqlite3_prepare_v3(db, sql, -1, SQLITE_PREPARE_PERSISTENT, &stmt, NULL) != SQLITE_OK)
        index_sql_fail(db, path, error);
    return stmt;
}

gboolean
index_sql_exec(sqlite3 *db, const char *path, const char *sql, GError **error)
{
    return sqlite3_exec(db, sql, NULL, NULL, NULL) == SQLITE_OK || index_sql_fail(db, path, error);
}

gboolean
index_sql_number(sqlite3 *db, const char *path, const char *sql, gint64 *value_r, GError **error)
{
    sqlite3_stmt *stmt = index_sql_prepare(db, path, sql, error);

    if (stmt == NULL)
        return FALSE;
    int rc = sqlite3_step(stmt);
    if (rc == SQLITE_ROW)
        *value_r = sqlite3_column_int64(stmt, 0);
    else if (rc != SQLITE_DONE)
        index_sql_fail(db, path, error);
    sqlite3_finalize(stmt);
    return rc == SQLITE_ROW;
}

guint
index_month_of_id(guint64 id)
{
    g_autoptr(GDateTime) time = g_date_time_new_from_unix_utc((gint64)((id >> 20) / 1000));
    return time == NULL ? 999912 : (guint)(g_date_time_get_year(time) * 100 + g_date_time_get_month(time));
}

char *
index_file_path(const char *dir, guint month)
{
    return g_strdup_printf("%s/default-%06u.fts", dir, month);
}

guint
index_file_month(const char *name)
{
    guint month;
    int n = 0;

    if (strlen(name) != strlen("default-YYYYMM.fts") || sscanf(name, "default-%6u.fts%n", &month, &n) != 1 ||
        n != (int)strlen(name) || month % 100 < 1 || month % 100 > 12)
        return 0;
    return month;
}

static int
check_deadline(void *data)
{
    const struct index_file *file = data;
    return file->deadline != 0 && g_get_monotonic_time() > file->deadline;
}

/* check_format - creates the tables in a new file; refuses a file of another format */
static gboolean
check_format(struct index_file *file, enum index_file_mode mode, GError **error)
{
    gint64 version = 0, fold = 0;
    GError *problem = NULL;

    if (!index_sql_number(file->db, file->path, "PRAGMA user_version", &version, error))
        return FALSE;
    if (version == 0 && mode == INDEX_FILE_WRITE) {
        if (index_sql_exec(file->db, file->path, "BEGIN IMMEDIATE", error) &&
            index_sql_exec(file->db, file->path, schema, error))
            return index_sql_exec(file->db, file->path, "COMMIT", error);
        return FALSE;
    }
    if (version == INDEX_FORMAT &&
        !index_sql_number(file->db, file->path, "SELECT value FROM meta WHERE key = 'fold'", &fold, &problem) &&
        problem != NULL) {
        g_propagate_error(error, problem);
        return FALSE;
    }
    if (version == INDEX_FORMAT && fold == FOLD_VERSION)
        return TRUE;
    g_set_error(error, INDEX_ERROR, INDEX_ERROR_IO,
                "%s was written by another version (format %d, folding %d); stop the archive, remove the index folder and "
                "start again: the index is rebuilt from the store",
                file->path, (int)version, (int)fold);
    return FALSE;
}

/* set_up - tokenizer, pragmas, format */
static gboolean
set_up(struct index_file *file, enum index_file_mode mode, GError **error)
{
    /* FULL: the cursor in index.db, written after the files, must not be ahead of them after a power cut. */
    const char *pragmas = mode == INDEX_FILE_WRITE
                              ? "PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; PRAGMA cache_size = -16000;"
                                "PRAGMA wal_autocheckpoint = 4000; PRAGMA journal_size_limit = 33554432;"
                              : "PRAGMA query_only = 1; PRAGMA cache_size = -4000;";

    sqlite3_busy_timeout(file->db, 10000);
    sqlite3_progress_handler(file->db, PROGRESS_OPS, check_deadline, file);
    if (!tokenizer_register(file->db, error) || !index_sql_exec(file->db, file->path, pragmas, error) ||
        !check_format(file, mode, error))
        return FALSE;
    return mode == INDEX_FILE_READ || index_sql_number(file->db, file->path, "SELECT ifnull(max(docid), 0) FROM map",
                                                       &file->last_docid, error);
}

struct index_file *
index_file_open(const char *dir, guint month, enum index_file_mode mode, gboolean *damaged_r, GError **error)
{
    struct index_file *file = g_new0(struct index_file, 1);
    int flags = SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX | (mode == INDEX_FILE_WRITE ? SQLITE_OPEN_CREATE : 0);
    gboolean ok;

    file->month = month;
    file->path = index_file_path(dir, month);
    ok = sqlite3_open_v2(file->path, &file->db, flags, NULL) == SQLITE_OK || index_sql_fail(file->db, file->path, error);
    ok = ok && set_up(file, mode, error);
    if (damaged_r != NULL) {
        int code = sqlite3_errcode(file->db) & 0xff;
        *damaged_r = !ok && (code == SQLITE_CORRUPT || code == SQLITE_NOTADB);
    }
    if (!ok) {
        index_file_close(file);
        return NULL;
    }
    return file;
}

void
index_file_close(struct index_file *file)
{
    sqlite3_stmt *stmts[] = {file->add_doc, file->add_map, file->add_late, file->find,
                             file->has_term, file->match, file->id_of};

    for (gsize i = 0; i < G_N_ELEMENTS(stmts); i++)
        sqlite3_finalize(stmts[i]);
    sqlite3_close(file->db);
    g_free(file->path);
    g_free(file);
}

/* ready - prepares *stmt on first use */
static gboolean
ready(struct index_file *file, sqlite3_stmt **stmt, const char *sql, GError **error)
{
    if (*stmt == NULL)
        *stmt = index_sql_prepare(file->db, file->path, sql, error);
    return *stmt != NULL;
}

/* run - steps a statement without rows and resets it */
static gboolean
run(struct index_file *file, sqlite3_stmt *stmt, GError **error)
{
    int rc = sqlite3_step(stmt);

    if (rc != SQLITE_DONE && rc != SQLITE_ROW)
        index_sql_fail(file->db, file->path, error);
    sqlite3_reset(stmt);
    return rc == SQLITE_DONE || rc == SQLITE_ROW;
}

gint64
index_file_docid(struct index_file *file, guint64 id, GError **error)
{
    gint64 docid = 0;

    if (!ready(file, &file->find, "SELECT docid FROM map WHERE id = ?1", error))
        return -1;
    sqlite3_bind_int64(file->find, 1, (gint64)id);
    int rc = sqlite3_step(file->find);
    if (rc == SQLITE_ROW) {
        docid = sqlite3_column_int64(file->find, 0);
    } else if (rc != SQLITE_DONE) {
        index_sql_fail(file->db, file->path, error);
        docid = -1;
    }
    sqlite3_reset(file->find);
    return docid;
}

/* bind_words - text with the tokenizer's byte before it */
static void
bind_words(sqlite3_stmt *stmt, int column, const char *text)
{
    gsize length = text != NULL ? strnlen(text, TEXT_MAX) : 0;

    if (length == 0) {
        sqlite3_bind_null(stmt, column);
        return;
    }
    char *copy = g_malloc(length + 1);
    copy[0] = TOKENIZER_TEXT;
    memcpy(copy + 1, text, length);
    sqlite3_bind_text(stmt, column, copy, (int)length + 1, g_free);
}

static void
bind_terms(sqlite3_stmt *stmt, int column, const struct index_document *document)
{
    g_autoptr(GArray) terms = g_array_new(FALSE, FALSE, sizeof(struct term));
    GString *text = g_string_new(NULL);

    terms_of_addresses(document->addresses, document->n_addresses, terms);
    g_string_append_c(text, TOKENIZER_OPAQUE);
    g_string_append(text, TERM_ALL);
    if (document->has_attachment)
        g_string_append(text, " " TERM_HAS_ATTACHMENT);
    for (guint i = 0; i < terms->len; i++) {
        g_string_append_c(text, ' ');
        g_string_append(text, g_array_index(terms, struct term, i).text);
    }
    int length = (int)text->len;
    sqlite3_bind_text(stmt, column, g_string_free(text, FALSE), length, g_free);
}

gboolean
index_file_add(struct index_file *file, const struct index_document *document, GError **error)
{
    gint64 docid = index_file_docid(file, document->id, error);

    if (docid != 0)
        return docid > 0; /* there already */
    if (!ready(file, &file->add_doc,
               "INSERT INTO doc(rowid, body, subject, sender, rcpt, attach, addr) VALUES(?1,?2,?3,?4,?5,?6,?7)", error) ||
        !ready(file, &file->add_map, "INSERT INTO map(docid, id) VALUES(?1, ?2)", error))
        return FALSE;
    docid = file->last_docid + 1;
    sqlite3_bind_int64(file->add_doc, 1, docid);
    bind_words(file->add_doc, 2, document->body);
    bind_words(file->add_doc, 3, document->subject);
    bind_words(file->add_doc, 4, document->from);
    bind_words(file->add_doc, 5, document->to);
    bind_words(file->add_doc, 6, document->attachments);
    bind_terms(file->add_doc, 7, document);
    gboolean ok = run(file, file->add_doc, error);
    sqlite3_clear_bindings(file->add_doc);
    if (!ok)
        return FALSE;
    sqlite3_bind_int64(file->add_map, 1, docid);
    sqlite3_bind_int64(file->add_map, 2, (gint64)document->id);
    if (!run(file, file->add_map, error))
        return FALSE;
    file->last_docid = docid;
    return TRUE;
}

/* has_term - does the row itself have it? 1, 0, -1 error */
static int
has_term(struct index_file *file, gint64 docid, const char *term, GError **error)
{
    g_autofree char *match = g_strdup_printf("{addr} : \"%c%s\"", TOKENIZER_OPAQUE, term);

    if (!ready(file, &file->has_term, "SELECT 1 FROM doc WHERE doc MATCH ?1 AND rowid = ?2", error))
        return -1;
    sqlite3_bind_text(file->has_term, 1, match, -1, SQLITE_TRANSIENT);
    sqlite3_bind_int64(file->has_term, 2, docid);
    int rc = sqlite3_step(file->has_term);
    if (rc != SQLITE_ROW && rc != SQLITE_DONE)
        index_sql_fail(file->db, file->path, error);
    sqlite3_reset(file->has_term);
    return rc == SQLITE_ROW ? 1 : rc == SQLITE_DONE ? 0 : -1;
}

gboolean
index_file_add_late(struct index_file *file, gint64 docid, const GArray *terms, GError **error)
{
    if (!ready(file, &file->add_late, "INSERT OR IGNORE INTO late(term, docid) VALUES(?1, ?2)", error))
        return FALSE;
    for (guint i = 0; i < terms->len; i++) {
        const struct term *term = &g_array_index(terms, struct term, i);
        int known = has_term(file, docid, term->text, error);
        if (known < 0)
            return FALSE;
        if (known)
            continue;
        sqlite3_bind_text(file->add_late, 1, term->text, -1, SQLITE_TRANSIENT);
        sqlite3_bind_int64(file->add_late, 2, docid);
        if (!run(file, file->add_late, error))
            return FALSE;
    }
    return TRUE;
}
