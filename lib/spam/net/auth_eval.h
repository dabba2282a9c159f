/* auth_eval.h: the eval functions of SpamAssassin's plugins SPF, DKIM (with ARC and ADSP) and DMARC, and their welcome lists, on results
 * that others have found.
 *
 * Nothing is verified here. SPF's results may also come from Received-SPF and Authentication-Results fields that an internal host
 * has added, and these come first, as in SpamAssassin (ignore_received_spf_header). What is not known hits no rule. The only
 * questions are those for ADSP (RFC 5617, historic): TXT at _adsp._domainkey, and MX, which tells whether the author's domain exists.
 *
 * One object serves the rules of one message and is for one thread at a time. */
#pragma once
#include "lib/base/dns.h"
#include "lib/mail/auth/auth.h"
#include "lib/spam/rules/ruleset.h"
#include "lib/spam/view/headers.h"
#include "lib/spam/view/relays.h"

#define AUTH_AUTHORS_MAX 20u     /* domains of From that ADSP is asked for; more: not known */
#define AUTH_SIGNATURES_MAX 100u /* that are looked at */
#define AUTH_FIELD_MAX 65536u    /* bytes of a trusted field; longer: passed over */

struct auth_signature {
    enum auth_result result; /* expired ones have failed */
    const char *domain;      /* d=, or NULL */
    const char *identity;    /* i=, or "@domain"; NULL: there is none */
    const char *selector;    /* or NULL */
    guint key_bits;          /* 0: not known */
};

/* All is borrowed, and lives as long as the object. */
struct auth_known {
    gboolean has_spf, has_spf_helo; /* whether it was looked for */
    enum auth_result spf, spf_helo; /* of the MAIL FROM, and of HELO */
    gboolean has_dkim;
    const struct auth_signature *signatures;
    guint n_signatures;
    gboolean arc_signed, arc_valid; /* the message has ARC signatures; one of them holds */
    gboolean has_dmarc;             /* there is an author domain, and its record is known */
    enum auth_result dmarc;         /* NONE: no record; PASS, FAIL; others count as not known */
    const char *dmarc_policy;       /* FAIL: what applies: "none", "quarantine", "reject" */
};

struct auth_eval_options {
    const struct spam_ruleset *ruleset;
    const struct spam_headers *headers;
    const struct spam_relays *relays;
    const struct auth_known *known; /* NULL: nothing */
    struct dns *dns;                /* for ADSP; NULL: it is not asked for */
    gint64 deadline_us;             /* of these questions, besides dkim_timeout */
};

struct auth_eval;
/* The options and what they point to must live as long as the object. Asks for ADSP where the results make that needed. */
struct auth_eval *auth_eval_new(const struct auth_eval_options *options);
void auth_eval_free(struct auth_eval **eval); /* NULL-safe */

/* args: of the rule, without quotes. */
typedef gboolean (*auth_eval_function)(struct auth_eval *eval, const char *const *args, guint n_args);
/* NULL: there is no such function. */
auth_eval_function auth_eval_find(const char *name);
/* Values (char *) of DKIMDOMAIN, DKIMIDENTITY, DKIMSELECTOR: of the signatures that hold; NULL: another tag, or none. */
const GPtrArray *auth_eval_tag(struct auth_eval *eval, const char *name);
/* Whether an address (lower case) is one of a list's: "*@example.com", with "?" for one character. */
gboolean auth_eval_glob_matches(const char *glob, const char *address);
