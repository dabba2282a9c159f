/* server.c: the threads of the server. Loop 0 accepts and deals connections out to all in turn. */
#include <errno.h>
#include <event2/thread.h>
#include <fcntl.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>
#include "lib/base/log.h"
#include "lib/base/metrics.h"
#include "policyd/server/server_private.h"

#define TICK_MS 1000
#define ACCEPT_BURST 64u

/* What goes to a loop through its queue. A descriptor is told from a question by its tag. */
#define FD_TO_POINTER(fd) GSIZE_TO_POINTER(((gsize)(fd) << 1) | 1)
#define POINTER_IS_FD(p) ((GPOINTER_TO_SIZE(p) & 1) != 0)
#define POINTER_TO_FD(p) ((int)(GPOINTER_TO_SIZE(p) >> 1))

gint64
server_now_ms(void)
{
    return g_get_monotonic_time() / 1000;
}

static void
pause_accepting(struct policy_server *server)
{
    server->accept_paused = TRUE;
    for (guint i = 0; i < server->n_fds; i++)
        event_del(server->accepting[i]);
}

void
server_connection_ended(struct policy_server *server)
{
    g_atomic_int_add(&server->n_connections, -1);
    event_active(server->loops[0].woken, EV_READ, 0); /* it may accept again */
}

/* On loop 0. */
static void
resume_accepting(struct policy_server *server)
{
    if (!server->accept_paused || g_atomic_int_get(&server->stopping) || policy_server_connections(server) >= server->options.connections)
        return;
    server->accept_paused = FALSE;
    for (guint i = 0; i < server->n_fds; i++)
        event_add(server->accepting[i], NULL);
}

static void
on_accept(evutil_socket_t fd, short what, void *data)
{
    struct policy_server *server = data;

    (void)what;
    for (guint n = 0; n < ACCEPT_BURST; n++) {
        struct loop *loop = &server->loops[server->next_loop++ % server->n_loops];
        int client;
        if (policy_server_connections(server) >= server->options.connections) {
            log_text(LOG_SEV_WARNING, "policy", "%u connections: more wait until one ends; see policyd.connections", server->options.connections);
            pause_accepting(server);
            return;
        }
        client = accept4(fd, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
        if (client < 0) {
            if (errno == EMFILE || errno == ENFILE || errno == ENOMEM || errno == ENOBUFS) {
                log_text(LOG_SEV_ERROR, "policy", "can't accept a connection: %s", g_strerror(errno));
                pause_accepting(server); /* the next tick tries again */
            }
            return;
        }
        g_atomic_int_inc(&server->n_connections);
        g_async_queue_push(loop->done, FD_TO_POINTER(client));
        event_active(loop->woken, EV_READ, 0);
    }
}

/* New connections, and what the pool has answered. */
static void
on_woken(evutil_socket_t fd, short what, void *data)
{
    struct loop *loop = data;
    gpointer item;

    (void)fd;
    (void)what;
    while ((item = g_async_queue_try_pop(loop->done)) != NULL) {
        struct question *question = item;
        if (POINTER_IS_FD(item)) {
            connection_new(loop, POINTER_TO_FD(item));
            continue;
        }
        if (question->connection != NULL)
            connection_answered(question->connection, question->answer);
        question_free(question);
    }
    if (loop == &loop->server->loops[0])
        resume_accepting(loop->server);
}

/* While the server stops, what waits for nothing is closed; the loop ends with its last connection. */
static void
on_tick(evutil_socket_t fd, short what, void *data)
{
    struct loop *loop = data;
    gboolean stopping = g_atomic_int_get(&loop->server->stopping) != 0;
    gint64 now_ms = server_now_ms();

    (void)fd;
    (void)what;
    for (GList *link = loop->connections.head, *next; link != NULL; link = next) {
        struct connection *connection = link->data;
        next = link->next;
        if (stopping && connection_is_idle(connection))
            connection_close(connection);
        else
            connection_check_time(connection, now_ms);
    }
    if (stopping && loop->connections.length == 0)
        event_base_loopbreak(loop->base);
    if (loop != &loop->server->loops[0])
        return;
    resume_accepting(loop->server);
    if (loop->server->options.tick != NULL && !stopping)
        loop->server->options.tick(loop->server->data);
}

static gpointer
run_loop(gpointer data)
{
    struct loop *loop = data;

    event_base_loop(loop->base, EVLOOP_NO_EXIT_ON_EMPTY);
    return NULL;
}

static void
make_loop(struct policy_server *server, struct loop *loop)
{
    loop->server = server;
    loop->base = event_base_new();
    loop->done = g_async_queue_new();
    loop->woken = event_new(loop->base, -1, EV_READ | EV_PERSIST, on_woken, loop);
    loop->tick = event_new(loop->base, -1, EV_PERSIST, on_tick, loop);
    g_queue_init(&loop->connections);
}

struct policy_server *
policy_server_new(const int *fds, guint n_fds, const struct policy_server_options *options, policy_source source, gpointer data)
{
    struct policy_server *server = g_new0(struct policy_server, 1);

    evthread_use_pthreads();
    question_register_metrics();
    server->options = *options;
    server->source = source;
    server->data = data;
    server->repeats = repeats_new();
    server->n_loops = options->threads > 0 ? options->threads : g_get_num_processors();
    server->loops = g_new0(struct loop, server->n_loops);
    for (guint i = 0; i < server->n_loops; i++)
        make_loop(server, &server->loops[i]);
    server->fds = g_memdup2(fds, n_fds * sizeof *fds);
    server->n_fds = n_fds;
    server->accepting = g_new0(struct event *, n_fds);
    for (guint i = 0; i < n_fds; i++) {
        evutil_make_socket_nonblocking(fds[i]);
        server->accepting[i] = event_new(server->loops[0].base, fds[i], EV_READ | EV_PERSIST, on_accept, server);
    }
    server->pool = g_thread_pool_new(question_work, server, (gint)options->workers, FALSE, NULL);
    return server;
}

void
policy_server_start(struct policy_server *server)
{
    const struct timeval second = {.tv_sec = TICK_MS / 1000};

    for (guint i = 0; i < server->n_fds; i++)
        event_add(server->accepting[i], NULL);
    for (guint i = 0; i < server->n_loops; i++) {
        event_add(server->loops[i].tick, &second);
        server->loops[i].thread = g_thread_new("policy", run_loop, &server->loops[i]);
    }
}

/* What is left when the time to drain is over. */
static void
free_loop(struct loop *loop)
{
    gpointer item;

    while ((item = g_async_queue_try_pop(loop->done)) != NULL) {
        if (POINTER_IS_FD(item))
            close(POINTER_TO_FD(item));
        else
            question_free(item);
    }
    while (loop->connections.head != NULL)
        connection_close(loop->connections.head->data);
}

void
policy_server_stop(struct policy_server **server_p, gint64 drain_ms)
{
    struct policy_server *server = *server_p;
    gint64 until_ms = server_now_ms() + drain_ms;

    if (server == NULL)
        return;
    for (guint i = 0; i < server->n_fds; i++) {
        event_del(server->accepting[i]);
        close(server->fds[i]);
    }
    g_atomic_int_set(&server->stopping, 1);
    for (guint i = 0; i < server->n_loops; i++)
        event_active(server->loops[i].tick, EV_TIMEOUT, 0);
    while (policy_server_connections(server) > 0 && server_now_ms() < until_ms)
        g_usleep(10000);
    for (guint i = 0; i < server->n_loops; i++) {
        event_base_loopbreak(server->loops[i].base);
        if (server->loops[i].thread != NULL)
            g_thread_join(server->loops[i].thread);
    }
    g_thread_pool_free(server->pool, FALSE, TRUE); /* what it still works at is answered to nobody */
    for (guint i = 0; i < server->n_fds; i++)
        event_free(server->accepting[i]);
    for (guint i = 0; i < server->n_loops; i++)
        free_loop(&server->loops[i]);
    for (guint i = 0; i < server->n_loops; i++) {
        event_free(server->loops[i].woken);
        event_free(server->loops[i].tick);
        event_base_free(server->loops[i].base);
        g_async_queue_unref(server->loops[i].done);
    }
    repeats_free(server->repeats);
    g_free(server->loops);
    g_free(server->accepting);
    g_free(server->fds);
    g_free(server);
    *server_p = NULL;
}

guint
policy_server_connections(const struct policy_server *server)
{
    return (guint)g_atomic_int_get(&server->n_connections);
}
