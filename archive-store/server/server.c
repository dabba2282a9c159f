/* server.c: the event loop of postern-archived and the way of replies from other threads to it.
 *
 * Workers and the store's commit thread put reply frames on their exchange and the exchange on the dirty
 * list; one eventfd write wakes the loop for all that came since it last looked. All sockets belong to the
 * loop thread, so no socket state is locked. */
#include <errno.h>
#include <event2/event.h>
#include <event2/thread.h>
#include <gio/gio.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>
#include "archive-store/server/server_private.h"
#include "lib/base/log.h"

static void
server_wake(gpointer data)
{
    struct server *server = data;
    const guint64 one = 1;

    /* The only failure is EAGAIN at 2^64-1 unread wakes: the loop is awake then. */
    if (write(server->wake_fd, &one, sizeof one) < 0)
        return;
}

void
frame_free(gpointer data)
{
    struct frame *frame = data;

    g_clear_pointer(&frame->payload, g_bytes_unref);
    g_free(frame);
}

struct exchange *
exchange_new(struct connection *connection, struct server *server)
{
    struct exchange *exchange = g_new0(struct exchange, 1);

    exchange->server = server;
    exchange->connection = connection;
    exchange->refs = 2;
    g_queue_init(&exchange->out);
    g_queue_init(&exchange->news);
    g_atomic_int_inc(&server->n_exchanges);
    return exchange;
}

void
exchange_unref(struct exchange *exchange)
{
    if (!g_atomic_int_dec_and_test(&exchange->refs))
        return;
    g_queue_clear_full(&exchange->out, frame_free);
    g_queue_clear_full(&exchange->news, frame_free);
    g_free(exchange);
}

/* With server->lock held. */
static gboolean
exchange_mark(struct exchange *exchange)
{
    struct server *server = exchange->server;
    gboolean first = g_queue_is_empty(&server->dirty);

    if (!exchange->dirty) {
        exchange->dirty = TRUE;
        g_atomic_int_inc(&exchange->refs);
        g_queue_push_tail(&server->dirty, exchange);
    }
    return first;
}

void
exchange_send(struct exchange *exchange, guint8 type, GBytes *payload)
{
    struct server *server = exchange->server;
    struct frame *frame = g_new(struct frame, 1);
    guint32 length = GUINT32_TO_LE((guint32)g_bytes_get_size(payload));

    memcpy(frame->header, &length, 4);
    frame->header[4] = type;
    frame->payload = g_bytes_ref(payload);
    g_mutex_lock(&server->lock);
    g_queue_push_tail(&exchange->news, frame);
    gboolean wake = exchange_mark(exchange);
    g_mutex_unlock(&server->lock);
    if (wake)
        server_wake(server);
}

void
exchange_finish(struct exchange *exchange)
{
    struct server *server = exchange->server;

    g_mutex_lock(&server->lock);
    exchange->news_finished = TRUE;
    gboolean wake = exchange_mark(exchange);
    /* Written under the lock: once the loop has seen the finish, the server may be stopped and freed. */
    if (wake)
        server_wake(server);
    g_mutex_unlock(&server->lock);
    exchange_unref(exchange);
}

gboolean
exchange_gone(struct exchange *exchange)
{
    return g_atomic_int_get(&exchange->gone) != 0;
}

GBytes *
exchange_reserve(struct exchange *exchange, GBytes *bytes)
{
    return budget_wrap(exchange->server->budget, bytes);
}

gboolean
server_is_draining(struct server *server)
{
    g_mutex_lock(&server->lock);
    gboolean draining = server->draining;
    g_mutex_unlock(&server->lock);
    return draining;
}

/* Moves what other threads left on one exchange to its connection. */
static void
server_take_news(struct server *server, struct exchange *exchange)
{
    struct frame *frame;

    g_mutex_lock(&server->lock);
    exchange->dirty = FALSE;
    while ((frame = g_queue_pop_head(&exchange->news)))
        g_queue_push_tail(&exchange->out, frame);
    gboolean finished = exchange->news_finished;
    g_mutex_unlock(&server->lock);

    if (finished && !exchange->finished) {
        exchange->finished = TRUE;
        g_atomic_int_add(&server->n_exchanges, -1);
    }
    if (exchange->connection)
        connection_flush(exchange->connection);
    else
        g_queue_clear_full(&exchange->out, frame_free);
}

static void
server_check_drained(struct server *server)
{
    gboolean idle = g_atomic_int_get(&server->n_exchanges) == 0;

    for (GList *l = server->connections.head; l && idle; l = l->next)
        idle = connection_idle(l->data);
    g_mutex_lock(&server->lock);
    if (server->draining && (idle || server->quit)) {
        server->drained = idle;
        server->quit = TRUE;
        event_base_loopbreak(server->base);
    }
    g_mutex_unlock(&server->lock);
}

void
server_resume_all(struct server *server)
{
    GList *next;

    for (GList *l = server->connections.head; l; l = next) {
        next = l->next; /* a connection may close itself */
        connection_resume(l->data);
    }
}

static void
on_wake(evutil_socket_t fd, short what, void *data)
{
    struct server *server = data;
    guint64 count;
    GQueue dirty;
    struct exchange *exchange;

    (void)what;
    if (read(fd, &count, sizeof count) < 0 && errno != EAGAIN)
        log_text(LOG_SEV_WARNING, "wake", "eventfd: %s", g_strerror(errno));
    g_mutex_lock(&server->lock);
    dirty = server->dirty;
    g_queue_init(&server->dirty);
    gboolean draining = server->draining;
    g_mutex_unlock(&server->lock);
    while ((exchange = g_queue_pop_head(&dirty))) {
        server_take_news(server, exchange);
        exchange_unref(exchange);
    }
    if (draining)
        event_del(server->accepting);
    server_resume_all(server);
    server_check_drained(server);
}

static void
on_tick(evutil_socket_t fd, short what, void *data)
{
    struct server *server = data;
    gint64 now = g_get_monotonic_time();
    GList *next;

    (void)fd;
    (void)what;
    for (GList *l = server->connections.head; l; l = next) {
        next = l->next;
        connection_check_time(l->data, now);
    }
    server_resume_accept(server);
    server_resume_all(server);
    server_check_drained(server);
}

void
server_resume_accept(struct server *server)
{
    if (server->accept_paused && !server_is_draining(server)) {
        server->accept_paused = FALSE;
        event_add(server->accepting, NULL);
    }
}

static void
on_accept(evutil_socket_t fd, short what, void *data)
{
    struct server *server = data;
    gboolean pause = FALSE;

    (void)what;
    for (int n = 0; n < 16 && !pause; n++) { /* a burst at most, then the others' turn */
        if (server->connections.length >= server->options.max_connections) {
            pause = TRUE;
            break;
        }
        int client = accept4(fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
        if (client >= 0) {
            connection_new(server, client);
            continue;
        }
        if (errno == EAGAIN || errno == EINTR || errno == ECONNABORTED)
            return;
        log_text(LOG_SEV_WARNING, "accept", "accept: %s; trying again in a second", g_strerror(errno));
        pause = TRUE;
    }
    if (pause) {
        server->accept_paused = TRUE; /* level-triggered: without this the loop would spin */
        event_del(server->accepting);
    }
}

static gpointer
server_thread(gpointer data)
{
    struct server *server = data;

    event_base_dispatch(server->base);
    while (server->connections.head)
        connection_close(server->connections.head->data);
    g_mutex_lock(&server->lock);
    server->quit = TRUE;
    g_cond_broadcast(&server->idle);
    g_mutex_unlock(&server->lock);
    return NULL;
}

struct server *
server_new(int fd, const struct server_options *options, server_handler handler, gpointer data, GError **error)
{
    struct server *server = g_new0(struct server, 1);
    const int tick_ms = CLAMP(options->stall_ms / 4, 20, 1000);
    const struct timeval tick = {.tv_sec = tick_ms / 1000, .tv_usec = tick_ms % 1000 * 1000};

    evthread_use_pthreads();
    server->options = *options;
    server->handler = handler;
    server->data = data;
    server->listen_fd = fd;
    g_mutex_init(&server->lock);
    g_cond_init(&server->idle);
    g_queue_init(&server->connections);
    g_queue_init(&server->dirty);
    server->wake_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    server->base = event_base_new();
    if (server->wake_fd < 0 || !server->base || evutil_make_socket_nonblocking(fd) < 0) {
        g_set_error(error, G_IO_ERROR, G_IO_ERROR_FAILED, "can't make an event loop: %s", g_strerror(errno));
        server_stop(&server);
        return NULL;
    }
    server->budget = budget_new(options->budget, server_wake, server);
    server->accepting = event_new(server->base, fd, EV_READ | EV_PERSIST, on_accept, server);
    server->woken = event_new(server->base, server->wake_fd, EV_READ | EV_PERSIST, on_wake, server);
    server->tick = event_new(server->base, -1, EV_PERSIST, on_tick, server);
    event_add(server->accepting, NULL);
    event_add(server->woken, NULL);
    event_add(server->tick, &tick);
    return server;
}

void
server_start(struct server *server)
{
    server->thread = g_thread_new("loop", server_thread, server);
}

gboolean
server_drain(struct server *server, int timeout_ms)
{
    gint64 until = g_get_monotonic_time() + (gint64)timeout_ms * 1000;

    g_mutex_lock(&server->lock);
    server->draining = TRUE;
    if (!server->thread) { /* never started, or drained before */
        gboolean before = server->drained;
        g_mutex_unlock(&server->lock);
        return before;
    }
    server_wake(server);
    while (!server->quit && g_cond_wait_until(&server->idle, &server->lock, until))
        ;
    gboolean drained = server->drained;
    if (!server->quit) {
        server->quit = TRUE;
        server_wake(server);
    }
    g_mutex_unlock(&server->lock);
    g_thread_join(server->thread);
    server->thread = NULL;
    return drained;
}

void
server_stop(struct server **server)
{
    struct server *s = *server;
    struct exchange *exchange;

    if (!s)
        return;
    *server = NULL;
    if (s->thread)
        server_drain(s, 0);
    while ((exchange = g_queue_pop_head(&s->dirty)))
        exchange_unref(exchange);
    g_clear_pointer(&s->accepting, event_free);
    g_clear_pointer(&s->woken, event_free);
    g_clear_pointer(&s->tick, event_free);
    budget_free(&s->budget);
    g_clear_pointer(&s->base, event_base_free);
    if (s->wake_fd >= 0)
        close(s->wake_fd);
    if (s->listen_fd >= 0)
        close(s->listen_fd);
    g_mutex_clear(&s->lock);
    g_cond_clear(&s->idle);
    g_free(s);
}

guint
server_connections(struct server *server)
{
    return (guint)g_atomic_int_get(&server->n_connections);
}

guint
server_exchanges(struct server *server)
{
    return (guint)g_atomic_int_get(&server->n_exchanges);
}

guint64
server_bytes(struct server *server)
{
    return budget_used(server->budget);
}
