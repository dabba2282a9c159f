/* policy_lists.c: see policy_lists.h. */
#include "policyd/accounts/policy_lists.h"
#include "lib/mail/address.h"
#include "policyd/accounts/policy_accounts_private.h"
#include "policyd/accounts/policy_keys.h"
#include <string.h>

struct question {
    struct policy_accounts *accounts;
    const char *list;
    const char *statement;
    guint places;    /* parameters that the statement has for keys */
    GPtrArray *keys; /* the most specific first */
    guint best;      /* place of the most specific one that is in the list */
};

static gboolean
entry_row(const struct sql_row *row, gpointer data)
{
    struct question *q = data;

    for (guint i = 0; i < q->best; i++)
        if (strcmp(g_ptr_array_index(q->keys, i), sql_row_text(row, 0, NULL)) == 0)
            q->best = i;
    return q->best > 0;
}

static enum lookup
ask(gpointer data, GBytes **value_r)
{
    struct question *q = data;
    g_autofree struct sql_value *values = g_new0(struct sql_value, 1 + q->places);

    g_assert(q->keys->len <= q->places);
    values[0] = SQL_T(q->list);
    for (guint i = 0; i < q->keys->len; i++)
        values[1 + i] = SQL_T(g_ptr_array_index(q->keys, i));
    q->best = q->keys->len;
    if (!policy_source_run(&q->accounts->policy, q->statement, values, 1 + q->places, entry_row, q))
        return LOOKUP_UNKNOWN;
    if (q->best == q->keys->len)
        return LOOKUP_NO;
    const char *entry = g_ptr_array_index(q->keys, q->best);
    *value_r = g_bytes_new(entry, strlen(entry));
    return LOOKUP_YES;
}

/* subject: what the answer is kept under; keys and what stands in question are made from it. */
static enum lookup
find(struct question *q, enum policy_question kind, const char *subject, gboolean may_block, gint64 now_ms, char **entry_r,
     gboolean *stale_r)
{
    g_autoptr(GBytes) value = NULL;
    enum lookup answer = LOOKUP_NO;
    gboolean stale = FALSE;
    gsize length = 0;

    if (q->accounts->policy.pool && strlen(q->list) <= POLICY_LIST_MAX && q->keys->len > 0)
        answer = policy_lookup(q->accounts, policy_key(kind, subject, q->list), may_block, now_ms, ask, q, &value, &stale);
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
    const char *subject = domain ? domain - 1 : address;
    g_autoptr(GPtrArray) keys = policy_keys_address(subject, accounts->delimiter);
    struct question q = {.accounts = accounts, .list = list, .statement = "policy_list_address", .places = POLICY_ADDRESS_KEYS,
                         .keys = keys};

    return find(&q, ASKED_ADDRESS, subject, may_block, now_ms, entry_r, stale_r);
}

enum lookup
policy_list_client(struct policy_accounts *accounts, const char *list, const char *client, gboolean may_block, gint64 now_ms,
                   char **entry_r, gboolean *stale_r)
{
    g_autoptr(GPtrArray) keys = policy_keys_client(client);
    struct question q = {.accounts = accounts, .list = list, .statement = "policy_list_client", .places = POLICY_CLIENT_KEYS,
                         .keys = keys};

    return find(&q, ASKED_CLIENT, keys->len > 0 ? g_ptr_array_index(keys, 0) : "", may_block, now_ms, entry_r, stale_r);
}
