/* meta_order.h: meta rules in an order in which each comes behind those that it names, and their values over what has hit. Private to
 * lib/spam/engine.
 *
 * A message hits few rules, so what all metas are worth when nothing has hit is worked out once; in a message only those are looked at
 * that watch (meta_watch.h) something that has hit, or a meta whose value is another than that. */
#pragma once
#include "lib/spam/rules/ruleset.h"

struct meta_order;
/* metas: const struct spam_rule *: all of the ruleset's, with a score or without. Those in circles, and those that name such a one, are
 * left out: they never get ready in SpamAssassin either. Immutable. ruleset must live as long. */
struct meta_order *meta_order_new(const struct spam_ruleset *ruleset, const GPtrArray *metas);
void meta_order_free(struct meta_order *order); /* NULL-safe */

#define META_ORDER_WORDS(order) (meta_order_length(order) / 64u + 1u)
guint meta_order_length(const struct meta_order *order);
const GPtrArray *meta_order_metas(const struct meta_order *order); /* const struct spam_rule *, in order; those that were left out are not there */
/* What a rule, meta or not, is worth when nothing has hit. */
double meta_order_base(const struct meta_order *order, guint score_set, guint rule);
/* hits: guint, the indices of the rules that have hit; those of metas are added. values: by rule index, metas' are 0 so far. marks:
 * META_ORDER_WORDS of zeros, and zeros again afterwards; what is marked before is looked at, too. */
void meta_order_run(const struct meta_order *order, guint score_set, GArray *hits, double *values, guint64 *marks);
