/* late.h: sub-rules that are dear to look for and hardly ever decide anything. Private to lib/spam/engine.
 *
 * "__BITCOIN_ID && __PAY_ME" is 0 in a message without __BITCOIN_ID: nobody need look for __PAY_ME there, a pattern of many thousand bytes.
 * Such rules wait until all others have run and metas are worked out without them. */
#pragma once
#include "lib/spam/engine/meta_order.h"

#define LATE_PATTERN_MIN 2000u /* bytes: smaller ones are looked for faster together with all others */

struct late_rule {
    const struct spam_rule *rule;
    GArray *watched; /* guint, indices of rules: as long as these are worth what they are when nothing has hit, no meta that counts hangs
                      * on the rule, whether or not others wait too. None of them hangs on rules that wait. */
};

/* Of the ruleset, those that may wait (struct late_rule *, freed with it): body rules named __X without captures and templates. */
GPtrArray *late_find(const struct spam_ruleset *ruleset, const struct meta_order *order);
/* Whether the rule must run after all. values: by rule index, metas worked out without any that wait. */
gboolean late_is_needed(const struct late_rule *late, const struct meta_order *order, guint score_set, const double *values);
