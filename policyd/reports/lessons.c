/* lessons.c: mail of our users that is spam or comes back is a sign of misuse; mail from outside with a good signature makes its network
 * known to greylisting.
 *
 * At RCPT greylisting knows the envelope sender's domain only. A signature speaks for the domain that made it: so a network gets known for
 * the domain of the envelope where that is the signer's (or of the same organisation), and for the author's domain where that is, and
 * never for a domain that merely stands in the same message. */
#include "policyd/reports/lessons.h"
#include <string.h>
#include "lib/mail/address.h"
#include "lib/mail/auth/dmarc.h"
#include "policyd/greylist/origin.h"
#include "policyd/state/marks.h"

static gboolean
is_first(struct state *state, const struct policy_report *report, guint32 now_s)
{
    g_autofree char *text = g_strdup_printf("%s %s", report->instance, *report->queue_id != '\0' ? report->queue_id : report->ref);

    return marks_touch(state, MARK_REPORT, text, now_s, 1, NULL);
}

static gboolean
is_delivered(const struct policy_report *report)
{
    return report->verdict == VERDICT_ACCEPT || report->verdict == VERDICT_TAG;
}

static void
learn_of_user(struct abuse *abuse, const struct policy_report *report, gint64 now_ms)
{
    g_autofree char *account = address_normalise(report->login);

    if (is_delivered(report))
        abuse_saw_sent(abuse, account, report->recipients, now_ms);
    if (report->spam)
        abuse_signal(abuse, ABUSE_SPAM, account, now_ms);
    if (*report->virus != '\0')
        abuse_signal(abuse, ABUSE_VIRUS, account, now_ms);
}

static void
pass(struct state *state, const char *network, const char *domain, guint32 now_s)
{
    g_autofree char *origin = origin_text(network, domain);

    marks_touch(state, MARK_ORIGIN, origin, now_s, 1, NULL);
}

static void
learn_of_network(struct state *state, const struct policy_report *report, guint32 now_s)
{
    g_autofree char *network = origin_network(report->client), *sender = address_normalise(report->sender);
    g_autofree char *author = address_normalise_domain(report->author);
    const char *domain = address_domain(sender);
    gboolean for_sender = FALSE, for_author = FALSE;

    for (guint i = 0; i < report->dkim->len; i++) {
        const struct policy_report_dkim *dkim = g_ptr_array_index(report->dkim, i);
        for_sender |= domain != NULL && dmarc_is_aligned(domain, dkim->domain, FALSE);
        for_author |= dkim->aligned && *author != '\0';
    }
    if (for_sender)
        pass(state, network, domain, now_s);
    if (for_author && g_strcmp0(author, domain) != 0)
        pass(state, network, author, now_s);
}

gboolean
lessons_learn(struct state *state, struct abuse *abuse, const struct policy_report *report, gint64 now_ms)
{
    guint32 now_s = (guint32)(now_ms / 1000);

    if (!is_first(state, report, now_s))
        return FALSE;
    if (*report->login != '\0') {
        learn_of_user(abuse, report, now_ms);
    } else if (report->bounce) {
        g_autofree char *address = address_normalise(report->recipient);
        abuse_saw_bounce(abuse, address, now_ms);
    } else if (report->from == REPORT_FROM_SMTP && is_delivered(report) && !report->spam && *report->virus == '\0' && *report->client != '\0') {
        learn_of_network(state, report, now_s);
    }
    return TRUE;
}
