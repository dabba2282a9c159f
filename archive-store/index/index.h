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

enum index_role {
    INDEX_FROM, /* From, Sender, Reply-To; envelope sender and authenticated user */
    INDEX_TO,   /* To and Cc: every reader sees them in the message */
    INDEX_RCPT  /* envelope recipients and their mailboxes: Bcc, so only the sender and auditors may find by them */
};
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

/* Opens or makes the folder. A damaged, missing or short file makes the cursor start at zeros again: the owner reads the
 * log from there, and what is indexed already is passed over. */
struct archive_index *index_open(const char *dir, GError **error);
/* What index_open found wrong and did about it, for the log; NULL when nothing. */
const char *index_note(struct archive_index *index);
void index_close(struct archive_index **index);
/* Cursor (opaque 16 bytes) up to which all is committed; zeros when new. */
void index_cursor(struct archive_index *index, guint8 cursor_r[16]);
/* Adds within the open batch (begun on first use). Adding an id again replaces nothing: it is ignored. When this,
 * index_add_addresses or index_commit fails, the whole batch is abandoned: go on from index_cursor. */
gboolean index_add(struct archive_index *index, const struct index_document *document, GError **error);
/* More addresses for a message indexed earlier (a later delivery of the same content). An id that isn't in the index is
 * ignored. */
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
 * (auditor), else only what that address (comparison form) may see. For the next page, before = the last id of this one. budget_ms
 * bounds the time (0 = not): with INDEX_ERROR_TIME hits_r has what was found until then. hits_r is always filled; clear
 * it. */
gboolean index_search(struct archive_index *index, const char *query, const char *owner, guint64 before,
                      guint limit, int budget_ms, struct index_hits *hits_r, GError **error);
void index_hits_clear(struct index_hits *hits);
/* A snippet of text around the first of the words, UTF-8, about max characters, words marked by open/close. */
char *index_snippet(const char *text, gsize length, GPtrArray *words, gsize max, const char *open, const char *close);
/* Joins the segments of closed months (all but the newest), so that searches read less, for about budget_ms; 1 = there is
 * more to do, 0 = all done, -1 error. For the writer's thread when it is idle, between batches. */
int index_optimise(struct archive_index *index, int budget_ms, GError **error);
/* Re-reads every file: SQLite's integrity check, FTS5's own, the row counts, and for months that index_optimise has done the
 * digest of all postings. Problems are appended as text. Beside the writer and from any thread. */
gboolean index_verify(struct archive_index *index, GPtrArray *problems, GError **error);
