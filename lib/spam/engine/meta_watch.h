/* meta_watch.h: the rules on which it hangs whether a meta is worth anything else than when nothing has hit.
 *
 * "A && !B && !C" stays 0 as long as A does, whatever B and C do: so only A is watched. Private to lib/spam/engine. */
#pragma once
#include "lib/spam/rules/ruleset.h"

#define META_WATCH_NEVER G_MAXUINT /* no rule: no watching would do */
/* hits: by rule index, as when nothing has hit; local: local_tests_only. Adds the indices of rules (guint), none twice, to rules_r: as
 * long as these are worth what hits says, so is the meta. instead (by rule index; NULL: of none, likewise each of it): what to watch
 * instead of a rule, perhaps META_WATCH_NEVER; that is among rules_r only if no other choice is left. */
void meta_watch(const struct spam_meta *meta, const double *hits, gboolean local, GArray *const *instead, GArray *rules_r);
/* Adds those of more that are not among rules. */
void meta_watch_add(GArray *rules, const GArray *more);
gboolean meta_watch_is_never(const GArray *rules); /* META_WATCH_NEVER is among them */
