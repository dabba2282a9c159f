/* request.h: the JSON bodies of archive_proto.h's requests, read and checked. */
#pragma once
#include <glib.h>
#include "lib/mail/archive_proto.h"

#define REQUEST_ERROR request_error_quark()
GQuark request_error_quark(void);
enum request_error { REQUEST_ERROR_BAD /* text says what is wrong */ };

#define REQUEST_MAX (4u << 20)     /* bytes of a JSON body */
#define REQUEST_LIMIT_MAX 1000     /* hits of one SEARCH */
#define REQUEST_QUERY_MAX 4096     /* bytes */
#define REQUEST_QUEUE_IDS_MAX 100000

struct request_queue_id {
    char *id;
    gint64 time; /* s since the epoch */
};

struct request {
    enum archive_request type;
    char *query, *mailbox; /* SEARCH; mailbox NULL = everything. FETCH: mailbox only */
    guint limit;
    guint64 before;
    gboolean snippets;
    guint64 id;         /* FETCH */
    GArray *queue_ids;  /* RECONCILE: struct request_queue_id */
    gboolean add;       /* RECONCILE: a further part of one list; the gauge is added to */
};

/* NULL with REQUEST_ERROR_BAD for what is no valid request of that type. Unknown members are an error too: a misspelt
 * "mailbox" must not mean "everything". */
struct request *request_parse(guint8 type, const void *bytes, gsize length, GError **error);
void request_free(struct request **request);
