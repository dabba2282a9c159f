/* auth_results.h: Authentication-Results (RFC 8601): made, read, and told apart from forged ones.
 *
 * Made: every text from outside becomes a token or a quoted-string without control characters; comments are never written,
 * so no value can end its result and begin another (CVE-2020-12272). Read: as tolerantly as what is in the wild needs, in
 * linear time, within the caps. Claims: whether a field says it is ours; when that is in doubt, it does, as the cost of a
 * field removed too much is small and that of a forged one left is not. Thread-safe: nothing is shared. */
#pragma once
#include "lib/mail/auth/auth.h"

#define AUTH_RESULTS_MAX 64u             /* results of one field, made or read */
#define AUTH_RESULTS_PROPERTIES_MAX 32u  /* properties of one result */
#define AUTH_RESULTS_VALUE_MAX 320u      /* bytes of one value in a field that we make (a mailbox has at most 320) */
#define AUTH_RESULTS_READ_VALUE_MAX 1024u /* bytes of one value read; longer: the property is left out, never cut */
#define AUTH_RESULTS_FIELD_MAX 65536u    /* bytes of one field value read */
#define AUTH_RESULTS_HEAD_MAX 4096u      /* bytes from the field's beginning within which the authserv-id must end */
#define AUTH_RESULTS_COLUMNS 78u         /* RFC 5322 2.1.1 */

struct auth_property {
    char *ptype;    /* "smtp", "header", "body", "policy", ..; "" when the field wrote none ("action=none") */
    char *property; /* "mailfrom", "d", .. */
    char *value;    /* valid UTF-8 without control characters, quotes resolved */
};
struct auth_method_result {
    char *method;            /* lower case */
    guint version;           /* of the method; 1 when not written */
    char *word;              /* the result as written, lower case */
    enum auth_result result; /* of word; AUTH_NONE when it is none of auth_result_name's */
    gboolean is_known;       /* word is one of auth_result_name's */
    char *reason;            /* as value of a property, or NULL */
    GPtrArray *properties;   /* struct auth_property * */
};
struct auth_results {
    char *authserv_id;  /* as written, quotes resolved */
    GPtrArray *results; /* struct auth_method_result *, in their order */
    gboolean left_out;  /* a cap was passed: results or properties are missing */
    gboolean broken;    /* read: something did not follow the grammar and was left out */
};

struct auth_results *auth_results_new(const char *authserv_id);
void auth_results_free(struct auth_results **results); /* NULL-safe */
/* Adds a result. method is ours ("dkim"), not from outside. reason may be NULL. Then pairs "ptype.property", value (all
 * const char *), ended by a NULL instead of a pair; a pair whose value is NULL is left out. Texts are copied. Past
 * AUTH_RESULTS_MAX only left_out is set. */
void auth_results_add(struct auth_results *results, const char *method, enum auth_result result, const char *reason, ...)
    G_GNUC_NULL_TERMINATED;
/* The value of the header field, without its name and without a final line end; lines parted by "\n\t". "id; none" without
 * results, else the first line is "id;" alone. Caller frees. */
char *auth_results_render(const struct auth_results *results);

/* The authserv-id that a field value (after the colon) begins with, quotes resolved, as written; NULL when it has none, or
 * anything before the first ";" is not RFC 8601 2.2's [CFWS] authserv-id [CFWS version] [CFWS]. Caller frees. */
char *auth_results_authserv_id(const char *value, gsize length);
/* Whether the field is an Authentication-Results field that says, or may be read as saying, that authserv_id wrote it: the
 * same name whatever the case, final dot, or IDN form, and every field without a readable authserv-id within
 * AUTH_RESULTS_HEAD_MAX. FALSE for fields of other names. */
gboolean auth_results_claims(const struct auth_field *field, const char *authserv_id);
/* Whether the field is an Authentication-Results field that says beyond doubt that authserv_id wrote it. */
gboolean auth_results_is_from(const struct auth_field *field, const char *authserv_id);
/* Reads a field value, or what follows "i=N;" in ARC-Authentication-Results. NULL when there is no authserv-id or it is
 * longer than AUTH_RESULTS_FIELD_MAX; results that are broken or past a cap are left out one by one. Caller frees. */
struct auth_results *auth_results_parse(const char *value, gsize length);
/* The first value of "ptype.property", names compared without case; NULL when there is none. Borrowed. */
const char *auth_results_property(const struct auth_method_result *result, const char *name);

/* Appends text as valid UTF-8 without control or format characters ("?" for each), at most max bytes; what is longer ends in
 * "...". max >= 3. */
void auth_results_clean(const char *text, gsize length, gsize max, GString *out);
