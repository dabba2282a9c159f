/* all_fields.h: a part's header fields as lines: what rules on "ALL" see. Pure, thread-safe. */
#pragma once
#include "lib/spam/view/tree.h"

#define ALL_FIELDS_MAX 65536 /* bytes of the fields that are shown */

/* Appends new GBytes *, "Name: value\n" each, decoded and unfolded, or raw with folds made blanks. Bytes are counted name by name in the order
 * of their first appearance; *truncated_r is set (never cleared) when there are more than ALL_FIELDS_MAX. */
void all_fields_add(const struct spam_part *part, gboolean raw, GPtrArray *values, gboolean *truncated_r);

/* A raw value with its folds made blanks. */
GString *all_fields_unfolded(const GString *raw);
