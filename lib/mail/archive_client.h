/* archive_client.h: talking to postern-archived: ingest for the milter, requests for the CLI.
 *
 * A client keeps a few idle connections; each call takes one, so calls from several threads run side by
 * side. A connection that broke while idle is replaced once; a request whose reply was lost is sent again
 * only for ingest (idempotent by transaction id). */
#pragma once
#include <jansson.h>
#include "lib/mail/capture.h"

#define ARCHIVE_ERROR archive_error_quark()
GQuark archive_error_quark(void);
enum archive_error { ARCHIVE_ERROR_AWAY /* no daemon: spool */, ARCHIVE_ERROR_TEMPORARY /* full, io, busy */,
                     ARCHIVE_ERROR_PERMANENT /* bad request, absent, erased */ };

struct archive_client;
struct archive_client *archive_client_new(const char *address, int timeout_ms);
void archive_client_free(struct archive_client **client);

struct archive_stored {
    char id[32], event[32];
    gboolean known, repeat;
};
/* TRUE when the record is durable. encoded is capture_encode(capture, TRUE). */
gboolean archive_client_ingest(struct archive_client *client, GBytes *encoded, struct archive_stored *stored_r,
                               GError **error);
/* One request with a JSON body; progress (may be NULL) sees PROGRESS frames; the final JSON is returned
 * (caller decrefs). Raw bytes of a FETCH are appended to raw (may be NULL). */
typedef void (*archive_progress)(const json_t *progress, gpointer data);
json_t *archive_client_call(struct archive_client *client, int request, const json_t *body, GByteArray *raw,
                            archive_progress progress, gpointer data, GError **error);

/* The two steps that parse what the daemon sent; used by the calls above and by the fuzz target.
 * TRUE: stored_r is filled. */
gboolean archive_reply_parse_stored(guint8 type, GBytes *payload, struct archive_stored *stored_r, GError **error);
/* 1: the request is done and *result holds its JSON; 0: more frames follow; -1: error. */
int archive_reply_step(guint8 type, GBytes *payload, json_t **result, GByteArray *raw, archive_progress progress,
                       gpointer data, GError **error);
