/* accounts.h: who an address stands for at this moment, from PostfixAdmin's tables as they are.
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
/* Whose an address is, as a sender: as accounts_expand, but a mailbox stands for itself alone, wherever its mail is forwarded to; a
 * mailbox, alias or domain that is switched off is nobody's, nor its catch-all's; and so is an address of which nothing is
 * known. Members of an alias that are outside are among the owners; limits as above, and logged. *catch_all_r (may be NULL): only
 * the catch-all of the domain knows the address. 1: owners_r set (may be empty; as mailboxes_r above); 0 and -1 as above, both
 * leave owners_r. */
int accounts_owners(struct accounts *accounts, const char *address, char ***owners_r, gboolean *catch_all_r, GError **error);
