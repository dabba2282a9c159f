/* http.c: Dovecot's questions over HTTP, by libmicrohttpd.
 *
 * One thread with epoll: an answer is a few look-ups in memory. Dovecot keeps up to 100 connections open, each for 10 s of rest. */
#include "policyd/signin/http.h"
#include <microhttpd.h>
#include <string.h>
#include <unistd.h>
#include "lib/base/log.h"
#include "lib/base/metrics.h"
#include "lib/base/net.h"

#define HTTP_CONNECTIONS 1000u
#define HTTP_TIMEOUT_S 20u
#define HTTP_MEMORY ((size_t)32 * 1024)
#define LISTEN_BACKLOG 256

struct signin_server {
    struct MHD_Daemon *http;
    struct signin *signin;
    char *key;
    gint64 complained_us; /* in the server's thread */
    guint unsaid;         /* complaints since then */
    struct metric *malformed, *seconds;
};

/* One request: what has come of its body. */
struct call {
    GString *body;
    gint64 begun_us;
};

/* ---- answers ---- */

static enum MHD_Result
reply(struct MHD_Connection *connection, unsigned status, const char *body)
{
    struct MHD_Response *response = MHD_create_response_from_buffer(strlen(body), (void *)(guintptr)body, MHD_RESPMEM_MUST_COPY);
    enum MHD_Result queued;

    if (response == NULL)
        return MHD_NO;
    MHD_add_response_header(response, MHD_HTTP_HEADER_CONTENT_TYPE, "application/json");
    if (status == MHD_HTTP_METHOD_NOT_ALLOWED)
        MHD_add_response_header(response, MHD_HTTP_HEADER_ALLOW, "POST");
    queued = MHD_queue_response(connection, status, response);
    MHD_destroy_response(response);
    return queued;
}

/* A flood of these is no flood of the log. */
static enum MHD_Result
refuse(struct signin_server *server, struct MHD_Connection *connection, unsigned status, const char *why)
{
    g_autofree char *body = g_strdup_printf("{\"error\":\"%s\"}", why);
    gint64 now_us = g_get_monotonic_time();

    metrics_add(server->malformed, 0, 1);
    server->unsaid++;
    if (server->complained_us == 0 || now_us - server->complained_us >= G_USEC_PER_SEC) {
        struct log_line *line = log_line_new(LOG_SEV_WARNING, "signin");
        log_line_str(line, "action", "malformed");
        log_line_int(line, "http", (gint64)status);
        log_line_str(line, "why", why);
        log_line_int(line, "times", server->unsaid);
        log_line_emit(line);
        server->complained_us = now_us;
        server->unsaid = 0;
    }
    return reply(connection, status, body);
}

static enum MHD_Result
answer_allow(struct signin_server *server, struct MHD_Connection *connection, const struct signin_request *request)
{
    struct signin_answer answer;
    g_autofree char *body = NULL;

    signin_allow(server->signin, request, g_get_real_time() / 1000, &answer);
    signin_note_answer(request, &answer);
    /* Dovecot shows the text to the client, so it is the same for all reasons. */
    body = g_strdup_printf("{\"status\":%d,\"msg\":\"%s\"}", answer.status,
                           answer.status < 0 ? "Sign-in is not possible at the moment, please try again later" : "");
    return reply(connection, MHD_HTTP_OK, body);
}

static enum MHD_Result
answer_report(struct signin_server *server, struct MHD_Connection *connection, const struct signin_request *request)
{
    gboolean banned;
    enum signin_counted counted;

    if (!request->told)
        return refuse(server, connection, MHD_HTTP_BAD_REQUEST, "a report without success");
    counted = signin_report(server->signin, request, g_get_real_time() / 1000, &banned);
    signin_note_report(request, counted, banned);
    return reply(connection, MHD_HTTP_OK, "{\"status\":0,\"msg\":\"\"}");
}

static enum MHD_Result
answer_body(struct signin_server *server, struct MHD_Connection *connection, const struct call *call)
{
    const char *command = MHD_lookup_connection_value(connection, MHD_GET_ARGUMENT_KIND, "command"), *problem;
    struct signin_request *request;
    enum MHD_Result result;

    if (command == NULL || (strcmp(command, "allow") != 0 && strcmp(command, "report") != 0))
        return refuse(server, connection, MHD_HTTP_BAD_REQUEST, "the command is neither allow nor report");
    request = signin_request_parse(call->body->str, call->body->len, &problem);
    if (request == NULL)
        return refuse(server, connection, MHD_HTTP_BAD_REQUEST, problem);
    result = (*command == 'a' ? answer_allow : answer_report)(server, connection, request);
    signin_request_free(request);
    metrics_observe(server->seconds, g_get_monotonic_time() - call->begun_us);
    return result;
}

/* ---- requests ---- */

/* Takes as long wherever the first difference is. */
static gboolean
key_is_right(const char *key, const char *given)
{
    gsize length = strlen(key), n = strlen(given);
    guint difference = length != n;

    for (gsize i = 0; i < n; i++)
        difference |= (guint)(guchar)(given[i] ^ key[i % length]);
    return difference == 0;
}

/* Before the body. */
static enum MHD_Result
begin(struct signin_server *server, struct MHD_Connection *connection, const char *method, void **state)
{
    const char *given = MHD_lookup_connection_value(connection, MHD_HEADER_KIND, "X-API-Key");
    struct call *call;

    if (strcmp(method, MHD_HTTP_METHOD_POST) != 0)
        return refuse(server, connection, MHD_HTTP_METHOD_NOT_ALLOWED, "another method than POST");
    if (*server->key != '\0' && !key_is_right(server->key, given != NULL ? given : ""))
        return refuse(server, connection, MHD_HTTP_UNAUTHORIZED, "no key, or a wrong one, in X-API-Key");
    call = g_new0(struct call, 1);
    call->body = g_string_new(NULL);
    call->begun_us = g_get_monotonic_time();
    *state = call;
    return MHD_YES;
}

static enum MHD_Result
on_request(void *data, struct MHD_Connection *connection, const char *url, const char *method, const char *version, const char *upload,
           size_t *upload_size, void **state)
{
    struct signin_server *server = data;
    struct call *call = *state;

    (void)url;
    (void)version;
    if (call == NULL)
        return begin(server, connection, method, state);
    if (*upload_size == 0)
        return call->body->len > SIGNIN_BODY_MAX ? refuse(server, connection, MHD_HTTP_CONTENT_TOO_LARGE, "a body of more than 64 KiB")
                                                 : answer_body(server, connection, call);
    if (call->body->len <= SIGNIN_BODY_MAX) /* the rest of a longer one is passed by */
        g_string_append_len(call->body, upload, (gssize)MIN(*upload_size, SIGNIN_BODY_MAX + 1 - call->body->len));
    *upload_size = 0;
    return MHD_YES;
}

static void
on_end(void *data, struct MHD_Connection *connection, void **state, enum MHD_RequestTerminationCode code)
{
    struct call *call = *state;

    (void)data;
    (void)connection;
    (void)code;
    if (call == NULL)
        return;
    g_string_free(call->body, TRUE);
    g_clear_pointer(state, g_free);
}

struct signin_server *
signin_server_start(const char *address, const char *key, struct signin *signin, GError **error)
{
    int fd = net_listen(address, 0660, NULL, LISTEN_BACKLOG, error);
    struct signin_server *server;

    if (fd < 0)
        return NULL;
    server = g_new0(struct signin_server, 1);
    server->signin = signin;
    server->key = g_strdup(key);
    server->malformed = metrics_counter("postern_signin_malformed_total", "Requests that were none of Dovecot's auth policy", NULL, NULL);
    server->seconds = metrics_histogram("postern_signin_seconds", "Time to answer Dovecot about a sign-in");
    server->http = MHD_start_daemon(MHD_USE_EPOLL_INTERNAL_THREAD, 0, NULL, NULL, on_request, server, MHD_OPTION_LISTEN_SOCKET, fd,
                                    MHD_OPTION_CONNECTION_LIMIT, HTTP_CONNECTIONS, MHD_OPTION_CONNECTION_TIMEOUT, HTTP_TIMEOUT_S,
                                    MHD_OPTION_CONNECTION_MEMORY_LIMIT, HTTP_MEMORY, MHD_OPTION_NOTIFY_COMPLETED, on_end, NULL,
                                    MHD_OPTION_END);
    if (server->http == NULL) {
        g_set_error(error, NET_ERROR, NET_ERROR_SYSTEM, "can't start the server for sign-ins on %s", address);
        close(fd);
        g_free(server->key);
        g_free(server);
        return NULL;
    }
    return server;
}

void
signin_server_stop(struct signin_server **server)
{
    if (*server == NULL)
        return;
    MHD_stop_daemon((*server)->http); /* closes the listening descriptor, too */
    g_free((*server)->key);
    g_clear_pointer(server, g_free);
}
