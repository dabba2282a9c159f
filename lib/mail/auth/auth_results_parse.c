/* auth_results_parse.c: Authentication-Results being read: whose they are, and what they say.
 *
 * Two readers of different temper. The one of the authserv-id is strict, since its errors decide that a field is removed.
 * The one of results is tolerant (unquoted base64, "action=none" without a ptype): a result ends at a ";" outside quotes and
 * comments, and one that makes no sense is left out alone, so that nothing is ever read into a result that a quote or a
 * comment does not close. */
#include <string.h>

#include "lib/mail/auth/auth_results.h"
#include "lib/mail/auth/psl.h"

#define METHOD_VERSION_MAX 9999u

struct reader {
    const char *at, *end;
    gboolean broken; /* a comment or quoted string without end, or a NUL */
};

static gboolean
is_space(char c)
{
    return c == ' ' || c == '\t' || c == '\r' || c == '\n';
}

/* At "(": past the comment; nesting is only counted. */
static void
skip_comment(struct reader *r)
{
    gsize depth = 0;

    for (; r->at < r->end; r->at++) {
        if (*r->at == '\\' && r->at + 1 < r->end)
            r->at++;
        else if (*r->at == '(')
            depth++;
        else if (*r->at == ')' && --depth == 0) {
            r->at++;
            return;
        }
    }
    r->broken = TRUE;
}

static void
skip_cfws(struct reader *r)
{
    while (r->at < r->end) {
        if (is_space(*r->at))
            r->at++;
        else if (*r->at == '(')
            skip_comment(r);
        else
            return;
    }
}

/* At a quote: appends what it holds, line ends of folds left out. */
static void
take_quoted(struct reader *r, GString *out)
{
    for (r->at++; r->at < r->end; r->at++) {
        if (*r->at == '"') {
            r->at++;
            return;
        }
        if (*r->at == '\\' && r->at + 1 < r->end)
            r->at++;
        if (*r->at != '\r' && *r->at != '\n')
            g_string_append_c(out, *r->at);
    }
    r->broken = TRUE;
}

/* ---- whose ---- */

static gboolean
take_token(struct reader *r, GString *out)
{
    for (; r->at < r->end && (guchar)*r->at > ' ' && *r->at != 0x7f && strchr("()<>@,;:\\\"/[]?=", *r->at) == NULL; r->at++)
        g_string_append_c(out, *r->at);
    return out->len > 0;
}

static char *
take_authserv_id(struct reader *r)
{
    g_autoptr(GString) id = g_string_new(NULL);

    skip_cfws(r);
    if (r->at < r->end && *r->at == '"')
        take_quoted(r, id);
    else
        take_token(r, id);
    skip_cfws(r);
    while (r->at < r->end && g_ascii_isdigit(*r->at)) /* version */
        r->at++;
    skip_cfws(r);
    if (r->broken || id->len == 0 || memchr(id->str, '\0', id->len) != NULL || (r->at < r->end && *r->at != ';'))
        return NULL;
    return g_strdup(g_strstrip(id->str));
}

char *
auth_results_authserv_id(const char *value, gsize length)
{
    struct reader r = {.at = value, .end = length > 0 ? value + length : value};

    return take_authserv_id(&r);
}

/* A name as it is compared, and whether it is one that can be. */
static char *
comparable(const char *id, gboolean *is_sure)
{
    char *name = psl_dns_name(id, -1);

    *is_sure = name != NULL || g_str_is_ascii(id);
    return name != NULL ? name : g_ascii_strdown(id, -1);
}

enum writer { WRITER_OURS, WRITER_OTHER, WRITER_UNCLEAR, NO_RESULTS };

static enum writer
writer_of(const struct auth_field *field, const char *authserv_id)
{
    static const char name[] = "Authentication-Results";
    const char *value = memchr(field->raw, ':', field->length);
    gboolean is_sure, ours_is_sure;

    if (field->name_length != strlen(name) || g_ascii_strncasecmp(field->name, name, strlen(name)) != 0)
        return NO_RESULTS;
    if (value == NULL)
        return WRITER_UNCLEAR;
    gsize length = field->length - (gsize)(++value - field->raw);
    g_autofree char *id = auth_results_authserv_id(value, MIN(length, AUTH_RESULTS_HEAD_MAX));
    if (id == NULL || id[0] == '\0')
        return WRITER_UNCLEAR;
    g_autofree char *theirs = comparable(id, &is_sure), *ours = comparable(authserv_id, &ours_is_sure);
    if (strcmp(theirs, ours) == 0)
        return WRITER_OURS;
    return is_sure ? WRITER_OTHER : WRITER_UNCLEAR;
}

gboolean
auth_results_claims(const struct auth_field *field, const char *authserv_id)
{
    enum writer writer = writer_of(field, authserv_id);

    return writer == WRITER_OURS || writer == WRITER_UNCLEAR;
}

gboolean
auth_results_is_from(const struct auth_field *field, const char *authserv_id)
{
    return writer_of(field, authserv_id) == WRITER_OURS;
}

/* ---- what ---- */

/* The word of a name or a result: up to white space or a sign of the grammar; lower case. */
static void
take_word(struct reader *r, GString *out)
{
    g_string_truncate(out, 0);
    for (; r->at < r->end && (g_ascii_isalnum(*r->at) || strchr("-_.", *r->at) != NULL) && *r->at != '\0'; r->at++)
        if (out->len <= AUTH_RESULTS_READ_VALUE_MAX)
            g_string_append_c(out, g_ascii_tolower(*r->at));
}

/* A property's value: a token, quoted string or mailbox, and what else is in use without quotes. */
static void
take_value(struct reader *r, GString *out)
{
    g_string_truncate(out, 0);
#ifdef POSTERN_PLANTED_BUGS
    if (r->at == r->end && *r->at == ';') /* reads the byte after the field */
        return;
#endif
    while (r->at < r->end && !is_space(*r->at) && *r->at != ';' && *r->at != '(') {
        if (*r->at == '"')
            take_quoted(r, out);
        else
            g_string_append_c(out, *r->at++);
    }
}

static void
skip_to_semicolon(struct reader *r)
{
    g_autoptr(GString) unused = g_string_new(NULL);

    while (r->at < r->end && *r->at != ';') {
        if (*r->at == '(')
            skip_comment(r);
        else if (*r->at == '"')
            take_quoted(r, unused);
        else
            r->at++;
    }
}

/* After a name: takes "=" with white space and comments around it. */
static gboolean
take_equals(struct reader *r)
{
    skip_cfws(r);
    if (r->at >= r->end || *r->at != '=')
        return FALSE;
    r->at++;
    skip_cfws(r);
    return TRUE;
}

/* method [ "/" version ] "=" result: added as the last of results, and returned; NULL when there is none. */
static struct auth_method_result *
take_method(struct reader *r, struct auth_results *results)
{
    g_autoptr(GString) method = g_string_new(NULL), word = g_string_new(NULL);
    guint version = 1;

    take_word(r, method);
    skip_cfws(r);
    if (r->at < r->end && *r->at == '/') {
        r->at++;
        skip_cfws(r);
        for (version = 0; r->at < r->end && g_ascii_isdigit(*r->at); r->at++)
            version = MIN(version * 10 + (guint)(*r->at - '0'), METHOD_VERSION_MAX);
    }
    if (method->len == 0 || !take_equals(r))
        return NULL;
    take_word(r, word);
    if (word->len == 0 || word->len > AUTH_RESULTS_READ_VALUE_MAX || method->len > AUTH_RESULTS_READ_VALUE_MAX)
        return NULL;
    auth_results_add(results, method->str, AUTH_NONE, NULL, NULL);
    struct auth_method_result *result = g_ptr_array_index(results->results, results->results->len - 1);
    g_free(result->word);
    result->word = g_strdup(word->str);
    result->version = version;
    result->is_known = FALSE;
    for (enum auth_result known = AUTH_NONE; known <= AUTH_PERMERROR; known++)
        if (strcmp(word->str, auth_result_name(known)) == 0) {
            result->result = known;
            result->is_known = TRUE;
        }
    return result;
}

static char *
clean(const GString *value)
{
    GString *out = g_string_new(NULL);

    auth_results_clean(value->str, value->len, G_MAXSIZE, out);
    return g_string_free(out, FALSE);
}

static void
add_property(struct auth_results *results, struct auth_method_result *result, const char *name, const GString *value)
{
    const char *dot = strchr(name, '.');

    if (value->len > AUTH_RESULTS_READ_VALUE_MAX || strlen(name) > AUTH_RESULTS_READ_VALUE_MAX ||
        result->properties->len >= AUTH_RESULTS_PROPERTIES_MAX) {
        results->left_out = TRUE;
    } else if (dot == NULL && strcmp(name, "reason") == 0) {
        g_free(result->reason);
        result->reason = clean(value);
    } else {
        struct auth_property *property = g_new0(struct auth_property, 1);

        property->ptype = dot != NULL ? g_strndup(name, (gsize)(dot - name)) : g_strdup("");
        property->property = g_strdup(dot != NULL ? dot + 1 : name);
        property->value = clean(value);
        g_ptr_array_add(result->properties, property);
    }
}

/* [ reason "=" value ] *( ptype "." property "=" value ); FALSE when something else stands there. */
static gboolean
take_properties(struct reader *r, struct auth_results *results, struct auth_method_result *result)
{
    g_autoptr(GString) name = g_string_new(NULL), part = g_string_new(NULL), value = g_string_new(NULL);

    for (skip_cfws(r); r->at < r->end && *r->at != ';'; skip_cfws(r)) {
        take_word(r, name);
        skip_cfws(r);
        if (r->at < r->end && *r->at == '.' && name->len > 0) { /* white space around the dot */
            r->at++;
            skip_cfws(r);
            take_word(r, part);
            g_string_append_printf(name, ".%s", part->str);
        } else if (g_str_has_suffix(name->str, ".") && r->at < r->end && *r->at != '=') {
            take_word(r, part);
            g_string_append(name, part->str);
        }
        if (name->len == 0 || name->str[0] == '.' || name->str[name->len - 1] == '.' || !take_equals(r))
            return FALSE;
        take_value(r, value);
        add_property(results, result, name->str, value);
    }
    return !r->broken;
}

/* Just after a semicolon: "none", or a result, up to the next. */
static void
take_result(struct reader *r, struct auth_results *results)
{
    g_autoptr(GString) word = g_string_new(NULL);

    skip_cfws(r);
    if (r->at >= r->end || *r->at == ';') /* a semicolon too many, or at the end */
        return;
    struct reader none = *r;
    take_word(&none, word);
    skip_cfws(&none);
    if (strcmp(word->str, "none") == 0 && !none.broken && (none.at >= none.end || *none.at == ';')) {
        *r = none;
        return;
    }
    if (results->results->len >= AUTH_RESULTS_MAX) {
        results->left_out = TRUE;
        skip_to_semicolon(r);
        return;
    }
    struct auth_method_result *result = take_method(r, results);
    if (result == NULL || !take_properties(r, results, result)) {
        results->broken = TRUE;
        if (result != NULL)
            g_ptr_array_remove_index(results->results, results->results->len - 1);
        skip_to_semicolon(r);
    }
}

struct auth_results *
auth_results_parse(const char *value, gsize length)
{
    struct reader r = {.at = value, .end = length > 0 ? value + length : value};

    if (length > AUTH_RESULTS_FIELD_MAX)
        return NULL;
    g_autofree char *id = take_authserv_id(&r);
    if (id == NULL)
        return NULL;
    g_autoptr(GString) raw_id = g_string_new(id);
    g_autofree char *shown_id = clean(raw_id);
    struct auth_results *results = auth_results_new(shown_id);
    while (r.at < r.end) {
        r.at++; /* the semicolon */
        take_result(&r, results);
    }
    return results;
}

const char *
auth_results_property(const struct auth_method_result *result, const char *name)
{
    for (guint i = 0; i < result->properties->len; i++) {
        const struct auth_property *property = g_ptr_array_index(result->properties, i);
        gsize n = strlen(property->ptype);

        if (g_ascii_strncasecmp(name, property->ptype, n) == 0 && name[n] == (n > 0 ? '.' : name[n]) &&
            g_ascii_strcasecmp(name + n + (n > 0 ? 1 : 0), property->property) == 0)
            return property->value;
    }
    return NULL;
}
