/* scan_net.h: the network side of a scan: lib/spam/net fed with a message's view.
 *
 * Questions go out when the view is there and are joined after all other rules have run. */
#pragma once
#include "lib/spam/engine/engine.h"
#include "lib/spam/net/auth_eval.h"
#include "lib/spam/net/net.h"
#include "lib/spam/scan/message_view.h"

/* A ruleset's network rules; immutable but for dns_block_rule's memory, shared by threads. */
struct scan_net_rules;
/* ruleset must outlive it. What can't be used is told in a warning line each. */
struct scan_net_rules *scan_net_rules_new(const struct spam_ruleset *ruleset);
void scan_net_rules_free(struct scan_net_rules **rules); /* NULL-safe */

/* One message's; for one thread. */
struct scan_net;
/* All is borrowed, and lives as long as the object. */
struct scan_net_options {
    guint set; /* score set */
    struct dns *dns;
    const struct auth_known *known; /* or NULL */
    struct spf_pool *spf;           /* these three as in auth_eval.h */
    const char *message;
    gsize length;
    gint64 now, deadline_us;
    const struct engine_result *result; /* of the rules that run meanwhile: what they have captured is in its tags at the end */
};
struct scan_net *scan_net_start(struct scan_net_rules *rules, struct message_view *view, const struct scan_net_options *options);
void scan_net_step(struct scan_net *net); /* takes the answers that are there; never blocks; NULL-safe */
/* When all other rules have run: asks for what hangs on their tags, waits for all answers, and sets the values and times (by rule index)
 * of those rules that hit; the indexes of those that had no value are added to hits. */
void scan_net_finish(struct scan_net *net, double *values, guint *times, GArray *hits);
/* Puts what the network rules know into tags (name -> GPtrArray of GBytes): _ASN_, _DKIMDOMAIN_, .. as rules and templates use them. */
void scan_net_add_tags(struct scan_net *net, GHashTable *tags);
struct auth_eval *scan_net_auth(struct scan_net *net);
void scan_net_free(struct scan_net **net); /* NULL-safe */
