/* dmarc.h: DMARC (RFC 7489): whose mail a message says it is, and whether what was authenticated is theirs.
 *
 * In steps, so that the DNS works while SPF and DKIM do: dmarc_author when the header is there, dmarc_start at once after
 * it, dmarc_discover before SPF and DKIM are waited for, dmarc_finish when they are done. The policy domain is found by the Public Suffix List (RFC 7489 6.6.3), not by
 * RFC 9989's tree walk; RFC 9989's t and np tags are honoured. Nothing here rejects: the result says what the domain's owner
 * asks for. Thread-safe between different objects. */
#pragma once
#include "lib/base/dns.h"
#include "lib/mail/auth/auth.h"
#include "lib/mail/auth/dmarc_record.h"

#define DMARC_FROM_MAX 65536u  /* bytes of the From field that are read; longer: permerror */
#define DMARC_AUTHORS_MAX 100u /* addresses in From; more: permerror */

/* Whose mail it says it is. */
struct dmarc_author {
    enum auth_result outcome; /* PASS: domain is set; NONE: a From that names no domain; PERMERROR: cannot be told */
    char *domain;             /* as psl_dns_name writes it, else NULL */
    const char *why;          /* static text; NULL with PASS */
};
/* The author domain by RFC 7489 6.6.1. PERMERROR, so never a pass: no From field, several (CVE-2019-16378, CVE-2021-34555),
 * authors in different domains, and every From that two readers may take for different ones (RFC 5322 not followed: two
 * <addresses>, text after one, source routes, encoded words in addresses, open quotes or comments, control characters).
 * NONE: an empty group, address literals. Group members count as authors (RFC 6854). Never NULL texts but as said. */
void dmarc_author(struct message *message, struct dmarc_author *out);
void dmarc_author_clear(struct dmarc_author *author);

/* What SPF found: one identity, the MAIL FROM's domain, or for the null sender the HELO name (RFC 7489 3.1.2). A HELO pass of
 * a message with a sender must not be given here (CVE-2019-20790). */
struct dmarc_spf {
    enum auth_result result;
    const char *domain; /* in any form; NULL = none */
};
/* What became of one signature. */
struct dmarc_dkim {
    enum auth_result result;
    const char *domain; /* d= */
};
struct dmarc_input {
    const struct dmarc_spf *spf;         /* NULL = not checked */
    const struct dmarc_dkim *signatures; /* may be NULL when n_signatures is 0 */
    guint n_signatures;
    guint sample;                        /* 0 to 99, at random: the policy is applied when it is below pct */
};
struct dmarc_result {
    enum auth_result result;     /* NONE (no record), PASS, FAIL, TEMPERROR, PERMERROR (the record) */
    enum dmarc_policy requested; /* what the record asks for the author domain; DMARC_NONE without a record */
    enum dmarc_policy applied;   /* of a FAIL, after pct and t (RFC 7489 6.6.4); else DMARC_NONE */
    gboolean is_sampled_out;     /* pct or t made applied milder than requested */
    gboolean aligned_spf, aligned_dkim;
    char *author_domain;
    char *record_domain;         /* where the record was found, without "_dmarc."; NULL without one */
    char *organisational_domain; /* of the author domain; NULL when that is a public suffix */
    struct dmarc_record *record; /* with rua, ruf; NULL without a valid one */
    char *why;                   /* one line of printable ASCII; NULL with PASS */
};
void dmarc_result_clear(struct dmarc_result *result);

/* Asks for the records of the author domain and of its organisational domain; never blocks. author_domain comes from
 * dmarc_author. Free it with dmarc_free, finished or not. */
struct dmarc *dmarc_start(struct dns *dns, const char *author_domain);
/* Waits for the records. When they leave it to whether the author domain exists (np of a parent's record), asks for that,
 * and does not wait for it. Only to save time: dmarc_finish does it when it was not called. */
void dmarc_discover(struct dmarc *dmarc, gint64 deadline_us);
/* Waits for what is left and decides. deadline_us as for dns_wait. out is written anew (clear it after use). A lookup that
 * failed is TEMPERROR; so is a message with nothing aligned where SPF or a signature that would be aligned is TEMPERROR. np
 * applies when the author domain is NXDOMAIN (RFC 9989, which follows RFC 8020; a name without any address or MX record, which
 * RFC 9091 meant too, exists); when that can't be known, sp applies. */
void dmarc_finish(struct dmarc *dmarc, const struct dmarc_input *input, gint64 deadline_us, struct dmarc_result *out);
void dmarc_free(struct dmarc **dmarc); /* NULL-safe */

/* Identifier alignment (RFC 7489 3.1): the same name, or, unless strict, the same organisational domain. Names in any form;
 * NULL or what is no domain name is never aligned. */
gboolean dmarc_is_aligned(const char *author_domain, const char *domain, gboolean strict);
