/* policy_accounts.c: see policy_accounts.h. */
#include "policyd/accounts/policy_accounts.h"
#include "lib/mail/address.h"
#include "policyd/accounts/policy_accounts_private.h"
#include <string.h>

struct policy_accounts *
policy_accounts_new(const struct policy_accounts_options *options)
{
    struct policy_accounts *accounts = g_new0(struct policy_accounts, 1);

    accounts->accounts = (struct policy_source){.name = "the accounts database", .pool = options->accounts};
    accounts->policy = (struct policy_source){.name = "the policy database", .pool = options->policy};
    accounts->quota = (struct policy_source){.name = "the accounts database (for quota2)", .pool = options->quota};
    accounts->delimiter = g_strdup(options->recipient_delimiter ? options->recipient_delimiter : "");
    accounts->expansion = accounts_new(options->accounts, accounts->delimiter);
    accounts->cache = lookup_cache_new(&options->cache);
    return accounts;
}

void
policy_accounts_free(struct policy_accounts **accounts)
{
    if (!accounts || !*accounts)
        return;
    lookup_cache_free(&(*accounts)->cache);
    accounts_free(&(*accounts)->expansion);
    g_free((*accounts)->delimiter);
    g_clear_pointer(accounts, g_free);
}

void
policy_accounts_forget(struct policy_accounts *accounts)
{
    lookup_cache_forget(accounts->cache, NULL);
}

void
policy_accounts_forget_lists(struct policy_accounts *accounts)
{
    lookup_cache_forget(accounts->cache, (const char[]){ASKED_ADDRESS, ASKED_CLIENT, '\0'});
}

void
policy_accounts_forget_senders(struct policy_accounts *accounts)
{
    lookup_cache_forget(accounts->cache, (const char[]){ASKED_SENDER, '\0'});
}

void
policy_accounts_forget_limits(struct policy_accounts *accounts)
{
    lookup_cache_forget(accounts->cache, (const char[]){ASKED_LIMITS, '\0'});
}

void
policy_accounts_read_stats(struct policy_accounts *accounts, struct lookup_cache_stats *stats_r)
{
    lookup_cache_read_stats(accounts->cache, stats_r);
}

GString *
policy_key(enum policy_question question, const char *first, const char *second)
{
    GString *key = g_string_sized_new(256);

    g_string_append_c(key, (char)question);
    g_string_append(key, first);
    g_string_append_c(key, '\0');
    if (second)
        g_string_append(key, second);
    return key;
}

enum lookup
policy_lookup(struct policy_accounts *accounts, GString *key, gboolean may_block, gint64 now_ms, lookup_ask ask, gpointer data,
              GBytes **value_r, gboolean *stale_r)
{
    enum lookup answer = lookup_cache_get(accounts->cache, key->str, key->len, may_block, now_ms, ask, data, value_r, stale_r);

    g_string_free(key, TRUE);
    return answer;
}

gboolean
policy_row_is(const struct sql_row *row, guint column, const char *address)
{
    g_autofree char *found = address_normalise(sql_row_text(row, column, NULL));

    return strcmp(found, address) == 0;
}
