/* server.c: the listening side: accepts as long as there is room, hands connections to threads, ends. */
#include "lib/spam/spamd/server.h"
#include <arpa/inet.h>
#include <errno.h>
#include <poll.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>
#include "lib/base/log.h"
#include "lib/base/net.h"
#include "lib/spam/spamd/server_private.h"

#define ADDRESS_BYTES 64
#define ACCEPT_PAUSE_US 100000 /* after a failure that can pass: no descriptors, no memory */

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

/* ---- connections ---- */

struct arrival {
    int fd;
    char address[ADDRESS_BYTES]; /* "" for a unix socket */
};

static void
serve(gpointer data, gpointer user_data)
{
    struct spamd_server *server = user_data;
    struct arrival *arrival = data;

    g_mutex_lock(&server->lock);
    struct spamd_rules *rules = server->rules;
    g_atomic_ref_count_inc(&rules->refs);
    g_mutex_unlock(&server->lock);
    spamd_connection_serve(server, rules, arrival->fd, arrival->address);
    spamd_rules_unref(rules);
    g_mutex_lock(&server->lock);
    g_hash_table_remove(server->open, GINT_TO_POINTER(arrival->fd));
    close(arrival->fd); /* only now may its number come again */
    server->n_open--;
    metrics_set(server->connections, 0, server->n_open);
    g_cond_broadcast(&server->left);
    g_mutex_unlock(&server->lock);
    g_free(arrival);
}

static void
peer_address(const struct sockaddr_storage *peer, char text_r[ADDRESS_BYTES])
{
    *text_r = '\0';
    if (peer->ss_family == AF_INET)
        inet_ntop(AF_INET, &((const struct sockaddr_in *)peer)->sin_addr, text_r, ADDRESS_BYTES);
    else if (peer->ss_family == AF_INET6)
        inet_ntop(AF_INET6, &((const struct sockaddr_in6 *)peer)->sin6_addr, text_r, ADDRESS_BYTES);
    if (g_str_has_prefix(text_r, "::ffff:") && strchr(text_r, '.') != NULL) /* IPv4 on a socket of both */
        memmove(text_r, text_r + strlen("::ffff:"), strlen(text_r) - strlen("::ffff:") + 1);
}

static void
accept_one(struct spamd_server *server, int listener)
{
    struct sockaddr_storage peer = {0};
    socklen_t length = sizeof peer;
    int fd = accept4(listener, (struct sockaddr *)&peer, &length, SOCK_CLOEXEC | SOCK_NONBLOCK);

    if (fd < 0) {
        if (errno != EINTR && errno != EAGAIN && errno != ECONNABORTED) {
            log_text(LOG_SEV_WARNING, "spamd", "accept: %s", g_strerror(errno));
            g_usleep(ACCEPT_PAUSE_US);
        }
        return;
    }
    struct arrival *arrival = g_new0(struct arrival, 1);
    arrival->fd = fd;
    peer_address(&peer, arrival->address);
    g_mutex_lock(&server->lock);
    g_hash_table_add(server->open, GINT_TO_POINTER(fd));
    server->n_open++;
    metrics_set(server->connections, 0, server->n_open);
    g_mutex_unlock(&server->lock);
    g_thread_pool_push(server->pool, arrival, NULL);
}

/* Waits for room. FALSE: the end has come. */
static gboolean
wait_for_room(struct spamd_server *server)
{
    gboolean stopping;

    g_mutex_lock(&server->lock);
    while (!server->stopping && server->n_open >= server->max_open)
        g_cond_wait(&server->left, &server->lock);
    stopping = server->stopping;
    g_mutex_unlock(&server->lock);
    return !stopping;
}

static gpointer
accept_all(gpointer data)
{
    struct spamd_server *server = data;
    guint n = server->listeners->len;
    g_autofree struct pollfd *polled = g_new0(struct pollfd, n + 1);

    for (guint i = 0; i < n; i++)
        polled[i] = (struct pollfd){.fd = g_array_index(server->listeners, int, i), .events = POLLIN};
    polled[n] = (struct pollfd){.fd = server->wake, .events = POLLIN};
    while (wait_for_room(server)) {
        if (poll(polled, n + 1, -1) < 0)
            continue;
        for (guint i = 0; i < n && polled[n].revents == 0; i++)
            if ((polled[i].revents & (POLLIN | POLLERR)) != 0 && wait_for_room(server))
                accept_one(server, polled[i].fd);
    }
    return NULL;
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

struct spamd_server *
spamd_server_start(const int *listeners, guint n, const struct spamd_settings *settings, spamd_scan_fn scan, gpointer data,
                   GError **error)
{
    struct spamd_rules *rules = rules_of(settings, error);
    int wake = rules != NULL ? eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK) : -1;

    if (wake < 0) {
        if (rules != NULL) {
            g_set_error(error, NET_ERROR, NET_ERROR_SYSTEM, "eventfd: %s", g_strerror(errno));
            spamd_rules_unref(rules);
        }
        return NULL;
    }
    struct spamd_server *server = g_new0(struct spamd_server, 1);
    g_mutex_init(&server->lock);
    g_cond_init(&server->left);
    server->rules = rules;
    server->open = g_hash_table_new(g_direct_hash, g_direct_equal);
    server->max_open = CLAMP(settings->max_connections, 1, SPAMD_CONNECTIONS_MAX);
    server->listeners = g_array_new(FALSE, FALSE, sizeof(int));
    g_array_append_vals(server->listeners, listeners, n);
    server->wake = wake;
    server->scan = scan;
    server->data = data;
    register_metrics(server);
    server->pool = g_thread_pool_new(serve, server, (int)server->max_open, FALSE, NULL);
    server->acceptor = g_thread_new("spamd-accept", accept_all, server);
    return server;
}

guint
spamd_server_connections(struct spamd_server *server)
{
    g_mutex_lock(&server->lock);
    guint n = server->n_open;
    g_mutex_unlock(&server->lock);
    return n;
}

void
spamd_server_stop_accepting(struct spamd_server *server)
{
    const guint64 one = 1;

    g_mutex_lock(&server->lock);
    gboolean was_stopping = server->stopping;
    server->stopping = TRUE;
    g_cond_broadcast(&server->left);
    g_mutex_unlock(&server->lock);
    if (was_stopping)
        return;
    if (write(server->wake, &one, sizeof one) != sizeof one)
        log_text(LOG_SEV_ERROR, "spamd", "eventfd: %s", g_strerror(errno));
    g_thread_join(server->acceptor);
    for (guint i = 0; i < server->listeners->len; i++)
        close(g_array_index(server->listeners, int, i));
}

/* Waits until all have left, at most to the deadline. */
static void
wait_for_the_last(struct spamd_server *server, gint64 deadline)
{
    GHashTableIter iter;
    gpointer fd;

    g_mutex_lock(&server->lock);
    while (server->n_open > 0 && g_cond_wait_until(&server->left, &server->lock, deadline))
        ;
    g_hash_table_iter_init(&iter, server->open);
    while (g_hash_table_iter_next(&iter, &fd, NULL))
        shutdown(GPOINTER_TO_INT(fd), SHUT_RDWR);
    while (server->n_open > 0)
        g_cond_wait(&server->left, &server->lock);
    g_mutex_unlock(&server->lock);
}

void
spamd_server_stop(struct spamd_server **server, int drain_ms)
{
    struct spamd_server *old = *server;

    if (old == NULL)
        return;
    spamd_server_stop_accepting(old);
    wait_for_the_last(old, g_get_monotonic_time() + drain_ms * G_GINT64_CONSTANT(1000));
    g_thread_pool_free(old->pool, FALSE, TRUE);
    close(old->wake);
    g_array_unref(old->listeners);
    g_hash_table_unref(old->open);
    spamd_rules_unref(old->rules);
    g_mutex_clear(&old->lock);
    g_cond_clear(&old->left);
    g_free(old);
    *server = NULL;
}
