/* main.c: postern-policyd: options and the order of start.
 *
 * NAME         postern-policyd - policy daemon for Postfix
 * SYNOPSIS     postern-policyd [-c FILE] [--check]
 * DESCRIPTION  Answers Postfix' check_policy_service by the checks of the configuration (policyd.checks). Runs in the foreground.
 *              What needs root comes first (directories, the socket in Postfix's queue directory), then rights are dropped, and
 *              only then is anything else opened. Reload is by the control socket (`postern reload policyd`), never SIGHUP.
 * SIGNALS      SIGTERM, SIGINT: no more is accepted, what is due is answered.
 * DIAGNOSTICS  Exit status 0 after a clean stop, 1 when it could not start (the log says what to do), 2 for a wrong command line or
 *              configuration.
 * LIMITS       policyd.connections; 1024 questions that wait for SQL or the DNS, 32 of them at work. */
#include <glib/gstdio.h>
#include <curl/curl.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>
#include "lib/base/daemon.h"
#include "lib/base/net.h"
#include "lib/mail/databases.h"
#include "lib/mail/resolver.h"
#include "policyd/daemon.h"
#include "policyd/figures.h"

#define LISTEN_BACKLOG 1024
#define LISTENERS_MAX 16u /* policyd.listen */
#define DRAIN_MS 5000
#define SQL_CONNECTIONS 16u /* of each database, for questions that are not in the cache */

/* The directory of a unix socket, when it is absent: /run is empty after each boot. */
static gboolean
ensure_folder(const char *address, const char *user, GError **error)
{
    g_autofree char *folder = NULL;

    if (!g_str_has_prefix(address, "unix:"))
        return TRUE;
    folder = g_path_get_dirname(address + strlen("unix:"));
    return g_file_test(folder, G_FILE_TEST_IS_DIR) || daemon_ensure_dir(folder, user, error);
}

/* Dovecot's mail processes, which run as other users, must get through to the sockets of quotas. */
static gboolean
open_quota_sockets(struct policyd *policyd, GError **error)
{
    const char *const addresses[] = {policyd->config->quota.listen, policyd->config->quota.script};

    for (guint i = 0; i < G_N_ELEMENTS(addresses); i++) {
        g_autofree char *folder = *addresses[i] != '\0' ? g_path_get_dirname(addresses[i] + strlen("unix:")) : NULL;
        if (folder == NULL || g_file_test(folder, G_FILE_TEST_IS_DIR))
            continue;
        if (!daemon_ensure_dir(folder, policyd->config->policyd.user, error))
            return FALSE;
        g_chmod(folder, 0711);
    }
    return quota_open_sockets(&policyd->config->quota, &policyd->quota_sockets, error);
}

/* All that may need root. Descriptors go to fds; *n_r how many. */
static gboolean
open_as_root(struct policyd *policyd, int *fds, guint *n_r, int *reports_r, GError **error)
{
    const struct config_policyd *config = &policyd->config->policyd;
    g_autofree char *folder = config->driver == CONFIG_POLICYD_SQLITE ? g_path_get_dirname(config->path) : NULL;

    if (!ensure_folder(config->control, config->user, error) || (folder != NULL && !daemon_ensure_dir(folder, config->user, error)))
        return FALSE;
    for (char **address = config->listen; *address != NULL && *n_r < LISTENERS_MAX; address++, ++*n_r) {
        if (!ensure_folder(*address, config->user, error))
            return FALSE;
        fds[*n_r] = net_listen(*address, (guint)config->socket_mode, config->socket_group, LISTEN_BACKLOG, error);
        if (fds[*n_r] < 0)
            return FALSE;
    }
    if (!open_quota_sockets(policyd, error) || !ensure_folder(config->reports, config->user, error) || !daemon_drop_privileges(config->user, NULL, error))
        return FALSE;
    /* As the user that the milter runs as, and nobody else's: others could only fill it. */
    *reports_r = *config->reports != '\0' ? net_listen_datagram(config->reports, 0600, NULL, error) : -1;
    return *config->reports == '\0' || *reports_r >= 0;
}

/* Many connections are many descriptors; the soft limit is only a default. */
static void
raise_descriptor_limit(void)
{
    struct rlimit limit;

    if (getrlimit(RLIMIT_NOFILE, &limit) == 0) {
        limit.rlim_cur = limit.rlim_max;
        setrlimit(RLIMIT_NOFILE, &limit);
    }
}

/* How long greylisting remembers, by its check that remembers longest. */
static guint32
greylist_keep_s(const struct config *config)
{
    gint64 keep = 0;

    for (guint i = 0; i < config->greylist->len; i++)
        keep = MAX(keep, ((const struct config_greylist *)g_ptr_array_index(config->greylist, i))->keep);
    return (guint32)(keep / 1000);
}

static void
open_accounts(struct policyd *policyd)
{
    struct policy_accounts_options options = {.recipient_delimiter = policyd->config->accounts.recipient_delimiter, .cache = lookup_cache_defaults};
    struct sql_options sql;

    if (databases_accounts(&policyd->config->accounts, &sql))
        options.accounts = policyd->accounts_pool = sql_pool_new(&sql, SQL_CONNECTIONS);
    if (options.accounts != NULL && policyd->config->quota.quota2 == CONFIG_QUOTA2_WRITE) {
        sql.read_only = FALSE;
        sql.keep_journal = TRUE;
        options.quota = policyd->quota_pool = sql_pool_new(&sql, 1);
    }
    databases_policy(&policyd->config->policyd, &sql);
    options.policy = policyd->policy_pool = sql_pool_new(&sql, SQL_CONNECTIONS);
    policyd->parts.accounts = policy_accounts_new(&options);
}

/* A MariaDB server that is away keeps no mail waiting: what it knows is read when it is back. */
static gboolean
open_parts(struct policyd *policyd, GError **error)
{
    const struct config_policyd *config = &policyd->config->policyd;
    struct state_options options = {.node = *config->node != '\0' ? config->node : g_get_host_name(),
                                    .shared = config->driver == CONFIG_POLICYD_MARIADB,
                                    .start_empty = config->driver == CONFIG_POLICYD_MARIADB,
                                    .audit_keep_ms = config->keep_audit};

    databases_policy(config, &options.sql);
    options.mark_expiry_s[MARK_GREYLIST] = options.mark_expiry_s[MARK_ORIGIN] = greylist_keep_s(policyd->config);
    policyd->parts.state = state_open(&options, error);
    if (policyd->parts.state == NULL)
        return FALSE;
    policyd->parts.dns = resolver_open(&policyd->config->dns, error);
    open_accounts(policyd);
    policyd->parts.mailer = mailer_new(&(struct mailer_options){0});
    policyd->parts.quota = quota_start(policyd->config, &policyd->quota_sockets, policyd->parts.state, policyd->parts.accounts, policyd->parts.mailer);
    return policyd->parts.dns != NULL;
}

/* What Dovecot asks, if it does. */
static gboolean
start_signin(struct policyd *policyd, GError **error)
{
    const struct config_signin *config = &policyd->config->signin;

    policyd->signin = signin_new(policyd->parts.state, policyd->config);
    signin_set_abuse(policyd->signin, policyd->parts.abuse);
    if (*config->listen != '\0' || *config->ban_file != '\0')
        policyd->bans = bans_start(config->ban_file, policyd->parts.state);
    if (*config->listen != '\0')
        policyd->signin_server = signin_server_start(config->listen, config->api_key, policyd->signin, error);
    return *config->listen == '\0' || policyd->signin_server != NULL;
}

static gboolean
start(struct policyd *policyd, const int *fds, guint n_fds, int reports_fd, GError **error)
{
    const struct config_policyd *config = &policyd->config->policyd;
    const struct policy_server_options options = {.threads = (guint)config->threads, .connections = (guint)config->connections, .jobs = 1024,
                                                  .workers = 32, .stall_ms = 30000, .idle_ms = 2000000,
                                                  .tick = figures_update};

    if (!open_parts(policyd, error))
        return FALSE;
    policyd->parts.abuse = abuse_start(policyd->config, policyd->parts.state, policyd->parts.accounts);
    if (!start_signin(policyd, error))
        return FALSE;
    if (reports_fd >= 0)
        policyd->reports = reports_start(reports_fd, policyd->parts.state, policyd->parts.abuse);
    policyd_set_current(policyd, policy_new(policyd->config, &policyd->parts));
    figures_register();
    policyd->server = policy_server_new(fds, n_fds, &options, policyd_current, policyd);
    if (*config->metrics != '\0' && (policyd->metrics = metrics_server_start(config->metrics, error)) == NULL)
        return FALSE;
    if (*config->control != '\0' && (policyd->control = control_start(config->control, policyd_commands, policyd, error)) == NULL)
        return FALSE;
    policy_server_start(policyd->server);
    return TRUE;
}

static int
run(struct policyd *policyd)
{
    int fds[LISTENERS_MAX], reports_fd = -1, status = EXIT_FAILURE;
    g_autoptr(GError) error = NULL;
    guint n_fds = 0;

    raise_descriptor_limit();
    g_mutex_init(&policyd->lock);
    if (open_as_root(policyd, fds, &n_fds, &reports_fd, &error) && start(policyd, fds, n_fds, reports_fd, &error)) {
        log_text(LOG_SEV_INFO, "start", "postern-policyd %s serves %s with %u checks", POSTERN_VERSION, policyd->config->policyd.listen[0],
                 policyd->policy->checks->len);
        daemon_notify_ready("serving");
        int signal = daemon_wait();
        daemon_notify_stopping();
        log_text(LOG_SEV_INFO, "stop", "stopping (%s)", signal != 0 ? g_strsignal(signal) : "by request");
        status = EXIT_SUCCESS;
    } else {
        log_text(LOG_SEV_ERROR, "start", "%s", error->message);
        if (policyd->config->log.target != LOG_TO_STDERR)
            fprintf(stderr, "postern-policyd: %s\n", error->message);
    }
    control_stop(&policyd->control);
    metrics_server_stop(&policyd->metrics);
    signin_server_stop(&policyd->signin_server);
    bans_stop(&policyd->bans);
    signin_free(&policyd->signin);
    policy_server_stop(&policyd->server, DRAIN_MS);
    reports_stop(&policyd->reports);
    policy_unref(policyd->policy);
    quota_stop(&policyd->parts.quota);
    mailer_free(&policyd->parts.mailer);
    abuse_stop(&policyd->parts.abuse);
    policy_accounts_free(&policyd->parts.accounts);
    sql_pool_free(&policyd->accounts_pool);
    sql_pool_free(&policyd->policy_pool);
    sql_pool_free(&policyd->quota_pool);
    state_close(&policyd->parts.state);
    dns_unref(policyd->parts.dns);
    g_mutex_clear(&policyd->lock);
    return status;
}

static struct config *
load(const char *path, gboolean check)
{
    struct settings_report *report = settings_report_new();
    struct config *config = config_load(path, report);

    for (guint i = 0; i < report->errors->len; i++)
        fprintf(stderr, "error: %s\n", (const char *)g_ptr_array_index(report->errors, i));
    for (guint i = 0; check && i < report->warnings->len; i++)
        fprintf(stderr, "warning: %s\n", (const char *)g_ptr_array_index(report->warnings, i));
    settings_report_free(&report);
    return config;
}

int
main(int argc, char **argv)
{
    g_autofree char *path = NULL;
    gboolean check = FALSE, version = FALSE;
    const GOptionEntry entries[] = {
        {"config", 'c', 0, G_OPTION_ARG_FILENAME, &path, "Read FILE instead of " CONFIG_DEFAULT_PATH, "FILE"},
        {"check", 0, 0, G_OPTION_ARG_NONE, &check, "Check the configuration and exit", NULL},
        {"version", 'V', 0, G_OPTION_ARG_NONE, &version, "Print the version and exit", NULL},
        G_OPTION_ENTRY_NULL};
    g_autoptr(GOptionContext) context = g_option_context_new(NULL);
    g_autoptr(GError) error = NULL;
    struct policyd policyd = {0};
    int status = EXIT_SUCCESS;

    daemon_prepare();
    curl_global_init(CURL_GLOBAL_DEFAULT); /* before any thread */
    g_option_context_set_summary(context, "The policy daemon of Postern: answers Postfix' check_policy_service.");
    g_option_context_add_main_entries(context, entries, NULL);
    if (!g_option_context_parse(context, &argc, &argv, &error) || argc > 1) {
        fprintf(stderr, "postern-policyd: %s; see postern-policyd --help\n", error != NULL ? error->message : "it takes no arguments but options");
        return 2;
    }
    if (version) {
        puts("postern-policyd " POSTERN_VERSION);
        return EXIT_SUCCESS;
    }
    policyd.config_path = path != NULL ? path : CONFIG_DEFAULT_PATH;
    policyd.config = load(policyd.config_path, check);
    if (policyd.config == NULL)
        return 2;
    log_open("postern-policyd", (enum log_target)policyd.config->log.target, (enum log_format)policyd.config->log.format,
             (enum log_severity)policyd.config->log.least);
    if (!check)
        status = run(&policyd);
    config_unref(policyd.config);
    return status;
}
