/* notes.c: sign-ins in the log and in the figures. */
#include "lib/base/log.h"
#include "lib/base/metrics.h"
#include "policyd/greylist/origin.h"
#include "policyd/signin/signin_private.h"

static struct metric *answers, *refused, *reports, *bans, *trouble;

void
signin_notes_register(void)
{
    static const char *const kinds[] = {"go_on", "delay", "refuse", NULL};

    answers = metrics_counter("postern_signin_answers_total", "Answers to Dovecot about sign-ins", "answer", kinds);
    refused = metrics_counter("postern_signin_refused_total", "Refused sign-ins, by what stood against them", "reason", signin_reasons);
    reports = metrics_counter("postern_signin_reports_total", "Sign-ins that Dovecot reported", "counted", signin_counteds);
    bans = metrics_counter("postern_signin_bans_total", "Networks that were banned", NULL, NULL);
    trouble = metrics_counter("postern_signin_trouble_total", "Sign-ins that were let pass since nothing could be told", NULL, NULL);
}

/* One line, which fail2ban reads as well (ops/fail2ban): the names, and the order of the first four, stay. */
static void
log_answer(const struct signin_request *request, const struct signin_answer *answer)
{
    g_autofree char *network = origin_network(request->remote);
    struct log_line *line = log_line_new(LOG_SEV_INFO, "signin");

    log_line_str(line, "action", answer->status < 0 ? "refused" : "delayed");
    log_line_str(line, "remote", request->remote);
    log_line_str(line, "reason", signin_reasons[answer->reason]);
    log_line_str(line, "known", answer->known ? "yes" : "no");
    log_line_str(line, "user", request->user);
    if (answer->status > 0)
        log_line_int(line, "seconds", answer->status);
    log_line_str(line, "network", network);
    log_line_int(line, "by_pair", answer->pair);
    log_line_int(line, "by_network", answer->network);
    log_line_int(line, "by_user", answer->user);
    log_line_str(line, "protocol", request->protocol);
    log_line_str(line, "session", request->session);
    log_line_emit(line);
}

void
signin_note_answer(const struct signin_request *request, const struct signin_answer *answer)
{
    metrics_add(answers, answer->status < 0 ? 2 : answer->status > 0 ? 1 : 0, 1);
    if (answer->status < 0)
        metrics_add(refused, answer->reason, 1);
    if (answer->reason == SIGNIN_TROUBLE)
        metrics_add(trouble, 0, 1);
    if (answer->status != 0)
        log_answer(request, answer);
}

void
signin_note_report(const struct signin_request *request, enum signin_counted counted, gboolean banned)
{
    g_autofree char *network = origin_network(request->remote);
    struct log_line *line;

    metrics_add(reports, counted, 1);
    if (!banned)
        return;
    line = log_line_new(LOG_SEV_WARNING, "signin");
    log_line_str(line, "action", "banned");
    log_line_str(line, "remote", request->remote);
    log_line_str(line, "network", network);
    log_line_emit(line);
    metrics_add(bans, 0, 1);
}
