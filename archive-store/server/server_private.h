/* server_private.h: what server.c (threads, queues) and connection.c (sockets) share. */
#pragma once
#include <event2/event.h>
#include "archive-store/server/budget.h"
#include "archive-store/server/server.h"

struct connection;

struct server {
    struct server_options options;
    server_handler handler;
    gpointer data;
    int listen_fd, wake_fd;
    struct event_base *base;
    struct event *accepting, *woken, *tick;
    GThread *thread;
    struct budget *budget;
    GQueue connections; /* struct connection *; loop thread only */
    gboolean accept_paused;
    guint n_exchanges;  /* loop thread writes; atomic read */
    guint n_connections;

    GMutex lock; /* what follows */
    GCond idle;
    GQueue dirty; /* struct exchange * with news for the loop */
    gboolean draining, drained, quit;
};

struct frame {
    guint8 header[5];
    GBytes *payload;
};

struct exchange {
    struct server *server;
    gint refs;                     /* atomic: connection's queue and the handler */
    struct connection *connection; /* loop thread only; NULL when it is gone */
    gint gone;                     /* atomic */
    GQueue out;                    /* struct frame *; loop thread only */
    gsize out_done;                /* bytes of the first frame that are written */
    gboolean finished;             /* loop thread only */

    GQueue news;           /* struct frame *; under server->lock */
    gboolean news_finished, dirty;
};

struct exchange *exchange_new(struct connection *connection, struct server *server);
void exchange_unref(struct exchange *exchange);
void frame_free(gpointer frame);

void connection_new(struct server *server, int fd);
void connection_close(struct connection *connection);
/* Goes on reading if it had stopped and may again. */
void connection_resume(struct connection *connection);
/* Writes what can be written. */
void connection_flush(struct connection *connection);
/* Closes the connection when a deadline has passed. */
void connection_check_time(struct connection *connection, gint64 now_us);
/* TRUE when nothing is under way on it. */
gboolean connection_idle(const struct connection *connection);
/* Starts accepting again after a refusal. */
void server_resume_accept(struct server *server);
/* Lets every connection that had stopped reading for lack of room try again. */
void server_resume_all(struct server *server);
gboolean server_is_draining(struct server *server);
