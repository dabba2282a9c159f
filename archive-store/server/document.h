/* document.h: what index and catalogue hold of one message, read from its bytes and its capture, once for both. */
#pragma once
#include "archive-store/index/index.h"
#include "lib/mail/capture.h"
#include "lib/mail/message.h"

struct document {
    struct index_document index; /* points into what follows */
    char *subject, *from, *to, *attachments;
    char *text;
    char *message_id;        /* without <>, "" when absent */
    gint64 date;             /* of the Date field, s since the epoch, -1 when unreadable */
    gsize size;              /* of the message as received */
    GPtrArray *names;        /* char *: attachments' names, "" for one without */
    GPtrArray *senders, *recipients; /* char *: "Name <mailbox>" of From; of To and Cc; at most 100 each */
    guint more_recipients;   /* not in the list */
    GArray *addresses;       /* struct index_address: first those of header fields */
    guint n_header_addresses;
    GPtrArray *address_text; /* owns their strings */
};

/* capture must be whole (with its message). */
struct document *document_new(guint64 id, const struct capture *capture);
void document_free(struct document **document);
/* Bytes of text held, for bounds on caches. */
gsize document_weight(const struct document *document);

/* Only the addresses that an event adds: envelope sender, recipients as given, their mailboxes. Strings are owned by
 * text_r. Both arrays are new; the caller frees. */
GArray *document_event_addresses(const struct capture *capture, GPtrArray **text_r);
/* The addresses of a late expansion: each mailbox is an owner. */
GArray *document_expansion_addresses(char **mailboxes, GPtrArray **text_r);

/* All fields of that name, decoded and joined by ", ", at most max bytes; caller frees; never NULL. */
char *document_field(struct message *message, const char *name, gsize max);
