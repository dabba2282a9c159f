/* policy_lists.h: named lists of addresses, domains and networks in SQL, for the conditions of checks: the table
 *   policy_list(list, entry)
 * policy_keys.h says how entries are written. A lookup asks for every entry that would hold the address or client, by name. */
#pragma once
#include "policyd/accounts/policy_accounts.h"

#define POLICY_LIST_MAX 64 /* bytes of a list's name */

/* YES: the list has an entry that holds it; *entry_r (may be NULL) is the most specific one, caller frees; else NULL. A list that
 * has no entries, or a name longer than POLICY_LIST_MAX, is an empty list. address in comparison form ("" is the null sender), also
 * a login without domain; client as text, without brackets. */
enum lookup policy_list_address(struct policy_accounts *accounts, const char *list, const char *address, gboolean may_block,
                                gint64 now_ms, char **entry_r, gboolean *stale_r);
enum lookup policy_list_client(struct policy_accounts *accounts, const char *list, const char *client, gboolean may_block,
                               gint64 now_ms, char **entry_r, gboolean *stale_r);
