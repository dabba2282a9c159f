/* dnsbl.h: DNS-based lists of addresses and domain names (RFC 5782), block and welcome lists alike.
 *
 * A list answers with addresses that are return codes. They are believed only in 127.0.0.0/8, and only those that are known of
 * the list: a list that refuses to serve us says so by a code too, a list that has ended or a resolver that makes up answers
 * gives any address for any name, and to take these for listings is to refuse all mail. What can't be believed is an outcome of
 * its own (DNSBL_FAILED), never "not listed"; it is counted, and the log says from time to time what to do.
 *
 * Lists are written as Postfix' postscreen_dnsbl_sites has them, entries ZONE[=CODES][*WEIGHT] between commas or spaces:
 *
 *     zen.spamhaus.org=127.0.0.[2..11]*3  list.dnswl.org=127.0.[0..255].[1..3]*-2  multi.uribl.com=127.0.0.[&14]
 *
 * An octet of CODES is a number, or items between brackets and semicolons: N, N..M, or (not in Postfix) &N, a bit mask: all
 * numbers but 0 that have no bit besides those of N. Without CODES all are known that can be believed. WEIGHT is 1 unless told.
 * Entries of one zone make one list, which is asked once; what any of them names is known of it. 127.255.255.0/24 is never
 * believed; 127.0.0.1, by which some lists refuse, only where an entry says =127.0.0.1 literally. */
#pragma once
#include "lib/base/dns.h"

#define DNSBL_TEXT_MAX 16384 /* bytes of dnsbl_parse's text */
#define DNSBL_LISTS_MAX 64
#define DNSBL_ENTRIES_MAX 32        /* of one list */
#define DNSBL_ZONE_MAX 189          /* so that an IPv6 address fits before it: DNS_NAME_MAX less 32 times "x." */
#define DNSBL_WEIGHT_MAX 1000
#define DNSBL_WARN_S 3600            /* seconds between two warnings about the same trouble of the same list */

#define DNSBL_ERROR (dnsbl_error_quark())
GQuark dnsbl_error_quark(void);
enum dnsbl_error { DNSBL_ERROR_NOTATION };

/* ---- lists: immutable, thread-safe ---- */

struct dnsbl;
/* The lists (struct dnsbl *, freed with the array) in the order of their first entries; none for an empty text. NULL and error,
 * naming the entry, when it is not in the notation above or over the limits. */
GPtrArray *dnsbl_parse(const char *text, GError **error);
const char *dnsbl_zone(const struct dnsbl *list); /* lower case, no final dot */
/* The zone without the key that some owners give each customer as its first label: for logs, metrics and replies. */
const char *dnsbl_name(const struct dnsbl *list);
/* Whether the list may answer so; code in host order (127.0.0.2 is 0x7f000002). */
gboolean dnsbl_believes(const struct dnsbl *list, guint32 code);

/* ---- questions ---- */

enum dnsbl_outcome {
    DNSBL_LISTED,
    DNSBL_NOT_LISTED,
    DNSBL_FAILED,   /* not known, see cause */
    DNSBL_NOT_ASKED /* no list can know it: an address or name that is not of the public Internet, or no name at all */
};
const char *dnsbl_outcome_name(enum dnsbl_outcome outcome); /* "listed", "not listed", "failed", "not asked" */

/* In order of weight: of several, the last counts. All but UNKNOWN spoil the codes that came with them. */
enum dnsbl_cause {
    DNSBL_NO_CAUSE,
    DNSBL_UNKNOWN,   /* only codes that are not known of the list */
    DNSBL_REFUSED,   /* 127.255.255.0/24 or 127.0.0.1: the list does not serve our resolver */
    DNSBL_FOREIGN,   /* outside 127.0.0.0/8: no answer of a list */
    DNSBL_TRUNCATED, /* records were left out */
    DNSBL_DNS        /* no answer: timeout, SERVFAIL, REFUSED, .. */
};
const char *dnsbl_cause_name(enum dnsbl_cause cause); /* "", "unknown", "refused", "foreign", "truncated", "dns" */

struct dnsbl_answer {
    enum dnsbl_outcome outcome;
    enum dnsbl_cause cause; /* FAILED */
    char *why;              /* FAILED, NOT_ASKED: what follows the list's name in a sentence, one line of ASCII; else NULL */
    GArray *codes;          /* guint32 in host order, rising. LISTED: those believed, at least one; else empty. */
    GArray *others;         /* likewise: what came besides and is not believed, for rules about just that */
};
/* The sum of the weights of those entries that match a code; each counts once. 0 unless LISTED. */
int dnsbl_weight(const struct dnsbl *list, const struct dnsbl_answer *answer);

struct dnsbl_lookup;
/* Asks a list about an IP address (as network_address reads it) or a domain name; never blocks. The list must live as long as
 * the lookup, which is the caller's: free it at any time, answered or not. Thread-safe. */
struct dnsbl_lookup *dnsbl_start(struct dns *dns, const struct dnsbl *list, const char *subject);
/* The same for the 4 or 16 octets of an address. An IPv4-mapped IPv6 address counts as IPv4. */
struct dnsbl_lookup *dnsbl_start_address(struct dns *dns, const struct dnsbl *list, const guint8 *octets, gsize length);
/* Waits as dns_wait does; deadline_us by g_get_monotonic_time. The answer belongs to the lookup and stays what it is. Never
 * NULL. One thread at a time. Counts a failure in postern_dnsbl_failures_total{list, cause}, and warns. */
const struct dnsbl_answer *dnsbl_wait(struct dnsbl_lookup *lookup, gint64 deadline_us);
/* What an answer means that was asked for otherwise (dns_start with the subject before the list's zone): judged, counted and warned
 * of as dnsbl_wait does. The caller's: free it with dnsbl_answer_free. Thread-safe. */
struct dnsbl_answer *dnsbl_judge(const struct dnsbl *list, const struct dns_answer *records);
void dnsbl_answer_free(struct dnsbl_answer **answer); /* NULL-safe; *answer becomes NULL */
/* The name that is asked for; by a TXT record it may tell why something is listed. NULL: nothing is asked. */
const char *dnsbl_lookup_name(const struct dnsbl_lookup *lookup);
void dnsbl_lookup_free(struct dnsbl_lookup **lookup); /* NULL-safe; *lookup becomes NULL */
/* Sets the time between two warnings (DNSBL_WARN_S), for the whole process. */
void dnsbl_warn_every(gint64 seconds);

/* ---- whether a list works: RFC 5782 5 has for each kind one entry that must be there and one that must not ---- */

enum dnsbl_kind { DNSBL_IPV4, DNSBL_IPV6, DNSBL_NAMES, DNSBL_KINDS };
enum dnsbl_health {
    DNSBL_WORKS,
    DNSBL_ABSENT,     /* lists nothing of the kind; also when a resolver takes answers in 127.0.0.0/8 out */
    DNSBL_LISTS_ALL,  /* lists what must not be listed */
    DNSBL_SICK        /* one of the answers failed */
};
struct dnsbl_check {
    struct dnsbl_lookup *listed[DNSBL_KINDS], *unlisted[DNSBL_KINDS];
};
/* Starts all six questions; free them by dnsbl_check_clear. Failures are neither counted nor warned of here. */
void dnsbl_check_start(struct dnsbl_check *check, struct dns *dns, const struct dnsbl *list);
/* why_r: SICK: as in the answer, borrowed from check; else NULL. */
enum dnsbl_health dnsbl_check_wait(struct dnsbl_check *check, enum dnsbl_kind kind, gint64 deadline_us, const char **why_r);
void dnsbl_check_clear(struct dnsbl_check *check);
