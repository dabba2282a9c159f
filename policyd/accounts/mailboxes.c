/* mailboxes.c: see mailboxes.h. */
#include "policyd/accounts/mailboxes.h"
#include "lib/base/log.h"
#include "policyd/accounts/policy_accounts_private.h"
#include "policyd/accounts/policy_keys.h"
#include <string.h>

#define QUOTA2_NAME_MAX 100

struct question {
    struct policy_accounts *accounts;
    const char *address;
};

/* A list of strings as the strings with their NULs, one after the other. */
static GBytes *
pack(char *const *list)
{
    GByteArray *packed = g_byte_array_new();

    for (; *list; list++)
        g_byte_array_append(packed, (const guint8 *)*list, (guint)strlen(*list) + 1);
    return g_byte_array_free_to_bytes(packed);
}

static char **
unpack(GBytes *packed)
{
    GPtrArray *list = g_ptr_array_new();
    gsize length;
    const char *at = g_bytes_get_data(packed, &length), *end = at + length;

    for (; at < end; at += strlen(at) + 1)
        g_ptr_array_add(list, g_strdup(at));
    g_ptr_array_add(list, NULL);
    return (char **)g_ptr_array_free(list, FALSE);
}

/* Whether anything is known of an address that expands to itself alone: 1, 0, or -1. */
static int
is_known(struct policy_accounts *accounts, const char *address, GError **error)
{
    g_auto(GStrv) owners = NULL;

    if (accounts_owners(accounts->expansion, address, &owners, NULL, error) < 0)
        return -1;
    return owners[0] != NULL;
}

static enum lookup
ask_mailboxes(gpointer data, GBytes **value_r)
{
    const struct question *q = data;
    g_autoptr(GError) error = NULL;
    g_auto(GStrv) mailboxes = NULL;
    int known = 1;
    int result = accounts_expand(q->accounts->expansion, q->address, &mailboxes, &error);

    if (result == 1 && !mailboxes[1] && strcmp(mailboxes[0], q->address) == 0)
        known = is_known(q->accounts, q->address, &error);
    policy_source_report(&q->accounts->accounts, error);
    if (result < 0 || known < 0)
        return LOOKUP_UNKNOWN;
    *value_r = pack(mailboxes);
    return known ? LOOKUP_YES : LOOKUP_NO;
}

enum lookup
mailboxes_of(struct policy_accounts *accounts, const char *address, gboolean may_block, gint64 now_ms, char ***mailboxes_r,
             gboolean *stale_r)
{
    struct question q = {accounts, address};
    g_autoptr(GBytes) value = NULL;
    gboolean stale = FALSE;
    enum lookup answer = LOOKUP_NO;

    if (accounts->accounts.pool && strlen(address) <= POLICY_ADDRESS_MAX)
        answer = policy_lookup(accounts, policy_key(ASKED_MAILBOXES, address, NULL), may_block, now_ms, ask_mailboxes, &q, &value, &stale);
    else
        value = g_bytes_new(address, strlen(address) + 1);
    *mailboxes_r = value ? unpack(value) : NULL;
    if (stale_r)
        *stale_r = stale;
    return answer;
}

struct quota_row {
    const char *mailbox;
    struct mailbox_quota quota;
    gboolean found;
};

static gboolean
quota_row(const struct sql_row *row, gpointer data)
{
    struct quota_row *found = data;

    if (!policy_row_is(row, 0, found->mailbox))
        return TRUE;
    found->found = TRUE;
    found->quota.limit = MAX(sql_row_int(row, 1), 0);
    if (sql_row_is_null(row, 2) || !policy_row_is(row, 2, found->mailbox))
        return TRUE;
    found->quota.counted = TRUE;
    found->quota.bytes = MAX(sql_row_int(row, 3), 0);
    found->quota.messages = MAX(sql_row_int(row, 4), 0);
    return FALSE;
}

static enum lookup
ask_quota(gpointer data, GBytes **value_r)
{
    const struct question *q = data;
    struct quota_row found = {.mailbox = q->address};
    const struct sql_value values[] = {SQL_T(q->address), SQL_T(q->address)};

    if (!policy_source_run(&q->accounts->accounts, "account_quota", values, G_N_ELEMENTS(values), quota_row, &found))
        return LOOKUP_UNKNOWN;
    if (!found.found)
        return LOOKUP_NO;
    *value_r = g_bytes_new(&found.quota, sizeof found.quota);
    return LOOKUP_YES;
}

enum lookup
mailbox_quota_find(struct policy_accounts *accounts, const char *mailbox, gboolean may_block, gint64 now_ms,
                   struct mailbox_quota *quota_r)
{
    struct question q = {accounts, mailbox};
    g_autoptr(GBytes) value = NULL;
    gboolean stale = FALSE;

    *quota_r = (struct mailbox_quota){0};
    if (!accounts->accounts.pool || strlen(mailbox) > POLICY_ADDRESS_MAX)
        return LOOKUP_NO;
    enum lookup answer = policy_lookup(accounts, policy_key(ASKED_QUOTA, mailbox, NULL), may_block, now_ms, ask_quota, &q, &value, &stale);
    if (value) {
        memcpy(quota_r, g_bytes_get_data(value, NULL), sizeof *quota_r);
        quota_r->stale = stale;
    }
    return answer;
}

static gboolean
name_row(const struct sql_row *row, gpointer data)
{
    g_ptr_array_add(data, g_strdup(sql_row_text(row, 0, NULL)));
    return TRUE;
}

enum lookup
mailboxes_page(struct policy_accounts *accounts, const char *after, GPtrArray *names)
{
    const struct sql_value values[] = {SQL_T(after)};

    if (!accounts->accounts.pool)
        return LOOKUP_NO;
    return policy_source_run(&accounts->accounts, "account_mailbox_page", values, G_N_ELEMENTS(values), name_row, names) ? LOOKUP_YES
                                                                                                                     : LOOKUP_UNKNOWN;
}

/* The rows, in the transaction that the caller began. */
static gboolean
write_rows(struct sql *sql, const struct mailbox_use *uses, guint n, GError **error)
{
    for (guint i = 0; i < n; i++) {
        const struct sql_value values[] = {SQL_T(uses[i].mailbox), SQL_I(MAX(uses[i].bytes, 0)),
                                           SQL_I(CLAMP(uses[i].messages, 0, G_MAXINT32))};

        if (strlen(uses[i].mailbox) > QUOTA2_NAME_MAX)
            log_text(LOG_SEV_WARNING, "accounts", "<%s> is too long for quota2, which has %d characters for a name: what it holds is not "
                     "written there", uses[i].mailbox, QUOTA2_NAME_MAX);
        else if (!sql_run(sql, "account_quota_set", values, G_N_ELEMENTS(values), NULL, NULL, NULL, error))
            return FALSE;
    }
    return TRUE;
}

gboolean
mailbox_quota_write(struct policy_accounts *accounts, const struct mailbox_use *uses, guint n, GError **error)
{
    GError *failure = NULL;
    struct sql *sql;

    if (!accounts->quota.pool) {
        g_set_error(error, SQL_ERROR, SQL_ERROR_STATEMENT, "quota2 can't be written: no account for it is configured");
        return FALSE;
    }
    if ((sql = sql_pool_take(accounts->quota.pool, &failure)) && sql_begin(sql, &failure) && write_rows(sql, uses, n, &failure))
        sql_commit(sql, &failure);
    sql_pool_give(accounts->quota.pool, sql); /* undoes what is left open */
    policy_source_report(&accounts->quota, failure);
    for (guint i = 0; i < n && !failure; i++) {
        GString *key = policy_key(ASKED_QUOTA, uses[i].mailbox, NULL);
        lookup_cache_drop(accounts->cache, key->str, key->len);
        g_string_free(key, TRUE);
    }
    if (failure)
        g_propagate_error(error, failure);
    return failure == NULL;
}
