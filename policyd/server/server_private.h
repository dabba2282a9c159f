/* server_private.h: what server.c (threads), connection.c (sockets) and question.c (one question) share. */
#pragma once
#include <event2/event.h>
#include "policyd/server/repeats.h"
#include "policyd/server/server.h"

struct loop {
    struct policy_server *server;
    struct event_base *base;
    struct event *woken, *tick;
    GThread *thread;
    GQueue connections;  /* struct connection *; loop thread only */
    GAsyncQueue *done;   /* struct question *: what the pool has answered, and new connections */
};

struct policy_server {
    struct policy_server_options options;
    policy_source source;
    gpointer data;
    struct repeats *repeats;
    struct loop *loops;
    guint n_loops, next_loop; /* next_loop: loop 0's */
    int *fds;
    struct event **accepting;
    guint n_fds;
    gboolean accept_paused;   /* loop 0's */
    GThreadPool *pool;
    gint n_connections, n_jobs, stopping; /* atomic */
};

/* One question from its text to its answer. */
struct question {
    struct loop *loop;
    struct connection *connection; /* NULL: it has gone while the pool was at work */
    struct evaluation *evaluation;
    guint8 identity[16];
    gboolean has_identity;
    gint64 begun_us;
    gboolean waits;                /* it is the pool's: nothing else of it may be looked at before connection_answered */
    char *answer;                  /* g_ref_string: an action */
};

/* Takes the text of a question. NULL: it is none, *problem_r says why. Else either with its answer, or handed to the pool, which
 * gives it to connection_answered on the loop's thread. */
struct question *question_begin(struct connection *connection, struct loop *loop, const char *text, gsize length, char **problem_r);
void question_free(struct question *question);
/* For the pool. */
void question_work(gpointer question, gpointer server);
void question_register_metrics(void);

/* Takes fd over. */
void connection_new(struct loop *loop, int fd);
void connection_close(struct connection *connection);
void connection_answered(struct connection *connection, const char *answer);
void connection_check_time(struct connection *connection, gint64 now_ms);
gboolean connection_is_idle(const struct connection *connection);
/* A connection has ended: accepts again where that was put off. */
void server_connection_ended(struct policy_server *server);
gint64 server_now_ms(void); /* a clock that only goes forward */
