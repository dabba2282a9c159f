/* subtest.h: what an answer of a DNS list must be for a rule to hit, as rule files write it.
 *
 * An address that no list gives for a listing (127.255.255.0/24, 127.0.0.1, what is outside 127.0.0.0/8: dnsbl.h) counts only
 * for a rule that asks for just that: the address itself, or a pattern that matches it and none of NET_LISTING_PROBES. Immutable,
 * thread-safe. */
#pragma once
#include "lib/base/dns.h"
#include "lib/base/dnsbl.h"
#include "lib/spam/engine/pattern.h"
#include "lib/spam/rules/ruleset.h"

/* Codes that lists give for listings: a pattern that takes one of them asks for listings. */
#define NET_LISTING_PROBES "127.0.0.2", "127.0.0.3", "127.0.0.4", "127.0.0.9", "127.0.0.10", "127.0.0.11", "127.0.1.2", "127.0.1.255"

struct net_subtest {
    gboolean any;            /* there is none: all answers count */
    struct pattern *pattern; /* or NULL */
    gboolean wants_listings; /* the pattern takes a probe */
    char *text;              /* the answer itself, or NULL */
    enum { NET_NO_NUMBER, NET_MASK, NET_RANGE, NET_MASKED } kind; /* an address as a number: & first, first-second, first/second */
    guint32 first, second;
    guint64 rcodes;          /* bits: a test of the RCODE alone */
    gboolean is_rcodes;
};

/* An answer as subtests see it. */
struct net_datum {
    const char *text;
    gsize length;
    gboolean has_number; /* an A record */
    guint32 number;
};

/* Of check_rbl and its like: an address, a bit mask, or a pattern without delimiters. NULL text: any. NULL: it can't be read. */
struct net_subtest *net_subtest_of_list(const char *text);
/* A pattern without delimiters. NULL: it can't be read. */
struct net_subtest *net_subtest_of_pattern(const char *text);
/* Of the uridnsbl family, as spam_uridnsbl has it; NULL: any. Never NULL. */
struct net_subtest *net_subtest_of_number(const char *text);
/* Of askdns. NULL: its pattern can't be compiled. */
struct net_subtest *net_subtest_of_ask(const struct spam_askdns *ask);
void net_subtest_free(struct net_subtest **subtest); /* NULL-safe */

gboolean net_subtest_matches(const struct net_subtest *subtest, struct matcher *matcher, const struct net_datum *datum);
/* The same for an answer of a list, which is believed only as said above. */
gboolean net_subtest_matches_list(const struct net_subtest *subtest, struct matcher *matcher, const struct net_datum *datum,
                                  const struct dnsbl_answer *judged);
/* Whether it asks for just this code: see above. */
gboolean net_subtest_names(const struct net_subtest *subtest, guint32 code);
/* The record of a question of the type; text is kept in `kept` where it isn't the record's own. */
struct net_datum net_datum_of(enum dns_type type, const struct dns_record *record, GString *kept);
