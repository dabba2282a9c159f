/* mime_header.h: rules on header fields of MIME parts: Plugin::MIMEHeader of SpamAssassin.
 *
 * A rule made ready is immutable and shared by threads. */
#pragma once
#include "lib/spam/engine/pattern.h"
#include "lib/spam/rules/ruleset.h"
#include "lib/spam/view/tree.h"

struct mime_header_rule;
/* rule->mimeheader must be there; the rule must outlive it. NULL with error when its pattern doesn't compile. */
struct mime_header_rule *mime_header_rule_new(const struct spam_rule *rule, GError **error);
void mime_header_rule_free(gpointer rule); /* NULL-safe */

/* The fields of a message's parts as rules look for them, each looked up once for all rules. The tree must outlive it. */
struct mime_headers;
struct mime_headers *mime_headers_new(struct spam_tree *tree);
void mime_headers_free(struct mime_headers *headers); /* NULL-safe */

/* How often the rule hits: in the first part of the tree where it does, unless all are taken together. A negated one always hits once,
 * whatever there is: so SpamAssassin 4.0.1 has it. Pseudo parts without a type don't count. tags (those of engine.h; or NULL): get what named groups took. */
guint mime_header_hits(const struct mime_header_rule *rule, struct mime_headers *headers, struct matcher *matcher, GHashTable *tags);
