/* auth_eval.h: the eval functions of SpamAssassin's plugins SPF, DKIM (with ARC and ADSP) and DMARC, and their welcome lists.
 *
 * Results are those that others have found; what nobody has looked at is found here, as SpamAssassin does: SPF of the client and the
 * HELO name of the newest external hop, and of its sender; DKIM, ARC and DMARC of the message as it was handed in. Only what a rule
 * asks for, begun at once and joined at the first rule that wants to know. SPF's results may also come from Received-SPF and
 * Authentication-Results fields that an internal host has added, and these come first, as in SpamAssassin
 * (ignore_received_spf_header). What is not known hits no rule. dns_query_restriction holds for SPF, DKIM, ARC and ADSP, as
 * there (a question that is not allowed fails), and not for DMARC, whose library asks by itself there. ADSP (RFC 5617, historic) asks for
 * TXT at _adsp._domainkey, and MX, which tells whether the author's domain exists.
 *
 * Not as SpamAssassin: SPF has the RFC's ten lookups, not 20; DKIM doesn't take SHA-1 (RFC 8301); DMARC doesn't take the word of an
 * ARC chain that anybody may have sealed, nor of HELO for a message with a sender, and says nothing of authors in several domains.
 *
 * One object serves the rules of one message and is for one thread at a time. */
#pragma once
#include "lib/base/dns.h"
#include "lib/mail/auth/auth.h"
#include "lib/mail/auth/spf_task.h"
#include "lib/spam/rules/ruleset.h"
#include "lib/spam/view/headers.h"
#include "lib/spam/view/relays.h"

#define AUTH_AUTHORS_MAX 20u     /* domains of From that ADSP is asked for; more: not known */
#define AUTH_ADDRESSES_MAX 200u  /* of From that are looked at */
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

/* What there is to find, as bits. */
enum auth_part { AUTH_PART_SPF = 1, AUTH_PART_SPF_HELO = 2, AUTH_PART_DKIM = 4 /* and ARC */, AUTH_PART_DMARC = 8, AUTH_PART_ADSP = 16 };
/* Those that the eval function needs to be found; 0 for those of others. */
guint auth_eval_parts(const char *function);

struct auth_eval_options {
    const struct spam_ruleset *ruleset;
    const struct spam_headers *headers;
    const struct spam_relays *relays;
    const struct auth_known *known; /* NULL: nothing */
    guint parts;                    /* by enum auth_part: what may be asked for */
    struct spf_pool *spf;           /* checks HELO, and with message the sender, where known doesn't say it; NULL: nobody does */
    const char *message;            /* what known doesn't say is found in this; NULL: only HELO and ADSP are */
    gsize length;
    gint64 now;                     /* seconds since 1970, for signatures' times */
    struct dns *dns;                /* NULL only without message, and then for no ADSP */
    gint64 deadline_us;             /* of all waiting, besides dkim_timeout and spf_timeout */
};

struct auth_eval;
/* The options and what they point to must live as long as the object. Never blocks. */
struct auth_eval *auth_eval_new(const struct auth_eval_options *options);
void auth_eval_free(struct auth_eval **eval); /* NULL-safe */

/* args: of the rule, without quotes. */
typedef gboolean (*auth_eval_function)(struct auth_eval *eval, const char *const *args, guint n_args);
/* NULL: there is no such function. */
auth_eval_function auth_eval_find(const char *name);
/* Waits for the signatures, so that their tags are there; nothing where no rule asks for them. */
void auth_eval_wait(struct auth_eval *eval);
/* Values (char *) of DKIMDOMAIN, DKIMIDENTITY, DKIMSELECTOR: of the signatures that hold; NULL: another tag, or not known yet. */
const GPtrArray *auth_eval_tag(struct auth_eval *eval, const char *name);
/* Whether an address (lower case) is one of a list's: "*@example.com", with "?" for one character. */
gboolean auth_eval_glob_matches(const char *glob, const char *address);
