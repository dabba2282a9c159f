/* dkim_signature.h: one signature field taken apart: DKIM-Signature (RFC 6376 3.5), ARC-Message-Signature and ARC-Seal
 * (RFC 8617 4.1); and the lookups of the keys they name. Internal to dkim_verify.c and arc*.c. */
#pragma once
#include "lib/base/dns.h"
#include "lib/mail/auth/dkim_fields.h"
#include "lib/mail/auth/dkim_key.h"
#include "lib/mail/auth/dkim_tags.h"

#define DKIM_SIGNED_NAMES_MAX 1000u /* names in h= */

enum dkim_kind { DKIM_SIGNATURE, ARC_MESSAGE_SIGNATURE, ARC_SEAL };

struct dkim_parsed {
    const char *why;          /* not NULL: malformed or not supported, what follows may be unset; static, ASCII */
    gboolean sha1;            /* why is that a= is rsa-sha1 */
    struct dkim_tags *tags;   /* NULL: not even a tag list */
    enum dkim_key_type type;
    enum dkim_canon header_canon, body_canon;
    const char *algorithm, *domain, *selector; /* as written; borrowed from tags; NULL when absent */
    char *identity;           /* i= decoded, or "@domain"; DKIM-Signature only; valid UTF-8 without control characters */
    char **names;             /* h= */
    guint8 *signature, *body_digest;
    gsize signature_length;
    guint64 body_limit;       /* l=, or DKIM_BODY_ALL */
    guint64 signed_at, expires_at; /* t=, x=; G_MAXUINT64 = none */
};
/* Never NULL. field: the whole field. max_bytes: of the tag list. */
struct dkim_parsed *dkim_parsed_new(enum dkim_kind kind, const struct auth_field *field, gsize max_bytes);
void dkim_parsed_free(struct dkim_parsed **parsed); /* NULL-safe */
/* The digest over the fields that h= names and the signature's own field (DKIM-Signature, ARC-Message-Signature). */
void dkim_header_digest(const struct dkim_parsed *parsed, const struct dkim_fields *fields, const struct auth_field *own,
                        guint8 *digest_r);
/* SHA-256 of a text. */
void dkim_digest(const GString *text, guint8 *digest_r);
/* Whether name is the domain, or below it. Case folded. */
gboolean dkim_is_within(const char *name, const char *domain);

/* The key lookups of one message: the same name is asked for once. */
struct dkim_lookups;
struct dkim_lookups *dkim_lookups_new(struct dns *dns); /* takes a reference */
void dkim_lookups_free(struct dkim_lookups **lookups);  /* NULL-safe */
/* Starts the lookup of selector._domainkey.domain and returns its number, or -1 when that is no name. */
gint dkim_lookups_add(struct dkim_lookups *lookups, const char *selector, const char *domain);
struct dkim_answer {
    const struct dkim_public_key *key; /* of the type; NULL: see failed and why. Borrowed from lookups. */
    gboolean failed;                   /* not known: temperror */
    gboolean secure;
    const char *why;                   /* ASCII; borrowed from lookups */
};
/* Waits (until deadline, g_get_monotonic_time) and returns the first record that is a key of the type. */
struct dkim_answer dkim_lookups_get(struct dkim_lookups *lookups, gint number, enum dkim_key_type type, gint64 deadline_us);
