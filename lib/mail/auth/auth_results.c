/* auth_results.c: Authentication-Results being made (RFC 8601 2.2).
 *
 * The field is a row of pieces that may not be folded inside ("dkim=pass", "header.d=example.com"); a new line begins with
 * each result and wherever the next piece would pass the columns. */
#include "lib/mail/auth/auth_results.h"
#include <string.h>

#define TSPECIALS "()<>@,;:\\\"/[]?=" /* RFC 2045 5.1 */

static void
property_free(gpointer data)
{
    struct auth_property *property = data;

    g_free(property->ptype);
    g_free(property->property);
    g_free(property->value);
    g_free(property);
}

static void
result_free(gpointer data)
{
    struct auth_method_result *result = data;

    g_free(result->method);
    g_free(result->word);
    g_free(result->reason);
    g_ptr_array_unref(result->properties);
    g_free(result);
}

struct auth_results *
auth_results_new(const char *authserv_id)
{
    struct auth_results *results = g_new0(struct auth_results, 1);

    results->authserv_id = g_strdup(authserv_id);
    results->results = g_ptr_array_new_with_free_func(result_free);
    return results;
}

void
auth_results_free(struct auth_results **results)
{
    if (*results == NULL)
        return;
    g_free((*results)->authserv_id);
    g_ptr_array_unref((*results)->results);
    g_clear_pointer(results, g_free);
}

static gboolean
is_shown(gunichar c)
{
    switch (g_unichar_type(c)) {
    case G_UNICODE_CONTROL:
    case G_UNICODE_FORMAT: /* turns the direction of what is beside it */
    case G_UNICODE_LINE_SEPARATOR:
    case G_UNICODE_PARAGRAPH_SEPARATOR:
    case G_UNICODE_SURROGATE:
    case G_UNICODE_UNASSIGNED:
        return FALSE;
    default:
        return TRUE;
    }
}

void
auth_results_clean(const char *text, gsize length, gsize max, GString *out)
{
    const char *at = text, *end = length > 0 ? text + length : text;
    gsize start = out->len, room_for_dots = start;

    while (at < end) {
        gunichar c = g_utf8_get_char_validated(at, end - at);
        gboolean is_valid = c != (gunichar)-1 && c != (gunichar)-2;
        gsize n = is_valid ? (gsize)(g_utf8_next_char(at) - at) : 1;
        gboolean is_kept = is_valid && is_shown(c);

        if (out->len - start + (is_kept ? n : 1) > max) {
            g_string_truncate(out, room_for_dots);
            g_string_append(out, "...");
            return;
        }
        g_string_append_len(out, is_kept ? at : "?", is_kept ? (gssize)n : 1);
        if (out->len - start + 3 <= max)
            room_for_dots = out->len;
        at += n;
    }
}

static struct auth_property *
property_new(const char *name, const char *value)
{
    struct auth_property *property = g_new0(struct auth_property, 1);
    const char *dot = strchr(name, '.');

    property->ptype = dot != NULL ? g_strndup(name, (gsize)(dot - name)) : g_strdup("");
    property->property = g_strdup(dot != NULL ? dot + 1 : name);
    property->value = g_strdup(value);
    return property;
}

void
auth_results_add(struct auth_results *results, const char *method, enum auth_result result, const char *reason, ...)
{
    va_list pairs;

    if (results->results->len >= AUTH_RESULTS_MAX) {
        results->left_out = TRUE;
        return;
    }
    struct auth_method_result *added = g_new0(struct auth_method_result, 1);
    added->method = g_strdup(method);
    added->version = 1;
    added->word = g_strdup(auth_result_name(result));
    added->result = result;
    added->is_known = TRUE;
    added->reason = g_strdup(reason);
    added->properties = g_ptr_array_new_with_free_func(property_free);
    g_ptr_array_add(results->results, added);
    va_start(pairs, reason);
    for (const char *name = va_arg(pairs, const char *); name != NULL; name = va_arg(pairs, const char *)) {
        const char *value = va_arg(pairs, const char *);

        if (value == NULL)
            continue;
        if (added->properties->len < AUTH_RESULTS_PROPERTIES_MAX)
            g_ptr_array_add(added->properties, property_new(name, value));
        else
            results->left_out = TRUE;
    }
    va_end(pairs);
}

/* Keyword of RFC 8601 2.2 (RFC 5321's Ldh-str): what is none of its characters becomes "-". */
static void
append_keyword(GString *out, const char *word)
{
    for (const char *c = word; *c != '\0'; c++)
        g_string_append_c(out, g_ascii_isalnum(*c) || strchr("-_.", *c) != NULL ? *c : '-');
}

static gboolean
is_token(const char *text, gsize length)
{
    for (gsize i = 0; i < length; i++)
        if (text[i] <= ' ' || text[i] > '~' || strchr(TSPECIALS, text[i]) != NULL)
            return FALSE; /* char is signed or not: 8-bit is refused by one of the two */
    return length > 0;
}

/* [local-part] "@" domain-name, which a pvalue may be without quotes. */
static gboolean
is_plain_mailbox(const char *text)
{
    const char *at = strchr(text, '@');

    if (at == NULL || (at > text && (at[-1] == '.' || !is_token(text, (gsize)(at - text)))) || text[0] == '.' ||
        strstr(text, "..") != NULL)
        return FALSE;
    for (const char *c = at + 1; *c != '\0'; c++)
        if (!g_ascii_isalnum(*c) && *c != '-' && *c != '_' && (*c != '.' || c == at + 1))
            return FALSE;
    return at[1] != '\0';
}

/* A mailbox may stand without quotes only where the grammar has pvalue: in properties. */
static void
append_value(GString *out, const char *value, gboolean is_property)
{
    g_autoptr(GString) clean = g_string_new(NULL);

    auth_results_clean(value, strlen(value), AUTH_RESULTS_VALUE_MAX, clean);
    if (is_token(clean->str, clean->len) || (is_property && is_plain_mailbox(clean->str))) {
        g_string_append(out, clean->str);
        return;
    }
    g_string_append_c(out, '"');
    for (const char *c = clean->str; *c != '\0'; c++) {
        if (*c == '"' || *c == '\\')
            g_string_append_c(out, '\\');
        g_string_append_c(out, *c);
    }
    g_string_append_c(out, '"');
}

/* A line of the field, being filled. */
struct line {
    GString *out;
    gsize column;
};

/* piece has no place to be folded at; reserve = columns that must stay free after it. */
static void
put(struct line *line, const GString *piece, gsize reserve)
{
    if (line->column > 1 && line->column + 1 + piece->len + reserve > AUTH_RESULTS_COLUMNS) {
        g_string_append(line->out, "\n\t");
        line->column = 1;
    } else if (line->column > 1) {
        g_string_append_c(line->out, ' ');
        line->column++;
    }
    g_string_append_len(line->out, piece->str, (gssize)piece->len);
    line->column += piece->len;
}

static void
render_result(struct line *line, const struct auth_method_result *result)
{
    g_autoptr(GString) piece = g_string_new(NULL);

    append_keyword(piece, result->method);
    if (result->version != 1)
        g_string_append_printf(piece, "/%u", result->version);
    g_string_append_c(piece, '=');
    append_keyword(piece, result->word);
    g_string_append(line->out, ";\n\t");
    line->column = 1;
    put(line, piece, 1);
    if (result->reason != NULL) {
        g_string_assign(piece, "reason=");
        append_value(piece, result->reason, FALSE);
        put(line, piece, 1);
    }
    for (guint i = 0; i < result->properties->len; i++) {
        const struct auth_property *property = g_ptr_array_index(result->properties, i);

        g_string_truncate(piece, 0);
        append_keyword(piece, property->ptype);
        if (property->ptype[0] != '\0')
            g_string_append_c(piece, '.');
        append_keyword(piece, property->property);
        g_string_append_c(piece, '=');
        append_value(piece, property->value, TRUE);
        put(line, piece, 1);
    }
}

char *
auth_results_render(const struct auth_results *results)
{
    struct line line = {g_string_new(NULL), 1};
    g_autoptr(GString) id = g_string_new(NULL);

    append_value(id, results->authserv_id, FALSE);
    put(&line, id, 0);
    if (results->results->len == 0)
        g_string_append(line.out, "; none");
    for (guint i = 0; i < results->results->len; i++)
        render_result(&line, g_ptr_array_index(results->results, i));
    return g_string_free(line.out, FALSE);
}
