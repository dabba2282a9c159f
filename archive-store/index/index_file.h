/* index_file.h: one index file (a class and month), as one SQLite connection. Private to the index.
 *
 * On disk, <class>-<YYYYMM>.fts (month of receipt, UTC; the only class now is "default"), a SQLite database in WAL mode:
 *   PRAGMA user_version   INDEX_FORMAT; meta('fold') = FOLD_VERSION of the words in it
 *   map(docid, id)        docid 1, 2, 3 ... in order of arrival for archive ids. The posting lists hold docids: steps of one
 *                         byte, where ids (time and sequence) would take six in each list
 *   doc                   contentless FTS5 table, rowid = docid; columns body, subject, sender, rcpt, attach (words) and
 *                         addr (terms.h). body comes first since the first column needs no mark in a posting list
 *   late(term, docid)     terms of addresses that came after the row was written (a contentless row can't grow)
 * A connection is used by one thread at a time. */
#pragma once
#include "archive-store/index/index.h"
#include <sqlite3.h>

#define INDEX_FORMAT 2

struct index_file {
    sqlite3 *db;
    char *path;
    guint month;          /* YYYYMM */
    gint64 deadline;      /* monotonic µs; 0 = none */
    /* writer */
    sqlite3_stmt *add_doc, *add_map, *add_late, *find, *has_term;
    gint64 last_docid;
    gboolean in_batch;
    guint64 used;         /* counter of last use */
    /* reader */
    sqlite3_stmt *match, *id_of;
};

enum index_file_mode { INDEX_FILE_READ, INDEX_FILE_WRITE };

guint index_month_of_id(guint64 id);
/* "<dir>/default-YYYYMM.fts"; caller frees. */
char *index_file_path(const char *dir, guint month);
/* The month of such a file name, 0 when it isn't one. */
guint index_file_month(const char *name);
/* Opens; WRITE creates. *damaged_r (may be NULL) = SQLite says that it isn't a database or that it is corrupt. */
struct index_file *index_file_open(const char *dir, guint month, enum index_file_mode mode, gboolean *damaged_r,
                                   GError **error);
void index_file_close(struct index_file *file);
/* The docid of an archive id, 0 = absent, -1 = error. */
gint64 index_file_docid(struct index_file *file, guint64 id, GError **error);
/* Adds a row; the batch must be open. */
gboolean index_file_add(struct index_file *file, const struct index_document *document, GError **error);
/* Adds to late those terms (struct term) that the row doesn't have. */
gboolean index_file_add_late(struct index_file *file, gint64 docid, const GArray *terms, GError **error);

/* Sets error from the connection; FALSE. */
gboolean index_sql_fail(sqlite3 *db, const char *path, GError **error);
sqlite3_stmt *index_sql_prepare(sqlite3 *db, const char *path, const char *sql, GError **error);
gboolean index_sql_exec(sqlite3 *db, const char *path, const char *sql, GError **error);
/* One number by a statement without parameters; FALSE with error, or without when there is no row. */
gboolean index_sql_number(sqlite3 *db, const char *path, const char *sql, gint64 *value_r, GError **error);
