/* dkim_sign.h: signs a message with one or more keys (RFC 6376; RSA and Ed25519 side by side: RFC 8463 4).
 *
 * What is signed is the message as it goes out: make the auth_message with all edits, and sign last. Nothing may
 * change it afterwards; see lib/mail/recode.h for what Postfix' SMTP client would. */
#pragma once
#include "lib/mail/auth/auth.h"
#include "lib/mail/auth/dkim_compose.h"
#include "lib/mail/auth/dkim_key.h"

struct dkim_signer {
    const struct dkim_key *key; /* borrowed for the call, as all here */
    const char *domain;         /* d= */
    const char *selector;       /* s= */
    const char *identity;       /* i=: domain or a subdomain after its "@"; NULL = none written */
};
struct dkim_sign_options {
    enum dkim_canon header_canon, body_canon; /* 0 = simple; relaxed is the usual choice for both */
    const char *const *fields;     /* names to sign, NULL-terminated; NULL = RFC 6376 5.4.1's and some more */
    const char *const *oversigned; /* names to sign once more than they occur; NULL = From; an empty list = none */
    gint64 now_s;                  /* t=, seconds since the epoch */
    gint64 lifetime_s;             /* x= is now_s and that; 0 = no x= */
};
/* The values of DKIM-Signature fields (char *, in the order of the signers), folded with LF TAB at DKIM_FOLD_COLUMN as
 * verdict_edit takes them. One pass over the body, whatever the number of signers. All or nothing: NULL with *error
 * (DKIM_SIGN_ERROR, DKIM_KEY_ERROR). Thread-safe. */
GPtrArray *dkim_sign(const struct auth_message *message, const struct dkim_signer *signers, guint n_signers,
                     const struct dkim_sign_options *options, GError **error);
