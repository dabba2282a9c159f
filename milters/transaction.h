/* transaction.h: one mail transaction as it grows from MAIL to the end of the message.
 *
 * Everything from the client is capped here: over a cap nothing more is stored and the transaction remembers
 * which cap it was, so that the end of the message can say so in the reply. Belongs to one thread at a time. */
#pragma once
#include "milters/auth_findings.h"
#include "milters/spam_findings.h"
#include "lib/mail/capture.h"
#include "lib/mail/message.h"

#define TRANSACTION_RECIPIENTS_MAX 10000u /* as capture.h */
#define TRANSACTION_ARGUMENT_MAX 4096u    /* bytes of one MAIL or RCPT argument */

enum transaction_limit { TRANSACTION_WHOLE, TRANSACTION_TOO_BIG, TRANSACTION_TOO_MANY_RECIPIENTS,
                         TRANSACTION_ARGUMENT_TOO_LONG };
/* What became of the record; the names are the log's and the metrics' (transaction_archive_names). */
enum transaction_archive { ARCHIVE_STORED_NOW, ARCHIVE_SPOOLED, ARCHIVE_NOT_KEPT, ARCHIVE_NONE };
extern const char *const transaction_archive_names[]; /* "stored", "spooled", "failed", "none" */

struct transaction {
    struct capture *capture;   /* the record; message and times are set at end of message */
    GPtrArray *rcpt_arguments; /* char *: RCPT TO arguments as the MTA gave them, same indexes as recipients */
    char ref[13];              /* reference id for replies and the log: begin of the transaction id */
    char *message_id;          /* first Message-ID as received, for the log; or NULL */
    guint64 size;              /* bytes of content, also those past the cap */
    enum transaction_limit limit;
    gint64 began_us;           /* monotonic */

    /* Set by modules at end of message. */
    enum transaction_archive archive;
    char archive_id[32], archive_event[32];
    gboolean archive_known, archive_repeat;
    struct auth_findings *auth; /* of the module auth: owned, NULL when nothing was checked */
    struct spam_findings *spam; /* of the module spam: likewise */
    char *signed_by;           /* of the module sign: "example.test/sel2026,.."; NULL when it has not signed */
    const char *unsigned_why;  /* why mail of ours is not signed; NULL otherwise. Static. */
    const char *recoded;       /* of the module sign: "yes", "partly" (something is left that a transport may change). Static. */
    GBytes *new_body;          /* to replace the received one; NULL = as it was. Owned. */
    guint pending; /* recipients whose mailboxes are not known yet */

    /* private */
    GByteArray *content;
    gsize max_content;
    gboolean in_body;
    struct message *message;
};

/* instance is copied; max_content: bytes of a message that are kept. */
struct transaction *transaction_new(const char *instance, gsize max_content);
void transaction_free(struct transaction **tx);
/* MAIL FROM and RCPT TO arguments, with or without <>. */
void transaction_mail(struct transaction *tx, const char *argument);
void transaction_rcpt(struct transaction *tx, const char *argument);
/* A header field as the MTA hands it over: value with LF folds. has_leadspc: value begins right after the
 * colon (SMFIP_HDR_LEADSPC); else the MTA ate one space, which is put back unless the value is empty. */
void transaction_header(struct transaction *tx, const char *name, const char *value, gboolean has_leadspc);
void transaction_body(struct transaction *tx, const void *data, gsize length);
/* Ends the content: capture->message is set (what was kept), capture->received_us is now. */
void transaction_finish(struct transaction *tx);
/* The parsed message, made on first use; after transaction_finish only. */
struct message *transaction_message(struct transaction *tx);
