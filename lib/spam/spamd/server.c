/* server.c: the server's life, its settings and addresses. */
#include "lib/spam/spamd/server.h"
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <unistd.h>
#include "lib/base/net.h"
#include "lib/spam/spamd/server_private.h"

/* ---- addresses ---- */

char *
spamd_address(const char *text, GError **error)
{
    const char *colon = strrchr(text, ':');
    g_autofree char *address = g_strdup(text);

    if (!g_str_has_prefix(text, "unix:") && !g_str_has_prefix(text, "inet:") && !g_str_has_prefix(text, "fd:") &&
        !g_str_has_prefix(text, "systemd:") && colon != NULL && colon != text) {
        gboolean bracketed = text[0] == '[' && colon[-1] == ']';
        g_autofree char *host = g_strndup(text + bracketed, (gsize)(colon - text) - 2 * (gsize)bracketed);

        g_free(address);
        address = g_strdup_printf("inet:%s@%s", colon + 1, host);
    }
    return net_check_address(address, error) ? g_steal_pointer(&address) : NULL;
}

/* ---- settings ---- */

void
spamd_rules_unref(struct spamd_rules *rules)
{
    if (!g_atomic_ref_count_dec(&rules->refs))
        return;
    networks_free(&rules->networks);
    g_free(rules);
}

static struct spamd_rules *
rules_of(const struct spamd_settings *settings, GError **error)
{
    struct networks *networks = networks_new(settings->networks, error);
    struct spamd_rules *rules;

    if (networks == NULL)
        return NULL;
    rules = g_new0(struct spamd_rules, 1);
    g_atomic_ref_count_init(&rules->refs);
    rules->networks = networks;
    rules->max_size = settings->max_size;
    rules->timeout_ms = settings->timeout_ms;
    return rules;
}

gboolean
spamd_server_set(struct spamd_server *server, const struct spamd_settings *settings, GError **error)
{
    struct spamd_rules *rules = rules_of(settings, error), *former;

    if (rules == NULL)
        return FALSE;
    g_mutex_lock(&server->lock);
    former = server->rules;
    server->rules = rules;
    g_mutex_unlock(&server->lock);
    spamd_rules_unref(former);
    return TRUE;
}

/* ---- life ---- */

static void
register_metrics(struct spamd_server *server)
{
    static const char *const outcomes[] = {"spam", "ham", "other", "refused", "denied", "lost", NULL}; /* enum spamd_outcome */

    server->requests = metrics_counter("postern_spamd_requests_total", "Requests of spamd's protocol by what became of them.",
                                       "result", outcomes);
    server->connections = metrics_gauge("postern_spamd_connections", "Open connections of spamd's protocol.", NULL, NULL);
    server->seconds = metrics_histogram("postern_spamd_request_seconds", "Time from the whole request to its answer.");
}

static void
server_free(struct spamd_server *server)
{
    if (server->wake >= 0)
        close(server->wake);
    if (server->epoll >= 0)
        close(server->epoll);
    g_array_unref(server->listeners);
    g_hash_table_unref(server->open);
    spamd_rules_unref(server->rules);
    g_mutex_clear(&server->lock);
    g_cond_clear(&server->left);
    g_free(server);
}

/* Takes over rules. */
static struct spamd_server *
server_new(struct spamd_rules *rules, const int *listeners, guint n, const struct spamd_settings *settings)
{
    struct spamd_server *server = g_new0(struct spamd_server, 1);

    g_mutex_init(&server->lock);
    g_cond_init(&server->left);
    server->rules = rules;
    server->open = g_hash_table_new(g_direct_hash, g_direct_equal);
    server->max_threads = CLAMP(settings->max_connections, 1, SPAMD_CONNECTIONS_MAX);
    server->idle_ms = settings->idle_ms > 0 ? settings->idle_ms : SPAMD_IDLE_MS;
    server->listeners = g_array_new(FALSE, FALSE, sizeof(int));
    g_array_append_vals(server->listeners, listeners, n);
    server->wake = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    server->epoll = epoll_create1(EPOLL_CLOEXEC);
    return server;
}

struct spamd_server *
spamd_server_start(const int *listeners, guint n, const struct spamd_settings *settings, spamd_scan_fn scan, gpointer data,
                   GError **error)
{
    struct spamd_rules *rules = rules_of(settings, error);
    struct spamd_server *server;

    if (rules == NULL)
        return NULL;
    server = server_new(rules, listeners, n, settings);
    server->scan = scan;
    server->data = data;
    register_metrics(server);
    if (spamd_threads_start(server, error))
        return server;
    server_free(server);
    return NULL;
}

guint
spamd_server_connections(struct spamd_server *server)
{
    g_mutex_lock(&server->lock);
    guint n = server->n_serving;
    g_mutex_unlock(&server->lock);
    return n;
}

void
spamd_server_stop_accepting(struct spamd_server *server)
{
    g_mutex_lock(&server->lock);
    gboolean was_stopping = server->stopping;
    server->stopping = TRUE;
    g_mutex_unlock(&server->lock);
    if (was_stopping)
        return;
    spamd_threads_stop_accepting(server);
    for (guint i = 0; i < server->listeners->len; i++)
        close(g_array_index(server->listeners, int, i));
}

void
spamd_server_stop(struct spamd_server **server, int drain_ms)
{
    struct spamd_server *old = *server;

    if (old == NULL)
        return;
    spamd_server_stop_accepting(old);
    spamd_threads_stop(old, g_get_monotonic_time() + drain_ms * G_GINT64_CONSTANT(1000));
    server_free(old);
    *server = NULL;
}
