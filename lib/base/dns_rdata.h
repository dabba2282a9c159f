/* dns_rdata.h: the answer to one question, read out of a DNS message (RFC 1035 4.1).
 *
 * The message is hostile: every length is checked, compression pointers only go back and are counted, and what doesn't
 * fit its own lengths makes the whole message "malformed answer" (DNS_FAILED), never "no record". All functions are
 * thread-safe: they keep nothing. */
#pragma once
#include "lib/base/dns.h"

#define DNS_CNAMES_MAX 16u        /* aliases followed in one answer; more: failed */
#define DNS_POINTERS_MAX 64u      /* compression pointers followed in one name; more: malformed */
#define DNS_TYPE_CNAME 5u         /* RFC 1035 3.2.2 */
#define DNS_TYPE_SOA 6u           /* RFC 1035 3.2.2 */
#define DNS_TYPE_RRSIG 46u        /* RFC 4034 3 */
#define DNS_TYPE_DNSKEY 48u       /* RFC 4034 2 */
#define DNS_CLASS_IN 1u           /* RFC 1035 3.2.4 */
#define DNS_RCODE_NOERROR 0u      /* RFC 1035 4.1.1 */
#define DNS_RCODE_SERVFAIL 2u     /* RFC 1035 4.1.1 */
#define DNS_RCODE_NXDOMAIN 3u     /* RFC 1035 4.1.1 */

/* The answer in message (length bytes) to the question for name (valid: dns_name_is_valid; any case, a final dot allowed)
 * and type; the caller's, never NULL. Aliases are followed inside the message, in its order. Names come out in lower case
 * without the final dot, the root as "." (a null MX, RFC 7505). Records whose name holds octets that dns_name_is_valid refuses
 * are left out, as are those over the caps of dns.h (truncated is set for the latter). ttl is the least of the records and
 * aliases; without records that of the negative answer (RFC 2308 5), 0 if there is no SOA. secure, bogus: FALSE. */
struct dns_answer *dns_rdata_answer(const guint8 *message, gsize length, const char *name, enum dns_type type);

/* What an answer to a question for DNSKEY says about who gave it. */
enum dns_signatures {
    DNS_SIGNATURES_UNKNOWN,  /* no such answer: malformed, SERVFAIL, refused, .. */
    DNS_SIGNATURES_PASSED,   /* keys and a signature came */
    DNS_SIGNATURES_STRIPPED  /* an answer without keys, or without signatures */
};
enum dns_signatures dns_rdata_signatures(const guint8 *message, gsize length);

/* "NOERROR", "SERVFAIL", .. or "RCODE"; a literal. */
const char *dns_rcode_name(guint rcode);
