/* net.h: the network rules of a message: DNSEval, URIDNSBL, AskDNS, HashBL and ASN, as SpamAssassin has them, over our resolver.
 *
 * net_check_start asks all questions at once, as soon as the message's view is there; what follows from answers (a name server's
 * address, a rule on _ASN_) is asked when they come. net_check_finish joins them late. What a list can't mean is not believed
 * (dnsbl.h) unless a rule asks for just that.
 *
 * Not as SpamAssassin: check_dns_sender asks nothing, as there it never hits; of more hosts than uridnsbl_max_domains the first of
 * the message are taken, not some at random; of askdns' types A, AAAA, MX, NS, PTR and TXT are known, and several types (or ANY)
 * are asked one by one; IDNs are asked as they stand (Debian's SpamAssassin has no LibIDN either). */
#pragma once
#include "lib/base/dns.h"
#include "lib/spam/rules/ruleset.h"
#include "lib/spam/view/headers.h"
#include "lib/spam/view/relays.h"
#include "lib/spam/view/tree.h"
#include "lib/spam/view/uris.h"

#define NET_ASK_QUERIES_MAX 100u    /* names that the tags of one askdns rule make; SpamAssassin: no bound */
#define NET_HASHED_MAX 100u         /* values that one HashBL rule asks for, whatever its max= */
#define NET_EMAILS_MAX 1000u        /* addresses that HashBL takes out of one text */
#define NET_ADDRESSES_MAX 200u      /* sender addresses of one message that are looked up; real mail has a few */

/* ---- rules, ready for use: immutable but for dns_block_rule's memory, thread-safe ---- */

struct net_rules;
/* The ruleset is borrowed and must live on. *warnings_r: char *, what can't be used; NULL to the caller who doesn't care. */
struct net_rules *net_rules_new(const struct spam_ruleset *ruleset, GPtrArray **warnings_r);
void net_rules_free(struct net_rules **rules); /* NULL-safe */
/* Whether the rule is run here, so that the engine needs not. */
gboolean net_rules_have(const struct net_rules *rules, const struct spam_rule *rule);

/* ---- a message ---- */

/* All of it is borrowed, and lives as long as the check. */
struct net_message {
    const struct spam_headers *headers;
    const struct spam_relays *relays;
    const struct uris *uris;
    const struct registry *registry;
    const struct perl_text *texts; /* body paragraphs */
    gsize n_texts;
    struct spam_tree *tree;
    /* Values (char *) of tags that are not known here, as DKIMDOMAIN; NULL or empty: none. The function may be NULL. */
    const GPtrArray *(*tag)(gpointer data, const char *name);
    gpointer tag_data;
};

struct net_check;
/* Asks. set: the score set, whose rules of score 0 don't run. deadline_us (g_get_monotonic_time): the message's budget. */
struct net_check *net_check_start(struct net_rules *rules, guint set, const struct net_message *message, struct dns *dns,
                                  gint64 deadline_us);
/* Tags of the message's own have got values: rules that waited for them ask. */
void net_check_tags_came(struct net_check *check);
/* Takes the answers that are there, and asks what follows from them. Never blocks. */
void net_check_step(struct net_check *check);
/* Waits for answers (questions.h says how long) and takes them. Once; again nothing happens. */
void net_check_finish(struct net_check *check);
void net_check_free(struct net_check **check); /* NULL-safe */
/* How often the rule has hit. */
guint net_check_hits(const struct net_check *check, const struct spam_rule *rule);
/* Calls with each rule that has hit, in the order of their first hits. */
void net_check_each_hit(const struct net_check *check, void (*hit)(gpointer data, const struct spam_rule *rule, guint times),
                        gpointer data);
guint net_check_asked(const struct net_check *check); /* questions */
gboolean net_check_truncated(const struct net_check *check); /* more than NET_QUESTIONS_MAX were wanted */
/* Values of a tag that the rules here set or know (ASN, ASNCIDR, URIHOSTS, AUTHORDOMAIN, ..), or the message's; NULL: none. */
const GPtrArray *net_check_tag(struct net_check *check, const char *name);
