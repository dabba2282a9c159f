/* policy_match.h: the lists by which checks of the policy daemon say whom they are about.
 *
 * Items about addresses: "user@example.org", "@example.org" (all of the domain), ".example.org" (of the domain and all below it), "<>"
 * (the null sender). About clients: a network as networks.h takes it, or ".example.org", a host's name that Postfix has verified
 * (client_name: its address leads to it and it back to the address). Of either kind: "list:NAME", a list that is kept in SQL.
 * "!" before an item: whoever it matches is not meant, whatever the other items say. A list of nothing but such items means all
 * others; an empty list means all. Immutable, thread-safe. */
#pragma once
#include <glib.h>

enum policy_match_kind { POLICY_MATCH_ADDRESSES, POLICY_MATCH_CLIENTS };

struct policy_match;
/* items: NULL-terminated. NULL and error naming the item that is wrong. */
struct policy_match *policy_match_new(enum policy_match_kind kind, char *const *items, GError **error);
void policy_match_free(struct policy_match *match); /* NULL-safe */
gboolean policy_match_is_empty(const struct policy_match *match);

/* Whether a list in SQL may have the name: 1 to 64 letters, digits, -, _ and . */
gboolean policy_match_is_list_name(const char *name);

/* Whether subject is on the SQL list: 1 yes, 0 no, -1 not known. */
typedef int (*policy_list_func)(const char *list, const char *subject, gpointer data);
/* address in comparison form, "" for the null sender. 1: it is meant; 0: it is not; -1: not known, because a list that would decide
 * is not. ask NULL: no lists, as if none held anybody. */
int policy_match_address(const struct policy_match *match, const char *address, policy_list_func ask, gpointer data);
/* address: of the client, as text; name: verified, "unknown" or "" without. Lists are asked for the address. */
int policy_match_client(const struct policy_match *match, const char *address, const char *name, policy_list_func ask, gpointer data);
