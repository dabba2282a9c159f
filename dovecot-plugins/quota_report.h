/* quota_report.h: the events that the difference of two readings makes, and refusals. */
#pragma once
#include "dovecot-plugins/compat.h"
#include "dovecot-plugins/quota_settings.h"
#include "dovecot-plugins/quota_usage.h"

struct mailbox;

/* Refusals since the last report. All zero: none. */
struct pq_refusals {
    unsigned int count;
    uint64_t size;                          /* of the largest, 0: not known */
    const char *cause;                      /* of the last */
    struct quota_root *roots[PQ_ROOTS_MAX]; /* roots that the mailboxes count in */
    unsigned int root_count;
};

void pq_refusals_add(struct pq_refusals *refusals, struct mailbox *box, uint64_t size, const char *cause);

/* Sends what there is to tell. before may be the same as now. */
void pq_report(struct mail_user *user, const struct pq_settings *settings, const struct pq_usage *before, const struct pq_usage *now,
               const char *cause, const struct pq_refusals *refusals);
