/* policy_accounts.h: what SQL says about accounts for policy: PostfixAdmin's tables as they are, and those of the schema "policy"
 * beside them, with a cache in front.
 *
 * sender_owner.h, account_limits.h, policy_lists.h and mailboxes.h hold the questions. All of them take
 *   may_block  FALSE: LOOKUP_WOULD_BLOCK at once when the answer is not in the cache (event loops ask so first, then hand the request
 *              to a thread that may wait);
 *   now_ms     CLOCK_REALTIME in milliseconds, for the cache's times;
 * and tell whether the answer is stale: older than it should be, since the database can't be asked.
 * Addresses are in comparison form (lib/mail/address.h: address_normalise), at most POLICY_ADDRESS_MAX bytes; longer ones are
 * nobody's and in no list but their domain's. Thread-safe. */
#pragma once
#include "lib/base/sql.h"
#include "policyd/accounts/lookup_cache.h"

struct policy_accounts_options {
    struct sql_pool *accounts;         /* PostfixAdmin's database, read_only; NULL: not configured */
    struct sql_pool *policy;           /* the schema "policy"; NULL: nobody has rows in its tables */
    struct sql_pool *quota;            /* PostfixAdmin's database, writable, with keep_journal, for quota2 only; NULL: not written */
    const char *recipient_delimiter;   /* Postfix's; "" for none */
    struct lookup_cache_options cache; /* lookup_cache_defaults unless there is reason */
};

struct policy_accounts;
/* The pools are borrowed and outlive it; the rest is copied. */
struct policy_accounts *policy_accounts_new(const struct policy_accounts_options *options);
/* No call may be under way. */
void policy_accounts_free(struct policy_accounts **accounts);
/* Asks SQL anew from now on, for everything (`postern reload`), or for what comes from a table that was changed. While SQL can't be
 * asked, what was found before is still answered. */
void policy_accounts_forget(struct policy_accounts *accounts);
void policy_accounts_forget_lists(struct policy_accounts *accounts);
void policy_accounts_forget_senders(struct policy_accounts *accounts);
void policy_accounts_forget_limits(struct policy_accounts *accounts);
void policy_accounts_read_stats(struct policy_accounts *accounts, struct lookup_cache_stats *stats_r);
