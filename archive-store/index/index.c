/* index.c: opening, batches and the cursor (index.h); files: index_file.h, searches: search.c.
 *
 * Next to the month files stands index.db: state('cursor') = the log cursor up to which everything is in the files, and
 * month(month, docs) = how many rows each file had then. A batch is one transaction in each file touched; the files are
 * committed (and synced) first, index.db last. After a crash between them the log is replayed from the older cursor,
 * and rows that are there already are passed over by their id. A file that has vanished, is damaged or has fewer rows
 * than index.db says makes index_open start again from the beginning of the log, which fills the gap in the same way. */
#include "archive-store/index/index_private.h"
#include "archive-store/index/terms.h"
#include <errno.h>
#include <glib/gstdio.h>
#include <string.h>

#define WRITERS_MAX 16 /* connections within a batch; rebuilding from a log that touches more commits earlier */
#define WRITERS_KEPT 2 /* after a batch */
#define READERS_MAX 64 /* idle connections; three descriptors each at most */

G_DEFINE_QUARK(postern-index-error-quark, index_error)

static gint
newest_first(gconstpointer a, gconstpointer b)
{
    guint x = *(const guint *)a, y = *(const guint *)b;
    return x < y ? 1 : x > y ? -1 : 0;
}

static void
add_month(struct archive_index *index, guint month)
{
    g_mutex_lock(&index->lock);
    g_array_append_val(index->months, month);
    g_array_sort(index->months, newest_first);
    g_mutex_unlock(&index->lock);
}

static void
remark(struct archive_index *index, const char *text)
{
    char *note = index->note == NULL ? g_strdup(text) : g_strconcat(index->note, "; ", text, NULL);

    g_free(index->note);
    index->note = note;
}

/* start_over - the log is to be read from its beginning */
static void
start_over(struct archive_index *index, const char *path, const char *why)
{
    g_autofree char *text = g_strdup_printf("%s %s; the index is completed from the beginning of the store", path, why);

    remark(index, text);
    memset(index->cursor, 0, sizeof(index->cursor));
}

/* open_state - index.db, its cursor */
static gboolean
open_state(struct archive_index *index, GError **error)
{
    g_autofree char *path = g_build_filename(index->dir, "index.db", NULL);
    sqlite3_stmt *stmt;

    if (sqlite3_open_v2(path, &index->state, SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE | SQLITE_OPEN_NOMUTEX, NULL) !=
        SQLITE_OK)
        return index_sql_fail(index->state, path, error);
    sqlite3_busy_timeout(index->state, 10000);
    if (!index_sql_exec(index->state, path,
                        "PRAGMA journal_mode = WAL; PRAGMA synchronous = NORMAL;"
                        "CREATE TABLE IF NOT EXISTS state(key TEXT PRIMARY KEY, value) WITHOUT ROWID;"
                        "CREATE TABLE IF NOT EXISTS month(month INTEGER PRIMARY KEY, docs INTEGER NOT NULL);",
                        error) ||
        (stmt = index_sql_prepare(index->state, path, "SELECT value FROM state WHERE key = 'cursor'", error)) == NULL)
        return FALSE;
    if (sqlite3_step(stmt) == SQLITE_ROW && sqlite3_column_bytes(stmt, 0) == sizeof(index->cursor))
        memcpy(index->cursor, sqlite3_column_blob(stmt, 0), sizeof(index->cursor));
    sqlite3_finalize(stmt);
    return TRUE;
}

/* put_aside - renames a damaged file and what SQLite keeps beside it */
static gboolean
put_aside(const char *path, const GError *problem, GError **error)
{
    const char *const ends[] = {"", "-wal", "-shm"};

    for (gsize i = 0; i < G_N_ELEMENTS(ends); i++) {
        g_autofree char *from = g_strconcat(path, ends[i], NULL);
        g_autofree char *to = g_strdup_printf("%s.damaged%s", path, ends[i]);
        if (g_rename(from, to) != 0 && (i == 0 || errno != ENOENT)) {
            g_set_error(error, INDEX_ERROR, INDEX_ERROR_IO, "%s; it can't be put aside: %s", problem->message,
                        g_strerror(errno));
            return FALSE;
        }
    }
    return TRUE;
}

/* check_file - opens a month's file once; docs = how many rows it must have at least */
static gboolean
check_file(struct archive_index *index, guint month, gint64 docs, GError **error)
{
    g_autofree char *path = index_file_path(index->dir, month);
    g_autoptr(GError) problem = NULL;
    gboolean damaged;
    struct index_file *file = index_file_open(index->dir, month, INDEX_FILE_WRITE, &damaged, &problem);

    if (file != NULL) {
        if (file->last_docid < docs)
            start_over(index, path, "has lost rows");
        index_file_close(file);
        add_month(index, month);
        return TRUE;
    }
    if (!damaged) {
        g_propagate_error(error, g_steal_pointer(&problem));
        return FALSE;
    }
    if (!put_aside(path, problem, error))
        return FALSE;
    start_over(index, path, "was damaged and has been put aside (.damaged)");
    return TRUE;
}

/* known_counts - month -> rows as index.db knows them (in a gint64 each); NULL with error */
static GHashTable *
known_counts(struct archive_index *index, GError **error)
{
    g_autoptr(GHashTable) counts = g_hash_table_new_full(NULL, NULL, NULL, g_free);
    sqlite3_stmt *stmt = index_sql_prepare(index->state, index->dir, "SELECT month, docs FROM month", error);
    int rc;

    if (stmt == NULL)
        return NULL;
    while ((rc = sqlite3_step(stmt)) == SQLITE_ROW) {
        gint64 docs = sqlite3_column_int64(stmt, 1);
        g_hash_table_insert(counts, GUINT_TO_POINTER((guint)sqlite3_column_int64(stmt, 0)),
                            g_memdup2(&docs, sizeof(docs)));
    }
    if (rc != SQLITE_DONE)
        index_sql_fail(index->state, index->dir, error);
    sqlite3_finalize(stmt);
    return rc == SQLITE_DONE ? g_steal_pointer(&counts) : NULL;
}

static gboolean
open_files(struct archive_index *index, GError **error)
{
    g_autoptr(GHashTable) counts = known_counts(index, error);
    g_autoptr(GDir) dir = counts != NULL ? g_dir_open(index->dir, 0, error) : NULL;
    const char *name;
    GHashTableIter iter;
    gpointer key;

    if (dir == NULL)
        return FALSE;
    while ((name = g_dir_read_name(dir)) != NULL) {
        guint month = index_file_month(name);
        if (month == 0)
            continue;
        const gint64 *docs = g_hash_table_lookup(counts, GUINT_TO_POINTER(month));
        if (!check_file(index, month, docs != NULL ? *docs : 0, error))
            return FALSE;
        g_hash_table_remove(counts, GUINT_TO_POINTER(month));
    }
    g_hash_table_iter_init(&iter, counts);
    while (g_hash_table_iter_next(&iter, &key, NULL)) {
        g_autofree char *path = index_file_path(index->dir, GPOINTER_TO_UINT(key));
        start_over(index, path, "is missing");
    }
    return TRUE;
}

struct archive_index *
index_open(const char *dir, GError **error)
{
    struct archive_index *index = g_new0(struct archive_index, 1);
    g_autoptr(GError) problem = NULL;

    index->dir = g_strdup(dir);
    g_mutex_init(&index->lock);
    g_queue_init(&index->idle);
    index->months = g_array_new(FALSE, FALSE, sizeof(guint));
    index->joined = g_hash_table_new(NULL, NULL);
    index->writers = g_hash_table_new_full(NULL, NULL, NULL, (GDestroyNotify)index_file_close);
    if (g_mkdir_with_parents(dir, 0750) != 0)
        g_set_error(&problem, INDEX_ERROR, INDEX_ERROR_IO, "%s can't be made: %s", dir, g_strerror(errno));
    if (problem == NULL && open_state(index, &problem))
        open_files(index, &problem);
    if (problem == NULL)
        return index;
    g_propagate_error(error, g_steal_pointer(&problem));
    index_close(&index);
    return NULL;
}

void
index_close(struct archive_index **index_p)
{
    struct archive_index *index = *index_p;
    struct index_file *file;

    if (index == NULL)
        return;
    while ((file = g_queue_pop_head(&index->idle)) != NULL)
        index_file_close(file);
    g_hash_table_unref(index->writers); /* an open batch is rolled back */
    g_hash_table_unref(index->joined);
    sqlite3_close(index->state);
    g_array_unref(index->months);
    g_mutex_clear(&index->lock);
    g_free(index->dir);
    g_free(index->note);
    g_clear_pointer(index_p, g_free);
}

const char *
index_note(struct archive_index *index)
{
    return index->note;
}

void
index_cursor(struct archive_index *index, guint8 cursor_r[16])
{
    g_mutex_lock(&index->lock);
    memcpy(cursor_r, index->cursor, sizeof(index->cursor));
    g_mutex_unlock(&index->lock);
}

GArray *
index_months(struct archive_index *index)
{
    g_mutex_lock(&index->lock);
    GArray *copy = g_array_copy(index->months);
    g_mutex_unlock(&index->lock);
    return copy;
}

static gboolean
knows_month(struct archive_index *index, guint month)
{
    gboolean found = FALSE;

    g_mutex_lock(&index->lock);
    for (guint i = 0; i < index->months->len && !found; i++)
        found = g_array_index(index->months, guint, i) == month;
    g_mutex_unlock(&index->lock);
    return found;
}

struct index_file *
index_take_reader(struct archive_index *index, guint month, GError **error)
{
    g_mutex_lock(&index->lock);
    for (GList *l = index->idle.head; l != NULL; l = l->next) {
        struct index_file *file = l->data;
        if (file->month != month)
            continue;
        g_queue_delete_link(&index->idle, l);
        g_mutex_unlock(&index->lock);
        return file;
    }
    g_mutex_unlock(&index->lock);
    return index_file_open(index->dir, month, INDEX_FILE_READ, NULL, error);
}

void
index_give_reader(struct archive_index *index, struct index_file *file)
{
    struct index_file *old = NULL;

    g_mutex_lock(&index->lock);
    g_queue_push_head(&index->idle, file);
    if (index->idle.length > READERS_MAX)
        old = g_queue_pop_tail(&index->idle);
    g_mutex_unlock(&index->lock);
    if (old != NULL)
        index_file_close(old);
}

/* commit_files - commits the open transactions; index.db is not told yet */
static gboolean
commit_files(struct archive_index *index, GError **error)
{
    GHashTableIter iter;
    gpointer value;

    g_hash_table_iter_init(&iter, index->writers);
    while (g_hash_table_iter_next(&iter, NULL, &value)) {
        struct index_file *file = value;
        if (file->in_batch && !index_sql_exec(file->db, file->path, "COMMIT", error))
            return FALSE;
        file->in_batch = FALSE;
    }
    return TRUE;
}

/* trim_writers - closes those longest unused until keep are left */
static void
trim_writers(struct archive_index *index, guint keep)
{
    while (g_hash_table_size(index->writers) > keep) {
        struct index_file *oldest = NULL;
        GHashTableIter iter;
        gpointer value;
        g_hash_table_iter_init(&iter, index->writers);
        while (g_hash_table_iter_next(&iter, NULL, &value)) {
            struct index_file *file = value;
            if (oldest == NULL || file->used < oldest->used)
                oldest = file;
        }
        g_hash_table_remove(index->writers, GUINT_TO_POINTER(oldest->month));
    }
}

struct index_file *
index_writer(struct archive_index *index, guint month, gboolean create, gboolean begin, GError **error)
{
    struct index_file *file = g_hash_table_lookup(index->writers, GUINT_TO_POINTER(month));

    if (file == NULL) {
        gboolean known = knows_month(index, month);
        if (!known && !create)
            return NULL;
        if (g_hash_table_size(index->writers) >= WRITERS_MAX) {
            if (!commit_files(index, error))
                return NULL;
            trim_writers(index, WRITERS_KEPT);
        }
        file = index_file_open(index->dir, month, INDEX_FILE_WRITE, NULL, error);
        if (file == NULL)
            return NULL;
        g_hash_table_insert(index->writers, GUINT_TO_POINTER(month), file);
        if (!known)
            add_month(index, month);
    }
    file->used = ++index->uses;
    if (begin && !file->in_batch) {
        if (!index_sql_exec(file->db, file->path, "BEGIN IMMEDIATE", error))
            return NULL;
        file->in_batch = TRUE;
    }
    return file;
}

/* abandon - forgets the open batch: closing rolls back; FALSE */
static gboolean
abandon(struct archive_index *index)
{
    g_hash_table_remove_all(index->writers);
    return FALSE;
}

gboolean
index_add(struct archive_index *index, const struct index_document *document, GError **error)
{
    guint month = index_month_of_id(document->id);
    struct index_file *file = index_writer(index, month, TRUE, TRUE, error);

    g_hash_table_remove(index->joined, GUINT_TO_POINTER(month));
    return (file != NULL && index_file_add(file, document, error)) || abandon(index);
}

gboolean
index_add_addresses(struct archive_index *index, guint64 id, const struct index_address *addresses, guint n_addresses,
                    GError **error)
{
    g_autoptr(GArray) terms = g_array_new(FALSE, FALSE, sizeof(struct term));
    GError *problem = NULL;
    struct index_file *file = index_writer(index, index_month_of_id(id), FALSE, TRUE, &problem);

    if (file == NULL) {
        if (problem != NULL)
            g_propagate_error(error, problem);
        return problem == NULL || abandon(index);
    }
    gint64 docid = index_file_docid(file, id, error);
    if (docid == 0)
        return TRUE;
    terms_of_addresses(addresses, n_addresses, terms);
    return (docid > 0 && index_file_add_late(file, docid, terms, error)) || abandon(index);
}

/* commit_state - the cursor and the row counts into index.db */
static gboolean
commit_state(struct archive_index *index, const guint8 cursor[16], GError **error)
{
    GHashTableIter iter;
    gpointer value;
    sqlite3_stmt *put = index_sql_prepare(index->state, index->dir,
                                          "INSERT OR REPLACE INTO state(key, value) VALUES('cursor', ?1)", error);
    sqlite3_stmt *count = put == NULL ? NULL
                                      : index_sql_prepare(index->state, index->dir,
                                                          "INSERT OR REPLACE INTO month(month, docs) VALUES(?1, ?2)", error);
    gboolean ok = count != NULL && index_sql_exec(index->state, index->dir, "BEGIN IMMEDIATE", error);

    g_hash_table_iter_init(&iter, index->writers);
    while (ok && g_hash_table_iter_next(&iter, NULL, &value)) {
        const struct index_file *file = value;
        sqlite3_bind_int64(count, 1, file->month);
        sqlite3_bind_int64(count, 2, file->last_docid);
        ok = sqlite3_step(count) == SQLITE_DONE || index_sql_fail(index->state, index->dir, error);
        sqlite3_reset(count);
    }
    if (ok) {
        sqlite3_bind_blob(put, 1, cursor, 16, SQLITE_STATIC);
        ok = sqlite3_step(put) == SQLITE_DONE || index_sql_fail(index->state, index->dir, error);
    }
    sqlite3_finalize(put);
    sqlite3_finalize(count);
    ok = ok && index_sql_exec(index->state, index->dir, "COMMIT", error);
    if (!ok && !sqlite3_get_autocommit(index->state))
        sqlite3_exec(index->state, "ROLLBACK", NULL, NULL, NULL);
    return ok;
}

gboolean
index_commit(struct archive_index *index, const guint8 cursor[16], GError **error)
{
    if (!commit_files(index, error) || !commit_state(index, cursor, error))
        return abandon(index);
    g_mutex_lock(&index->lock);
    memcpy(index->cursor, cursor, sizeof(index->cursor));
    g_mutex_unlock(&index->lock);
    trim_writers(index, WRITERS_KEPT);
    return TRUE;
}
