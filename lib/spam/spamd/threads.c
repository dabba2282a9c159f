/* threads.c: threads that wait for connections, take one each, serve it, and wait again.
 *
 * They all wait at one epoll, where the one that came last is woken first: what it needs is still in the CPU's caches. One waits
 * always, as long as there may be one more; of several, those end that nobody has needed for a while. When as many serve as may be,
 * further connections stay in the socket's queue. */
#include <arpa/inet.h>
#include <errno.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>
#include "lib/base/log.h"
#include "lib/base/net.h"
#include "lib/spam/spamd/server_private.h"

#define ADDRESS_BYTES 64
#define ACCEPT_PAUSE_US 100000 /* after a failure that can pass: no descriptors, no memory */

static gpointer wait_and_serve(gpointer data);

/* ---- taking a connection ---- */

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

/* What is armed tells one thread of one arrival, and then no other until it is armed again. */
static int
arm(const struct spamd_server *server, int listener, int operation)
{
    struct epoll_event event = {.events = EPOLLIN | EPOLLONESHOT, .data.fd = listener};

    return epoll_ctl(server->epoll, operation, listener, &event);
}

static gboolean
is_stopping(struct spamd_server *server)
{
    g_mutex_lock(&server->lock);
    gboolean stopping = server->stopping;
    g_mutex_unlock(&server->lock);
    return stopping;
}

/* The connection's descriptor, or -1. */
static int
take_connection(const struct spamd_server *server, int listener, char address_r[ADDRESS_BYTES])
{
    struct sockaddr_storage peer = {0};
    socklen_t length = sizeof peer;
    int fd = accept4(listener, (struct sockaddr *)&peer, &length, SOCK_CLOEXEC | SOCK_NONBLOCK);

    if (fd < 0 && errno != EINTR && errno != EAGAIN && errno != ECONNABORTED) {
        log_text(LOG_SEV_WARNING, "spamd", "accept: %s", g_strerror(errno));
        g_usleep(ACCEPT_PAUSE_US);
    }
    if (arm(server, listener, EPOLL_CTL_MOD) != 0)
        log_text(LOG_SEV_ERROR, "spamd", "epoll: %s", g_strerror(errno));
    if (fd >= 0)
        peer_address(&peer, address_r);
    return fd;
}

/* ---- threads: those with "under lock" are called with it held ---- */

/* Under lock: one that waits, if none does and there may be one more. */
static gboolean
add_thread(struct spamd_server *server, GError **error)
{
    if (server->n_waiting > 0 || server->n_waiting + server->n_serving >= server->max_threads || server->stopping)
        return TRUE;
    if (g_thread_try_new("spamd", wait_and_serve, server, error) == NULL) /* the thread itself is its handle's owner: see leave */
        return FALSE;
    server->n_waiting++;
    return TRUE;
}

/* Under lock: this thread serves from now on. */
static struct spamd_rules *
begin_to_serve(struct spamd_server *server, int fd)
{
    g_autoptr(GError) error = NULL;
    struct spamd_rules *rules = server->rules;

    server->n_waiting--;
    server->n_serving++;
    g_hash_table_add(server->open, GINT_TO_POINTER(fd));
    metrics_set(server->connections, 0, server->n_serving);
    if (!add_thread(server, &error)) /* then the next connection waits for a thread that serves now */
        log_text(LOG_SEV_WARNING, "spamd", "%s", error->message);
    g_atomic_ref_count_inc(&rules->refs);
    return rules;
}

static void
serve(struct spamd_server *server, int fd, const char *address)
{
    g_mutex_lock(&server->lock);
    struct spamd_rules *rules = begin_to_serve(server, fd);
    g_mutex_unlock(&server->lock);
    spamd_connection_serve(server, rules, fd, address);
    spamd_rules_unref(rules);
    g_mutex_lock(&server->lock);
    g_hash_table_remove(server->open, GINT_TO_POINTER(fd));
    close(fd); /* only now may its number come again */
    server->n_serving--;
    server->n_waiting++;
    metrics_set(server->connections, 0, server->n_serving);
    g_mutex_unlock(&server->lock);
}

/* Whether this thread is to end: then it counts no more. timed_out: nobody has needed it. */
static gboolean
leave(struct spamd_server *server, gboolean timed_out)
{
    GThread *former;

    g_mutex_lock(&server->lock);
    if (!server->stopping && (!timed_out || server->n_waiting < 2)) {
        g_mutex_unlock(&server->lock);
        return FALSE;
    }
    server->n_waiting--;
    former = server->last_left;
    server->last_left = g_thread_self();
    g_cond_broadcast(&server->left);
    g_mutex_unlock(&server->lock);
    if (former != NULL)
        g_thread_join(former);
    return TRUE;
}

static gpointer
wait_and_serve(gpointer data)
{
    struct spamd_server *server = data;
    struct epoll_event event;
    int n = -1;

    while (!leave(server, n == 0)) {
        char address[ADDRESS_BYTES];
        int fd = -1;

        n = epoll_wait(server->epoll, &event, 1, server->idle_ms);
        if (n == 1 && event.data.fd != server->wake && !is_stopping(server))
            fd = take_connection(server, event.data.fd, address);
        if (fd >= 0)
            serve(server, fd, address);
    }
    return NULL;
}

/* ---- life ---- */

gboolean
spamd_threads_start(struct spamd_server *server, GError **error)
{
    struct epoll_event event = {.events = EPOLLIN, .data.fd = server->wake};
    gboolean watched = epoll_ctl(server->epoll, EPOLL_CTL_ADD, server->wake, &event) == 0;

    for (guint i = 0; i < server->listeners->len && watched; i++)
        watched = arm(server, g_array_index(server->listeners, int, i), EPOLL_CTL_ADD) == 0;
    if (!watched) {
        g_set_error(error, NET_ERROR, NET_ERROR_SYSTEM, "epoll: %s", g_strerror(errno));
        return FALSE;
    }
    g_mutex_lock(&server->lock);
    gboolean added = add_thread(server, error);
    g_mutex_unlock(&server->lock);
    return added;
}

void
spamd_threads_stop_accepting(struct spamd_server *server)
{
    const guint64 one = 1;

    if (write(server->wake, &one, sizeof one) != sizeof one)
        log_text(LOG_SEV_ERROR, "spamd", "eventfd: %s", g_strerror(errno));
    g_mutex_lock(&server->lock);
    while (server->n_waiting > 0)
        g_cond_wait(&server->left, &server->lock);
    g_mutex_unlock(&server->lock);
}

void
spamd_threads_stop(struct spamd_server *server, gint64 deadline)
{
    GHashTableIter iter;
    gpointer fd;

    g_mutex_lock(&server->lock);
    while (server->n_serving + server->n_waiting > 0 && g_cond_wait_until(&server->left, &server->lock, deadline))
        ;
    g_hash_table_iter_init(&iter, server->open);
    while (g_hash_table_iter_next(&iter, &fd, NULL))
        shutdown(GPOINTER_TO_INT(fd), SHUT_RDWR);
    while (server->n_serving + server->n_waiting > 0)
        g_cond_wait(&server->left, &server->lock);
    g_mutex_unlock(&server->lock);
    if (server->last_left != NULL)
        g_thread_join(server->last_left);
}
