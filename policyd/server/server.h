/* server.h: the sockets of the policy protocol: many connections, an event loop for each core, answers in the order of questions.
 *
 * What the checks can answer from memory is answered on the loop. A question whose checks would block goes to a pool of threads, and its
 * connection waits for it; smtpd asks one question at a time on a connection. */
#pragma once
#include "policyd/policy.h"

struct policy_server;
struct policy_server_options {
    guint threads;     /* loops; 0: one for each core */
    guint connections; /* at the same time; more wait in the listen queue */
    guint jobs;        /* questions that may wait for the pool; beyond that they are answered as in trouble */
    guint workers;     /* threads of the pool */
    gint64 stall_ms;   /* a question that was begun must be whole within this time, and an answer be taken */
    void (*tick)(gpointer data); /* called each second while the server runs, on one thread, with the source's data; may be NULL */
    gint64 idle_ms;    /* a connection without a question is closed after this time; above Postfix' max_idle (300 s) */
};
/* The policy in force, a reference for the caller; called on each question, from any thread. */
typedef struct policy *(*policy_source)(gpointer data);

/* Not yet running. fds: listening, closed by policy_server_stop. */
struct policy_server *policy_server_new(const int *fds, guint n_fds, const struct policy_server_options *options, policy_source source,
                                        gpointer data);
void policy_server_start(struct policy_server *server);
/* Accepts no more, waits for answers that are due (drain_ms at most), closes all, and frees. */
void policy_server_stop(struct policy_server **server, gint64 drain_ms);
guint policy_server_connections(const struct policy_server *server);
