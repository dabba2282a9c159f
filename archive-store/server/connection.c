/* connection.c: one client's socket: frames read into buffers of exactly their size, replies written in the
 * order of the requests.
 *
 * A frame is read in two steps: five header bytes, then (when the length is allowed, the budget has room
 * and not too many requests are under way) the payload into memory of its declared size. While there is no
 * room, nothing is read: the kernel's socket buffer is the queue, and the client waits. After a breach of
 * the protocol the reason is sent, what still comes is read and dropped for a moment (or the reason would
 * be lost to the client's EPIPE), and the connection is closed. */
#include <errno.h>
#include <event2/event.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <unistd.h>
#include "archive-store/server/render.h"
#include "archive-store/server/server_private.h"
#include "lib/base/log.h"
#include "lib/mail/archive_proto.h"

#define READ_TURN (1u << 20)   /* bytes read from one connection before the others' turn */
#define OVERHEAD 256           /* what a request costs beside its payload, roughly */
#define IOV_MOST 60
#define LINGER_US (5 * G_USEC_PER_SEC)
#define AHEAD 16384             /* bytes read at once for small frames; bigger payloads go straight to their memory */
#define SECONDS_PER_MIB 1      /* a frame may take the stall time and this */

struct connection {
    struct server *server;
    GList *link; /* in server->connections */
    int fd;
    struct event *readable, *writable;
    guint8 header[5];
    gsize header_got;
    guint8 *ahead; /* what was read and not used yet: [ahead_start, ahead_end) */
    gsize ahead_start, ahead_end;
    gboolean dry; /* the last read emptied the socket */
    guint8 *payload; /* NULL until its bytes are reserved */
    gsize payload_length, payload_got, reserved;
    gboolean in_payload, paused, eof, discarding;
    gint64 stall_deadline, frame_deadline, write_deadline, linger_deadline; /* 0 = none */
    GQueue exchanges; /* struct exchange *, oldest first */
};

static void
connection_stop_reading(struct connection *connection)
{
    event_del(connection->readable);
    connection->stall_deadline = connection->frame_deadline = 0;
}

void
connection_close(struct connection *connection)
{
    struct server *server = connection->server;
    struct exchange *exchange;

    while ((exchange = g_queue_pop_head(&connection->exchanges))) {
        exchange->connection = NULL;
        g_atomic_int_set(&exchange->gone, 1);
        exchange_unref(exchange);
    }
    if (connection->in_payload) {
        g_free(connection->payload);
        budget_give(server->budget, connection->reserved);
    }
    g_queue_delete_link(&server->connections, connection->link);
    g_atomic_int_set(&server->n_connections, server->connections.length);
    event_free(connection->readable);
    event_free(connection->writable);
    close(connection->fd);
    g_free(connection->ahead);
    g_free(connection);
    server_resume_accept(server);
}

gboolean
connection_idle(const struct connection *connection)
{
    return g_queue_is_empty((GQueue *)&connection->exchanges) && !connection->in_payload;
}

static struct exchange *
connection_begin(struct connection *connection)
{
    struct exchange *exchange = exchange_new(connection, connection->server);

    g_queue_push_tail(&connection->exchanges, exchange);
    return exchange;
}

/* Answers a breach of the protocol in its turn; no more requests are taken from this connection. */
static void
connection_refuse(struct connection *connection, const char *text)
{
    struct exchange *exchange = connection_begin(connection);
    g_autoptr(GBytes) failed = render_failed("bad", FALSE, text);

    exchange_send(exchange, ARCHIVE_FAILED, failed);
    exchange_finish(exchange);
    connection->discarding = TRUE;
    connection->linger_deadline = g_get_monotonic_time() + LINGER_US;
    connection->stall_deadline = connection->frame_deadline = 0;
}

static gboolean
connection_has_room(struct connection *connection)
{
    struct server *server = connection->server;

    return connection->exchanges.length < server->options.pipeline &&
           server_exchanges(server) < server->options.max_exchanges && !server_is_draining(server);
}

/* The header is whole: checks it and reserves. FALSE: refused or paused. */
static gboolean
connection_begin_payload(struct connection *connection)
{
    struct server *server = connection->server;
    guint32 length;
    gsize most = connection->header[4] == ARCHIVE_INGEST ? server->options.max_ingest : server->options.max_request;

    memcpy(&length, connection->header, 4);
    length = GUINT32_FROM_LE(length);
    if (length > most) {
        g_autofree char *text = g_strdup_printf("a frame of type %u and %u bytes is over the limit of %" G_GSIZE_FORMAT
                                                " bytes (archived.max_message)",
                                                connection->header[4], length, most);
        connection_refuse(connection, text);
        return FALSE;
    }
    if (!connection_has_room(connection) || !budget_take(server->budget, length + OVERHEAD)) {
        connection->paused = TRUE;
        connection_stop_reading(connection);
        return FALSE;
    }
    connection->in_payload = TRUE;
    connection->payload = g_malloc(MAX(length, 1));
    connection->payload_length = length;
    connection->payload_got = 0;
    connection->reserved = length + OVERHEAD;
    return TRUE;
}

static void
connection_deliver(struct connection *connection)
{
    struct server *server = connection->server;
    g_autoptr(GBytes) payload = budget_bytes(server->budget, connection->payload, connection->payload_length,
                                             connection->reserved);

    connection->payload = NULL;
    connection->in_payload = FALSE;
    connection->header_got = 0;
    connection->stall_deadline = connection->frame_deadline = 0;
    server->handler(connection_begin(connection), connection->header[4], payload, server->data);
}

/* read(2) with the outcomes folded: > 0 bytes, 0 nothing now, -1 end of file or error. */
static gssize
connection_read_socket(struct connection *connection, void *to, gsize n)
{
    for (;;) {
        gssize got = read(connection->fd, to, n);
        if (got > 0) {
            connection->dry = (gsize)got < n;
            return got;
        }
        if (got < 0 && errno == EINTR)
            continue;
        return got < 0 && errno == EAGAIN ? 0 : -1;
    }
}

/* The same through the bytes read ahead: most frames take one system call. */
static gssize
connection_read(struct connection *connection, void *to, gsize n)
{
    if (connection->ahead_start == connection->ahead_end) {
        if (connection->dry)
            return 0;
        if (n >= AHEAD)
            return connection_read_socket(connection, to, n);
        if (!connection->ahead)
            connection->ahead = g_malloc(AHEAD);
        gssize got = connection_read_socket(connection, connection->ahead, AHEAD);
        if (got <= 0)
            return got;
        connection->ahead_start = 0;
        connection->ahead_end = (gsize)got;
    }
    n = MIN(n, connection->ahead_end - connection->ahead_start);
    memcpy(to, connection->ahead + connection->ahead_start, n);
    connection->ahead_start += n;
    return (gssize)n;
}

static gssize
connection_read_some(struct connection *connection)
{
    static guint8 dropped[64 * 1024]; /* loop thread only; never looked at */
    gssize got;

    if (connection->discarding)
        return connection_read(connection, dropped, sizeof dropped);
    if (connection->header_got < sizeof connection->header) {
        got = connection_read(connection, connection->header + connection->header_got,
                              sizeof connection->header - connection->header_got);
        if (got > 0)
            connection->header_got += (gsize)got;
        return got;
    }
    got = connection_read(connection, connection->payload + connection->payload_got,
                          connection->payload_length - connection->payload_got);
    if (got > 0)
        connection->payload_got += (gsize)got;
    return got;
}

/* Deadlines of the frame that is being read. */
static void
connection_note_progress(struct connection *connection)
{
    gint64 now = g_get_monotonic_time(), stall = (gint64)connection->server->options.stall_ms * 1000;

    if (connection->discarding)
        return;
    connection->stall_deadline = now + stall;
    if (connection->in_payload && connection->frame_deadline == 0)
        connection->frame_deadline =
            now + stall + (gint64)(connection->payload_length >> 20) * SECONDS_PER_MIB * G_USEC_PER_SEC;
}

/* What follows bytes that came: the next step of the frame. FALSE: read no further now. */
static gboolean
connection_step(struct connection *connection)
{
    if (connection->discarding)
        return TRUE;
    if (!connection->in_payload) {
        if (connection->header_got < sizeof connection->header)
            return TRUE;
        if (!connection_begin_payload(connection))
            return FALSE;
    }
    if (connection->payload_got == connection->payload_length)
        connection_deliver(connection);
    return TRUE;
}

/* Reads frames until nothing comes or nothing more may be taken. */
static void
connection_pump(struct connection *connection)
{
    gsize total = 0;

    connection->dry = FALSE;
    while (total < READ_TURN) {
        gssize got = connection_read_some(connection);
        if (got == 0)
            return;
        if (got < 0) { /* the client may only have closed its side: answers under way are still sent */
            connection->eof = TRUE;
            connection_stop_reading(connection);
            if (connection->in_payload || g_queue_is_empty(&connection->exchanges))
                connection_close(connection);
            return;
        }
        total += (gsize)got;
        connection_note_progress(connection);
        if (!connection_step(connection))
            return;
    }
    if (connection->ahead_start < connection->ahead_end) /* the socket alone would not call again */
        event_active(connection->readable, EV_READ, 0);
}

static void
on_readable(evutil_socket_t fd, short what, void *data)
{
    (void)fd;
    (void)what;
    connection_pump(data);
}

void
connection_resume(struct connection *connection)
{
    if (!connection->paused || !connection_has_room(connection))
        return;
    connection->paused = FALSE;
    gboolean begun = connection_begin_payload(connection);
    if (!begun && !connection->discarding)
        return; /* paused again */
    event_add(connection->readable, NULL);
    if (begun) {
        connection_note_progress(connection);
        if (connection->payload_length == 0)
            connection_deliver(connection);
    }
    connection_pump(connection); /* what was read ahead is not announced again */
}

/* Frames that may be written now: those of the oldest exchange, and of the next where that is finished. */
static int
connection_gather(struct connection *connection, struct iovec iov[IOV_MOST])
{
    int n = 0;

    for (GList *l = connection->exchanges.head; l; l = l->next) {
        struct exchange *exchange = l->data;
        gsize skip = exchange->out_done;
        for (GList *f = exchange->out.head; f; f = f->next) {
            struct frame *frame = f->data;
            gsize length, header_skip = MIN(skip, sizeof frame->header);
            const guint8 *bytes = g_bytes_get_data(frame->payload, &length);
            if (n + 2 > IOV_MOST)
                return n;
            if (header_skip < sizeof frame->header)
                iov[n++] = (struct iovec){frame->header + header_skip, sizeof frame->header - header_skip};
            if (length > skip - header_skip)
                iov[n++] = (struct iovec){(void *)(bytes + (skip - header_skip)), length - (skip - header_skip)};
            skip = 0;
        }
        if (!exchange->finished)
            break;
    }
    return n;
}

/* Takes n written bytes off the frames, and exchanges that are done off the queue. */
static void
connection_consume(struct connection *connection, gsize n)
{
    struct exchange *exchange;

    while ((exchange = g_queue_peek_head(&connection->exchanges))) {
        struct frame *frame = g_queue_peek_head(&exchange->out);
        if (!frame) {
            if (!exchange->finished)
                return;
            g_queue_pop_head(&connection->exchanges);
            exchange->connection = NULL;
            exchange_unref(exchange);
            continue;
        }
        gsize left = sizeof frame->header + g_bytes_get_size(frame->payload) - exchange->out_done;
        if (n < left) {
            exchange->out_done += n;
            return;
        }
        n -= left;
        exchange->out_done = 0;
        frame_free(g_queue_pop_head(&exchange->out));
    }
}

/* All that was asked is answered and written. */
static void
connection_written(struct connection *connection)
{
    connection->write_deadline = 0;
    event_del(connection->writable);
    if (!g_queue_is_empty(&connection->exchanges))
        return;
    if (connection->eof)
        connection_close(connection);
    else if (connection->discarding)
        shutdown(connection->fd, SHUT_WR);
}

void
connection_flush(struct connection *connection)
{
    struct iovec iov[IOV_MOST];

    for (;;) {
        connection_consume(connection, 0);
        struct msghdr message = {.msg_iov = iov};
        message.msg_iovlen = (size_t)connection_gather(connection, iov);
        if (message.msg_iovlen == 0) {
            connection_written(connection);
            return;
        }
        gssize sent = sendmsg(connection->fd, &message, MSG_NOSIGNAL);
        if (sent < 0 && errno == EINTR)
            continue;
        if (sent < 0 && errno != EAGAIN) {
            connection_close(connection);
            return;
        }
        if (sent > 0) {
            connection->write_deadline = 0;
            connection_consume(connection, (gsize)sent);
            continue;
        }
        if (connection->write_deadline == 0)
            connection->write_deadline =
                g_get_monotonic_time() + (gint64)connection->server->options.stall_ms * 1000;
        event_add(connection->writable, NULL);
        return;
    }
}

static void
on_writable(evutil_socket_t fd, short what, void *data)
{
    struct connection *connection = data;
    struct server *server = connection->server;

    (void)fd;
    (void)what;
    connection_flush(connection);
    server_resume_all(server); /* answers that are taken make room for requests */
}

void
connection_check_time(struct connection *connection, gint64 now_us)
{
    const char *why = NULL;

    if (connection->linger_deadline && now_us > connection->linger_deadline)
        why = "";
    else if (connection->write_deadline && now_us > connection->write_deadline)
        why = "the client does not take its reply";
    else if ((connection->stall_deadline && now_us > connection->stall_deadline) ||
             (connection->frame_deadline && now_us > connection->frame_deadline))
        why = "the client stopped in the middle of a frame";
    if (!why)
        return;
    if (*why)
        log_text(LOG_SEV_WARNING, "timeout", "connection closed: %s", why);
    connection_close(connection);
}

void
connection_new(struct server *server, int fd)
{
    struct connection *connection = g_new0(struct connection, 1);

    connection->server = server;
    connection->fd = fd;
    g_queue_init(&connection->exchanges);
    connection->readable = event_new(server->base, fd, EV_READ | EV_PERSIST, on_readable, connection);
    connection->writable = event_new(server->base, fd, EV_WRITE | EV_PERSIST, on_writable, connection);
    g_queue_push_tail(&server->connections, connection);
    connection->link = server->connections.tail;
    g_atomic_int_set(&server->n_connections, server->connections.length);
    event_add(connection->readable, NULL);
}
