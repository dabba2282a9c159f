/* dns.h: questions to the DNS: asked without waiting, joined under a deadline.
 *
 * A failed lookup is an answer of its own (DNS_FAILED), never "no record": what can't be known must not look like what is
 * not there. Whoever needs an answer starts the lookup as soon as its name is known and waits as late as it can.
 *
 * The interface has two sides. Askers use dns_start, dns_wait. A source of answers (dns_unbound.h in the programs, a table
 * in tests) is given each question that is not malformed and completes it once, from any thread. Names are compared and
 * kept in lower case, without the final dot, in presentation form of plain octets (RFC 1035 5.1 escapes are not known
 * here: a name that would need one is malformed). */
#pragma once
#include <glib.h>

#define DNS_NAME_MAX 253u          /* RFC 1035 2.3.4: 255 octets on the wire */
#define DNS_RECORDS_MAX 100u       /* records of one answer that are kept; more: truncated */
#define DNS_DATA_MAX 65535u        /* bytes of one record (RDLENGTH) */
#define DNS_ANSWER_MAX (128u * 1024u) /* bytes of all records of one answer; more: truncated */

enum dns_type { DNS_A = 1, DNS_NS = 2, DNS_SOA = 6, DNS_PTR = 12, DNS_MX = 15, DNS_TXT = 16, DNS_AAAA = 28 }; /* IANA's numbers */

enum dns_outcome {
    DNS_FOUND,   /* at least one record of the type */
    DNS_NO_DATA, /* the name exists, without such a record */
    DNS_NO_NAME, /* NXDOMAIN */
    DNS_FAILED   /* not known: timeout, SERVFAIL, refused, DNSSEC says bogus, malformed answer */
};
const char *dns_outcome_name(enum dns_outcome outcome); /* "found", "no_data", "no_name", "failed" */

struct dns_record {
    guint16 preference;  /* MX */
    guint32 length;      /* bytes of data */
    const guint8 *data;  /* A: 4 octets, AAAA: 16; TXT: the strings put together; NS, PTR, MX: the name as text; SOA: that of
                            the primary server. Always followed by a NUL that length does not count; TXT may hold NULs of its
                            own. */
    const guint8 *strings; /* TXT: how long each of the strings is; NULL: not known, one string */
    guint n_strings;
};
struct dns_answer {
    enum dns_outcome outcome;
    gboolean secure;     /* DNSSEC: validated */
    gboolean bogus;      /* FAILED because DNSSEC validation failed */
    gboolean truncated;  /* records were left out, see the caps above */
    gboolean malformed;  /* the question was no name (too long, an empty label, ..): outcome NO_NAME, nobody was asked */
    guint32 ttl;         /* seconds */
    char *why;           /* FAILED: for the log, one line of ASCII; else NULL */
    guint rcode;         /* FAILED: the RCODE that came (RFC 1035 4.1.1), 0 when none did */
    GArray *records;     /* struct dns_record; in no particular order, MX not sorted */
};
/* An empty answer, owned by the caller until it is given to dns_complete. */
struct dns_answer *dns_answer_new(enum dns_outcome outcome);
void dns_answer_free(struct dns_answer **answer);
/* Copies one record in, within the caps (else truncated is set). */
void dns_answer_add(struct dns_answer *answer, guint16 preference, const void *data, gsize length);
/* The same for TXT: lengths says how the data is divided into strings. */
void dns_answer_add_strings(struct dns_answer *answer, const void *data, gsize length, const guint8 *lengths, guint n);

struct dns;
struct dns_lookup;

/* A source of answers. */
struct dns_source {
    /* Takes the question: name in lower case. Must lead to one dns_complete, sooner or later, now or from another thread,
     * for as long as the process lives or until close. */
    void (*ask)(gpointer data, const char *name, enum dns_type type, struct dns_lookup *lookup);
    /* Completes all that is open (as DNS_FAILED) and frees data. May be NULL. */
    void (*close)(gpointer data);
};
/* Reference counted, thread-safe. source is borrowed and must live on (a static table). */
struct dns *dns_new(const struct dns_source *source, gpointer data);
struct dns *dns_ref(struct dns *dns);
void dns_unref(struct dns *dns); /* NULL-safe */

/* Asks; never blocks. The name may end in a dot, and hold spaces although dns_name_is_valid takes none: SPF's macros
 * can make some (RFC 7208 7.1: "%_"), and such a name may exist. The lookup is the caller's: free it with dns_lookup_free
 * at any time, answered or not. Thread-safe. */
struct dns_lookup *dns_start(struct dns *dns, const char *name, enum dns_type type);
/* Waits until the answer is there or deadline (g_get_monotonic_time; microseconds) has passed. The answer belongs to the
 * lookup; when the deadline passed it is FAILED, "no answer in time", and stays so. Never NULL. One thread at a time. */
const struct dns_answer *dns_wait(struct dns_lookup *lookup, gint64 deadline_us);
/* Whether dns_wait would return at once. Thread-safe. */
gboolean dns_is_answered(struct dns_lookup *lookup);

/* A bell for who waits for many lookups: rung by each answer to a lookup that was started with it. Reference counted,
 * thread-safe; one thread waits. */
struct dns_bell;
struct dns_bell *dns_bell_new(void);
void dns_bell_unref(struct dns_bell *bell); /* NULL-safe */
/* As dns_start; the bell rings when the answer is there, perhaps before this returns. */
struct dns_lookup *dns_start_with_bell(struct dns *dns, const char *name, enum dns_type type, struct dns_bell *bell);
/* Waits until the bell has rung since it was last waited for, or until until_us. FALSE: it has not. */
gboolean dns_bell_wait(struct dns_bell *bell, gint64 until_us);
/* NULL-safe; *lookup becomes NULL. */
void dns_lookup_free(struct dns_lookup **lookup);
const char *dns_lookup_name(const struct dns_lookup *lookup);
enum dns_type dns_lookup_type(const struct dns_lookup *lookup);

/* For sources that stand before another: dns's own is asked, and answers this lookup. */
void dns_pass_on(struct dns *dns, struct dns_lookup *lookup);
/* For sources: the answer (taken over) to a question. Thread-safe; once per lookup. */
void dns_complete(struct dns_lookup *lookup, struct dns_answer *answer);

/* Whether text is a domain name that can be asked for: labels of 1 to 63 octets, 253 in all, one final dot allowed, no
 * octet below 33 or above 126, no backslash or quote. */
gboolean dns_name_is_valid(const char *text);

/* Appends the reverse name of an address (4 or 16 octets): "1.2.0.192.in-addr.arpa". suffix other than NULL replaces
 * in-addr.arpa and ip6.arpa, as DNSBLs want it (RFC 5782 2.1). */
void dns_reverse_name(const guint8 *address, gsize length, const char *suffix, GString *out);
