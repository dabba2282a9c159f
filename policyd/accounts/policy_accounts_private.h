/* policy_accounts_private.h: what the questions share. */
#pragma once
#include "lib/mail/accounts.h"
#include "policyd/accounts/policy_accounts.h"
#include "policyd/accounts/policy_source.h"

struct policy_accounts {
    struct policy_source accounts, policy, quota;
    struct accounts *expansion; /* over accounts.pool */
    struct lookup_cache *cache;
    char *delimiter;
};

/* What kind of answer a key of the cache has; its first byte. */
enum policy_question {
    ASKED_SENDER = 'S',
    ASKED_LIMITS = 'L',
    ASKED_ADDRESS = 'A',
    ASKED_CLIENT = 'C',
    ASKED_MAILBOXES = 'M',
    ASKED_QUOTA = 'Q'
};
/* A key of one or two texts (second may be NULL). */
GString *policy_key(enum policy_question question, const char *first, const char *second);
/* lookup_cache_get; frees key. */
enum lookup policy_lookup(struct policy_accounts *accounts, GString *key, gboolean may_block, gint64 now_ms, lookup_ask ask,
                          gpointer data, GBytes **value_r, gboolean *stale_r);

/* What a column that was compared by an engine's collation says, is taken only when it is really the same text. */
gboolean policy_row_is(const struct sql_row *row, guint column, const char *address);
