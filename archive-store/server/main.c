/* main.c: postern-archived, the archive daemon.
 *
 * NAME         postern-archived - keeps every message, and finds it again
 * SYNOPSIS     postern-archived [-c FILE] [--check | --init]
 * DESCRIPTION  Listens on archived.listen for the frames of archive_proto.h: records from postern-milter, which
 *              are answered when they are durable, and requests of `postern archive`. Stays in the foreground.
 *              --init makes the directories, the master key and the tables; it may be run again at any time.
 * SIGNALS      SIGTERM, SIGINT: no more is accepted, what is under way is finished, index and SQL are committed.
 *              Reload is by the control socket (`postern reload archived`), never SIGHUP.
 * DIAGNOSTICS  Exit status 0 after a clean stop, 1 when it could not start (the log says what to do), 2 for a
 *              wrong command line or configuration.
 * LIMITS       512 connections, 4096 requests under way, 64 on one connection, 1 GiB of requests and replies
 *              in memory (or twice archived.max_message where that is more). */
#include <errno.h>
#include <fcntl.h>
#include <locale.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>
#include "archive-store/server/daemon_parts.h"
#include "lib/base/control.h"
#include "lib/base/daemon.h"
#include "lib/base/log.h"
#include "lib/base/net.h"

#define MEMORY (1024 * 1024 * 1024LL)
#define ENVELOPE_MAX (16 * 1024 * 1024LL) /* of a record, beside its message */
#define DRAIN_MS 30000

static gboolean
on_reload(const char *args, GString *answer, gpointer data)
{
    struct archived *archived = data;
    struct settings_report *report = settings_report_new();
    struct config *fresh = config_load(archived->config->path, report);

    (void)args;
    if (fresh) {
        log_open("postern-archived", (enum log_target)fresh->log.target, (enum log_format)fresh->log.format,
                 (enum log_severity)fresh->log.least);
        g_atomic_int_set(&archived->search_budget_ms, (gint)fresh->archived.search_budget);
        g_string_append(answer, "reloaded: log settings and search_budget; all others take effect at a restart");
        log_text(LOG_SEV_INFO, "reload", "configuration %s was read again", archived->config->path);
        config_unref(fresh);
    } else {
        const char *first = report->errors->len ? report->errors->pdata[0] : "unknown error";
        g_string_append_printf(answer, "kept the old configuration: %s", first);
        log_text(LOG_SEV_WARNING, "reload", "the new configuration is bad, the old one stays: %s", first);
    }
    settings_report_free(&report);
    return fresh != NULL;
}

static gboolean
on_stop(const char *args, GString *answer, gpointer data)
{
    (void)args;
    (void)data;
    g_string_append(answer, "stopping");
    daemon_request_stop();
    return TRUE;
}

static gboolean
on_status(const char *args, GString *answer, gpointer data)
{
    struct archived *archived = data;
    struct store_stats stats;

    (void)args;
    store_stats(archived->store, &stats);
    g_string_append_printf(answer, "messages=%" G_GUINT64_FORMAT " events=%" G_GUINT64_FORMAT
                           " connections=%u requests=%u", stats.messages, stats.events,
                           server_connections(archived->server), server_exchanges(archived->server));
    for (guint n = 0; n < feed_sinks(archived->feed); n++) {
        struct feed_status status;
        feed_get_status(archived->feed, n, &status);
        g_string_append_printf(answer, " %s_lag=%" G_GUINT64_FORMAT, status.name, status.lag_bytes);
        g_free(status.problem);
    }
    return TRUE;
}

static const struct control_command control_commands[] = {
    {"reload", "read the configuration again (log settings, search_budget)", on_reload},
    {"status", "counts and lags in one line", on_status},
    {"stop", "finish what is under way and end", on_stop},
    {NULL, NULL, NULL},
};

/* ---- start ---- */

/* What keeps the daemon from starting: to the log, and to whoever started it when the log goes elsewhere. */
static void
tell_start_failure(const struct config *config, const GError *error)
{
    log_text(LOG_SEV_ERROR, "start", "%s", error->message);
    if (config->log.target != LOG_TO_STDERR)
        fprintf(stderr, "postern-archived: %s\n", error->message);
}

static gboolean
open_parts(struct archived *archived, GError **error)
{
    g_autofree char *recovered = NULL, *index_dir = g_build_filename(archived->config->archived.dir, "index", NULL);
    struct store_options options;

    parts_store_options(archived->config, &options);
    archived->store = store_open(&options, &recovered, error);
    if (!archived->store)
        return FALSE;
    if (recovered && *recovered)
        log_text(LOG_SEV_WARNING, "recovery", "%s", recovered);
    archived->index = index_open(index_dir, error);
    if (!archived->index) {
        g_prefix_error(error, "the index can't be opened (it is derived: stop, move %s away, start, and it is built "
                       "anew): ", index_dir);
        return FALSE;
    }
    if (index_note(archived->index))
        log_text(LOG_SEV_WARNING, "index", "%s", index_note(archived->index));
    return parts_open_databases(archived, error);
}

static gboolean
make_server(struct archived *archived, int fd, GError **error)
{
    const struct config_archived *config = &archived->config->archived;
    guint workers = (guint)CLAMP(config->workers, 1, 64);
    struct server_options options = {
        .max_ingest = (gsize)MIN(config->max_message + ENVELOPE_MAX, (gint64)ARCHIVE_FRAME_MAX),
        .max_request = REQUEST_MAX,
        .max_connections = 512,
        .max_exchanges = 4096,
        .pipeline = 64,
        .stall_ms = 30000,
    };

    options.budget = (guint64)MAX(MEMORY, 2 * (gint64)options.max_ingest);
    archived->ingest_pool = pool_new("ingest", workers, options.max_exchanges);
    archived->request_pool = pool_new("request", MAX(workers, 2), 512);
    archived->long_pool = pool_new("long", 3, 16);
    archived->server = server_new(fd, &options, archived_handle, archived, error);
    return archived->server != NULL;
}

/* The feed's sinks live as long as the process. */
static void
start_feed(struct archived *archived)
{
    static struct sink sinks[2];

    sinks[0] = index_sink(archived->index, (guint)archived->config->archived.index_batch);
    sinks[1] = catalogue_sink(archived->catalogue, (guint)archived->config->archived.index_batch);
    archived->feed = feed_start(archived->store, sinks, G_N_ELEMENTS(sinks));
    archived->expander = expander_start(archived);
}

/* Everything under way is answered, then everything is closed in the order of dependence. */
static void
stop_parts(struct archived *archived)
{
    gboolean drained = TRUE;

    g_atomic_int_set(&archived->stopping, 1);
    if (archived->server)
        drained = server_drain(archived->server, DRAIN_MS);
    if (!drained && (g_atomic_int_get(&archived->verifying) || server_exchanges(archived->server) > 0)) {
        /* A verification of everything can't be broken off; the store survives any end, but threads
         * still read it, so nothing is freed under them. */
        log_text(LOG_SEV_WARNING, "stop", "some requests were not finished in %d s and are dropped",
                 DRAIN_MS / 1000);
        expander_stop(&archived->expander);
        feed_stop(&archived->feed);
        _exit(EXIT_SUCCESS);
    }
    pool_free(&archived->ingest_pool);
    pool_free(&archived->request_pool);
    pool_free(&archived->long_pool);
    expander_stop(&archived->expander);
    feed_stop(&archived->feed);
    if (archived->store)
        store_close(&archived->store); /* calls back for what is not yet synced, so the exchanges go after it */
    server_stop(&archived->server);
    if (archived->index)
        index_close(&archived->index);
    parts_close_databases(archived);
}

static int
serve(struct archived *archived, int fd)
{
    const struct config_archived *config = &archived->config->archived;
    struct metrics_server *metrics = NULL;
    struct control *control = NULL;
    g_autoptr(GError) error = NULL;
    int status = EXIT_FAILURE;

    archived_register_metrics(archived);
    if (!open_parts(archived, &error))
        goto out;
    start_feed(archived);
    gboolean made = make_server(archived, fd, &error);
    fd = -1; /* the server's, in either case */
    if (!made)
        goto out;
    if (*config->metrics && !(metrics = metrics_server_start(config->metrics, &error)))
        goto out;
    if (*config->control && !(control = control_start(config->control, control_commands, archived, &error)))
        goto out;
    server_start(archived->server);
    log_text(LOG_SEV_INFO, "start", "postern-archived %s serves %s", POSTERN_VERSION, config->listen);
    daemon_notify_ready("serving");
    int signal = daemon_wait();
    daemon_notify_stopping();
    log_text(LOG_SEV_INFO, "stop", "stopping (%s)", signal ? g_strsignal(signal) : "by request");
    status = EXIT_SUCCESS;
out:
    if (error)
        tell_start_failure(archived->config, error);
    control_stop(&control);
    metrics_server_stop(&metrics);
    stop_parts(archived);
    if (fd >= 0)
        close(fd);
    if (status == EXIT_SUCCESS)
        log_text(LOG_SEV_INFO, "stop", "stopped");
    return status;
}

/* The folder of a unix socket, when there is none yet (/run is empty after each boot). */
static gboolean
ensure_socket_folder(const struct config_archived *settings, GError **error)
{
    if (!g_str_has_prefix(settings->listen, "unix:"))
        return TRUE;
    g_autofree char *folder = g_path_get_dirname(settings->listen + strlen("unix:"));
    return g_file_test(folder, G_FILE_TEST_IS_DIR) || daemon_ensure_dir(folder, settings->user, error);
}

static int
run_daemon(struct config *config)
{
    const struct config_archived *settings = &config->archived;
    const char *group = *settings->socket_group ? settings->socket_group : NULL;
    const char *const groups[] = {group, NULL};
    struct archived archived = {.config = config, .started_us = g_get_real_time(),
                                .search_budget_ms = (gint)settings->search_budget};
    g_autoptr(GError) error = NULL;
    int fd = -1, lock = -1, status = EXIT_FAILURE;

    /* Listening comes after the change of user, so that the socket is the user's own (the milter runs as the
     * same one); as a member of socket_group it may give the socket to that. */
    if (parts_check_initialised(config, &error) && (lock = parts_lock(config, &error)) >= 0 &&
        ensure_socket_folder(settings, &error) && daemon_drop_privileges(settings->user, groups, &error) &&
        (fd = net_listen(settings->listen, (guint)settings->socket_mode, group, 128, &error)) >= 0)
        status = serve(&archived, fd);
    else
        tell_start_failure(config, error);
    if (lock >= 0)
        close(lock);
    return status;
}

static struct config *
load(const char *path, gboolean check)
{
    struct settings_report *report = settings_report_new();
    struct config *config = config_load(path, report);

    for (guint n = 0; n < report->errors->len; n++)
        fprintf(stderr, "error: %s\n", (char *)report->errors->pdata[n]);
    for (guint n = 0; check && n < report->warnings->len; n++)
        fprintf(stderr, "warning: %s\n", (char *)report->warnings->pdata[n]);
    settings_report_free(&report);
    return config;
}

int
main(int argc, char **argv)
{
    g_autofree char *path = NULL;
    gboolean check = FALSE, init = FALSE, version = FALSE, foreground = FALSE;
    const GOptionEntry entries[] = {
        {"config", 'c', 0, G_OPTION_ARG_FILENAME, &path, "Configuration (" CONFIG_DEFAULT_PATH ")", "FILE"},
        {"check", 0, 0, G_OPTION_ARG_NONE, &check, "Only check the configuration", NULL},
        {"init", 0, 0, G_OPTION_ARG_NONE, &init, "Make directories, master key and tables, and end", NULL},
        {"foreground", 0, 0, G_OPTION_ARG_NONE, &foreground, "Stay in the foreground (it always does)", NULL},
        {"version", 0, 0, G_OPTION_ARG_NONE, &version, "Print the version", NULL},
        G_OPTION_ENTRY_NULL};
    g_autoptr(GOptionContext) context = g_option_context_new(NULL);
    g_autoptr(GError) error = NULL;
    int status;

    setlocale(LC_ALL, "");
    daemon_prepare();
    g_option_context_set_summary(context, "The archive daemon of Postern; see postern-archived(8).");
    g_option_context_add_main_entries(context, entries, NULL);
    if (!g_option_context_parse(context, &argc, &argv, &error) || argc > 1) {
        fprintf(stderr, "postern-archived: %s; see postern-archived --help\n",
                error ? error->message : "it takes no arguments but options");
        return 2;
    }
    if (version) {
        puts("postern-archived " POSTERN_VERSION);
        return EXIT_SUCCESS;
    }
    struct config *config = load(path ? path : CONFIG_DEFAULT_PATH, check);
    if (!config)
        return 2;
    log_open("postern-archived", (enum log_target)config->log.target, (enum log_format)config->log.format,
             (enum log_severity)config->log.least);
    if (check)
        status = EXIT_SUCCESS;
    else if (init)
        status = init_run(config);
    else
        status = run_daemon(config);
    config_unref(config);
    return status;
}
