/* questions.h: the DNS questions of one message: each asked once, whoever wants the answer, and joined late.
 *
 * As SpamAssassin's AsyncLoop: askers are called when the answer is there, and may ask further. Waiting ends when all is answered,
 * at the deadline, or when all that is open has waited rbl_timeout, which shrinks towards rbl_timeout_min with the share of
 * answers that came. What is not answered then is given as DNS_FAILED. dns_query_restriction and dns_block_rule are kept.
 * One message belongs to one thread. */
#pragma once
#include "lib/base/dns.h"
#include "lib/base/dnsbl.h"
#include "lib/spam/rules/ruleset.h"

#define NET_QUESTIONS_MAX 1000u /* of one message; SpamAssassin knows no bound, a bad message of its stock rules has some 200 */
#define NET_PARENTS_MAX 20u     /* names above a name that restrictions are looked for at: the nearest to the root */

/* ---- what the rules say of questions: immutable but for the blocks, thread-safe ---- */

struct net_policy;
struct net_policy *net_policy_new(const struct spam_ruleset *ruleset); /* borrows it */
void net_policy_free(struct net_policy **policy);                      /* NULL-safe */
/* A rule has hit: where it is one of dns_block_rule, its domains are not asked for dns_block_time, and the log says so. */
void net_policy_note_hit(struct net_policy *policy, const char *rule);
/* Whether a name (lower case, no final dot) may be asked for now. */
gboolean net_policy_allows(struct net_policy *policy, const char *name);

/* ---- questions ---- */

struct net_question {
    char *key;                   /* "A/1.2.0.192.list.example" */
    const char *name;            /* in key */
    const struct dns_answer *answer; /* NULL: open */
    struct dnsbl_answer *judged; /* by net_question_judge */
    /* private */
    struct dns_lookup *lookup;
    GArray *askers;
    gint64 started_us;
    double timeout, timeout_min; /* seconds */
};
/* What the list says; judged once. NULL for a TXT record that came. */
const struct dnsbl_answer *net_question_judge(struct net_question *question, const struct dnsbl *list);

/* context and subject are those of the asker. */
typedef void (*net_answered_fn)(gpointer context, gconstpointer subject, struct net_question *question);

struct net_questions;
/* deadline_us (g_get_monotonic_time): when to end at the latest. Takes a reference on dns. */
struct net_questions *net_questions_new(struct dns *dns, struct net_policy *policy, gint64 deadline_us);
void net_questions_free(struct net_questions **questions); /* NULL-safe; askers that wait are not called any more */
/* Asks, or joins those who asked the same; answered is called at once when the answer is there already. Dots at the end of
 * the name are taken off. FALSE: not asked: no name, not allowed, or one too many. */
gboolean net_questions_ask(struct net_questions *questions, const char *name, enum dns_type type, net_answered_fn answered,
                           gpointer context, gconstpointer subject);
/* Gives out the answers that are there; never blocks. */
void net_questions_step(struct net_questions *questions);
/* Waits, gives out what comes, and ends. */
void net_questions_finish(struct net_questions *questions);
guint net_questions_asked(const struct net_questions *questions);
/* Whether questions were left out for NET_QUESTIONS_MAX. */
gboolean net_questions_truncated(const struct net_questions *questions);
