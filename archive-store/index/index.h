/* index.h: the embedded full-text index: FTS5 files by retention class and month of receipt.
 *
 * Derived from the store; each file keeps the log cursor up to which it is complete in the same transaction as its
 * rows, so that replay after a crash is idempotent. One writer thread; searches from any thread. */
#pragma once
#include <glib.h>

struct archive_index;

#define INDEX_ERROR index_error_quark()
GQuark index_error_quark(void);
enum index_error { INDEX_ERROR_QUERY /* the user's query; text says where */, INDEX_ERROR_IO, INDEX_ERROR_TIME };

enum index_role { INDEX_FROM, INDEX_TO }; /* INDEX_TO: To, Cc, envelope recipients and their mailboxes */
struct index_address {
    enum index_role role;
    gboolean owner;       /* envelope sender or mailbox delivered to: may see the message */
    const char *address;  /* comparison form */
};
struct index_document {
    guint64 id;                 /* rowid; receipt time inside (store.h) */
    const char *subject, *body; /* UTF-8 */
    const char *from, *to;      /* UTF-8: display names and addresses of the header fields */
    const char *attachments;    /* UTF-8: file names, one a line */
    gboolean has_attachment;
    const struct index_address *addresses;
    guint n_addresses;
};

struct archive_index *index_open(const char *dir, GError **error);
void index_close(struct archive_index **index);
/* Cursor (opaque 16 bytes) up to which all is committed; zeros when new. */
void index_cursor(struct archive_index *index, guint8 cursor_r[16]);
/* Adds within the open batch (begun on first use). Adding an id again replaces nothing: it is ignored. */
gboolean index_add(struct archive_index *index, const struct index_document *document, GError **error);
/* More addresses for a message indexed earlier (a later delivery of the same content). */
gboolean index_add_addresses(struct archive_index *index, guint64 id, const struct index_address *addresses,
                             guint n_addresses, GError **error);
/* Commits the batch with the cursor. */
gboolean index_commit(struct archive_index *index, const guint8 cursor[16], GError **error);

struct index_hits {
    GArray *ids;   /* guint64, newest first */
    gboolean more;
    GPtrArray *words; /* char *: folded words of the query, for snippets */
};
/* Runs a query (syntax: query.h) for ids below before (0 = newest), at most limit. owner NULL = everything
 * (auditor), else only what that address may see. budget_ms bounds the time (INDEX_ERROR_TIME). */
gboolean index_search(struct archive_index *index, const char *query, const char *owner, guint64 before,
                      guint limit, int budget_ms, struct index_hits *hits_r, GError **error);
void index_hits_clear(struct index_hits *hits);
/* A snippet of text around the first of the words, UTF-8, about max characters, words marked by open/close. */
char *index_snippet(const char *text, gsize length, GPtrArray *words, gsize max, const char *open, const char *close);
/* Re-reads every file: SQLite's integrity check, FTS5's own. Problems are appended as text. */
gboolean index_verify(struct archive_index *index, GPtrArray *problems, GError **error);
