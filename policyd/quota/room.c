/* room.c: whether there is room in a mailbox, by what is known and, where that is old, by asking. See quota.h.
 *
 * What is not known counts as room, so that nothing is refused that Dovecot would take; and before mail is refused by news that may have
 * been overtaken, doveadm is asked. */
#include "policyd/accounts/mailboxes.h"
#include "policyd/quota/quota_private.h"
#include "policyd/state/facts.h"

#define ASK_MS 2000

/* ---- by numbers ---- */

static gboolean
is_over(gint64 used, gint64 limit, const struct quota_question *question)
{
    gint64 grace = MAX(question->grace, (gint64)((double)limit * (double)question->grace_percent / 100));

    return limit > 0 && (used >= limit || (question->size > 0 && (double)used + (double)question->size > (double)limit + (double)grace));
}

static gboolean
root_is_full(const struct quota_root *root, const struct quota_question *question)
{
    return is_over(root->used, root->limit, question) || (root->messages_limit > 0 && root->messages >= root->messages_limit);
}

/* By the root that the configuration names, or by all of them: mail that is for a folder of another root is not refused. */
static gboolean
is_full(const struct quota_setup *setup, const struct quota_roots *roots, const struct quota_question *question, struct quota_root *root_r)
{
    const char *name = setup->config->quota.root;
    guint full = 0, looked = 0;

    for (guint i = 0; i < roots->n; i++) {
        if (*name != '\0' && g_strcmp0(roots->root[i].name, name) != 0)
            continue;
        looked++;
        if (!root_is_full(&roots->root[i], question))
            continue;
        if (full++ == 0 && root_r != NULL)
            *root_r = roots->root[i];
    }
    return full > 0 && full == looked;
}

/* Age of the oldest news; G_MAXINT64 when there are none. */
static gint64
age_of(const struct quota_setup *setup, const struct quota_roots *roots, gint64 now_ms)
{
    const char *name = setup->config->quota.root;
    gint64 age = roots->n > 0 ? 0 : G_MAXINT64;

    for (guint i = 0; i < roots->n; i++)
        if (*name == '\0' || g_strcmp0(roots->root[i].name, name) == 0)
            age = MAX(age, roots->root[i].at_ms <= now_ms ? now_ms - roots->root[i].at_ms : 0);
    return age;
}

/* ---- by asking ---- */

static void
roots_of_answer(const struct doveadm_answer *answer, gint64 now_ms, struct quota_roots *roots_r)
{
    roots_r->n = answer->n;
    for (guint i = 0; i < answer->n; i++) {
        const struct doveadm_root *from = &answer->roots[i];
        struct quota_root *root = &roots_r->root[i];
        *root = (struct quota_root){.used = from->used, .limit = from->limit, .messages = from->messages, .messages_limit = from->messages_limit,
                                    .at_ms = now_ms};
        g_strlcpy(root->name, from->name, sizeof root->name);
    }
}

/* TRUE: roots are as doveadm says now. */
static gboolean
ask_doveadm(struct quota *quota, const struct quota_setup *setup, const struct quota_question *question, struct quota_roots *roots)
{
    const char *users[] = {question->mailbox};
    struct doveadm_answer answer;

    if (setup->doveadm == NULL || *question->asks_left == 0)
        return FALSE;
    --*question->asks_left;
    if (!quota_ask(quota, setup, users, 1, ASK_MS, &answer) || !answer.known || answer.n == 0)
        return FALSE;
    if (!question->trial)
        quota_take_answer(quota, setup, question->mailbox, &answer, NULL, g_get_real_time() / 1000);
    roots_of_answer(&answer, question->now_ms, roots);
    return TRUE;
}

/* By PostfixAdmin's tables, where Dovecot writes quota2. */
static enum quota_room
ask_quota2(struct quota *quota, const struct quota_question *question, struct quota_root *root_r)
{
    struct mailbox_quota held;
    enum lookup found = mailbox_quota_find(quota->accounts, question->mailbox, question->may_block, question->now_ms, &held);

    if (found == LOOKUP_WOULD_BLOCK)
        return QUOTA_WOULD_BLOCK;
    if (found != LOOKUP_YES || held.stale || !held.counted || !is_over(held.bytes, held.limit, question))
        return QUOTA_ROOM;
    if (root_r != NULL)
        *root_r = (struct quota_root){.name = "quota2", .used = held.bytes, .limit = held.limit, .messages = held.messages};
    return QUOTA_FULL;
}

/* Whether it is worth asking about: it has been heard of, or the accounts have it. Anybody may name any address at RCPT. */
static enum quota_room
is_ours(struct quota *quota, const struct quota_question *question, gboolean heard_of)
{
    struct mailbox_quota unused;
    enum lookup found = heard_of ? LOOKUP_YES : mailbox_quota_find(quota->accounts, question->mailbox, question->may_block, question->now_ms, &unused);

    if (found == LOOKUP_WOULD_BLOCK)
        return QUOTA_WOULD_BLOCK;
    return found == LOOKUP_YES ? QUOTA_FULL : QUOTA_ROOM;
}

static enum quota_room
ask(struct quota *quota, const struct quota_setup *setup, const struct quota_question *question, struct quota_roots *roots, gboolean known,
    struct quota_root *root_r)
{
    enum quota_room ours = is_ours(quota, question, roots->n > 0);

    if (ours != QUOTA_FULL)
        return ours;
    if (setup->doveadm != NULL && !question->may_block)
        return QUOTA_WOULD_BLOCK;
    if (ask_doveadm(quota, setup, question, roots) || known)
        return is_full(setup, roots, question, root_r) ? QUOTA_FULL : QUOTA_ROOM;
    return setup->config->quota.quota2 == CONFIG_QUOTA2_READ ? ask_quota2(quota, question, root_r) : QUOTA_ROOM;
}

enum quota_room
quota_room_in(struct quota *quota, const struct quota_question *question, struct quota_root *root_r)
{
    struct quota_setup *setup = quota_setup_ref(quota);
    struct fact *fact = fact_get(quota->state, FACT_QUOTA, question->mailbox, question->now_ms);
    enum quota_room room = QUOTA_ROOM;
    struct quota_roots roots;
    gboolean known, full;
    gint64 age_ms;

    quota_roots_read(fact != NULL ? fact->value : NULL, &roots);
    age_ms = age_of(setup, &roots, question->now_ms);
    known = age_ms <= setup->config->quota.stale;
    full = known && is_full(setup, &roots, question, root_r);
    if (!known || (full && setup->doveadm != NULL && age_ms > setup->config->quota.confirm))
        room = ask(quota, setup, question, &roots, known, root_r);
    else if (full)
        room = QUOTA_FULL;
    fact_unref(fact);
    quota_setup_unref(setup);
    return room;
}
