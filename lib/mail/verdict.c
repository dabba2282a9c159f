/* verdict.c: outcomes and edits of all modules, folded into the one decision that the MTA gets.
 *
 * The rules of the fold are in verdict.h. They are worked out per recipient first, in one byte each, so that
 * the cost is outcomes times recipients and no outcome has to know of another. */
#include "lib/mail/verdict.h"

#include <string.h>

static const char *const action_names[] = {
    [VERDICT_ACCEPT] = "accept",   [VERDICT_TAG] = "tag",       [VERDICT_QUARANTINE] = "quarantine",
    [VERDICT_DISCARD] = "discard", [VERDICT_REJECT] = "reject", [VERDICT_TEMPFAIL] = "tempfail",
};

const char *
verdict_action_name(enum verdict_action action)
{
    if ((guint)action >= G_N_ELEMENTS(action_names))
        return "unknown";
    return action_names[action];
}

static void
outcome_free(gpointer data)
{
    struct outcome *outcome = data;

    g_free(outcome->module);
    g_free(outcome->reason);
    g_free(outcome->reply);
    if (outcome->recipients != NULL)
        g_array_unref(outcome->recipients);
    g_free(outcome);
}

static void
edit_free(gpointer data)
{
    struct edit *edit = data;

    g_free(edit->name);
    g_free(edit->value);
    g_free(edit);
}

struct verdict *
verdict_new(void)
{
    struct verdict *verdict = g_new0(struct verdict, 1);

    verdict->outcomes = g_ptr_array_new_with_free_func(outcome_free);
    verdict->edits = g_ptr_array_new_with_free_func(edit_free);
    return verdict;
}

void
verdict_free(struct verdict **verdict)
{
    if (verdict == NULL || *verdict == NULL)
        return;
    g_ptr_array_unref((*verdict)->outcomes);
    g_ptr_array_unref((*verdict)->edits);
    g_free(*verdict);
    *verdict = NULL;
}

void
verdict_add(struct verdict *verdict, enum verdict_action action, const char *module, const char *reason,
            const char *reply, const guint *recipients, guint n_recipients)
{
    struct outcome *outcome = g_new0(struct outcome, 1);

    outcome->action = action;
    outcome->module = g_strdup(module != NULL ? module : "");
    outcome->reason = g_strdup(reason != NULL ? reason : "");
    outcome->reply = g_strdup(reply);
    if (recipients != NULL) {
        outcome->recipients = g_array_sized_new(FALSE, FALSE, sizeof(guint), n_recipients);
        g_array_append_vals(outcome->recipients, recipients, n_recipients);
    }
    g_ptr_array_add(verdict->outcomes, outcome);
}

void
verdict_edit(struct verdict *verdict, enum edit_kind kind, gint32 index, const char *name, const char *value)
{
    struct edit *edit = g_new0(struct edit, 1);

    edit->kind = kind;
    edit->index = index;
    edit->name = g_strdup(name != NULL ? name : "");
    edit->value = g_strdup(value);
    g_ptr_array_add(verdict->edits, edit);
}

/* The strongest action that names each recipient, one byte a recipient. */
static guint8 *
actions_per_recipient(const struct verdict *verdict, guint n_recipients)
{
    guint8 *actions = g_malloc0(n_recipients);

    for (guint i = 0; i < verdict->outcomes->len; i++) {
        const struct outcome *outcome = g_ptr_array_index(verdict->outcomes, i);
        guint n = outcome->recipients != NULL ? outcome->recipients->len : n_recipients;

        for (guint j = 0; j < n; j++) {
            guint r = outcome->recipients != NULL ? g_array_index(outcome->recipients, guint, j) : j;

            if (r < n_recipients && actions[r] < outcome->action)
                actions[r] = (guint8)outcome->action;
        }
    }
    return actions;
}

static enum verdict_action
fold(const guint count[VERDICT_TEMPFAIL + 1], guint n_recipients)
{
    guint stay = count[VERDICT_ACCEPT] + count[VERDICT_TAG];

    if (count[VERDICT_TEMPFAIL] > 0)
        return VERDICT_TEMPFAIL;
    if (count[VERDICT_REJECT] == n_recipients)
        return VERDICT_REJECT;
    if (stay > 0)
        return count[VERDICT_TAG] > 0 ? VERDICT_TAG : VERDICT_ACCEPT;
    return count[VERDICT_DISCARD] == n_recipients ? VERDICT_DISCARD : VERDICT_QUARANTINE;
}

/* Does the outcome name one of the first n recipients? */
static gboolean
names_somebody(const struct outcome *outcome, guint n_recipients)
{
    if (outcome->recipients == NULL)
        return TRUE;
    for (guint i = 0; i < outcome->recipients->len; i++)
        if (g_array_index(outcome->recipients, guint, i) < n_recipients)
            return TRUE;
    return FALSE;
}

/* Reply and reason come from the first outcome of the deciding action; a quarantine that only partial rejects
 * led to has none of its own, so that the first reject explains it. */
static void
explain(const struct verdict *verdict, guint n_recipients, struct decision *decision)
{
    const struct outcome *best = NULL;

    for (guint i = 0; i < verdict->outcomes->len; i++) {
        const struct outcome *outcome = g_ptr_array_index(verdict->outcomes, i);

        if (!names_somebody(outcome, n_recipients))
            continue;
        if (outcome->action == decision->action) {
            best = outcome;
            break;
        }
        if (decision->action == VERDICT_QUARANTINE && outcome->action == VERDICT_REJECT && best == NULL)
            best = outcome;
    }
    if (best != NULL) {
        decision->reason = best->reason;
        decision->reply = best->action == decision->action ? best->reply : NULL;
    }
}

void
verdict_decide(const struct verdict *verdict, guint n_recipients, struct decision *decision_r)
{
    guint n = MAX(n_recipients, 1u); /* nobody: one stand-in that only outcomes for all reach */
    g_autofree guint8 *actions = actions_per_recipient(verdict, n);
    guint count[VERDICT_TEMPFAIL + 1] = {0};

    memset(decision_r, 0, sizeof *decision_r);
    decision_r->remove = g_array_new(FALSE, FALSE, sizeof(guint));
    decision_r->quarantine = g_array_new(FALSE, FALSE, sizeof(guint));
    for (guint r = 0; r < n; r++)
        count[actions[r]]++;
    decision_r->action = fold(count, n);
    explain(verdict, n, decision_r);
    if (decision_r->action == VERDICT_TEMPFAIL || decision_r->action == VERDICT_REJECT)
        return;
    for (guint r = 0; r < n_recipients; r++) {
        if (actions[r] == VERDICT_QUARANTINE || actions[r] == VERDICT_REJECT)
            g_array_append_val(decision_r->quarantine, r);
        if (decision_r->action <= VERDICT_TAG && actions[r] >= VERDICT_QUARANTINE)
            g_array_append_val(decision_r->remove, r);
    }
}

void
decision_clear(struct decision *decision)
{
    if (decision == NULL)
        return;
    g_clear_pointer(&decision->remove, g_array_unref);
    g_clear_pointer(&decision->quarantine, g_array_unref);
}
