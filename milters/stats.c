/* stats.c: registers the milter's metrics. */
#include "milters/stats.h"
#include "milters/transaction.h"

struct milter_stats stats;

/* "spf_none" .. "arc_permerror"; lives as long as the metric. */
static const char *const *
auth_labels(void)
{
    static const char *const methods[] = {"spf", "dkim", "dmarc", "arc"};
    static char labels[G_N_ELEMENTS(methods) * (AUTH_PERMERROR + 1)][24];
    static const char *list[G_N_ELEMENTS(labels) + 1];

    for (guint i = 0; i < G_N_ELEMENTS(labels); i++) {
        g_snprintf(labels[i], sizeof labels[i], "%s_%s", methods[i / (AUTH_PERMERROR + 1)],
                   auth_result_name((enum auth_result)(i % (AUTH_PERMERROR + 1))));
        list[i] = labels[i];
    }
    return list;
}

void
stats_init(void)
{
    static const char *const signatures[] = {"signed", "unsigned", "failed", NULL};
    static const char *const results[] = {"stored", "lost", NULL};
    static const char *const reports[] = {"sent", "lost", NULL};
    static const char *actions[VERDICT_TEMPFAIL + 2];
    static const char *const reloads[] = {"ok", "refused", NULL};

    for (int i = 0; i <= VERDICT_TEMPFAIL; i++)
        actions[i] = verdict_action_name((enum verdict_action)i);
    stats.messages = metrics_counter("postern_milter_messages_total", "Messages by what was done with them.",
                                     "action", actions);
    stats.archive = metrics_counter("postern_milter_archive_total", "Records by where they were kept before the reply.",
                                    "result", transaction_archive_names);
    stats.drained = metrics_counter("postern_milter_spool_drained_total",
                                    "Spooled records that the archive took later.", NULL, NULL);
    stats.refused = metrics_counter("postern_milter_spool_refused_total",
                                    "Spooled records moved to refused/: the archive won't take them.", NULL, NULL);
    stats.spool_files = metrics_gauge("postern_milter_spool_records", "Records waiting in the spool.", NULL, NULL);
    stats.spool_bytes = metrics_gauge("postern_milter_spool_bytes", "Bytes waiting in the spool.", NULL, NULL);
    stats.eom = metrics_histogram("postern_milter_eom_seconds", "Time from end of message to the reply.");
    stats.sessions = metrics_gauge("postern_milter_sessions", "Sessions open now.", NULL, NULL);
    stats.transactions = metrics_gauge("postern_milter_transactions", "Mail transactions under way now.", NULL, NULL);
    stats.turned_away = metrics_counter("postern_milter_sessions_refused_total",
                                        "Sessions turned away because the setting sessions was reached.", NULL, NULL);
    stats.pending = metrics_counter("postern_milter_expansion_pending_total",
                                    "Recipients whose mailboxes could not be looked up at receipt.", NULL, NULL);
    stats.signatures = metrics_counter("postern_milter_signatures_total", "Messages of ours, signed or not.", "result",
                                       signatures);
    stats.auth = metrics_counter("postern_milter_auth_total", "Results of SPF, DKIM, DMARC and ARC.", "result",
                                 auth_labels());
    stats.results = metrics_counter("postern_milter_dmarc_results_total", "Messages counted for DMARC reports.", "result",
                                    results);
    stats.results_waiting = metrics_gauge("postern_milter_dmarc_results_waiting",
                                          "Kinds of messages for DMARC reports that are not in the database yet.", NULL, NULL);
    stats.spam = metrics_counter("postern_milter_spam_total", "Messages judged by the spam rules, by what they came to.", "result",
                                 spam_level_names);
    stats.spam_over_time = metrics_counter("postern_milter_spam_over_time_total",
                                           "Judged messages where not all rules ran in spam.time_limit.", NULL, NULL);
    stats.spam_time = metrics_histogram("postern_milter_spam_seconds", "Time for judging a message by the spam rules.");
    stats.reports = metrics_counter("postern_milter_reports_total", "Reports to the policy daemon.", "result", reports);
    stats.reloads = metrics_counter("postern_milter_reloads_total", "Reloads of the configuration.", "result", reloads);
}
