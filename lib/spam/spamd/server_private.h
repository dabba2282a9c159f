/* server_private.h: what the listener and its connections share. */
#pragma once
#include "lib/base/metrics.h"
#include "lib/spam/spamd/server.h"

/* Settings in effect, counted: a connection keeps those that it began with. */
struct spamd_rules {
    gatomicrefcount refs;
    struct networks *networks;
    gsize max_size;
    int timeout_ms;
};
void spamd_rules_unref(struct spamd_rules *rules);

/* Indexes of the label of the metric `requests`. */
enum spamd_outcome { SPAMD_WAS_SPAM, SPAMD_WAS_HAM, SPAMD_WAS_OTHER, SPAMD_WAS_REFUSED, SPAMD_WAS_DENIED, SPAMD_WAS_LOST };

struct spamd_server {
    GMutex lock;
    GCond left;                 /* a thread has ended */
    struct spamd_rules *rules;  /* under lock */
    GHashTable *open;           /* under lock: GINT_TO_POINTER(descriptor of a connection) */
    guint n_waiting, n_serving; /* under lock: threads, together at most max_threads; each that serves has one connection */
    guint max_threads;
    int idle_ms;
    GThread *last_left;         /* under lock: the thread that ended last, to be joined; it joins the one before it */
    gboolean stopping;          /* under lock; wake is readable from then on */
    GArray *listeners;          /* int */
    int wake;                   /* eventfd */
    int epoll;                  /* where threads wait: all listeners, and wake */
    spamd_scan_fn scan;
    gpointer data;
    struct metric *requests, *connections, *seconds;
};

/* threads.c: FALSE with error: no thread could be started. */
gboolean spamd_threads_start(struct spamd_server *server, GError **error);
/* No connection is taken any more once this returns. */
void spamd_threads_stop_accepting(struct spamd_server *server);
/* After that: waits for those that serve; from the deadline on (monotonic) their connections are cut. */
void spamd_threads_stop(struct spamd_server *server, gint64 deadline);

/* One connection from its first byte to its end; closes fd. address: "" for a unix socket. */
void spamd_connection_serve(struct spamd_server *server, struct spamd_rules *rules, int fd, const char *address);
