/* maintain.c: joining the segments of closed months, and verifying the files (index.h). */
#include "archive-store/index/index_private.h"
#include "archive-store/index/terms.h"
#include "archive-store/index/tokenizer.h"
#include <openssl/evp.h>
#include <string.h>

#define MERGE_PAGES "500" /* of FTS5's work in one transaction: about 2 MB */

/* A month counts as joined as long as it has as many rows as when it was. */
#define IS_JOINED                                                                                                      \
    "SELECT ifnull((SELECT value FROM meta WHERE key = 'joined'), -1) = ifnull((SELECT max(docid) FROM map), 0)"
/* Negative: all segments on one level, then merge; on a later call it goes on with the same merge. */
#define JOIN_SOME "INSERT INTO doc(doc, rank) VALUES('merge', -" MERGE_PAGES ")"
#define MARK_JOINED "INSERT OR REPLACE INTO meta SELECT 'joined', ifnull(max(docid), 0) FROM map"

/* digest - SHA-256 over FTS5's blocks; FALSE with error */
static gboolean
digest(struct index_file *file, guint8 digest_r[32], GError **error)
{
    sqlite3_stmt *stmt = index_sql_prepare(file->db, file->path, "SELECT id, block FROM doc_data ORDER BY id", error);
    EVP_MD_CTX *sum = EVP_MD_CTX_new();
    int rc = SQLITE_DONE;
    gboolean ok = stmt != NULL && EVP_DigestInit_ex(sum, EVP_sha256(), NULL);

    while (ok && (rc = sqlite3_step(stmt)) == SQLITE_ROW) {
        gint64 id = GINT64_TO_LE(sqlite3_column_int64(stmt, 0));
        EVP_DigestUpdate(sum, &id, sizeof(id));
        EVP_DigestUpdate(sum, sqlite3_column_blob(stmt, 1), (gsize)sqlite3_column_bytes(stmt, 1));
    }
    if (ok && rc != SQLITE_DONE)
        ok = index_sql_fail(file->db, file->path, error);
    sqlite3_finalize(stmt);
    ok = ok && EVP_DigestFinal_ex(sum, digest_r, NULL);
    EVP_MD_CTX_free(sum);
    return ok;
}

/* mark_joined - the month is done: remembers that, and its digest */
static gboolean
mark_joined(struct index_file *file, GError **error)
{
    guint8 sum[32];
    sqlite3_stmt *put;

    if (!digest(file, sum, error) ||
        (put = index_sql_prepare(file->db, file->path, "INSERT OR REPLACE INTO meta VALUES('digest', ?1)", error)) == NULL)
        return FALSE;
    sqlite3_bind_blob(put, 1, sum, sizeof(sum), SQLITE_STATIC);
    gboolean ok = sqlite3_step(put) == SQLITE_DONE || index_sql_fail(file->db, file->path, error);
    sqlite3_finalize(put);
    return ok && index_sql_exec(file->db, file->path, MARK_JOINED, error) &&
           index_sql_exec(file->db, file->path, "PRAGMA wal_checkpoint(TRUNCATE)", error);
}

/* join_month - 2 = was joined already, 1 = time is up, 0 = done now, -1 error */
static int
join_month(struct index_file *file, gint64 deadline, GError **error)
{
    gint64 joined = 0;

    if (!index_sql_number(file->db, file->path, IS_JOINED, &joined, error))
        return -1;
    if (joined)
        return 2;
    for (;;) {
        int before = sqlite3_total_changes(file->db);
        if (!index_sql_exec(file->db, file->path, JOIN_SOME, error))
            return -1;
        /* FTS5: a merge that changed less than two rows had nothing to do. */
        if (sqlite3_total_changes(file->db) - before < 2)
            return mark_joined(file, error) ? 0 : -1;
        if (g_get_monotonic_time() > deadline)
            return 1;
    }
}

int
index_optimise(struct archive_index *index, int budget_ms, GError **error)
{
    g_autoptr(GArray) months = index_months(index);
    gint64 deadline = g_get_monotonic_time() + (gint64)budget_ms * 1000;

    for (guint i = 1; i < months->len; i++) {
        gpointer month = GUINT_TO_POINTER(g_array_index(months, guint, i));
        if (g_hash_table_contains(index->joined, month))
            continue;
        struct index_file *file = index_writer(index, GPOINTER_TO_UINT(month), FALSE, FALSE, error);
        if (file == NULL)
            return -1;
        if (file->in_batch)
            continue;
        int rc = join_month(file, deadline, error);
        if (rc == -1 || rc == 1)
            return rc;
        g_hash_table_add(index->joined, month);
        if (rc == 0 && g_get_monotonic_time() > deadline)
            return 1;
    }
    return 0;
}

static void
problem(GPtrArray *problems, const struct index_file *file, const char *what)
{
    g_ptr_array_add(problems, g_strdup_printf("%s: %s", file->path, what));
}

/* verify_tables - SQLite's check of pages and tables */
static void
verify_tables(struct index_file *file, GPtrArray *problems)
{
    sqlite3_stmt *stmt = NULL;
    int rc = sqlite3_prepare_v2(file->db, "PRAGMA integrity_check(20)", -1, &stmt, NULL);

    while (rc == SQLITE_OK || rc == SQLITE_ROW) {
        rc = sqlite3_step(stmt);
        const char *text = rc == SQLITE_ROW ? (const char *)sqlite3_column_text(stmt, 0) : NULL;
        if (text != NULL && g_strcmp0(text, "ok") != 0)
            problem(problems, file, text);
    }
    if (rc != SQLITE_DONE)
        problem(problems, file, sqlite3_errmsg(file->db));
    sqlite3_finalize(stmt);
}

/* verify_rows - are the rows of map and of the posting lists the same number? */
static void
verify_rows(struct index_file *file, GPtrArray *problems)
{
    gint64 rows = 0, highest = 0, indexed = 0, stray = 0;
    g_autoptr(GError) error = NULL;
    g_autofree char *all = g_strdup_printf("SELECT count(*) FROM doc WHERE doc MATCH '{addr} : \"%c%s\"'",
                                           TOKENIZER_OPAQUE, TERM_ALL);

    if (!index_sql_number(file->db, file->path, "SELECT count(*) FROM map", &rows, &error) ||
        !index_sql_number(file->db, file->path, "SELECT ifnull(max(docid), 0) FROM map", &highest, &error) ||
        !index_sql_number(file->db, file->path, all, &indexed, &error) ||
        !index_sql_number(file->db, file->path, "SELECT count(*) FROM late WHERE docid NOT IN (SELECT docid FROM map)",
                          &stray, &error)) {
        problem(problems, file, error != NULL ? error->message : "can't be counted");
        return;
    }
    if (rows != indexed || rows != highest) {
        g_autofree char *text =
            g_strdup_printf("%" G_GINT64_FORMAT " messages, but %" G_GINT64_FORMAT " rows of words (last number %" G_GINT64_FORMAT
                            ")", rows, indexed, highest);
        problem(problems, file, text);
    }
    if (stray > 0)
        problem(problems, file, "addresses for messages that aren't there");
}

/* verify_digest - FTS5's check doesn't see a changed letter; of joined months there is a digest */
static void
verify_digest(struct index_file *file, GPtrArray *problems)
{
    gint64 joined = 0;
    guint8 now[32];
    g_autoptr(GError) error = NULL;
    sqlite3_stmt *stmt = NULL;

    if (index_sql_number(file->db, file->path, IS_JOINED, &joined, &error) && joined &&
        (stmt = index_sql_prepare(file->db, file->path, "SELECT value FROM meta WHERE key = 'digest'", &error)) != NULL &&
        sqlite3_step(stmt) == SQLITE_ROW && digest(file, now, &error) &&
        (sqlite3_column_bytes(stmt, 0) != sizeof(now) || memcmp(sqlite3_column_blob(stmt, 0), now, sizeof(now)) != 0))
        problem(problems, file, "the words aren't those that were written (digest differs)");
    sqlite3_finalize(stmt);
    if (error != NULL)
        problem(problems, file, error->message);
}

/* verify_file - with a connection of its own */
static void
verify_file(struct archive_index *index, guint month, GPtrArray *problems)
{
    g_autoptr(GError) error = NULL;
    struct index_file *file = index_file_open(index->dir, month, INDEX_FILE_READ, NULL, &error);

    if (file == NULL) {
        g_ptr_array_add(problems, g_strdup(error->message));
        return;
    }
    verify_tables(file, problems);
    /* Written as an INSERT, though it changes nothing. */
    if (!index_sql_exec(file->db, file->path, "PRAGMA query_only = 0; INSERT INTO doc(doc) VALUES('integrity-check')",
                        &error))
        problem(problems, file, error->message);
    verify_rows(file, problems);
    verify_digest(file, problems);
    index_file_close(file);
}

gboolean
index_verify(struct archive_index *index, GPtrArray *problems, GError **error)
{
    g_autoptr(GArray) months = index_months(index);

    (void)error;
    for (guint i = 0; i < months->len; i++)
        verify_file(index, g_array_index(months, guint, i), problems);
    return TRUE;
}
