/* policy_lists.c: see policy_lists.h. */
#include "policyd/accounts/policy_lists.h"
#include "lib/mail/address.h"
#include "policyd/accounts/policy_accounts_private.h"
#include "policyd/accounts/policy_keys.h"
#include <string.h>

struct question {
    struct policy_accounts *accounts;
    const char *list, *subject;
    enum policy_question kind;
};

/* The most specific of the keys that is in the list. */
struct found {
    GPtrArray *keys; /* the most specific first */
    guint best;      /* its place among them; their number: none */
};

static gboolean
entry_row(const struct sql_row *row, gpointer data)
{
    struct found *found = data;

    for (guint i = 0; i < found->best; i++)
        if (strcmp(g_ptr_array_index(found->keys, i), sql_row_text(row, 0, NULL)) == 0)
            found->best = i;
    return found->best > 0;
}

/* FALSE: can't be told now. A statement has places for so many keys, all of which get a value or NULL. */
static gboolean
find_best(struct policy_accounts *accounts, const char *list, const char *statement, guint places, struct found *found)
{
    g_autofree struct sql_value *values = g_new0(struct sql_value, 1 + places);

    g_assert(found->keys->len <= places);
    values[0] = SQL_T(list);
    for (guint i = 0; i < found->keys->len; i++)
        values[1 + i] = SQL_T(g_ptr_array_index(found->keys, i));
    return policy_source_run(&accounts->policy, statement, values, 1 + places, entry_row, found);
}

static enum lookup
ask(gpointer data, GBytes **value_r)
{
    const struct question *q = data;
    gboolean client = q->kind == ASKED_CLIENT;
    g_autoptr(GPtrArray) keys = client ? policy_keys_client(q->subject) : policy_keys_address(q->subject, q->accounts->delimiter);
    struct found found = {keys, keys->len};

    if (keys->len > 0 && !find_best(q->accounts, q->list, client ? "policy_list_client" : "policy_list_address",
                                    client ? POLICY_CLIENT_KEYS : POLICY_ADDRESS_KEYS, &found))
        return LOOKUP_UNKNOWN;
    if (found.best == keys->len)
        return LOOKUP_NO;
    const char *entry = g_ptr_array_index(keys, found.best);
    *value_r = g_bytes_new(entry, strlen(entry));
    return LOOKUP_YES;
}

static enum lookup
find(struct question *q, gboolean may_block, gint64 now_ms, char **entry_r, gboolean *stale_r)
{
    g_autoptr(GBytes) value = NULL;
    enum lookup answer = LOOKUP_NO;
    gboolean stale = FALSE;
    gsize length = 0;

    if (q->accounts->policy.pool && strlen(q->list) <= POLICY_LIST_MAX && strlen(q->subject) <= POLICY_ADDRESS_MAX)
        answer = policy_lookup(q->accounts, policy_key(q->kind, q->subject, q->list), may_block, now_ms, ask, q, &value, &stale);
    const char *entry = value ? g_bytes_get_data(value, &length) : NULL;
    if (entry_r)
        *entry_r = entry ? g_strndup(entry, length) : NULL;
    if (stale_r)
        *stale_r = stale;
    return answer;
}

enum lookup
policy_list_address(struct policy_accounts *accounts, const char *list, const char *address, gboolean may_block, gint64 now_ms,
                    char **entry_r, gboolean *stale_r)
{
    /* Of an address too long for a list only the domain can be in one. */
    const char *domain = strlen(address) > POLICY_ADDRESS_MAX ? address_domain(address) : NULL;
    struct question q = {accounts, list, domain ? domain - 1 : address, ASKED_ADDRESS};

    return find(&q, may_block, now_ms, entry_r, stale_r);
}

enum lookup
policy_list_client(struct policy_accounts *accounts, const char *list, const char *client, gboolean may_block, gint64 now_ms,
                   char **entry_r, gboolean *stale_r)
{
    struct question q = {accounts, list, client, ASKED_CLIENT};

    return find(&q, may_block, now_ms, entry_r, stale_r);
}
