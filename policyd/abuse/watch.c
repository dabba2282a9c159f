/* watch.c: what others see of an account, and when it is a signal. On their threads: only what is in memory is looked at. */
#include <string.h>
#include "lib/mail/policy_action.h"
#include "policyd/abuse/abuse_private.h"
#include "policyd/checks/check.h"
#include "policyd/greylist/origin.h"
#include "policyd/state/marks.h"

#define DAY_S 86400u

void
abuse_signal(struct abuse *abuse, enum abuse_signal signal, const char *account, gint64 now_ms)
{
    struct abuse_rules *rules;

    if (abuse == NULL || *account == '\0' || !g_utf8_validate(account, -1, NULL)) /* no fact can be about it */
        return;
    rules = abuse_rules_of(abuse);
    if (rules->config->abuse.enabled && abuse_points(&rules->config->abuse, signal) > 0)
        abuse_push(abuse, ABUSE_EVENT_SIGNAL, signal, account, NULL, now_ms);
    abuse_rules_unref(rules);
}

/* TRUE when nothing of the kind was seen for a day. */
static gboolean
is_fresh(struct abuse *abuse, const char *text, gint64 now_ms)
{
    guint32 now_s = (guint32)(now_ms / 1000);
    struct mark before;

    return marks_touch(abuse->state, MARK_WARNED, text, now_s, 1, &before) || (before.last_s < now_s && now_s - before.last_s >= DAY_S);
}

/* One more of what may be so many a day: a signal when it is more than that. */
static void
count_in_day(struct abuse *abuse, const char *what, const char *account, gint64 usual, enum abuse_signal signal, gint64 now_ms)
{
    const struct meter_limit limit = {(guint32)usual, DAY_S};
    g_autofree char *text = g_strdup_printf("%s %s", what, account);

    if (!meter_take(abuse->state, METER_SIGNAL, text, &limit, 1, 1, now_ms, NULL))
        abuse_signal(abuse, signal, account, now_ms);
}

void
abuse_saw_network(struct abuse *abuse, const char *account, const char *address, gint64 now_ms)
{
    g_autofree char *network = NULL, *text = NULL;
    struct abuse_rules *rules;

    if (abuse == NULL || *account == '\0' || *address == '\0')
        return;
    network = origin_network(address);
    text = g_strdup_printf("network %s %s", account, network);
    rules = abuse_rules_of(abuse);
    if (rules->config->abuse.enabled && is_fresh(abuse, text, now_ms))
        count_in_day(abuse, ABUSE_NEW_NETWORK, account, rules->config->abuse.networks, ABUSE_NETWORKS, now_ms);
    abuse_rules_unref(rules);
}

/* A check refused it, and not because of what was decided about the account already. */
static gboolean
is_refused(const struct evaluation *evaluation)
{
    return evaluation->by != NULL && evaluation->by->kind != &check_account && !policy_action_is_mild(evaluation->answer->str) &&
           g_ascii_strcasecmp(evaluation->answer->str, "OK") != 0;
}

/* A network that a user sends from is one that they signed in from. */
static void
learn_network(struct abuse *abuse, const struct evaluation *evaluation)
{
    g_autofree char *network = origin_network(evaluation->request->values[POLICY_CLIENT_ADDRESS]);
    g_autofree char *text = g_strdup_printf("%s %s", evaluation->user, network);

    marks_touch(abuse->state, MARK_NETWORK, text, (guint32)(evaluation->now_ms / 1000), 1, NULL);
}

void
abuse_saw_recipient(struct abuse *abuse, const struct evaluation *evaluation)
{
    const char *own = strrchr(evaluation->user, '@');
    struct abuse_rules *rules;

    if (abuse == NULL || evaluation->trial || *evaluation->user == '\0' || evaluation->request->state != POLICY_AT_RCPT)
        return;
    learn_network(abuse, evaluation);
    abuse_saw_network(abuse, evaluation->user, evaluation->request->values[POLICY_CLIENT_ADDRESS], evaluation->now_ms);
    rules = abuse_rules_of(abuse);
    if (rules->config->abuse.enabled && is_refused(evaluation)) {
        g_autofree char *text = g_strdup_printf("refused %s %s", evaluation->user, evaluation->recipient_domain);
        if (is_fresh(abuse, text, evaluation->now_ms))
            count_in_day(abuse, ABUSE_REFUSED_DOMAIN, evaluation->user, rules->config->abuse.refused_domains, ABUSE_REFUSED, evaluation->now_ms);
    }
    if (rules->config->abuse.enabled && rules->config->abuse.points_unknown > 0 && rules->config->accounts.driver != 0 && own != NULL &&
        strcmp(own + 1, evaluation->recipient_domain) == 0)
        abuse_push(abuse, ABUSE_EVENT_RECIPIENT, ABUSE_UNKNOWN, evaluation->user, evaluation->recipient, evaluation->now_ms);
    abuse_rules_unref(rules);
}

void
abuse_saw_sent(struct abuse *abuse, const char *account, guint recipients, gint64 now_ms)
{
    struct abuse_rules *rules;

    if (abuse == NULL || *account == '\0' || recipients == 0)
        return;
    rules = abuse_rules_of(abuse);
    if (rules->config->abuse.enabled)
        abuse_recent(abuse->state, METER_SENT, account, recipients, now_ms);
    abuse_rules_unref(rules);
}

void
abuse_saw_bounce(struct abuse *abuse, const char *address, gint64 now_ms)
{
    struct abuse_rules *rules;

    if (abuse == NULL || *address == '\0')
        return;
    rules = abuse_rules_of(abuse);
    if (rules->config->abuse.enabled && rules->config->abuse.points_bounce > 0)
        abuse_push(abuse, ABUSE_EVENT_BOUNCE, ABUSE_BOUNCE, NULL, address, now_ms);
    abuse_rules_unref(rules);
}
