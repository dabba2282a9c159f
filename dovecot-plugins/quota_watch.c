/* quota_watch.c: the life of a watch, and when it looks. What it tells is in quota_report.c. */
#include "dovecot-plugins/quota_watch.h"
#include "array.h"
#include "dovecot-plugins/quota_report.h"
#include "dovecot-plugins/quota_settings.h"
#include "ioloop.h"
#include "mail-namespace.h"
#include "mail-storage-private.h"
#include "mail-user.h"
#include "mailbox-list-private.h"
#include "module-context.h"
#include "quota.h"

struct pq_watch {
    union mail_user_module_context module_ctx;
    struct mail_user *user;
    struct pq_settings settings;
    struct timeout *timer;
    struct pq_usage before; /* valid from the first change until the look */
    bool before_valid;
    const char *cause;
    ARRAY(struct mailbox_transaction_context *) changing; /* open transactions with changes; rarely more than two */
    struct pq_refusals refusals;
};

static MODULE_CONTEXT_DEFINE_INIT(pq_user_module, &mail_user_module_register);

static struct pq_watch *
watch_of_user(struct mail_user *user)
{
    return MODULE_CONTEXT(user, pq_user_module);
}

bool
pq_user_is_watched(struct mail_user *user)
{
    return watch_of_user(user) != NULL;
}

struct pq_watch *
pq_watch_of(struct mailbox *box)
{
    struct mail_namespace *ns = mailbox_list_get_namespace(box->list);

    return watch_of_user(ns->owner != NULL ? ns->owner : ns->user);
}

/* Where the transaction stands among those that change something, or their number. */
static unsigned int
find_changing(struct pq_watch *watch, struct mailbox_transaction_context *transaction)
{
    unsigned int i = 0;

    while (i < array_count(&watch->changing) && array_idx_elem(&watch->changing, i) != transaction)
        i++;
    return i;
}

static void look(struct pq_watch *watch);

static void
start_timer(struct pq_watch *watch)
{
    if (watch->timer == NULL)
        watch->timer = timeout_add(watch->settings.delay_ms, look, watch);
}

/* Reads and tells. Dovecot's clock stands still in one round of its loop, and quota-count answers from memory as long as it does: so it
 * is set first, for the event's time and for a count that is new. */
static void
tell(struct pq_watch *watch)
{
    struct pq_usage now;

    if (!watch->before_valid && watch->refusals.count == 0)
        return;
    io_loop_time_refresh();
    pq_usage_read(watch->user, &now);
    pq_report(watch->user, &watch->settings, watch->before_valid ? &watch->before : &now, &now, watch->cause, &watch->refusals);
    watch->before_valid = FALSE;
    i_zero(&watch->refusals);
}

/* The timer has fired. */
static void
look(struct pq_watch *watch)
{
    timeout_remove(&watch->timer);
    if (array_count(&watch->changing) > 0)
        start_timer(watch);
    else
        tell(watch);
}

void
pq_watch_change(struct pq_watch *watch, struct mailbox_transaction_context *transaction, const char *cause)
{
    /* What dsync brings, the replica has told already. */
    if (watch == NULL || watch->user->dsyncing)
        return;
    /* Reading is safe here: as long as a transaction with changes is open, `before` stays valid, so no change was made yet. */
    if (!watch->before_valid) {
        pq_usage_read(watch->user, &watch->before);
        watch->before_valid = TRUE;
    }
    if (find_changing(watch, transaction) == array_count(&watch->changing))
        array_push_back(&watch->changing, &transaction);
    watch->cause = cause;
    start_timer(watch);
}

void
pq_watch_transaction_end(struct pq_watch *watch, struct mailbox_transaction_context *transaction)
{
    if (watch == NULL)
        return;
    unsigned int i = find_changing(watch, transaction);
    if (i < array_count(&watch->changing))
        array_delete(&watch->changing, i, 1);
}

void
pq_watch_refused(struct pq_watch *watch, struct mailbox *box, uint64_t size, const char *cause)
{
    if (watch == NULL || watch->user->dsyncing)
        return;
    pq_refusals_add(&watch->refusals, box, size, cause);
    start_timer(watch);
}

/* At deinit() quota is gone already, so the last look is here. */
static void
watch_deinit_pre(struct mail_user *user)
{
    struct pq_watch *watch = watch_of_user(user);

    timeout_remove(&watch->timer);
    tell(watch);
    watch->module_ctx.super.deinit_pre(user);
}

/* deinit_pre() of other plugins may still change something; it is not told. */
static void
watch_deinit(struct mail_user *user)
{
    struct pq_watch *watch = watch_of_user(user);

    timeout_remove(&watch->timer);
    watch->module_ctx.super.deinit(user);
}

void
pq_watch_start(struct mail_user *user)
{
    struct mail_user_vfuncs *v = user->vlast;
    struct pq_settings settings;

    /* LMTP's own user for raw mail, and owners of mailboxes that are shared with this user: their quota can't be seen whole from here. */
    if (user->autocreated)
        return;
    pq_settings_read(user, &settings);
    if (*settings.socket == '\0')
        return;

    struct pq_watch *watch = p_new(user->pool, struct pq_watch, 1);
    watch->user = user;
    watch->settings = settings;
    p_array_init(&watch->changing, user->pool, 4);
    watch->module_ctx.super = *v;
    user->vlast = &watch->module_ctx.super;
    v->deinit_pre = watch_deinit_pre;
    v->deinit = watch_deinit;
    MODULE_CONTEXT_SET(user, pq_user_module, watch);
}
