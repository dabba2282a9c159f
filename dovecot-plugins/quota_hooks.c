/* quota_hooks.c: overrides of mailbox and mail functions that see every change of usage, and every refusal.
 *
 * Each override calls the one below it (super) with what it got and returns what that returned; it adds a call to the watch of the
 * mailbox's owner and nothing else. They sit outside Dovecot's quota plugin (postern_quota_plugin.c says how), so super includes the
 * check of the quota. */
#include "dovecot-plugins/quota_hooks.h"
#include "dovecot-plugins/compat.h"
#include "dovecot-plugins/quota_watch.h"
#include "istream.h"
#include "mail-storage-hooks.h"
#include "mail-storage-private.h"
#include "module-context.h"

static MODULE_CONTEXT_DEFINE_INIT(pq_mailbox_module, &mail_storage_module_register);
static MODULE_CONTEXT_DEFINE_INIT(pq_mail_module, &mail_module_register);

static struct mailbox_vfuncs *
super_of(struct mailbox *box)
{
    union mailbox_module_context *context = MODULE_CONTEXT_REQUIRE(box, pq_mailbox_module);

    return &context->super;
}

/* Whether what has just failed on box failed for quota. */
static bool
was_quota(struct mailbox *box)
{
    enum mail_error error;

    (void)mailbox_get_last_error(box, &error);
    return error == MAIL_ERROR_NOQUOTA;
}

/* Bytes of a message that was refused. Asking may fail, and then the storage's error must still be the refusal. */
static uint64_t
size_of_mail(struct mail *mail)
{
    struct mail_storage *storage = mail->box->storage;
    uoff_t size;

    mail_storage_last_error_push(storage);
    if (mail_get_virtual_size(mail, &size) < 0)
        size = 0;
    mail_storage_last_error_pop(storage);
    return size;
}

static const char *
cause_of(struct mail_save_context *ctx, struct mail *copied)
{
    if (ctx->moving)
        return "move";
    /* LMTP delivers by copying from a mailbox of a user of its own. */
    if (copied == NULL || copied->box->storage->user != ctx->transaction->box->storage->user)
        return "save";
    return "copy";
}

static int
hook_save_begin(struct mail_save_context *ctx, struct istream *input)
{
    struct mailbox *box = ctx->transaction->box;
    struct pq_watch *watch = pq_watch_of(box);

    pq_watch_change(watch, ctx->transaction, cause_of(ctx, ctx->copy_src_mail));
    int ret = super_of(box)->save_begin(ctx, input);
    if (ret < 0 && was_quota(box)) {
        uoff_t size;

        if (i_stream_get_size(input, TRUE, &size) <= 0)
            size = 0;
        pq_watch_refused(watch, box, size, cause_of(ctx, ctx->copy_src_mail));
    }
    return ret;
}

static int
hook_save_finish(struct mail_save_context *ctx)
{
    struct mailbox *box = ctx->transaction->box;
    struct mail *copied = ctx->copy_src_mail;
    const char *cause = cause_of(ctx, copied);
    int ret = super_of(box)->save_finish(ctx);

    if (ret < 0 && was_quota(box))
        pq_watch_refused(pq_watch_of(box), box, copied != NULL ? size_of_mail(copied) : 0, cause);
    return ret;
}

static int
hook_copy(struct mail_save_context *ctx, struct mail *mail)
{
    struct mailbox *box = ctx->transaction->box;
    struct pq_watch *watch = pq_watch_of(box);
    const char *cause = cause_of(ctx, mail);

    pq_watch_change(watch, ctx->transaction, cause);
    int ret = super_of(box)->copy(ctx, mail);
    /* A storage that copies by saving came through the hooks above, which have noted the refusal. */
    if (ret < 0 && !ctx->copying_via_save && was_quota(box))
        pq_watch_refused(watch, box, size_of_mail(mail), cause);
    return ret;
}

/* Asked by LMTP at RCPT and by the quota-status service, with a mailbox that may not be open. */
static int
hook_get_status(struct mailbox *box, enum mailbox_status_items items, struct mailbox_status *status_r)
{
    int ret = super_of(box)->get_status(box, items, status_r);

    if (ret < 0 && (items & STATUS_CHECK_OVER_QUOTA) != 0 && was_quota(box))
        pq_watch_refused(pq_watch_of(box), box, 0, "rcpt");
    return ret;
}

static int
hook_transaction_commit(struct mailbox_transaction_context *transaction, struct mail_transaction_commit_changes *changes_r)
{
    pq_watch_transaction_end(pq_watch_of(transaction->box), transaction);
    return super_of(transaction->box)->transaction_commit(transaction, changes_r);
}

static void
hook_transaction_rollback(struct mailbox_transaction_context *transaction)
{
    pq_watch_transaction_end(pq_watch_of(transaction->box), transaction);
    super_of(transaction->box)->transaction_rollback(transaction);
}

/* The message goes at the next sync, which follows at once. In that sync nothing may be read, so it is not hooked. */
static void
hook_expunge(struct mail *mail)
{
    struct mail_private *private = (struct mail_private *)mail;
    union mail_module_context *context = MODULE_CONTEXT_REQUIRE(private, pq_mail_module);

    pq_watch_change(pq_watch_of(mail->box), mail->transaction, "expunge");
    context->super.expunge(mail);
}

static void
mailbox_allocated(struct mailbox *box)
{
    struct mailbox_vfuncs *v = box->vlast;

    if (!pq_user_is_watched(box->storage->user) || (box->storage->class_flags & MAIL_STORAGE_CLASS_FLAG_NOQUOTA) != 0)
        return;
    union mailbox_module_context *context = p_new(box->pool, union mailbox_module_context, 1);
    context->super = *v;
    box->vlast = &context->super;
    v->save_begin = hook_save_begin;
    v->save_finish = hook_save_finish;
    v->copy = hook_copy;
    v->get_status = hook_get_status;
    v->transaction_commit = hook_transaction_commit;
    v->transaction_rollback = hook_transaction_rollback;
    MODULE_CONTEXT_SET_SELF(box, pq_mailbox_module, context);
}

static void
mail_allocated(struct mail *mail)
{
    struct mail_private *private = (struct mail_private *)mail;
    struct mail_vfuncs *v = private->vlast;

    if (MODULE_CONTEXT(mail->box, pq_mailbox_module) == NULL)
        return;
    union mail_module_context *context = p_new(private->pool, union mail_module_context, 1);
    context->super = *v;
    private->vlast = &context->super;
    v->expunge = hook_expunge;
    MODULE_CONTEXT_SET_SELF(private, pq_mail_module, context);
}

const struct mail_storage_hooks pq_hooks = {
    .mail_user_created = pq_watch_start,
    .mailbox_allocated = mailbox_allocated,
    .mail_allocated = mail_allocated,
};
