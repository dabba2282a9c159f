/* connection.c: one connection of an smtpd: questions are read, one after the other, and their answers written.
 *
 * All of it runs on the thread of its loop. Nothing more is read while an answer is due or was not taken. */
#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>
#include "lib/base/log.h"
#include "lib/mail/policy_action.h"
#include "policyd/server/server_private.h"

#define READ_SIZE 16384u

struct connection {
    struct loop *loop;
    int fd;
    struct event *readable, *writable;
    GByteArray *in;
    gsize looked;               /* bytes of in without an empty line */
    GString *out;
    struct question *question;  /* that the pool is at; NULL: none */
    gint64 active_ms;           /* when something was last read or written */
    gboolean refused;           /* closes when out is written */
    GList link;
};

static void on_readable(evutil_socket_t fd, short what, void *data);
static void on_writable(evutil_socket_t fd, short what, void *data);

void
connection_new(struct loop *loop, int fd)
{
    struct connection *connection = g_new0(struct connection, 1);

    connection->loop = loop;
    connection->fd = fd;
    connection->in = g_byte_array_new();
    connection->out = g_string_new(NULL);
    connection->active_ms = server_now_ms();
    connection->readable = event_new(loop->base, fd, EV_READ | EV_PERSIST, on_readable, connection);
    connection->writable = event_new(loop->base, fd, EV_WRITE | EV_PERSIST, on_writable, connection);
    connection->link.data = connection;
    g_queue_push_tail_link(&loop->connections, &connection->link);
    event_add(connection->readable, NULL);
}

void
connection_close(struct connection *connection)
{
    struct policy_server *server = connection->loop->server;

    if (connection->question != NULL)
        connection->question->connection = NULL; /* freed when the pool is done with it */
    event_free(connection->readable);
    event_free(connection->writable);
    close(connection->fd);
    g_queue_unlink(&connection->loop->connections, &connection->link);
    g_byte_array_unref(connection->in);
    g_string_free(connection->out, TRUE);
    g_free(connection);
    server_connection_ended(server);
}

gboolean
connection_is_idle(const struct connection *connection)
{
    return connection->question == NULL && connection->out->len == 0;
}

void
connection_check_time(struct connection *connection, gint64 now_ms)
{
    const struct policy_server_options *options = &connection->loop->server->options;
    gint64 quiet = now_ms - connection->active_ms;

    if (connection->question != NULL)
        return;
    if (connection->out->len > 0 || connection->in->len > 0) {
        if (quiet < options->stall_ms)
            return;
        log_text(LOG_SEV_WARNING, "policy", "closed a connection that %s for %d s", connection->out->len > 0 ? "took no answer" : "left a question unfinished",
                 (int)(quiet / 1000));
        connection_close(connection);
    } else if (quiet >= options->idle_ms) {
        connection_close(connection);
    }
}

/* FALSE: the connection is closed. */
static gboolean
flush(struct connection *connection)
{
    while (connection->out->len > 0) {
        ssize_t n = send(connection->fd, connection->out->str, connection->out->len, MSG_NOSIGNAL);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0 && errno != EAGAIN) {
            connection_close(connection);
            return FALSE;
        }
        if (n < 0)
            break;
        connection->active_ms = server_now_ms();
        g_string_erase(connection->out, 0, n);
    }
    if (connection->out->len > 0) {
        event_add(connection->writable, NULL);
        return TRUE;
    }
    event_del(connection->writable);
    if (!connection->refused)
        return TRUE;
    connection_close(connection);
    return FALSE;
}

/* What is no question gets an answer, so that no smtpd waits for one, and the end of the connection. FALSE: it is closed. */
static gboolean
refuse(struct connection *connection, const char *problem)
{
    log_text(LOG_SEV_WARNING, "policy", "refused a malformed request: %s; who else than Postfix connects here?", problem);
    policy_action_write(connection->out, "451 4.3.5 Malformed policy request");
    connection->refused = TRUE;
    g_byte_array_set_size(connection->in, 0);
    event_del(connection->readable);
    return flush(connection);
}

/* The length of the first question in what was read, without its empty line; G_MAXSIZE: it is not whole. */
static gsize
find_end(struct connection *connection)
{
    const GByteArray *in = connection->in;
    const guint8 *from = in->data + (connection->looked > 0 ? connection->looked - 1 : 0), *end = in->data + in->len, *line;

    if (in->len > 0 && in->data[0] == '\n')
        return 0;
    connection->looked = in->len;
    while (from < end && (line = memchr(from, '\n', (gsize)(end - from))) != NULL) { /* by lines: memmem is slow at such a needle */
        if (line + 1 < end && line[1] == '\n')
            return (gsize)(line - in->data);
        from = line + 1;
    }
    return G_MAXSIZE;
}

/* FALSE: the connection is closed, or refused. */
static gboolean
take_question(struct connection *connection, gsize length)
{
    g_autofree char *problem = NULL;
    struct question *question = question_begin(connection, connection->loop, (const char *)connection->in->data, length, &problem);

    if (question == NULL) {
        refuse(connection, problem);
        return FALSE;
    }
    g_byte_array_remove_range(connection->in, 0, (guint)MIN(length + 2, connection->in->len));
    connection->looked = 0;
    if (question->waits) {
        connection->question = question;
        event_del(connection->readable);
        return TRUE;
    }
    policy_action_write(connection->out, question->answer);
    question_free(question);
    return flush(connection);
}

/* All whole questions until one has to wait. */
static void
take_questions(struct connection *connection)
{
    while (connection->question == NULL && connection->out->len == 0) {
        gsize length = find_end(connection);
        if (length == G_MAXSIZE) {
            if (connection->in->len > POLICY_REQUEST_MAX)
                refuse(connection, "too long");
            return;
        }
        if (!take_question(connection, length))
            return;
    }
}

void
connection_answered(struct connection *connection, const char *answer)
{
    connection->question = NULL;
    policy_action_write(connection->out, answer);
    event_add(connection->readable, NULL);
    if (flush(connection))
        take_questions(connection);
}

static void
on_readable(evutil_socket_t fd, short what, void *data)
{
    struct connection *connection = data;
    guint8 bytes[READ_SIZE];
    ssize_t n = recv(fd, bytes, sizeof bytes, 0);

    (void)what;
    if (n < 0 && (errno == EAGAIN || errno == EINTR))
        return;
    if (n <= 0) {
        connection_close(connection);
        return;
    }
    connection->active_ms = server_now_ms();
    g_byte_array_append(connection->in, bytes, (guint)n);
    take_questions(connection);
}

static void
on_writable(evutil_socket_t fd, short what, void *data)
{
    struct connection *connection = data;

    (void)fd;
    (void)what;
    if (flush(connection) && connection->out->len == 0)
        take_questions(connection);
}
