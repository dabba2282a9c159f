/* server.h: listens for clients of spamd's protocol (spamc, Exim, Amavis, ..) and has their messages scanned.
 *
 * A thread for each connection, at most max_connections, kept for the next one; more wait in the socket's queue. Nobody can hold one
 * longer than timeout_ms (before the first line: SPAMD_LINE_TIMEOUT_MS). Clients by TCP must be in the allowed networks, or the
 * connection is closed; those by unix socket may. One log line a request, event "spamd"; metrics postern_spamd_*. All functions are thread-safe. */
#pragma once
#include "lib/base/networks.h"
#include "lib/spam/spamd/reply.h"

#define SPAMD_LINE_TIMEOUT_MS 30000  /* as spamd */
#define SPAMD_LINGER_MS 2000         /* what a client still sends after its answer is read and dropped */
#define SPAMD_IDLE_MS 15000
#define SPAMD_CONNECTIONS_MAX 1000u

/* Who asks. */
struct spamd_client {
    const char *address; /* "127.0.0.1" for unix sockets, as spamd */
    const char *name;    /* "localhost", or the address */
};

/* Scans the request's message and fills verdict_r with what its method wants. FALSE: it can't be done now, why_r says why (a literal
 * or the callee's for ever). Called by many threads at once. */
typedef gboolean (*spamd_scan_fn)(gpointer data, const struct spamd_client *client, const struct spamd_request *request,
                                  struct spamd_verdict *verdict_r, const char **why_r);

struct spamd_settings {
    char *const *networks;   /* NULL-terminated; who may ask by TCP */
    gsize max_size;          /* bytes of a message */
    guint max_connections;   /* only looked at by spamd_server_start */
    int timeout_ms;          /* of a request, its scan included */
    int idle_ms;             /* threads that nobody has needed for so long end, but one; 0: SPAMD_IDLE_MS; as max_connections */
};

/* "127.0.0.1:783", "[::1]:783", "*:783", or as net.h has it ("unix:/run/x", "inet:783@host", "fd:3", "systemd:NAME"); g_free. NULL and
 * error: it is none. */
char *spamd_address(const char *text, GError **error);

struct spamd_server;
/* listeners: n listening descriptors, taken over on success. NULL and error when a network can't be read. */
struct spamd_server *spamd_server_start(const int *listeners, guint n, const struct spamd_settings *settings, spamd_scan_fn scan,
                                        gpointer data, GError **error);
/* For requests from now on. FALSE and error: all stays as it was. */
gboolean spamd_server_set(struct spamd_server *server, const struct spamd_settings *settings, GError **error);
guint spamd_server_connections(struct spamd_server *server);
/* No connection is taken any more; the descriptors are closed. Those who have asked are answered. */
void spamd_server_stop_accepting(struct spamd_server *server);
/* The same, and waits for those, at most drain_ms; then their connections are cut. *server becomes NULL; NULL-safe. */
void spamd_server_stop(struct spamd_server **server, int drain_ms);
