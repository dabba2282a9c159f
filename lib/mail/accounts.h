/* accounts.h: who a recipient address stands for at this moment, from PostfixAdmin's tables as they are.
 *
 * Order as Postfix with PostfixAdmin's recommended maps: alias (exact), mailbox, alias_domain rewriting,
 * catch-all alias (@domain), extension after recipient_delimiter dropped; recursion at most 20 levels and 1000
 * results. An address outside our domains expands to itself. */
#pragma once
#include "lib/base/sql.h"

struct accounts;
/* pool NULL: expansion not configured. delimiter "" or "+". */
struct accounts *accounts_new(struct sql_pool *pool, const char *delimiter);
void accounts_free(struct accounts **accounts);
/* 1: mailboxes_r set (NULL-terminated, comparison form, sorted, unique; caller frees with g_strfreev);
 * 0: not configured (mailboxes_r = the normalised address itself); -1: SQL away or broken (error set),
 * mailboxes_r untouched. Thread-safe. */
int accounts_expand(struct accounts *accounts, const char *address, char ***mailboxes_r, GError **error);
