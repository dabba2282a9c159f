/* spamd_service.c: sockets of spamd's protocol, and what a scan answers to each of its verbs. */
#include "milters/spamd_service.h"
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include "lib/base/net.h"
#include "lib/spam/scan/scan_report.h"
#include "lib/spam/verdict/rewrite.h"
#include "milters/runtime.h"
#include "milters/spam_findings.h"

#define LISTEN_BACKLOG 1024

struct socket {
    char *text; /* as in the configuration */
    int fd;
};

struct spamd_service {
    GArray *sockets; /* struct socket */
    struct spamd_server *server;
};

/* ---- sockets ---- */

/* Reads "DESCRIPTOR=ADDRESS": the address, or NULL. */
static const char *
read_inherited(const char *text, int *fd_r)
{
    char *end;
    long fd = strtol(text, &end, 10);

    *fd_r = (int)fd;
    return *end == '=' && fd > 2 && fd <= 65535 ? end + 1 : NULL;
}

/* The descriptor that an older process handed on for the address, or -1. */
static int
inherited_fd(char *const *inherited, const char *text)
{
    for (; inherited != NULL && *inherited != NULL; inherited++) {
        int fd;
        const char *address = read_inherited(*inherited, &fd);

        if (address != NULL && strcmp(address, text) == 0)
            return fd;
    }
    return -1;
}

/* Clients would wait for ever at sockets that nobody listens on any more. */
static void
close_unwanted(char *const *inherited, const struct config_spam *config)
{
    for (; inherited != NULL && *inherited != NULL; inherited++) {
        int fd;
        const char *address = read_inherited(*inherited, &fd);

        if (address != NULL && !g_strv_contains((const char *const *)config->spamd_listen, address))
            close(fd);
    }
}

static int
open_socket(const struct config_spam *config, const char *text, char *const *inherited, GError **error)
{
    int fd = inherited_fd(inherited, text);
    g_autofree char *given = fd >= 0 ? g_strdup_printf("fd:%d", fd) : NULL;
    g_autofree char *address = spamd_address(given != NULL ? given : text, error);

    return address != NULL ? net_listen(address, (guint)config->spamd_socket_mode, NULL, LISTEN_BACKLOG, error) : -1;
}

static void
service_free(struct spamd_service *service)
{
    for (guint i = 0; i < service->sockets->len; i++)
        g_free(g_array_index(service->sockets, struct socket, i).text);
    g_array_unref(service->sockets);
    g_free(service);
}

struct spamd_service *
spamd_service_open(const struct config_spam *config, char *const *inherited, GError **error)
{
    struct spamd_service *service;

    close_unwanted(inherited, config);
    if (*config->spamd_listen == NULL)
        return NULL;
    service = g_new0(struct spamd_service, 1);
    service->sockets = g_array_new(FALSE, FALSE, sizeof(struct socket));
    for (char **text = config->spamd_listen; *text != NULL; text++) {
        struct socket opened = {.fd = open_socket(config, *text, inherited, error)};

        if (opened.fd < 0) {
            for (guint i = 0; i < service->sockets->len; i++)
                close(g_array_index(service->sockets, struct socket, i).fd);
            service_free(service);
            return NULL;
        }
        opened.text = g_strdup(*text);
        g_array_append_val(service->sockets, opened);
    }
    return service;
}

void
spamd_service_hand_on(const struct spamd_service *service, GArray *descriptors, GPtrArray *argv)
{
    for (guint i = 0; service != NULL && i < service->sockets->len; i++) {
        const struct socket *socket = &g_array_index(service->sockets, struct socket, i);

        g_array_append_val(descriptors, socket->fd);
        g_ptr_array_add(argv, g_strdup_printf("--inherit-spamd=%d=%s", socket->fd, socket->text));
    }
}

/* ---- scans ---- */

static GString *
text_for(const struct spamd_request *request, struct report *report)
{
    const GString *text;

    switch (request->method) {
    case SPAMD_SYMBOLS:
        return report_names(report, ",");
    case SPAMD_REPORT:
    case SPAMD_REPORT_IFSPAM:
        text = report_text(report);
        return g_string_new_len(text->str, (gssize)text->len);
    case SPAMD_PROCESS:
    case SPAMD_HEADERS:
        return rewrite_message(report);
    default:
        return NULL;
    }
}

/* From how many points on it is spam: the same as for mail that comes by the milter. */
static double
required_points(const struct runtime *runtime)
{
    struct spam_levels levels;

    spam_levels_get(&runtime->config->spam, rules_number(scanner_ruleset(runtime->scanner), "required_score"), NULL, &levels);
    return (double)levels.tag2 / 1000;
}

static gboolean
scan(gpointer data, const struct spamd_client *client, const struct spamd_request *request, struct spamd_verdict *verdict_r,
     const char **why_r)
{
    struct runtime *runtime = runtime_current();
    struct scan_request scan_request = {.message = request->message->str, .length = request->message->len,
                                        .extent = ENGINE_WHAT_COUNTS};
    struct scan_report_options options = {.client_name = client->name, .client_address = client->address};
    struct scan_result result = {0};

    (void)data;
    if (runtime == NULL || runtime->scanner == NULL) {
        *why_r = "the rules are not loaded";
        runtime_unref(runtime);
        return FALSE;
    }
    options.required = required_points(runtime);
    scan_request.time_ms = runtime->config->spam.time_limit;
    scan_request.dns = runtime->config->spam.network ? runtime->dns : NULL;
    scan_request.dns_ms = runtime->config->dns.timeout;
    scan_request.spf = runtime->spf;
    scan_request.find_auth = TRUE;
    scanner_scan(runtime->scanner, &scan_request, &result);
    struct scan_report *scanned = scan_report_new(&result, &options);
    struct report *report = scan_report_get(scanned);
    verdict_r->is_spam = report_is_spam(report);
    verdict_r->score = report_score(report);
    verdict_r->required = report_required(report);
    verdict_r->text = text_for(request, report);
    verdict_r->tests = g_string_free(report_names(report, ","), FALSE);
    scan_report_free(&scanned);
    scan_result_clear(&result);
    runtime_unref(runtime);
    return TRUE;
}

/* ---- life ---- */

static struct spamd_settings
settings_of(const struct config_spam *config)
{
    return (struct spamd_settings){.networks = config->spamd_networks, .max_size = (gsize)config->spamd_max_size,
                                   .max_connections = (guint)config->spamd_max_connections, .timeout_ms = (int)config->spamd_timeout};
}

gboolean
spamd_service_start(struct spamd_service *service, const struct config_spam *config, GError **error)
{
    const struct spamd_settings settings = settings_of(config);

    if (service == NULL)
        return TRUE;
    g_autofree int *fds = g_new(int, service->sockets->len);
    for (guint i = 0; i < service->sockets->len; i++)
        fds[i] = g_array_index(service->sockets, struct socket, i).fd;
    service->server = spamd_server_start(fds, service->sockets->len, &settings, scan, NULL, error);
    return service->server != NULL;
}

gboolean
spamd_service_set(struct spamd_service *service, const struct config_spam *config, GError **error)
{
    const struct spamd_settings settings = settings_of(config);

    return service == NULL || spamd_server_set(service->server, &settings, error);
}

void
spamd_service_stop_accepting(struct spamd_service *service)
{
    if (service != NULL)
        spamd_server_stop_accepting(service->server);
}

void
spamd_service_stop(struct spamd_service **service, int drain_ms)
{
    if (*service == NULL)
        return;
    spamd_server_stop(&(*service)->server, drain_ms);
    service_free(*service);
    *service = NULL;
}
