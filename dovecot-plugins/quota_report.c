/* quota_report.c: compares levels before and after, and sends events. */
#include "dovecot-plugins/quota_report.h"
#include "dovecot-plugins/quota_sender.h"
#include "ioloop.h"
#include "mail-storage-private.h"
#include "mail-user.h"
#include "quota.h"

/* What all events of one report have in common. */
struct report {
    struct mail_user *user;
    const struct pq_settings *settings;
    struct pq_event event;
};

void
pq_refusals_add(struct pq_refusals *refusals, struct mailbox *box, uint64_t size, const char *cause)
{
    struct quota_root_iter *iter = quota_root_iter_init(box);
    struct quota_root *root;

    while ((root = quota_root_iter_next(iter)) != NULL) {
        unsigned int i = 0;

        while (i < refusals->root_count && refusals->roots[i] != root)
            i++;
        if (i == refusals->root_count && i < PQ_ROOTS_MAX)
            refusals->roots[refusals->root_count++] = root;
    }
    quota_root_iter_deinit(&iter);
    refusals->count++;
    refusals->cause = cause;
    if (size > refusals->size)
        refusals->size = size;
}

static void
send_event(struct report *report)
{
    char datagram[PQ_EVENT_MAX];
    size_t length = pq_event_format(&report->event, datagram);

    if (length == 0)
        e_warning(report->user->event, "postern_quota: the name of user or quota root is too long for an event");
    else
        pq_send(report->user->event, report->settings->socket, datagram, length);
}

/* Fills in the root's name and numbers. What is not known is 0. */
static void
set_root(struct pq_event *event, const struct pq_root_usage *before, const struct pq_root_usage *now)
{
    event->root = quota_root_get_name(now->root);
    for (enum pq_resource i = PQ_STORAGE; i < PQ_RESOURCES; i++)
        event->amount[i] = (struct pq_amount){
            .before = before->amount[i].known ? before->amount[i].used : 0,
            .used = now->amount[i].known ? now->amount[i].used : 0,
            .limit = now->amount[i].limit,
        };
}

/* One resource: over or under, if a threshold lies between. */
static void
report_crossing(struct report *report, enum pq_resource resource, const struct pq_root_usage *before, const struct pq_root_usage *now)
{
    const struct pq_thresholds *thresholds = &report->settings->thresholds;

    if (!before->amount[resource].known || !now->amount[resource].known)
        return;
    unsigned int old = pq_level(thresholds, before->amount[resource].used, before->amount[resource].limit);
    unsigned int new = pq_level(thresholds, now->amount[resource].used, now->amount[resource].limit);
    if (new == old)
        return;
    report->event.kind = new > old ? PQ_OVER : PQ_UNDER;
    report->event.threshold = new > old ? thresholds->percent[new - 1] : thresholds->percent[new];
    report->event.resource = resource;
    send_event(report);
}

/* Whether `more` would not fit, by the fuller of both readings: a refusal may have come before an expunge, or after a save. */
static bool
is_full(const struct pq_root_usage *before, const struct pq_root_usage *now, enum pq_resource resource, uint64_t more)
{
    uint64_t limit = now->amount[resource].limit;
    uint64_t used = before->amount[resource].used > now->amount[resource].used ? before->amount[resource].used :
                                                                                 now->amount[resource].used;

    return limit > 0 && (used >= limit || more > limit - used);
}

/* Dovecot does not say which root or limit refused, so it is found again by the numbers. */
static bool
find_full(const struct pq_root_usage *before, const struct pq_root_usage *now, uint64_t size, enum pq_resource *resource_r)
{
    if (is_full(before, now, PQ_MESSAGES, 1))
        *resource_r = PQ_MESSAGES;
    else if (is_full(before, now, PQ_STORAGE, size > 0 ? size : 1))
        *resource_r = PQ_STORAGE;
    else
        return FALSE;
    return TRUE;
}

/* Tells the refusals of full roots, or with all of any root that has a limit. Returns whether there was one. */
static bool
report_refusals(struct report *report, const struct pq_usage *before, const struct pq_usage *now, const struct pq_refusals *refusals,
                bool all)
{
    bool any = FALSE;

    for (unsigned int i = 0; i < refusals->root_count; i++) {
        const struct pq_root_usage *new = pq_usage_find(now, refusals->roots[i]);
        const struct pq_root_usage *old = pq_usage_find(before, refusals->roots[i]);
        enum pq_resource resource = PQ_STORAGE;

        if (new == NULL)
            continue;
        if (old == NULL)
            old = new;
        if (all ? new->amount[PQ_STORAGE].limit == 0 && new->amount[PQ_MESSAGES].limit == 0 :
                  !find_full(old, new, refusals->size, &resource))
            continue;
        set_root(&report->event, old, new);
        report->event.resource = resource;
        send_event(report);
        any = TRUE;
    }
    return any;
}

void
pq_report(struct mail_user *user, const struct pq_settings *settings, const struct pq_usage *before, const struct pq_usage *now,
          const char *cause, const struct pq_refusals *refusals)
{
    struct report report = {.user = user, .settings = settings};

    report.event.user = user->username;
    report.event.service = user->service != NULL ? user->service : "";
    report.event.time_ms = (int64_t)ioloop_timeval.tv_sec * 1000 + ioloop_timeval.tv_usec / 1000;
    report.event.cause = cause;
    for (unsigned int i = 0; i < now->count; i++) {
        const struct pq_root_usage *old = pq_usage_find(before, now->root[i].root);

        if (old == NULL)
            continue; /* a namespace brought it meanwhile */
        set_root(&report.event, old, &now->root[i]);
        for (enum pq_resource resource = PQ_STORAGE; resource < PQ_RESOURCES; resource++)
            report_crossing(&report, resource, old, &now->root[i]);
    }
    if (refusals->count == 0)
        return;
    report.event.kind = PQ_REJECTED;
    report.event.threshold = 0;
    report.event.cause = refusals->cause;
    report.event.refused = refusals->count;
    report.event.size = refusals->size;
    /* None is full where the usage fell in between, or one folder has a limit of its own (2.4): then it can't be told apart. */
    if (!report_refusals(&report, before, now, refusals, FALSE))
        report_refusals(&report, before, now, refusals, TRUE);
}
