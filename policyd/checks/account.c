/* account.c: checks of the kind account: what was decided about who signs in: suspended, on hold, slowed down.
 *
 * Decided by `postern account`, or by what the daemon has seen of the account; about an address or a whole @domain. */
#include <jansson.h>
#include <string.h>
#include "policyd/checks/check.h"
#include "policyd/state/facts.h"
#include "policyd/state/meters.h"
#include "policyd/state/state.h"

struct account {
    const struct config_account *config;
    struct state *state;
};

static gpointer
account_make(const struct config_when *config, const struct check_parts *parts)
{
    struct account *own = g_new0(struct account, 1);

    own->config = (const struct config_account *)config;
    own->state = parts->state;
    return own;
}

/* The fact about the user, or about their domain. NULL: none; caller unrefs. */
static struct fact *
find(const struct account *own, enum fact_kind kind, const struct evaluation *evaluation)
{
    const char *at = strrchr(evaluation->user, '@');
    struct fact *fact = fact_get(own->state, kind, evaluation->user, evaluation->now_ms);

    return fact == NULL && at != NULL ? fact_get(own->state, kind, at, evaluation->now_ms) : fact;
}

static enum step
answer(struct evaluation *evaluation, const struct check *check, const struct fact *fact, const char *action, const char *note)
{
    json_t *value = json_loads(fact->value, 0, NULL);
    const char *reason = json_string_value(json_object_get(value, "reason"));
    gint64 left_s = fact->expires_ms > 0 ? (fact->expires_ms - evaluation->now_ms) / 1000 : 86400;

    evaluation_trace(evaluation, check, "%s: %s by %s (%s)", fact->subject, note, fact->by, reason != NULL ? reason : "");
    evaluation_note(evaluation, "account", note);
    check_answer(evaluation, action, left_s);
    json_decref(value);
    return STEP_ANSWERED;
}

/* A slowed account sends so many in an hour, evenly; what it takes is one recipient at a time. */
static enum step
slow(const struct account *own, struct evaluation *evaluation, const struct check *check, const struct fact *fact)
{
    const struct meter_limit limit = {(guint32)own->config->slow_per_hour, 3600};
    g_autofree char *text = g_strdup_printf("slow %s", evaluation->user);
    struct meter_answer taken;

    if ((evaluation->trial ? meter_read : meter_take)(own->state, METER_RATE_RECIPIENTS, text, &limit, 1, 1, evaluation->now_ms, &taken))
        return STEP_GO_ON;
    answer(evaluation, check, fact, own->config->slow_action, "slowed");
    check_answer(evaluation, own->config->slow_action, taken.wait_ms == METER_NEVER ? 3600 : (taken.wait_ms + 999) / 1000);
    return STEP_ANSWERED;
}

static enum step
account_run(const struct check *check, struct evaluation *evaluation, gboolean may_block)
{
    const struct account *own = check->own;
    gboolean loaded = state_is_loaded(own->state); /* before the facts are looked at */
    struct fact *fact;
    enum step step = STEP_GO_ON;

    (void)may_block;
    if (*evaluation->user == '\0')
        return STEP_GO_ON;
    if ((fact = find(own, FACT_SUSPENSION, evaluation)) != NULL)
        step = answer(evaluation, check, fact, own->config->suspended_action, "suspended");
    else if ((fact = find(own, FACT_SLOW, evaluation)) != NULL)
        step = slow(own, evaluation, check, fact);
    if (step == STEP_GO_ON) {
        fact_unref(fact);
        if ((fact = find(own, FACT_HOLD, evaluation)) != NULL)
            step = answer(evaluation, check, fact, own->config->hold_action, "held");
    }
    fact_unref(fact);
    return step == STEP_GO_ON && !loaded ? STEP_TROUBLE : step; /* what is decided may not be known yet */
}

const struct check_kind check_account = {"account", account_make, g_free, account_run};
