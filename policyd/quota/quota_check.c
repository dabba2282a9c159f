/* quota_check.c: checks of the kind quota_check: mail to full mailboxes is refused before it is sent.
 *
 * A recipient stands for mailboxes by aliases; as long as one of them has room, or may have, the mail is taken. */
#include <string.h>
#include "policyd/accounts/mailboxes.h"
#include "policyd/checks/check.h"
#include "policyd/quota/quota.h"

#define ASKS_MAX 16u /* of doveadm, for one recipient; the rest counts as not known */

struct quota_checking {
    const struct config_quota_check *config;
    struct quota *quota;
    struct policy_accounts *accounts;
};

static gpointer
quota_check_make(const struct config_when *config, const struct check_parts *parts)
{
    struct quota_checking *own = g_new0(struct quota_checking, 1);

    own->config = (const struct config_quota_check *)config;
    own->quota = parts->quota;
    own->accounts = parts->accounts;
    return own;
}

static void
tell(struct evaluation *evaluation, const struct check *check, const char *mailbox, enum quota_room room, const struct quota_root *root)
{
    if (room == QUOTA_FULL)
        evaluation_trace(evaluation, check, "%s holds %" G_GINT64_FORMAT " of %" G_GINT64_FORMAT " bytes and %" G_GINT64_FORMAT " messages: it is full",
                         mailbox, root->used, root->limit, root->messages);
    else if (room == QUOTA_ROOM)
        evaluation_trace(evaluation, check, "%s has room, or is not known to be full", mailbox);
}

/* Whether all of them are full. */
static enum quota_room
all_full(const struct quota_checking *own, const struct check *check, struct evaluation *evaluation, char *const *mailboxes, gboolean may_block)
{
    enum quota_room room = QUOTA_ROOM;
    guint asks_left = ASKS_MAX;

    for (; *mailboxes != NULL; mailboxes++) {
        struct quota_question question = {.mailbox = *mailboxes, .size = policy_request_number(evaluation->request, POLICY_SIZE),
                                          .grace = own->config->grace, .grace_percent = own->config->grace_percent, .may_block = may_block,
                                          .trial = evaluation->trial, .now_ms = evaluation->now_ms, .asks_left = &asks_left};
        struct quota_root root = {0};
        room = quota_room_in(own->quota, &question, &root);
        tell(evaluation, check, *mailboxes, room, &root);
        if (room != QUOTA_FULL)
            break;
    }
    return room;
}

static enum step
quota_check_run(const struct check *check, struct evaluation *evaluation, gboolean may_block)
{
    const struct quota_checking *own = check->own;
    g_auto(GStrv) mailboxes = NULL;
    enum lookup found;

    if (own->quota == NULL || *evaluation->recipient == '\0')
        return STEP_GO_ON;
    found = mailboxes_of(own->accounts, evaluation->recipient, may_block, evaluation->now_ms, &mailboxes, NULL);
    if (found == LOOKUP_WOULD_BLOCK)
        return STEP_WOULD_BLOCK;
    if (found == LOOKUP_UNKNOWN || mailboxes == NULL)
        return STEP_TROUBLE;
    switch (all_full(own, check, evaluation, mailboxes, may_block)) {
    case QUOTA_FULL:
        evaluation_note(evaluation, "quota", "full");
        check_answer(evaluation, own->config->action, 0);
        return STEP_ANSWERED;
    case QUOTA_WOULD_BLOCK:
        return STEP_WOULD_BLOCK;
    case QUOTA_ROOM:
    default:
        return STEP_GO_ON;
    }
}

const struct check_kind check_quota_check = {"quota_check", quota_check_make, g_free, quota_check_run};
