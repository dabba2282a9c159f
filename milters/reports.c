/* reports.c: from what is known of a message to a report, and its way out: one socket for the process, one datagram for a message. */
#include "milters/reports.h"
#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include "milters/stats.h"

static void
set(char **text, const char *value)
{
    g_free(*text);
    *text = g_strdup(value != NULL ? value : "");
}

static void
add_auth(struct policy_report *report, const struct auth_findings *auth)
{
    guint n = auth->dkim_verification != NULL ? dkim_verify_count(auth->dkim_verification) : 0;

    set(&report->author, auth->author.domain);
    for (guint i = 0; i < n && report->dkim->len < POLICY_REPORT_DKIM_MAX; i++) {
        const struct dkim_signature *signature = dkim_verify_get(auth->dkim_verification, i);
        if (signature->result == AUTH_PASS && signature->domain != NULL && !signature->testing)
            policy_report_add_dkim(report, signature->domain, dmarc_is_aligned(auth->author.domain, signature->domain, FALSE));
    }
}

struct policy_report *
reports_make(const struct transaction *tx, enum verdict_action action)
{
    static const enum policy_report_from froms[] = {[CAPTURE_SMTP] = REPORT_FROM_SMTP, [CAPTURE_SUBMISSION] = REPORT_FROM_SUBMISSION,
                                                    [CAPTURE_LOCAL] = REPORT_FROM_LOCAL, [CAPTURE_INGEST] = REPORT_FROM_INGEST};
    const struct capture *capture = tx->capture;
    const struct capture_recipient *first = capture->recipients->len > 0 ? g_ptr_array_index(capture->recipients, 0) : NULL;
    struct policy_report *report = policy_report_new();

    set(&report->instance, capture->instance);
    set(&report->queue_id, capture->queue_id);
    set(&report->ref, tx->ref);
    set(&report->client, capture->client_address);
    set(&report->login, capture->auth_user);
    set(&report->sender, capture->mail_from);
    set(&report->recipient, first != NULL ? first->original : NULL);
    report->recipients = capture->recipients->len;
    report->verdict = action;
    report->from = froms[capture->source];
    report->bounce = capture_is_bounce(capture);
    if (tx->auth != NULL)
        add_auth(report, tx->auth);
    if (tx->spam != NULL) {
        report->judged = TRUE;
        report->spam = tx->spam->level >= SPAM_SPAM;
        report->score = tx->spam->score;
    }
    return report;
}

/* One line when reports begin to get lost, and one when they arrive again. */
static void
note(gboolean sent, const char *address, int error)
{
    static gint lost;

    metrics_add(stats.reports, sent ? STATS_REPORTS_SENT : STATS_REPORTS_LOST, 1);
    if (sent && g_atomic_int_compare_and_exchange(&lost, 1, 0))
        log_text(LOG_SEV_INFO, "report", "the policy daemon takes reports at %s again", address);
    else if (!sent && g_atomic_int_compare_and_exchange(&lost, 0, 1))
        log_text(LOG_SEV_INFO, "report", "nobody takes reports at %s: %s; milter.reports = \"\" where there is no policy daemon", address, g_strerror(error));
}

static gboolean
send_datagram(const char *path, const char *text, gsize length)
{
    static gsize made;
    static int fd = -1;
    struct sockaddr_un to = {.sun_family = AF_UNIX};

    if (g_once_init_enter(&made)) {
        fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
        g_once_init_leave(&made, 1);
    }
    if (fd < 0 || g_strlcpy(to.sun_path, path, sizeof to.sun_path) >= sizeof to.sun_path) {
        errno = fd < 0 ? EMFILE : ENAMETOOLONG;
        return FALSE;
    }
    return sendto(fd, text, length, MSG_DONTWAIT | MSG_NOSIGNAL, (const struct sockaddr *)&to, sizeof to) == (gssize)length;
}

void
reports_send(const char *address, const struct transaction *tx, enum verdict_action action)
{
    struct policy_report *report;
    g_autofree char *text = NULL;
    gboolean sent;
    gsize length;

    if (address == NULL || !g_str_has_prefix(address, "unix:") || action == VERDICT_TEMPFAIL)
        return;
    report = reports_make(tx, action);
    text = policy_report_write(report, &length);
    policy_report_free(report);
    sent = send_datagram(address + strlen("unix:"), text, length);
    note(sent, address, sent ? 0 : errno);
}
