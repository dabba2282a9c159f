/* metrics_http.c: GET /metrics and GET /healthz by libmicrohttpd.
 *
 * One thread with epoll; at most 32 connections of 16 KiB each and 10 s without a byte, so that a scraper
 * that hangs (or a stranger on the port) can't take more of the daemon than that. Nothing of a request but
 * its method and path is looked at. */
#include "lib/base/metrics.h"
#include "lib/base/net.h"
#include <microhttpd.h>
#include <string.h>
#include <unistd.h>

#define HTTP_CONNECTIONS 32u
#define HTTP_TIMEOUT_S 10u
#define HTTP_MEMORY ((size_t)16 * 1024)

struct metrics_server {
    struct MHD_Daemon *http;
};

/* metrics_http_reply - queues a short answer; body is copied */
static enum MHD_Result
metrics_http_reply(struct MHD_Connection *connection, unsigned status, const char *type, const char *body,
                   gsize length)
{
    struct MHD_Response *response =
        MHD_create_response_from_buffer(length, (void *)(guintptr)body, MHD_RESPMEM_MUST_COPY);
    if (!response)
        return MHD_NO;
    MHD_add_response_header(response, MHD_HTTP_HEADER_CONTENT_TYPE, type);
    MHD_add_response_header(response, MHD_HTTP_HEADER_CACHE_CONTROL, "no-store");
    if (status == MHD_HTTP_METHOD_NOT_ALLOWED)
        MHD_add_response_header(response, MHD_HTTP_HEADER_ALLOW, "GET, HEAD");
    enum MHD_Result queued = MHD_queue_response(connection, status, response);
    MHD_destroy_response(response);
    return queued;
}

static enum MHD_Result
metrics_http_answer(void *data, struct MHD_Connection *connection, const char *url, const char *method,
                    const char *version, const char *upload, size_t *upload_size, void **state)
{
    static const char plain[] = "text/plain; charset=utf-8";
    (void)data;
    (void)version;
    (void)upload;
    if (strcmp(method, MHD_HTTP_METHOD_GET) != 0 && strcmp(method, MHD_HTTP_METHOD_HEAD) != 0) {
        if (*state == NULL) { /* headers are in: a body, if any, must be passed by first */
            *state = connection;
            return MHD_YES;
        }
        if (*upload_size != 0) {
            *upload_size = 0;
            return MHD_YES;
        }
        return metrics_http_reply(connection, MHD_HTTP_METHOD_NOT_ALLOWED, plain, "use GET\n", 8);
    }
    if (strcmp(url, "/healthz") == 0)
        return metrics_http_reply(connection, MHD_HTTP_OK, plain, "ok\n", 3);
    if (strcmp(url, "/metrics") != 0)
        return metrics_http_reply(connection, MHD_HTTP_NOT_FOUND, plain, "try /metrics\n", 13);
    g_autoptr(GString) text = g_string_sized_new(8192);
    metrics_render(text);
    return metrics_http_reply(connection, MHD_HTTP_OK, "text/plain; version=0.0.4; charset=utf-8", text->str,
                              text->len);
}

struct metrics_server *
metrics_server_start(const char *address, GError **error)
{
    int fd = net_listen(address, 0660, NULL, 16, error);
    if (fd < 0)
        return NULL;
    struct MHD_Daemon *http = MHD_start_daemon(
        MHD_USE_EPOLL_INTERNAL_THREAD, 0, NULL, NULL, metrics_http_answer, NULL, MHD_OPTION_LISTEN_SOCKET, fd,
        MHD_OPTION_CONNECTION_LIMIT, HTTP_CONNECTIONS, MHD_OPTION_CONNECTION_TIMEOUT, HTTP_TIMEOUT_S,
        MHD_OPTION_CONNECTION_MEMORY_LIMIT, HTTP_MEMORY, MHD_OPTION_END);
    if (!http) {
        g_set_error(error, NET_ERROR, NET_ERROR_SYSTEM, "can't start the metrics server on %s", address);
        close(fd);
        return NULL;
    }
    struct metrics_server *server = g_new0(struct metrics_server, 1);
    server->http = http;
    return server;
}

void
metrics_server_stop(struct metrics_server **server)
{
    if (!server || !*server)
        return;
    MHD_stop_daemon((*server)->http); /* closes the listening descriptor too */
    g_free(*server);
    *server = NULL;
}
