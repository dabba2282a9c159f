/* main.c: postern-milter: options and the order of start.
 *
 * NAME         postern-milter - milter host for Postfix: archives and tags mail
 *
 * SYNOPSIS     postern-milter [-c FILE] [--instance=NAME]
 *              postern-milter [-c FILE] --check
 *
 * DESCRIPTION  Runs in the foreground. What needs root comes first (directories, the socket in Postfix's
 *              queue directory), then rights are dropped, and only then is anything else opened. Commands come
 *              by the control socket (`postern milter reload`, ...); SIGTERM ends it, SIGHUP only says so in the log.
 *
 * DIAGNOSTICS  Exit status 0: ended as told; 1: could not start, or libmilter failed; 2: wrong options. */
#include <errno.h>
#include <grp.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>
#include "lib/base/daemon.h"
#include "lib/base/net.h"
#include "milters/host.h"
#include "milters/process.h"
#include "milters/results.h"
#include "milters/stats.h"

#define LISTEN_BACKLOG 1024
#define METRICS_RETRIES 100 /* of 100 ms: the old process of a take-over gives the port up */

static char *option_config, *option_instance;
static char **option_inherit_spamd;
static int option_inherit = -1, option_ready = -1;
static gboolean option_check, option_version;

static const GOptionEntry options[] = {
    {"config", 'c', 0, G_OPTION_ARG_FILENAME, &option_config, "Read FILE instead of " CONFIG_DEFAULT_PATH, "FILE"},
    {"instance", 0, 0, G_OPTION_ARG_STRING, &option_instance, "Run as instance NAME instead of milter.instance",
     "NAME"},
    {"check", 0, 0, G_OPTION_ARG_NONE, &option_check, "Check the configuration and exit", NULL},
    {"version", 'V', 0, G_OPTION_ARG_NONE, &option_version, "Print the version and exit", NULL},
    {"inherit-fd", 0, G_OPTION_FLAG_HIDDEN, G_OPTION_ARG_INT, &option_inherit,
     "Take-over restart: listen on this descriptor", "N"},
    {"inherit-spamd", 0, G_OPTION_FLAG_HIDDEN, G_OPTION_ARG_STRING_ARRAY, &option_inherit_spamd,
     "Take-over restart: descriptor N listens for spamd's clients on ADDRESS", "N=ADDRESS"},
    {"ready-fd", 0, G_OPTION_FLAG_HIDDEN, G_OPTION_ARG_INT, &option_ready,
     "Take-over restart: write one byte here when ready", "N"},
    G_OPTION_ENTRY_NULL,
};

/* -1: go on; else the exit status. */
static int
parse_options(int argc, char **argv)
{
    g_autoptr(GOptionContext) context = g_option_context_new(NULL);
    g_autoptr(GError) error = NULL;

    g_option_context_set_summary(context, "Milter host of Postern: archives and tags mail for Postfix.");
    g_option_context_add_main_entries(context, options, NULL);
    if (!g_option_context_parse(context, &argc, &argv, &error)) {
        fprintf(stderr, "postern-milter: %s\n", error->message);
        return 2;
    }
    if (argc > 1) {
        fprintf(stderr, "postern-milter: unexpected argument %s (see --help)\n", argv[1]);
        return 2;
    }
    if (option_version) {
        puts("postern-milter " POSTERN_VERSION);
        return 0;
    }
    return -1;
}

static struct config *
load_config(void)
{
    struct settings_report *report = settings_report_new();
    const char *path = option_config != NULL ? option_config : CONFIG_DEFAULT_PATH;
    struct config *config = config_load(path, report);

    for (guint i = 0; i < report->errors->len; i++)
        fprintf(stderr, "%s\n", (const char *)g_ptr_array_index(report->errors, i));
    for (guint i = 0; i < report->warnings->len; i++)
        fprintf(stderr, "warning: %s\n", (const char *)g_ptr_array_index(report->warnings, i));
    settings_report_free(&report);
    return config;
}

/* The directory of a unix socket, when it is absent: 0750, and open to the group that may use the socket. */
static gboolean
make_socket_dir(const char *address, const char *user, const char *group, GError **error)
{
    g_autofree char *dir = NULL;
    const struct group *entry;

    if (!g_str_has_prefix(address, "unix:"))
        return TRUE;
    dir = g_path_get_dirname(address + strlen("unix:"));
    if (g_file_test(dir, G_FILE_TEST_IS_DIR))
        return TRUE;
    if (!daemon_ensure_dir(dir, user, error))
        return FALSE;
    if (geteuid() != 0 || group == NULL || group[0] == '\0' || (entry = getgrnam(group)) == NULL)
        return TRUE; /* net_listen tells of a group that does not exist */
    if (chown(dir, (uid_t)-1, entry->gr_gid) == 0)
        return TRUE;
    g_set_error(error, NET_ERROR, NET_ERROR_SYSTEM, "can't give %s to the group %s: %s", dir, group,
                g_strerror(errno));
    return FALSE;
}

static gboolean
open_spamd(struct process *process, GError **error)
{
    const struct config_spam *spam = &process->config->spam;

    for (char **address = spam->spamd_listen; *address != NULL; address++)
        if (!make_socket_dir(*address, process->config->milter.user, NULL, error))
            return FALSE;
    process->spamd = spamd_service_open(spam, option_inherit_spamd, error);
    return process->spamd != NULL || *spam->spamd_listen == NULL;
}

/* All that may need root. */
static gboolean
open_as_root(struct process *process, GError **error)
{
    const struct config_milter *milter = &process->config->milter;
    g_autofree char *inherited = NULL;
    const char *address = milter->listen;

    process->socket_is_lent = g_str_has_prefix(address, "systemd:") || g_str_has_prefix(address, "fd:");
    if (option_inherit >= 0)
        address = inherited = g_strdup_printf("fd:%d", option_inherit);
    if (!make_socket_dir(address, milter->user, milter->socket_group, error) ||
        !make_socket_dir(milter->control, milter->user, NULL, error))
        return FALSE;
    if (runtime_archives(process->config) && !daemon_ensure_dir(process->config->archive.spool, milter->user, error))
        return FALSE;
    process->listener = net_listen(address, (guint)milter->socket_mode, milter->socket_group, LISTEN_BACKLOG, error);
    return process->listener >= 0 && open_spamd(process, error) && daemon_drop_privileges(milter->user, NULL, error);
}

static gboolean
open_runtime(struct process *process, GError **error)
{
    const struct config_archive_module *archive = &process->config->archive;
    struct runtime *runtime;

    if (runtime_archives(process->config)) {
        process->spool = spool_open(archive->spool, process->instance, (guint64)archive->spool_max,
                                    (guint64)archive->spool_min_free, error);
        if (process->spool == NULL)
            return FALSE;
    }
    runtime = runtime_new(process->config, process->instance, process->spool, error);
    if (runtime == NULL)
        return FALSE;
    runtime_set_current(runtime);
    return TRUE;
}

/* Many sessions are many descriptors; the soft limit is only a default. */
static void
raise_descriptor_limit(void)
{
    struct rlimit limit;

    if (getrlimit(RLIMIT_NOFILE, &limit) == 0) {
        limit.rlim_cur = limit.rlim_max;
        setrlimit(RLIMIT_NOFILE, &limit);
    }
}

/* In a take-over the old process still has the port for a moment. Without metrics mail still flows: only a
 * line in the log. */
static void
start_metrics(struct process *process)
{
    const char *address = process->config->milter.metrics;
    int tries = option_ready >= 0 ? METRICS_RETRIES : 1;

    if (address == NULL || address[0] == '\0')
        return;
    for (;;) {
        g_autoptr(GError) error = NULL;

        process->metrics = metrics_server_start(address, &error);
        if (process->metrics != NULL)
            return;
        if (--tries == 0) {
            log_text(LOG_SEV_ERROR, "metrics", "no metrics: %s", error->message);
            return;
        }
        g_usleep(100000);
    }
}

/* What can fail comes before the control socket, which replaces that of an older process. */
static gboolean
start(struct process *process, GError **error)
{
    stats_init();
    if (!open_as_root(process, error) || !open_runtime(process, error) || !host_open(process->listener, error))
        return FALSE;
    results_start(process->config); /* before a reload can come */
    if (process->config->milter.control[0] != '\0') {
        process->control = control_start(process->config->milter.control, process_commands, process, error);
        if (process->control == NULL)
            return FALSE;
    }
    host_start();
    if (!spamd_service_start(process->spamd, &process->config->spam, error))
        return FALSE;
    if (process->spool != NULL)
        process->drainer = drainer_start(process->spool);
    return TRUE;
}

static int
run(struct process *process)
{
    g_autoptr(GError) error = NULL;
    int signal_number;

    raise_descriptor_limit();
    if (!start(process, &error)) {
        log_text(LOG_SEV_ERROR, "start", "can't start: %s", error->message);
        return 1;
    }
    log_text(LOG_SEV_INFO, "start", "postern-milter %s, instance %s, listens on %s%s", POSTERN_VERSION,
             process->instance, process->config->milter.listen, option_inherit >= 0 ? " (taken over)" : "");
    if (option_ready >= 0)
        process_tell_ready(option_ready);
    start_metrics(process);
    daemon_notify_ready("serving");
    signal_number = daemon_wait();
    if (signal_number != 0)
        log_text(LOG_SEV_INFO, "stop", "signal %d", signal_number);
    if (host_failed())
        return 1;
    process_drain(process);
    control_stop(&process->control); /* no reload any more */
    results_stop();
    return 0;
}

int
main(int argc, char **argv)
{
    struct process process = {.listener = -1};
    int status;

    daemon_prepare();
    status = parse_options(argc, argv);
    if (status >= 0)
        return status;
    process.config = load_config();
    if (process.config == NULL)
        return 1;
    if (option_check) {
        config_unref(process.config);
        return 0;
    }
    process.executable = g_file_read_link("/proc/self/exe", NULL);
    process.config_path = option_config != NULL ? g_canonicalize_filename(option_config, NULL)
                                                : g_strdup(CONFIG_DEFAULT_PATH);
    process.instance_option = option_instance;
    process.instance = g_strdup(runtime_instance_name(process.config, option_instance));
    log_open("postern-milter", process.config->log.target, process.config->log.format, process.config->log.least);
    status = run(&process);
    /* libmilter's threads can't be ended one by one; exit handlers must not run beside them. */
    fflush(NULL);
    _exit(status);
}
