/* quota_usage.c: reads usage and limits of all quota roots. */
#include "dovecot-plugins/quota_usage.h"
#include "array.h"
#include "mail-storage-private.h"
#include "mail-user.h"
#include "quota.h"

static void
read_root(struct quota_root *root, struct pq_root_usage *usage_r)
{
    static const char *const names[] = {[PQ_STORAGE] = QUOTA_NAME_STORAGE_BYTES, [PQ_MESSAGES] = QUOTA_NAME_MESSAGES};
    const char *error;

    usage_r->root = root;
    for (enum pq_resource i = PQ_STORAGE; i < PQ_RESOURCES; i++) {
        enum quota_get_result result = quota_get_resource(root, QUOTA_NO_MAILBOX, names[i], &usage_r->amount[i].used,
                                                          &usage_r->amount[i].limit, &error);

        usage_r->amount[i].known = result == QUOTA_GET_RESULT_LIMITED || result == QUOTA_GET_RESULT_UNLIMITED;
        if (result != QUOTA_GET_RESULT_LIMITED)
            usage_r->amount[i].limit = 0;
    }
}

static void
read_roots(struct mail_user *user, struct pq_usage *usage_r)
{
    struct quota_root_iter *iter = quota_root_iter_init_user(user);
    struct quota_root *root;

    while (usage_r->count < PQ_ROOTS_MAX && (root = quota_root_iter_next(iter)) != NULL)
        read_root(root, &usage_r->root[usage_r->count++]);
    quota_root_iter_deinit(&iter);
}

/* Counting opens mailboxes, and their errors would take the place of one that a command has not told its client yet (OVERQUOTA). */
void
pq_usage_read(struct mail_user *user, struct pq_usage *usage_r)
{
    i_zero(usage_r);
    T_BEGIN {
        ARRAY(struct mail_storage *) storages;
        struct mail_storage *storage;

        t_array_init(&storages, 4);
        for (storage = user->storages; storage != NULL; storage = storage->next) {
            mail_storage_last_error_push(storage);
            array_push_back(&storages, &storage);
        }
        read_roots(user, usage_r);
        array_foreach_elem(&storages, storage)
            mail_storage_last_error_pop(storage);
    } T_END;
}

const struct pq_root_usage *
pq_usage_find(const struct pq_usage *usage, const struct quota_root *root)
{
    for (unsigned int i = 0; i < usage->count; i++)
        if (usage->root[i].root == root)
            return &usage->root[i];
    return NULL;
}
