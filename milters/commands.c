/* commands.c: what the control socket understands: reload, status, flush, restart, stop.
 *
 * A reload builds everything of the new configuration beside the old one and then swaps it in for new
 * sessions; sessions that are open keep what they began with. When anything is wrong the old one stays. */
#include "lib/base/daemon.h"
#include "milters/host.h"
#include "milters/process.h"
#include "milters/results.h"
#include "milters/stats.h"

static void
append_list(GString *answer, const GPtrArray *list)
{
    for (guint i = 0; i < list->len; i++)
        g_string_append_printf(answer, "%s%s", answer->len > 0 ? "; " : "", (const char *)g_ptr_array_index(list, i));
}

/* Names of changed settings that are only read at start. */
static void
note_fixed(const struct process *process, const struct config *fresh, GString *answer)
{
    const struct config *old = process->config;
    const struct {
        const char *name;
        gboolean changed;
    } fixed[] = {
        {"milter.listen", g_strcmp0(old->milter.listen, fresh->milter.listen) != 0},
        {"milter.socket_group", g_strcmp0(old->milter.socket_group, fresh->milter.socket_group) != 0},
        {"milter.socket_mode", old->milter.socket_mode != fresh->milter.socket_mode},
        {"milter.control", g_strcmp0(old->milter.control, fresh->milter.control) != 0},
        {"milter.metrics", g_strcmp0(old->milter.metrics, fresh->milter.metrics) != 0},
        {"milter.user", g_strcmp0(old->milter.user, fresh->milter.user) != 0},
        {"milter.instance", process->instance_option == NULL &&
                                g_strcmp0(old->milter.instance, fresh->milter.instance) != 0},
        {"spam.spamd_listen", !g_strv_equal((const char *const *)old->spam.spamd_listen, (const char *const *)fresh->spam.spamd_listen)},
        {"spam.spamd_max_connections", old->spam.spamd_max_connections != fresh->spam.spamd_max_connections},
        {"archive.spool", g_strcmp0(old->archive.spool, fresh->archive.spool) != 0},
    };

    for (gsize i = 0; i < G_N_ELEMENTS(fixed); i++)
        if (fixed[i].changed)
            g_string_append_printf(answer, "; %s takes effect only when postern-milter is started anew",
                                   fixed[i].name);
}

static gboolean
load(struct process *process, GString *answer)
{
    struct settings_report *report = settings_report_new();
    struct config *fresh = config_load(process->config_path, report);
    struct runtime *runtime = NULL;
    g_autoptr(GError) error = NULL;

    if (fresh == NULL) {
        append_list(answer, report->errors);
    } else if ((runtime = runtime_new(fresh, process->instance, process->spool, &error)) == NULL) {
        g_string_append(answer, error->message);
    } else {
        log_open("postern-milter", fresh->log.target, fresh->log.format, fresh->log.least);
        if (process->spool != NULL)
            spool_set_caps(process->spool, (guint64)fresh->archive.spool_max, (guint64)fresh->archive.spool_min_free);
        g_string_append(answer, "the new configuration is in effect for new sessions");
        note_fixed(process, fresh, answer);
        append_list(answer, report->warnings);
        runtime_set_current(runtime);
        results_start(fresh);
        if (!spamd_service_set(process->spamd, &fresh->spam, &error))
            g_string_append_printf(answer, "; spam: %s", error->message);
    }
    config_unref(fresh);
    settings_report_free(&report);
    return runtime != NULL;
}

gboolean
process_reload(struct process *process, GString *answer)
{
    gboolean loaded = load(process, answer);

    metrics_add(stats.reloads, loaded ? 0 : 1, 1);
    if (loaded)
        drainer_wake(process->drainer);
    else
        g_string_prepend(answer, "the old configuration stays in effect: ");
    log_text(loaded ? LOG_SEV_INFO : LOG_SEV_ERROR, "reload", "%s", answer->str);
    return loaded;
}

void
process_status(struct process *process, GString *answer)
{
    guint64 files = 0, bytes = 0;

    if (process->spool != NULL)
        spool_count(process->spool, &files, &bytes);
    g_string_append_printf(answer,
                           "instance=%s version=%s sessions=%u transactions=%u spool_records=%" G_GUINT64_FORMAT
                           " spool_bytes=%" G_GUINT64_FORMAT " stored=%" G_GINT64_FORMAT " spooled=%" G_GINT64_FORMAT
                           " failed=%" G_GINT64_FORMAT,
                           process->instance, POSTERN_VERSION, host_sessions(), host_transactions(), files, bytes,
                           metrics_get(stats.archive, 0), metrics_get(stats.archive, 1), metrics_get(stats.archive, 2));
}

static gboolean
on_reload(const char *args, GString *answer, gpointer data)
{
    (void)args;
    return process_reload(data, answer);
}

static gboolean
on_status(const char *args, GString *answer, gpointer data)
{
    (void)args;
    process_status(data, answer);
    return TRUE;
}

static gboolean
on_flush(const char *args, GString *answer, gpointer data)
{
    struct process *process = data;

    (void)args;
    drainer_wake(process->drainer);
    g_string_append(answer, process->drainer != NULL ? "the spool is being tried now" : "there is no spool");
    return TRUE;
}

static gboolean
on_restart(const char *args, GString *answer, gpointer data)
{
    (void)args;
    return process_take_over(data, answer);
}

static gboolean
on_stop(const char *args, GString *answer, gpointer data)
{
    (void)args, (void)data;
    daemon_request_stop();
    g_string_append(answer, "stopping; sessions that are open may end first");
    return TRUE;
}

const struct control_command process_commands[] = {
    {"reload", "loads the configuration again, or keeps the old one and says what is wrong", on_reload},
    {"status", "tells sessions, spool and counters", on_status},
    {"flush", "tries to bring spooled records to the archive now", on_flush},
    {"restart", "starts the program anew on the same socket; open sessions end undisturbed", on_restart},
    {"stop", "accepts no more sessions, lets those that are open end, and ends", on_stop},
    {NULL, NULL, NULL},
};
