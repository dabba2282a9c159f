/* check.c: whom a check is about, and how its answer is written. */
#include "policyd/checks/check.h"
#include <string.h>
#include "lib/base/networks.h"
#include "lib/mail/auth/spf.h"
#include "policyd/accounts/policy_lists.h"

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
    check->accounts = parts->accounts;
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

struct asked {
    const struct check *check;
    const struct evaluation *evaluation;
    gboolean may_block, blocks;
};

static int
told(struct asked *asked, enum lookup lookup)
{
    asked->blocks |= lookup == LOOKUP_WOULD_BLOCK;
    return lookup == LOOKUP_YES ? 1 : lookup == LOOKUP_NO ? 0 : -1;
}

static int
ask_address_list(const char *list, const char *subject, gpointer data)
{
    struct asked *asked = data;

    return told(asked, policy_list_address(asked->check->accounts, list, subject, asked->may_block, asked->evaluation->now_ms, NULL, NULL));
}

static int
ask_client_list(const char *list, const char *subject, gpointer data)
{
    struct asked *asked = data;

    return told(asked, policy_list_client(asked->check->accounts, list, subject, asked->may_block, asked->evaluation->now_ms, NULL, NULL));
}

/* 1 all lists hold, 0 one does not, -1 not known. */
static int
ask_lists(const struct check *check, const struct evaluation *evaluation, struct asked *asked)
{
    const char *const *values = evaluation->request->values;
    policy_list_func address = check->accounts != NULL ? ask_address_list : NULL, client = check->accounts != NULL ? ask_client_list : NULL;
    int all = policy_match_client(check->clients, values[POLICY_CLIENT_ADDRESS], values[POLICY_CLIENT_NAME], client, asked);

    if (all != 0)
        all = MIN(all, policy_match_address(check->senders, evaluation->sender, address, asked));
    if (all != 0)
        all = MIN(all, policy_match_address(check->recipients, evaluation->recipient, address, asked));
    if (all != 0 && *evaluation->user != '\0')
        all = MIN(all, policy_match_address(check->users, evaluation->user, address, asked));
    return all;
}

enum check_applies
check_applies(const struct check *check, const struct evaluation *evaluation, gboolean may_block)
{
    struct asked asked = {check, evaluation, may_block, FALSE};
    gboolean signed_in = *evaluation->user != '\0';
    int all;

    if (!is_at(check, evaluation->request) || (check->config->sign_in == CONFIG_WHEN_SIGNED_IN && !signed_in) ||
        (check->config->sign_in == CONFIG_WHEN_NOT_SIGNED_IN && signed_in) || (!policy_match_is_empty(check->users) && !signed_in))
        return CHECK_APPLIES_NOT;
    all = ask_lists(check, evaluation, &asked);
    if (all < 0 && asked.blocks)
        return CHECK_WOULD_BLOCK;
    return all > 0 ? CHECK_APPLIES : all == 0 ? CHECK_APPLIES_NOT : CHECK_NOT_KNOWN;
}

void
check_answer(struct evaluation *evaluation, const char *action, gint64 wait_s)
{
    g_autofree char *wait = g_strdup_printf("%" G_GINT64_FORMAT, MAX(wait_s, 1));

    g_string_assign(evaluation->answer, action);
    g_string_replace(evaluation->answer, "{wait}", wait, 0);
}

enum auth_result
check_spf(struct dns *dns, const struct evaluation *evaluation, gint64 deadline_us)
{
    const char *const *values = evaluation->request->values;
    struct spf_result result;
    guint8 octets[16];
    struct spf_query query = {.dns = dns, .client = octets, .helo = values[POLICY_HELO_NAME], .mail_from = evaluation->sender, .deadline_us = deadline_us};
    enum auth_result outcome;

    query.client_length = network_address(values[POLICY_CLIENT_ADDRESS], octets);
    if (query.client_length == 0)
        return AUTH_NONE;
    spf_check(&query, SPF_MAIL_FROM, &result);
    outcome = result.result;
    spf_result_clear(&result);
    return outcome;
}
