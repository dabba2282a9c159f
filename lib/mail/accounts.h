/* accounts.h: who a recipient address stands for at this moment, from PostfixAdmin's tables as they are.
 *
 * Order as Postfix with PostfixAdmin's recommended maps: for the address, then for it without the extension after
 * recipient_delimiter: alias, mailbox, the same in the target of an alias_domain; then the catch-all alias (@domain) of the
 * domain or of its target. Recursion at most 20 levels and 1000 results; what goes beyond is left out and logged as a
 * warning (Postfix defers such mail). An address of which nothing is found, outside or inside our domains, expands to
 * itself; so do members of a loop without a way out.
 */
#pragma once
#include "lib/base/sql.h"

struct accounts;
/* pool NULL: expansion not configured; else borrowed, and open it read_only (databases_accounts does). delimiter: Postfix's
 * recipient_delimiter, each of its characters counts; "" for none. */
struct accounts *accounts_new(struct sql_pool *pool, const char *delimiter);
void accounts_free(struct accounts **accounts);
/* 1: mailboxes_r set (NULL-terminated, comparison form, sorted, unique; caller frees with g_strfreev);
 * 0: not configured (mailboxes_r = the normalised address itself); -1: SQL away or broken (error set),
 * mailboxes_r untouched. Thread-safe. */
int accounts_expand(struct accounts *accounts, const char *address, char ***mailboxes_r, GError **error);
