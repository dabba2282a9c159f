/* dkim_verify.h: the DKIM signatures of a message (RFC 6376, with RFC 8301 and RFC 8463): what each is worth.
 *
 * Start as soon as the message is there: the lookups of all keys go out at once. Finish when the answers are needed. Nothing
 * is concluded here about the message as a whole, and several From fields are the caller's to see. One verification
 * belongs to one thread at a time. */
#pragma once
#include "lib/base/dns.h"
#include "lib/mail/auth/auth.h"

#define DKIM_SIGNATURES_MAX 10u     /* default: signatures that are checked */
#define DKIM_REPORTED_MAX 100u      /* signatures that get an entry at all; the rest is only counted */
#define DKIM_CLOCK_SKEW_S 300       /* t= may be that much ahead of our clock, x= that much behind */
#define DKIM_B_PREFIX 8u            /* RFC 6008 4 */

/* Caps; 0 = the default in brackets. */
struct dkim_limits {
    guint signatures;      /* [DKIM_SIGNATURES_MAX] */
    gsize tag_list_bytes;  /* [64 KiB] of one signature field */
    guint min_rsa_bits;    /* [1024: RFC 8301 3.2] */
};

struct dkim_signature {
    enum auth_result result;  /* PASS; FAIL: wrong, expired or a weak key; PERMERROR: malformed, SHA-1, no usable key;
                                 TEMPERROR: the key is not known now; NEUTRAL: not checked, one too many */
    char *domain, *selector;  /* d=, s= as written; NULL when they are no names */
    char *identity;           /* i= decoded, or "@domain"; valid UTF-8 without control characters; NULL likewise */
    const char *algorithm;    /* "rsa-sha256", "ed25519-sha256", "rsa-sha1"; NULL = another */
    guint key_bits;           /* 0 = no key */
    gboolean testing;         /* t=y in the key record */
    gboolean secure;          /* the key came by DNSSEC */
    gboolean weak;            /* what failed is that RFC 8301 forbids it: SHA-1, or too short a key */
    char b_prefix[DKIM_B_PREFIX + 1]; /* header.b; "" when there is no b= */
    gboolean length_limited;  /* l= */
    guint64 unsigned_bytes;   /* octets of the canonical body after l= */
    const char *why;          /* not PASS: one line of ASCII; else NULL */
};

struct dkim_verification;
/* Parses, and starts the lookups. Borrows message, which must outlive it; takes a reference on dns. limits NULL = defaults.
 * Never NULL. */
struct dkim_verification *dkim_verify_start(struct dns *dns, const struct auth_message *message,
                                            const struct dkim_limits *limits);
/* Waits for keys until deadline (g_get_monotonic_time, microseconds) and checks all. now_s: seconds since the epoch, for t=
 * and x=. Once; nothing happens when it is called again. */
void dkim_verify_finish(struct dkim_verification *verification, gint64 now_s, gint64 deadline_us);
/* Signatures that have an entry, top to bottom; after the finish. */
guint dkim_verify_count(const struct dkim_verification *verification);
const struct dkim_signature *dkim_verify_get(const struct dkim_verification *verification, guint n); /* borrowed */
/* DKIM-Signature fields of the message that were not checked, with or without an entry. */
guint dkim_verify_unchecked(const struct dkim_verification *verification);
void dkim_verification_free(struct dkim_verification **verification); /* NULL-safe; before or after the finish */
