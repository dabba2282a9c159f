/* server_connection.c: one client: its bytes to the reader, the reader's request to the scan, the reply to the client. */
#include <errno.h>
#include <poll.h>
#include <string.h>
#include <sys/socket.h>
#include "lib/base/log.h"
#include "lib/base/net.h"
#include "lib/spam/spamd/server_private.h"

#define PIECE (32u << 10) /* bytes that are read at once; on the stack: freed, it would have the allocator tidy up */
#define LINGER_BYTES (16u << 20)
#define LOG_TESTS 250

struct connection {
    struct spamd_server *server;
    const struct spamd_rules *rules;
    int fd;
    struct spamd_client client;
    struct spamd_reader *reader;
    gint64 began, deadline, line_deadline; /* monotonic */
};

static gint64
after_ms(gint64 from, int ms)
{
    return from + ms * G_GINT64_CONSTANT(1000);
}

/* How long until the deadline, in poll's milliseconds. */
static int
left_ms(gint64 deadline)
{
    gint64 left = (deadline - g_get_monotonic_time() + 999) / 1000;

    return (int)CLAMP(left, 0, G_MAXINT);
}

/* ---- reading ---- */

/* Whether those who have not asked are to go: the server is stopping, and no byte of theirs has come. */
static gboolean
is_sent_away(const struct connection *connection, gboolean has_bytes)
{
    g_mutex_lock(&connection->server->lock);
    gboolean stopping = connection->server->stopping;
    g_mutex_unlock(&connection->server->lock);
    return stopping && !has_bytes;
}

/* Waits for bytes. FALSE: too slow, or sent away. */
static gboolean
wait_for_bytes(const struct connection *connection, gboolean has_bytes)
{
    for (;;) {
        gint64 deadline = spamd_reader_has_line(connection->reader) ? connection->deadline : connection->line_deadline;
        struct pollfd polled[] = {{.fd = connection->fd, .events = POLLIN},
                                  {.fd = has_bytes ? -1 : connection->server->wake, .events = POLLIN}};
        int ready = poll(polled, G_N_ELEMENTS(polled), left_ms(deadline));

        if (ready > 0 && polled[0].revents != 0)
            return TRUE;
        if (ready == 0 || (ready > 0 && is_sent_away(connection, has_bytes)))
            return FALSE;
    }
}

/* -1: the client's bytes ended or broke; 0: too slow, or sent away; else bytes. */
static gssize
receive(const struct connection *connection, char *piece, gboolean has_bytes)
{
    for (;;) {
        gssize n = recv(connection->fd, piece, PIECE, 0);

        if (n > 0)
            return n;
        if (n == 0 || (errno != EINTR && errno != EAGAIN))
            return -1;
        if (!wait_for_bytes(connection, has_bytes))
            return 0;
    }
}

/* Reads until the request is whole or refused; MORE: too slow. */
static enum spamd_state
read_request(struct connection *connection)
{
    char piece[PIECE];
    enum spamd_state state = SPAMD_MORE;
    gboolean has_bytes = FALSE;

    while (state == SPAMD_MORE) {
        gssize n = receive(connection, piece, has_bytes);

        if (n == 0)
            break;
        has_bytes = TRUE;
        state = n > 0 ? spamd_reader_feed(connection->reader, piece, (gsize)n) : spamd_reader_end(connection->reader);
    }
    return state;
}

/* ---- answering ---- */

static void
append_timeout(GString *reply, const struct connection *connection)
{
    g_autofree char *text = NULL;

    if (spamd_reader_has_line(connection->reader))
        text = g_strdup_printf("(%d second timeout while trying to %s)", connection->rules->timeout_ms / 1000,
                               spamd_method_names[spamd_reader_request(connection->reader)->method]);
    else
        text = g_strdup_printf("(%d second socket timeout reading input from client)",
                               MIN(SPAMD_LINE_TIMEOUT_MS, connection->rules->timeout_ms) / 1000);
    spamd_refuse(reply, SPAMD_TIMEOUT, text, strlen(text));
}

/* Makes the reply of a whole request, scanned if it is to be. */
static enum spamd_outcome
answer(struct connection *connection, struct spamd_verdict *verdict, GString *reply)
{
    const struct spamd_request *request = spamd_reader_request(connection->reader);
    const char *why = "no scanner";

    if (request->method == SPAMD_PING || request->method == SPAMD_SKIP) {
        spamd_reply(reply, request, NULL);
        return SPAMD_WAS_OTHER;
    }
    if (!connection->server->scan(connection->server->data, &connection->client, request, verdict, &why)) {
        spamd_refuse(reply, SPAMD_UNAVAILABLE, why, strlen(why));
        return SPAMD_WAS_REFUSED;
    }
    spamd_reply(reply, request, verdict);
    return verdict->is_spam ? SPAMD_WAS_SPAM : SPAMD_WAS_HAM;
}

/* A close with bytes unread would take the reply from the client. */
static void
linger(int fd)
{
    gint64 deadline = after_ms(g_get_monotonic_time(), SPAMD_LINGER_MS);
    char piece[PIECE];
    gssize n = recv(fd, piece, PIECE, 0);
    gsize dropped = 0;

    if (n == 0) /* it has ended before it had its answer, as most do */
        return;
    shutdown(fd, SHUT_WR);
    while (n != 0 && dropped < LINGER_BYTES) {
        struct pollfd polled = {.fd = fd, .events = POLLIN};

        if (n < 0 && errno != EINTR && errno != EAGAIN)
            return;
        dropped += n > 0 ? (gsize)n : 0;
        if (poll(&polled, 1, left_ms(deadline)) <= 0)
            return;
        n = recv(fd, piece, PIECE, 0);
    }
}

static void
log_request(const struct connection *connection, enum spamd_outcome outcome, const struct spamd_verdict *verdict, const GString *reply)
{
    static const char *const names[] = {"spam", "ham", "ok", "refused", "denied", "lost"};
    const struct spamd_request *request = spamd_reader_request(connection->reader);
    gboolean is_warning = outcome == SPAMD_WAS_REFUSED || outcome == SPAMD_WAS_LOST;
    struct log_line *line = log_line_new(is_warning ? LOG_SEV_WARNING : LOG_SEV_INFO, "spamd");

    log_line_str(line, "result", names[outcome]);
    log_line_str(line, "client", connection->client.address);
    if (spamd_reader_has_line(connection->reader)) {
        log_line_str(line, "method", spamd_method_names[request->method]);
        log_line_str(line, "user", request->user);
        log_line_int(line, "size", (gint64)request->message->len);
    }
    log_line_str(line, "score", verdict->score);
    log_line_str(line, "required", verdict->required);
    if (verdict->tests != NULL)
        log_line_mem(line, "tests", verdict->tests, MIN(strlen(verdict->tests), LOG_TESTS));
    if (outcome == SPAMD_WAS_REFUSED)
        log_line_mem(line, "reply", reply->str, strcspn(reply->str, "\r\n"));
    log_line_ms(line, "ms", g_get_monotonic_time() - connection->began);
    log_line_emit(line);
}

static void
converse(struct connection *connection)
{
    struct spamd_verdict verdict = {0};
    g_autoptr(GString) reply = g_string_new(NULL);
    g_autoptr(GError) error = NULL;
    enum spamd_state state = read_request(connection);
    enum spamd_outcome outcome = SPAMD_WAS_REFUSED;
    gint64 whole = g_get_monotonic_time();

    if (state == SPAMD_READY)
        outcome = answer(connection, &verdict, reply);
    else if (state == SPAMD_REFUSED)
        g_string_append_len(reply, spamd_reader_refusal(connection->reader)->str,
                            (gssize)spamd_reader_refusal(connection->reader)->len);
    else
        append_timeout(reply, connection);
    if (!net_write_full(connection->fd, reply->str, reply->len, MAX(left_ms(connection->deadline), SPAMD_LINGER_MS), &error))
        outcome = SPAMD_WAS_LOST;
    if (state == SPAMD_READY)
        metrics_observe(connection->server->seconds, g_get_monotonic_time() - whole);
    metrics_add(connection->server->requests, outcome, 1);
    log_request(connection, outcome, &verdict, reply);
    spamd_verdict_clear(&verdict);
    if (outcome != SPAMD_WAS_LOST)
        linger(connection->fd);
}

void
spamd_connection_serve(struct spamd_server *server, struct spamd_rules *rules, int fd, const char *address)
{
    gboolean is_local = *address == '\0';
    gint64 now = g_get_monotonic_time();
    struct connection connection = {.server = server, .rules = rules, .fd = fd, .began = now};

    connection.client.address = is_local ? "127.0.0.1" : address;
    connection.client.name = is_local || strcmp(address, "127.0.0.1") == 0 || strcmp(address, "::1") == 0 ? "localhost" : address;
    if (!is_local && !networks_contain(rules->networks, address)) {
        metrics_add(server->requests, SPAMD_WAS_DENIED, 1);
        log_text(LOG_SEV_WARNING, "spamd", "client %s is in no network of spam.spamd_networks: closed", address);
        return;
    }
    connection.deadline = after_ms(now, rules->timeout_ms);
    connection.line_deadline = after_ms(now, MIN(SPAMD_LINE_TIMEOUT_MS, rules->timeout_ms));
    connection.reader = spamd_reader_new(rules->max_size);
    converse(&connection);
    spamd_reader_free(&connection.reader);
}
