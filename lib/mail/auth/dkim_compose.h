/* dkim_compose.h: what signers share: which fields to sign, and tag lists written as header values, folded.
 * Internal to dkim_sign.c and arc_seal.c. */
#pragma once
#include "lib/mail/auth/dkim_fields.h"

#define DKIM_FOLD_COLUMN 76u /* no line is longer, unless one name alone is */

#define DKIM_SIGN_ERROR dkim_sign_error_quark()
GQuark dkim_sign_error_quark(void);
enum dkim_sign_error {
    DKIM_SIGN_ERROR_NO_FROM,  /* the message has no From: nothing could verify */
    DKIM_SIGN_ERROR_TOO_MANY, /* more fields than h= may name (DKIM_SIGNED_NAMES_MAX) */
    DKIM_SIGN_ERROR_ARGUMENT, /* a domain, selector, identity, field name or time that is none */
    ARC_SEAL_ERROR_CHAIN      /* the chain can't get another set: broken, already failed, or 50 sets long */
};

/* The names for h=: of each name in wanted (NULL: RFC 6376 5.4.1's and some more) one for every field the message has, and
 * one more for names in oversigned (NULL: From), so that none can be added. From comes always. Names that start with one of
 * the prefixes (NULL-terminated, may be NULL) are left out. Free with g_strfreev; NULL: *error. */
char **dkim_compose_names(const struct dkim_fields *fields, const char *const *wanted, const char *const *oversigned,
                          const char *const *without, GError **error);
/* FALSE with *error unless both are names that make a key's name. */
gboolean dkim_compose_check(const char *domain, const char *selector, GError **error);

/* A tag list being written: tags parted by "; " or ";" LF TAB. */
struct dkim_composer {
    GString *out;      /* the value */
    guint column;      /* of the next octet; start with the field name's length and 2 */
    gboolean unfolded; /* no folds within values */
};
enum dkim_split { DKIM_WHOLE, DKIM_SPLIT_COLONS, DKIM_SPLIT_ANYWHERE };
/* Appends "name=value". on_new_line: whatever the column is. */
void dkim_compose_tag(struct dkim_composer *composer, const char *name, const char *value, enum dkim_split split,
                      gboolean on_new_line);
void dkim_compose_number(struct dkim_composer *composer, const char *name, guint64 value);
/* "Name: value" CRLF, the folds in the value (LF) as CRLF: the field as it is signed. Free with g_string_free. */
GString *dkim_compose_field(const char *name, const char *value);
