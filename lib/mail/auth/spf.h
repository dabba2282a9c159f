/* spf.h: Sender Policy Framework (RFC 7208): may this client send for this domain?
 *
 * One call evaluates check_host() for one identity. Limits of section 4.6.4 are exact; what the RFC leaves open is said at
 * each constant. Thread-safe: nothing is shared between calls but the resolver. */
#pragma once
#include "lib/base/dns.h"
#include "lib/mail/auth/auth.h"

#define SPF_LOOKUPS_MAX 10u        /* RFC 7208 4.6.4: terms that cause DNS questions; bounds include and redirect depth, too */
#define SPF_MX_MAX 10u             /* 4.6.4: hosts of one mx; more: permerror */
#define SPF_PTR_MAX 10u            /* 4.6.4: names of the client's address; more: ignored */
#define SPF_VOIDS_MAX 2u           /* 4.6.4: terms that led to an empty answer; more: permerror */
#define SPF_TERMS_MAX 4096u        /* directives in all records of an evaluation; more: permerror */
#define SPF_PREFETCH_MAX 16u       /* questions of an evaluation asked before it is known that their answer is needed */
#define SPF_IDENTITY_MAX 1024u     /* bytes of HELO or MAIL FROM; longer: none, as for a malformed domain (4.3) */
#define SPF_EXPLANATION_MAX 512u   /* bytes of an explanation; longer: cut */
#define SPF_LOG_TEXT_MAX 256u      /* bytes of mechanism and why; longer: cut */
/* The most one evaluation can ask: record, ten terms (an mx: itself and its hosts), explanation, its %{p}; guesses. */
#define SPF_QUESTIONS_MAX (1u + SPF_LOOKUPS_MAX * (1u + SPF_MX_MAX) + 1u + 1u + SPF_PTR_MAX + SPF_PREFETCH_MAX)

enum spf_identity { SPF_MAIL_FROM, SPF_HELO };

/* All is borrowed for the duration of the call. */
struct spf_query {
    struct dns *dns;
    const guint8 *client;  /* network byte order */
    gsize client_length;   /* 4 or 16 octets; an IPv4-mapped IPv6 address counts as IPv4 (section 5) */
    const char *helo;      /* as the client gave it; not NULL */
    const char *mail_from; /* without <>; "" = null sender: postmaster@helo (2.4). NULL counts as "" */
    const char *receiver;  /* our host name, for %{r} in explanations; NULL: "unknown" */
    gint64 deadline_us;    /* g_get_monotonic_time; passed: temperror */
};

struct spf_result {
    enum auth_result result;    /* none, pass, fail, softfail, neutral, temperror, permerror */
    enum spf_identity identity; /* as asked for */
    char *domain;               /* the identity's domain as the client gave it, U-labels as A-labels, no final dot. A
                                   malformed one holds any bytes: escape it before it is shown. Never NULL, may be "" */
    char *explanation;          /* fail: the domain's text of exp=, printable ASCII, at most SPF_EXPLANATION_MAX; else NULL. It
                                   is the sender's text and no word of ours (11.5.2) */
    char *mechanism;            /* what decided, as "include:x.test", printable ASCII; NULL: nothing matched */
    guint lookups, voids;       /* as counted against SPF_LOOKUPS_MAX and SPF_VOIDS_MAX */
    guint questions;            /* names looked up, each once; at most SPF_QUESTIONS_MAX */
    char *why;                  /* none, temperror, permerror: for the log, one line of printable ASCII; else NULL */
    gboolean secure;            /* every DNS answer that the result rests on was validated by DNSSEC */
};
/* Blocks on the DNS until the result is there, or the deadline has passed. The caller clears result_r. */
void spf_check(const struct spf_query *query, enum spf_identity identity, struct spf_result *result_r);
/* Frees what the result holds; may be called again. */
void spf_result_clear(struct spf_result *result);
