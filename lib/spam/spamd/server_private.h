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
    GCond left;
    struct spamd_rules *rules; /* under lock */
    GHashTable *open;          /* under lock: GINT_TO_POINTER(descriptor of a connection) */
    guint n_open, max_open;    /* under lock */
    gboolean stopping;         /* under lock; wake is readable from then on */
    GArray *listeners;         /* int */
    int wake;                  /* eventfd */
    GThread *acceptor;
    GThreadPool *pool;
    spamd_scan_fn scan;
    gpointer data;
    struct metric *requests, *connections, *seconds;
};

/* One connection from its first byte to its end; closes fd. address: "" for a unix socket. */
void spamd_connection_serve(struct spamd_server *server, struct spamd_rules *rules, int fd, const char *address);
