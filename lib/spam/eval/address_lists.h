/* address_lists.h: welcome and block lists: Plugin::WLBLEval and WelcomeListSubject of SpamAssassin.
 *
 * Lists are made of a ruleset's settings once, immutable and shared by threads; the functions are pure. Addresses are GString *,
 * as message_addresses.h gives them; their case doesn't count. */
#pragma once
#include "lib/spam/eval/glob_list.h"
#include "lib/spam/rules/ruleset.h"
#include "lib/spam/view/relays.h"
#include "lib/spam/view/uris.h"

/* An address list by the name of its setting: welcomelist_from, blocklist_to, a name of enlist_addrlist, .. NULL when there is
 * no such list; the ruleset must outlive it. Of a list whose addresses have domains (welcomelist_auth's kin) only what is written as an
 * address counts, as there. */
struct glob_list *address_list_new(const struct spam_ruleset *ruleset, const char *name);
/* check_from_in_list and its kin: one of the addresses is in the list. */
gboolean address_list_has_any(const struct glob_list *list, const GPtrArray *addresses);

/* welcomelist_from_rcvd or def_welcomelist_from_rcvd, by name: addresses that count when a host's name or address is right. */
struct received_list;
struct received_list *received_list_new(const struct spam_ruleset *ruleset, const char *name); /* never NULL */
void received_list_free(struct received_list *list);                                          /* NULL-safe */

/* 1: an address is in the list, and the newest untrusted hop (or, without such, a trusted one) is of a domain or network that it
 * is given with. -1: it is, but no hop is: perhaps forged, unless allows (welcomelist_allows_relays) has the address. 0: neither.
 * plain: addresses that count without a hop; NULL for none. */
int received_list_check(const struct received_list *list, const struct glob_list *plain, const struct glob_list *allows,
                        const struct spam_relays *relays, const GPtrArray *addresses);

/* check_uri_host_listed: lists is the setting uri_host_lists' map; a host of the message's URIs is in the list name, by the
 * longest of its domains that the list has. */
gboolean uri_hosts_listed(GHashTable *lists, const struct uris *uris, const char *name);

/* check_subject_in_welcomelist: globs (keys of subjects) anywhere in a line of the subject; its case doesn't count. */
gboolean subject_is_listed(GHashTable *subjects, const char *subject, gsize length);
