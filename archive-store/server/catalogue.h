/* catalogue.h: the archive's SQL catalogue: what a list of hits shows, who got what, which queue ids are archived.
 *
 * Derived from the store's log by one writer (a feeder) and rebuildable: nothing is only here. The reader's
 * position is committed with the rows it covers, and adding what is there already changes nothing, so a feeder
 * may always repeat. Lookups are thread-safe and see what is committed.
 *
 * Errors are those of lib/base/sql.h: SQL_ERROR_AWAY and SQL_ERROR_BUSY (later), SQL_ERROR_SCHEMA (the admin must
 * run `postern db ...`). On SQLite the schema is made and brought up by itself: the file is ours alone. */
#pragma once
#include "lib/base/sql.h"
#include "lib/mail/capture.h"

#define CATALOGUE_POSITION 16 /* bytes of a reader's position; their meaning is the reader's */

struct catalogue;
/* Connects to nothing yet, so it can't fail; options are copied. (databases_catalogue of lib/mail/databases.h makes them.) */
struct catalogue *catalogue_new(const struct sql_options *options);
void catalogue_free(struct catalogue **catalogue);
/* TRUE when the database is there and its schema fits. For a start-up message and for health checks. */
gboolean catalogue_check(struct catalogue *catalogue, GError **error);

/* Writing: one thread. The first add begins a batch; catalogue_commit ends it. After any error the batch is lost: call
 * catalogue_abandon and repeat from the position last committed. */

/* What the header fields of a message say; strings are borrowed, in UTF-8 (mended when not), cut where too long. */
struct catalogue_message {
    guint64 size;           /* bytes as received */
    const char *subject;    /* decoded; kept up to 255 bytes */
    const char *from;       /* author as shown in lists: "Name <mailbox>" or the mailbox; up to 1024 bytes */
    const char *message_id; /* with or without <>; NULL or "" when absent */
    gint64 date;            /* s since the epoch, -1 when absent or unreadable */
    guint attachments;
};
/* A delivery event: message set for the first of a content (event == id), NULL for later ones. capture may be without
 * its message. 1 added, 0 was there already, -1 error. */
int catalogue_add(struct catalogue *catalogue, guint64 id, guint64 event, const struct capture *capture,
                  const struct catalogue_message *message, GError **error);
/* A late expansion of one recipient of an event: its mailboxes replace what was there. 1 done, 0 no such recipient, -1. */
int catalogue_expand(struct catalogue *catalogue, guint64 event, guint recipient, char *const *mailboxes, GError **error);
/* Commits the batch (also an empty one) with the reader's position. */
gboolean catalogue_commit(struct catalogue *catalogue, const guint8 position[CATALOGUE_POSITION], GError **error);
void catalogue_abandon(struct catalogue *catalogue);
/* The position last committed; all zero when there was none. */
gboolean catalogue_position(struct catalogue *catalogue, guint8 position_r[CATALOGUE_POSITION], GError **error);

/* One line of a list of hits. It has all envelope recipients, Bcc included: show them to those who may see them. */
struct catalogue_row {
    guint64 id, size;
    gint64 received_ms; /* of the first event; 0 unknown */
    gint64 date;        /* s, -1 unknown */
    guint attachments;
    char *subject, *from;
    char **recipients;  /* as given in RCPT, of all events, unique, at most 100 */
};
/* 1 row_r filled (clear it), 0 not in the catalogue (yet), -1 error. */
int catalogue_get_row(struct catalogue *catalogue, guint64 id, struct catalogue_row *row_r, GError **error);
void catalogue_row_clear(struct catalogue_row *row);

struct catalogue_recipient {
    guint position;
    char *original;
    char **mailboxes;
    enum capture_expansion expansion;
};
struct catalogue_event {
    guint64 event;
    gint64 received_ms;
    enum capture_source source;
    enum verdict_action verdict; /* over all recipients */
    gboolean again;              /* the same content, sender and recipients as an earlier event: a retry or a repost */
    char *instance, *client_name, *client_address, *helo, *auth_user, *mail_from, *queue_id; /* "" when unknown */
    GPtrArray *recipients;       /* struct catalogue_recipient * */
};
/* The events of a message, oldest first, at most 1000: GPtrArray of struct catalogue_event * that frees them. Empty when
 * the message isn't here; NULL on error. */
GPtrArray *catalogue_events(struct catalogue *catalogue, guint64 id, GError **error);

/* For reconciling with the MTA's log. Postfix uses short queue ids again, so the time (ms) within two days counts. */
struct catalogue_queue_id {
    const char *queue_id;
    gint64 time_ms;
    guint64 event, id; /* out: 0 = missing */
};
gboolean catalogue_find_queue_ids(struct catalogue *catalogue, struct catalogue_queue_id *queue_ids, guint n,
                                  GError **error);

/* Ids of messages with this Message-ID, newest first: GArray of guint64. It is matched by 63 bits of its SHA-256, so look
 * at the message before relying on it. NULL on error. */
GArray *catalogue_find_message_id(struct catalogue *catalogue, const char *message_id, guint limit, GError **error);

/* Recipients whose expansion is pending, after (event, recipient), in that order: GPtrArray that frees. NULL on error. */
struct catalogue_pending {
    guint64 event;
    guint recipient;
    char *original;
};
GPtrArray *catalogue_pending(struct catalogue *catalogue, guint64 after_event, guint after_recipient, guint limit,
                             GError **error);

/* What was delivered to a mailbox (comparison form), newest first, before an event (G_MAXINT64 = from the newest):
 * GArray of struct catalogue_delivery. NULL on error. */
struct catalogue_delivery {
    guint64 event, id;
};
GArray *catalogue_mailbox(struct catalogue *catalogue, const char *mailbox, guint64 before, guint limit, GError **error);
/* Was the message delivered to the mailbox, or sent by it signed in? 1 yes, 0 no, -1 error. */
int catalogue_concerns(struct catalogue *catalogue, guint64 id, const char *mailbox, GError **error);
