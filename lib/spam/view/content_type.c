/* content_type.c: parameters are searched for anywhere in the value, not parsed in order: the first place that has a
 * parameter's name at a word's start, "=" and a fit value wins. */
#include "lib/spam/view/content_type.h"
#include <string.h>
#include "lib/spam/view/bytes.h"

/* What follows "NAME =" from at on; *at moves behind the white space after "=". word_start: NAME must start a word. */
static gboolean
skip_equals(const GString *s, gsize *at)
{
    gsize i = *at;

    while (i < s->len && byte_is_space(s->str[i]))
        i++;
    if (i >= s->len || s->str[i] != '=')
        return FALSE;
    i++;
    while (i < s->len && byte_is_space(s->str[i]))
        i++;
    *at = i;
    return TRUE;
}

/* The next place at or behind from where name starts a word; G_MAXSIZE where there is none. */
static gsize
find_word(const GString *s, gsize from, const char *name)
{
    gsize n = strlen(name);

    for (gsize i = from; i + n <= s->len; i++)
        if (g_ascii_strncasecmp(s->str + i, name, n) == 0 && (i == 0 || !byte_is_word(s->str[i - 1])))
            return i;
    return G_MAXSIZE;
}

static GString *
boundary_of(const GString *s)
{
    for (gsize i = find_word(s, 0, "boundary"); i != G_MAXSIZE; i = find_word(s, i + 1, "boundary")) {
        gsize at = i + strlen("boundary"), end;
        if (!skip_equals(s, &at) || at >= s->len)
            continue;
        if (s->str[at] == '"') {
            for (end = at + 1; end < s->len && s->str[end] != '"'; end++)
                ;
            if (end > at + 1)
                return g_string_new_len(s->str + at + 1, (gssize)(end - at - 1));
            continue;
        }
        for (end = at; end < s->len && !byte_is_space(s->str[end]) && !byte_in(s->str[end], "\";"); end++)
            ;
        if (end > at && (end == s->len || s->str[end] != '"'))
            return g_string_new_len(s->str + at, (gssize)(end - at));
    }
    return NULL;
}

/* A value that may stand in quotes of either kind and ends at a semicolon or the end; *end is behind it. NULL where a line
 * ends first (encoded words can bring line ends). */
static GString *
loose_value(const GString *s, gsize at, gsize *end)
{
    gsize last;

    if (at < s->len && (s->str[at] == '"' || s->str[at] == '\''))
        at++;
    for (last = at; last < s->len && s->str[last] != ';' && s->str[last] != '\n'; last++)
        ;
    if (last + 1 < s->len && s->str[last] == '\n')
        return NULL;
    *end = last < s->len ? last + 1 : last;
    if (last > at && (s->str[last - 1] == '"' || s->str[last - 1] == '\''))
        last--;
    return g_string_new_len(s->str + at, (gssize)(last - at));
}

static GString *
charset_of(const GString *s)
{
    for (gsize i = find_word(s, 0, "charset"); i != G_MAXSIZE; i = find_word(s, i + 1, "charset")) {
        gsize at = i + strlen("charset"), end;
        GString *value = skip_equals(s, &at) ? loose_value(s, at, &end) : NULL;
        if (value != NULL)
            return value;
    }
    return NULL;
}

/* The next "name" or "filename" that starts a word, from *at on; *at moves behind it. */
static gboolean
find_name(const GString *s, gsize *at)
{
    for (gsize i = *at; i + 4 <= s->len; i++) {
        if (i > 0 && byte_is_word(s->str[i - 1]))
            continue;
        if (g_ascii_strncasecmp(s->str + i, "name", 4) == 0) {
            *at = i + 4;
            return TRUE;
        }
        if (i + 8 <= s->len && g_ascii_strncasecmp(s->str + i, "filename", 8) == 0) {
            *at = i + 8;
            return TRUE;
        }
    }
    return FALSE;
}

/* Behind "name": "*" and a number. */
static gboolean
section_number(const GString *s, gsize *at, guint *number)
{
    gsize i = *at + 1, digits = i;

    if (*at >= s->len || s->str[*at] != '*')
        return FALSE;
    for (*number = 0; i < s->len && g_ascii_isdigit(s->str[i]); i++)
        *number = MIN(*number * 10 + (guint)(s->str[i] - '0'), CONTENT_NAME_SECTIONS_MAX);
    *at = i;
    return i > digits;
}

/* Whether there is a "name*0 =" (with just that zero). */
static gboolean
has_first_section(const GString *s)
{
    for (gsize at = 0; find_name(s, &at);) {
        gsize i = at + 2;
        if (i <= s->len && memcmp(s->str + at, "*0", 2) == 0 && skip_equals(s, &i))
            return TRUE;
    }
    return FALSE;
}

/* RFC 2231 continuations, joined by their numbers. */
static GString *
joined_name(const GString *s)
{
    g_autoptr(GPtrArray) sections = g_ptr_array_new();
    GString *out = g_string_new(NULL);

    g_ptr_array_set_size(sections, CONTENT_NAME_SECTIONS_MAX);
    for (gsize at = 0; find_name(s, &at);) {
        guint number;
        gsize i = at;
        if (!section_number(s, &i, &number) || !skip_equals(s, &i))
            continue;
        GString *value = loose_value(s, i, &i);
        if (value == NULL)
            continue;
        at = i;
        if (number >= CONTENT_NAME_SECTIONS_MAX) {
            g_string_free(value, TRUE);
            continue;
        }
        if (sections->pdata[number] != NULL)
            g_string_free(sections->pdata[number], TRUE);
        sections->pdata[number] = value;
    }
    for (guint i = 0; i < sections->len; i++) {
        GString *value = sections->pdata[i];
        if (value == NULL)
            continue;
        g_string_append_len(out, value->str, (gssize)value->len);
        g_string_free(value, TRUE);
    }
    return out;
}

static GString *
name_of(const GString *s)
{
    GString *name = NULL;

    for (gsize at = 0; name == NULL && find_name(s, &at);) {
        gsize i = at, end;
        if (skip_equals(s, &i))
            name = loose_value(s, i, &end);
    }
    if ((name == NULL || bytes_is_false(name)) && has_first_section(s)) {
        if (name != NULL)
            g_string_free(name, TRUE);
        name = joined_name(s);
    }
    return name;
}

/* "something/something", lower case, of the value's start. */
static GString *
type_part(const GString *s)
{
    gsize start = 0, end, slash;

    while (start < s->len && byte_is_space(s->str[start]))
        start++;
    for (end = start; end < s->len && s->str[end] != ';'; end++)
        ;
    for (slash = start; slash < end && s->str[slash] != '/'; slash++)
        ;
    if (slash > start && slash < end) {
        gsize i = slash + 1;
        while (i < end && s->str[i] != '/' && !byte_is_space(s->str[i]))
            i++;
        end = i;
    }
    GString *out = g_string_new_len(s->str + start, (gssize)(end - start));
    g_string_ascii_down(out);
    return out;
}

static gboolean
is_plain_text(const GString *type)
{
    static const char *const others[] = { "text/x-vcard", "text/calendar", "text/html" };

    if (strncmp(type->str, "text", 4) != 0 || (type->len > 4 && byte_is_word(type->str[4])))
        return FALSE;
    for (gsize i = 0; i < G_N_ELEMENTS(others); i++)
        if (type->len == strlen(others[i]) && memcmp(type->str, others[i], type->len) == 0)
            return FALSE;
    return TRUE;
}

/* Without the characters that no type has (RFC 2045's specials, blanks, what is not ASCII). */
static char *
fit_type(const GString *type)
{
    GString *out = g_string_sized_new(type->len);

    for (gsize i = 0; i < type->len; i++) {
        guchar c = (guchar)type->str[i];
        if (c > ' ' && c < 0x7f && strchr("\"(),:;<=>?@[\\]", c) == NULL)
            g_string_append_c(out, (char)c);
    }
    return g_string_free(out, FALSE);
}

void
content_type_parse(struct content_type *out, const GString *value)
{
    memset(out, 0, sizeof *out);
    if (value == NULL || bytes_is_false(value)) {
        out->missing = TRUE;
        out->type = g_strdup("text/plain");
        out->charset = g_string_new("us-ascii");
        return;
    }
    out->boundary = boundary_of(value);
    out->charset = charset_of(value);
    out->name = name_of(value);
    g_autoptr(GString) type = type_part(value);
    out->missing = bytes_is_false(type);
    if (out->missing || is_plain_text(type))
        g_string_assign(type, "text/plain");
    out->type = fit_type(type);
}

void
content_type_clear(struct content_type *type)
{
    g_clear_pointer(&type->type, g_free);
    g_clear_pointer(&type->boundary, bytes_free);
    g_clear_pointer(&type->charset, bytes_free);
    g_clear_pointer(&type->name, bytes_free);
}

GString *
content_disposition_name(const GString *s)
{
    for (gsize i = 0; i + 5 <= s->len; i++) {
        gsize at = i + 5, blank, end;
        if (g_ascii_strncasecmp(s->str + i, "name=", 5) != 0)
            continue;
        blank = at;
        while (at < s->len && byte_is_space(s->str[at]))
            at++;
        blank = at - blank;
        if (at < s->len && s->str[at] == '"' && at + 1 < s->len && !byte_in(s->str[at + 1], "\";"))
            at++;
        for (end = at; end < s->len && s->str[end] != '"' && s->str[end] != ';'; end++)
            ;
        if (end > at)
            return g_string_new_len(s->str + at, (gssize)(end - at));
        if (blank > 0) /* an empty value leaves the last blank before it */
            return g_string_new_len(s->str + at - 1, 1);
    }
    return NULL;
}
