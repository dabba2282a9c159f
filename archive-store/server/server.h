/* server.h: the socket side of postern-archived: frames in, frames out, replies in request order.
 *
 * One thread runs the event loop. The handler is called on it for each whole frame and must only queue the
 * work; exchange_* may then be called from any one thread at a time. */
#pragma once
#include <glib.h>

struct server;
struct exchange; /* one request and its replies */

struct server_options {
    gsize max_ingest;      /* bytes of an ARCHIVE_INGEST payload */
    gsize max_request;     /* bytes of any other payload */
    guint64 budget;        /* bytes of payloads and of FETCH replies in memory at once */
    guint max_connections; /* more wait in the listen queue */
    guint max_exchanges;   /* requests under way, of all connections; more are not read */
    guint pipeline;        /* the same, of one connection */
    int stall_ms;          /* a frame that was begun must go on within this time, and replies be taken */
};

/* Payload: take a reference to keep it. The exchange must be ended by exchange_finish. */
typedef void (*server_handler)(struct exchange *exchange, guint8 type, GBytes *payload, gpointer data);

/* A server for the listening descriptor fd (closed by server_stop, also after an error), not yet running, so that the
 * handler never meets a caller that does not know the server yet. */
struct server *server_new(int fd, const struct server_options *options, server_handler handler, gpointer data,
                          GError **error);
void server_start(struct server *server);
/* Accepts and reads no more, waits until every request under way is answered and taken (at most
 * timeout_ms), then ends the thread. TRUE when all were. */
gboolean server_drain(struct server *server, int timeout_ms);
/* Frees; every exchange must be finished by then (pools freed). */
void server_stop(struct server **server);
guint server_connections(struct server *server);
guint server_exchanges(struct server *server);
guint64 server_bytes(struct server *server);

/* One reply frame; a reference on payload is taken. */
void exchange_send(struct exchange *exchange, guint8 type, GBytes *payload);
/* The reply is whole; the exchange must not be used any more. */
void exchange_finish(struct exchange *exchange);
/* TRUE when the client has gone: long work may stop (exchange_finish is still due). */
gboolean exchange_gone(struct exchange *exchange);
/* bytes, counted against the budget until freed; NULL when that is spent. */
GBytes *exchange_reserve(struct exchange *exchange, GBytes *bytes);
