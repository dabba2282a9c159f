/* sender_login.c: checks of the kind sender_login: who signs in may only send as an address that is theirs. */
#include "policyd/accounts/sender_owner.h"
#include "policyd/checks/check.h"

struct sender_login {
    const struct config_sender_login *config;
    struct policy_accounts *accounts;
    struct sender_rules rules;
};

static gpointer
sender_login_make(const struct config_when *config, const struct check_parts *parts)
{
    struct sender_login *own = g_new0(struct sender_login, 1);

    own->config = (const struct config_sender_login *)config;
    own->accounts = parts->accounts;
    own->rules = (struct sender_rules){.default_domain = own->config->default_domain, .members_max = (guint)own->config->members_max,
                                       .null_sender = own->config->null_sender, .forwards = own->config->forwards};
    return own;
}

static enum step
sender_login_run(const struct check *check, struct evaluation *evaluation, gboolean may_block)
{
    const struct sender_login *own = check->own;
    struct sender_answer answer = {.why = SENDER_UNTOLD};
    enum lookup lookup;

    if (*evaluation->user == '\0')
        return STEP_GO_ON;
    lookup = sender_owner_may_send(own->accounts, evaluation->user, evaluation->sender, may_block, evaluation->now_ms, &own->rules, &answer);
    if (lookup == LOOKUP_WOULD_BLOCK)
        return STEP_WOULD_BLOCK;
    if (lookup == LOOKUP_UNKNOWN)
        return STEP_TROUBLE;
    evaluation_trace(evaluation, check, "%s may%s send as <%s>: %s", evaluation->user, lookup == LOOKUP_YES ? "" : " not", evaluation->sender,
                     sender_why_text(answer.why));
    if (lookup == LOOKUP_YES)
        return STEP_GO_ON;
    evaluation_note(evaluation, "why", sender_why_text(answer.why));
    check_answer(evaluation, own->config->action, 0);
    return STEP_ANSWERED;
}

const struct check_kind check_sender_login = {"sender_login", sender_login_make, g_free, sender_login_run};
