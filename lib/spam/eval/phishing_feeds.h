/* phishing_feeds.h: URIs that the files of phishing_openphish_feed, _phishtank_feed and _phishstats_feed name: Plugin::Phishing of
 * SpamAssassin. Files are read once, when the rules are; immutable then and shared by threads. */
#pragma once
#include "lib/spam/rules/ruleset.h"
#include "lib/spam/view/uris.h"

#define PHISHING_FEED_MAX (256u << 20) /* bytes of a file; a larger one is not read, and a warning says so */

struct phishing_feeds;
/* NULL when no file is named. A file that can't be read is warned of and left out. */
struct phishing_feeds *phishing_feeds_new(const struct spam_ruleset *ruleset, const struct registry *registry);
void phishing_feeds_free(struct phishing_feeds *feeds); /* NULL-safe */
/* check_phishing */
gboolean phishing_feeds_have(const struct phishing_feeds *feeds, const struct uris *uris);
