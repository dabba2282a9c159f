/* dns_unbound.h: answers from the DNS by libunbound: a source for dns.h.
 *
 * One thread runs an event loop with all lookups in it, so asking never blocks, whatever the servers do. Answers are cached
 * and, where wanted, validated here. /etc/hosts is never read: what mail says is checked against the DNS alone.
 *
 * DNSSEC AUTO validates when the forwarders pass signatures on, which is looked at (at start, when resolv.conf changes, when
 * validation fails, and from time to time while it is off) by asking each for the keys of the trust anchor's zone. A forwarder
 * that strips them must not make every name bogus: then lookups go on unvalidated, secure is FALSE, and the log has one
 * warning. Whoever can change packets on the way can bring that about too; STRICT is for those who would rather have no
 * answers then. */
#pragma once
#include "lib/base/dns.h"

enum dns_unbound_mode {
    DNS_MODE_SYSTEM,   /* the name servers of resolv.conf */
    DNS_MODE_FORWARD,  /* those of forwarders */
    DNS_MODE_RECURSIVE /* from the root down */
};
enum dns_unbound_dnssec {
    DNS_DNSSEC_AUTO,   /* validate where signatures come through; bogus is FAILED */
    DNS_DNSSEC_STRICT, /* validate always; what should be signed and can't be validated is FAILED, bogus */
    DNS_DNSSEC_OFF     /* never validate: secure and bogus stay FALSE */
};

#define DNS_FORWARDERS_MAX 8u               /* more are an error in forwarders, left out of resolv.conf */
#define DNS_RESOLV_CONF_MAX (64u * 1024u)   /* bytes read of resolv.conf and of the trust anchor */
#define DNS_CACHE_BYTES (32 * 1024 * 1024)  /* the defaults */
#define DNS_CACHE_BYTES_MIN (256 * 1024)    /* less is raised to it */
#define DNS_TIMEOUT_MS 5000
#define DNS_CHECK_MS 5000
#define DNS_OUTSTANDING_MAX 1000u
#define DNS_QUESTIONS_FACTOR 4u             /* distinct questions in work, given-up ones among them: times outstanding_max */
#define DNS_GIVEN_UP_FACTOR 12              /* a question that nobody waits for is dropped after that many timeout_ms */

/* Everything is copied by dns_unbound_new. NULL or 0 is the default. */
struct dns_unbound_options {
    enum dns_unbound_mode mode;
    char *const *forwarders;  /* FORWARD: "ADDR" or "ADDR@PORT", NULL-terminated */
    const char *resolv_conf;  /* SYSTEM: default /etc/resolv.conf; "nameserver ADDR@PORT" is understood too */
    const char *root_hints;   /* RECURSIVE: a zone file with the root's NS and A; default: the list built into libunbound */
    const char *trust_anchor; /* AUTO, STRICT: a file of DNSKEY or DS records; default /usr/share/dns/root.key. The owner of its
                                 first record is the zone whose keys AUTO asks for. */
    enum dns_unbound_dnssec dnssec;
    gint64 cache_bytes;       /* messages, records and keys together */
    gint64 timeout_ms;        /* every lookup is answered within that: FAILED, "no answer in time" */
    gint64 check_ms;          /* how often resolv.conf is looked at, and signatures at most */
    guint outstanding_max;    /* lookups open at a time; more: FAILED at once, "too many lookups are open" */
};

#define DNS_UNBOUND_ERROR (dns_unbound_error_quark())
GQuark dns_unbound_error_quark(void);
enum dns_unbound_error {
    DNS_UNBOUND_ERROR_SETTING, /* an option, or a file that it names, is wrong */
    DNS_UNBOUND_ERROR_SYSTEM   /* libunbound or the system refused something */
};

/* Starts the resolver; doesn't wait for any server. A program that forks to go into the background calls it after that.
 * dns_unref of the last reference completes what is open (FAILED, "the resolver is closing") and joins the thread. NULL and
 * error (what is wrong and what to do) when it can't start. Metrics: postern_dns_lookups_total, postern_dns_seconds,
 * postern_dns_bogus_total. */
struct dns *dns_unbound_new(const struct dns_unbound_options *options, GError **error);
