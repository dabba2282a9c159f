/* captures.h: what the named groups of rules took in one run, kept by rule until it is the rule's turn to set its tags. Private to
 * lib/spam/engine. */
#pragma once
#include "lib/spam/engine/engine.h"
#include "lib/spam/engine/pattern.h"

struct captures {
    guint taken;         /* ENGINE_CAPTURES_MAX at most */
    GHashTable *by_rule; /* const struct spam_rule * -> (name -> GPtrArray * of GBytes *); NULL: nothing yet */
};
/* Takes what the last match, which the matcher has found in the text, holds, each value once. */
void captures_take(struct captures *captures, const struct spam_rule *rule, const struct pattern *pattern, struct matcher *matcher,
                   const char *text);
/* The same of all matches; most: of them, 0 for no limit. */
void captures_take_all(struct captures *captures, const struct spam_rule *rule, const struct pattern *pattern, struct matcher *matcher,
                       const char *text, gsize length, guint most);
/* Puts what the rule took into tags (struct engine_result). What another has put under the same name goes. */
void captures_set_tags(const struct captures *captures, const struct spam_rule *rule, GHashTable *tags);
void captures_clear(struct captures *captures);
