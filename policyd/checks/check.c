/* check.c: whom a check is about, and how its answer is written. */
#include "policyd/checks/check.h"
#include <string.h>

static guint
find_states(char *const *names)
{
    guint set = 0;

    for (; *names != NULL; names++)
        for (guint i = 0; i < POLICY_STATES; i++)
            if (strcmp(policy_state_names[i], *names) == 0)
                set |= 1u << i;
    return set;
}

struct check *
check_new(const struct check_kind *kind, const struct config_when *config, const struct check_parts *parts)
{
    struct check *check = g_new0(struct check, 1);

    check->kind = kind;
    check->config = config;
    check->states = find_states(config->states);
    check->clients = policy_match_new(POLICY_MATCH_CLIENTS, config->clients, NULL);
    check->senders = policy_match_new(POLICY_MATCH_ADDRESSES, config->senders, NULL);
    check->recipients = policy_match_new(POLICY_MATCH_ADDRESSES, config->recipients, NULL);
    check->users = policy_match_new(POLICY_MATCH_ADDRESSES, config->users, NULL);
    check->own = kind->make(config, parts);
    return check;
}

void
check_free(gpointer data)
{
    struct check *check = data;

    policy_match_free(check->clients);
    policy_match_free(check->senders);
    policy_match_free(check->recipients);
    policy_match_free(check->users);
    check->kind->free(check->own);
    g_free(check);
}

static gboolean
is_at(const struct check *check, const struct policy_request *request)
{
    return request->state < POLICY_STATES && (check->states & 1u << request->state) != 0;
}

enum step_applies
check_applies(const struct check *check, struct evaluation *evaluation)
{
    const char *const *values = evaluation->request->values;
    gboolean signed_in = *evaluation->user != '\0';
    int all;

    if (!is_at(check, evaluation->request) || (check->config->sign_in == CONFIG_WHEN_SIGNED_IN && !signed_in) ||
        (check->config->sign_in == CONFIG_WHEN_NOT_SIGNED_IN && signed_in))
        return CHECK_APPLIES_NOT;
    if (!policy_match_is_empty(check->users) && !signed_in)
        return CHECK_APPLIES_NOT;
    all = policy_match_client(check->clients, values[POLICY_CLIENT_ADDRESS], values[POLICY_CLIENT_NAME], NULL, NULL);
    if (all != 0)
        all = MIN(all, policy_match_address(check->senders, evaluation->sender, NULL, NULL));
    if (all != 0)
        all = MIN(all, policy_match_address(check->recipients, evaluation->recipient, NULL, NULL));
    if (all != 0 && signed_in)
        all = MIN(all, policy_match_address(check->users, evaluation->user, NULL, NULL));
    return all > 0 ? CHECK_APPLIES : all == 0 ? CHECK_APPLIES_NOT : CHECK_NOT_KNOWN;
}

void
check_answer(struct evaluation *evaluation, const char *action, gint64 wait_s)
{
    g_autofree char *wait = g_strdup_printf("%" G_GINT64_FORMAT, MAX(wait_s, 1));

    g_string_assign(evaluation->answer, action);
    g_string_replace(evaluation->answer, "{wait}", wait, 0);
}
