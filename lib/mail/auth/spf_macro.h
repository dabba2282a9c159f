/* spf_macro.h: macro-strings of SPF records and explanations (RFC 7208 section 7): syntax and expansion. */
#pragma once
#include <glib.h>

#define SPF_EXPANSION_MAX 16384u /* bytes that one macro-string may expand to: 64 times the longest domain name */

enum spf_macro_place {
    SPF_MACRO_IN_DOMAIN,     /* a domain-spec: letters s l o d i p h v */
    SPF_MACRO_IN_MODIFIER,   /* the value of an unknown modifier, never expanded: all letters, also c r t */
    SPF_MACRO_IN_EXPLANATION /* an explain-string: all letters, and spaces */
};

/* What letters stand for; all borrowed. */
struct spf_macro_values {
    const char *sender;        /* s: local-part@domain */
    const char *local_part;    /* l */
    const char *sender_domain; /* o */
    const char *domain;        /* d: of the record being evaluated */
    const char *helo;          /* h */
    const char *receiver;      /* r */
    const guint8 *client;      /* i, c, v */
    gsize client_length;       /* 4 or 16 octets */
    gint64 now;                /* t: seconds since 1970 */
    /* p: the client's validated name or "unknown"; the text is the callee's. NULL: the evaluation can't go on. */
    const char *(*validated_name)(gpointer data);
    gpointer data;
};

/* Whether text is a macro-string (7.1) of that place. */
gboolean spf_macro_is_valid(const char *text, gsize length, enum spf_macro_place place);
/* Whether text is a domain-spec (7.1): a macro-string that ends in a macro or in "." toplabel. */
gboolean spf_domain_spec_is_valid(const char *text, gsize length);
/* Whether a valid macro-string uses this letter (lower case), in either case. */
gboolean spf_macro_uses(const char *text, gsize length, char letter);
/* Appends the expansion of a valid macro-string. FALSE: text isn't valid there, out would grow beyond SPF_EXPANSION_MAX, or
 * validated_name gave up; out is then to be thrown away. */
gboolean spf_macro_expand(const char *text, gsize length, enum spf_macro_place place, const struct spf_macro_values *values,
                          GString *out);
/* The same for a domain-spec, as the name to ask for: without the final dot, and cut from the left, label by label, to
 * DNS_NAME_MAX (7.3). The result need not be a valid name. */
gboolean spf_macro_expand_domain(const char *text, gsize length, const struct spf_macro_values *values, GString *out);
