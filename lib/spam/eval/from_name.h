/* from_name.h: another address in the name of the From field than the one behind it: Plugin::FromNameSpoof of SpamAssassin.
 *
 * Settings are made of a ruleset once, immutable and shared by threads. */
#pragma once
#include "lib/spam/rules/ruleset.h"
#include "lib/spam/view/headers.h"
#include "lib/spam/view/registry.h"

struct from_name_settings;
struct from_name_settings *from_name_settings_new(const struct spam_ruleset *ruleset, const struct registry *registry);
void from_name_settings_free(struct from_name_settings *settings); /* NULL-safe */
int from_name_level(const struct from_name_settings *settings);    /* fns_check: 0, 1 or 2 */

/* What check_fromname_.. tell. All FALSE where the name has no address, or the message is one to be looked over. */
struct from_name {
    gboolean contains_email, address_differs, domain_differs, owner_differs, equals_to, equals_reply_to;
};

/* to: message_addresses_to(). signers: domains with a good DKIM signature, NULL-terminated, or NULL when not known. Where the lists give
 * an address several owners, the first in the order of their names counts (in SpamAssassin any). */
struct from_name from_name_check(const struct from_name_settings *settings, const struct spam_headers *headers, const GPtrArray *to,
                                 const char *const *signers);
/* check_fromname_spoof at the level. */
gboolean from_name_is_spoofed(const struct from_name *name, int level);
