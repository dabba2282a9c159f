/* quota_usage.h: what a user's quota roots hold at one moment, by Dovecot's public quota.h alone. */
#pragma once
#include "dovecot-plugins/compat.h"
#include "dovecot-plugins/quota_event.h"

#define PQ_ROOTS_MAX 8 /* roots of one user that are looked at */

struct mail_user;
struct quota_root;

struct pq_root_usage {
    struct quota_root *root; /* lives as long as the user */
    struct {
        uint64_t used, limit; /* limit 0: none */
        bool known;           /* false: quota is being counted in the background, or failed */
    } amount[PQ_RESOURCES];
};

struct pq_usage {
    struct pq_root_usage root[PQ_ROOTS_MAX];
    unsigned int count;
};

/* May count folders, so not to be called inside a sync or while a transaction of this process has locks: Dovecot's quota plugin has the
 * same rule (a deadlock on the lock of the size cache). Leaves the last errors of the user's storages as they are. */
void pq_usage_read(struct mail_user *user, struct pq_usage *usage_r);

/* The root's part of a snapshot, or NULL. */
const struct pq_root_usage *pq_usage_find(const struct pq_usage *usage, const struct quota_root *root);
