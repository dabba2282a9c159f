/* mime_field.c: reader of "type; name=value; ..." for Content-Type and Content-Disposition. */
#include "lib/mail/mime_field.h"

#include <string.h>

#include "lib/mail/text.h"

#define MAX_UTF8 1024

/* What is left of the field's value. */
struct cursor {
    const char *at, *end;
};

static gboolean
is_space(char c)
{
    return c == ' ' || c == '\t' || c == '\r' || c == '\n';
}

/* Passes over white space and comments (RFC 5322 3.2.2), however deep; an open comment ends with the value. */
static void
skip_space(struct cursor *c)
{
    guint depth = 0;

    for (; c->at < c->end; c->at++) {
        if (*c->at == '(')
            depth++;
        else if (*c->at == ')' && depth > 0)
            depth--;
        else if (*c->at == '\\' && depth > 0 && c->at + 1 < c->end)
            c->at++;
        else if (depth == 0 && !is_space(*c->at))
            return;
    }
}

/* A lower-case word up to white space or one of the stop characters. */
static char *
take_word(struct cursor *c, const char *stops)
{
    const char *start = c->at;

    while (c->at < c->end && !is_space(*c->at) && *c->at != '\0' && strchr(stops, *c->at) == NULL)
        c->at++;
    return g_ascii_strdown(start, c->at - start);
}

/* After the opening quote, to the closing one. */
static GBytes *
take_quoted(struct cursor *c)
{
    GByteArray *out = g_byte_array_new();

    for (; c->at < c->end && *c->at != '"'; c->at++) {
        if (*c->at == '\r' || *c->at == '\n')
            continue;
        if (*c->at == '\\' && c->at + 1 < c->end)
            c->at++;
        g_byte_array_append(out, (const guint8 *)c->at, 1);
    }
    if (c->at < c->end)
        c->at++;
    return g_byte_array_free_to_bytes(out);
}

/* To the next semicolon. Only file names may hold spaces (a common mistake); elsewhere a space or comment
 * ends it. */
static GBytes *
take_unquoted(struct cursor *c, gboolean spaces)
{
    GByteArray *out = g_byte_array_new();

    for (; c->at < c->end && *c->at != ';'; c->at++) {
        if (!spaces && (is_space(*c->at) || *c->at == '('))
            break;
        if (*c->at != '\r' && *c->at != '\n')
            g_byte_array_append(out, (const guint8 *)c->at, 1);
    }
    while (out->len > 0 && is_space((char)out->data[out->len - 1]))
        g_byte_array_set_size(out, out->len - 1);
    return g_byte_array_free_to_bytes(out);
}

static void
parameter_free(gpointer data)
{
    struct mime_parameter *parameter = data;

    g_free(parameter->name);
    g_bytes_unref(parameter->value);
    g_free(parameter);
}

/* "name", "name*", "name*3", "name*3*" to name, section and encoded; a section is at most three digits. */
static void
split_name(struct mime_parameter *parameter)
{
    char *star = strchr(parameter->name, '*');

    parameter->section = -1;
    if (star == NULL)
        return;
    *star++ = '\0';
    if (g_ascii_isdigit(*star)) {
        guint digits = 0;

        for (parameter->section = 0; g_ascii_isdigit(*star) && digits < 3; star++, digits++)
            parameter->section = parameter->section * 10 + (*star - '0');
        parameter->encoded = *star == '*';
    } else {
        parameter->encoded = TRUE;
    }
}

/* FALSE at the end. A piece without "=" is passed over. */
static gboolean
take_parameter(struct cursor *c, struct mime_field *field)
{
    struct mime_parameter *parameter;
    char *name;

    for (skip_space(c); c->at < c->end && (*c->at == ';' || *c->at == ','); skip_space(c))
        c->at++;
    if (c->at == c->end)
        return FALSE;
    name = take_word(c, "=;");
    skip_space(c);
    if (c->at == c->end || *c->at != '=' || *name == '\0') {
        g_free(name);
        if (c->at < c->end && (*c->at == '=' || *c->at == '\0'))
            c->at++;
        return c->at < c->end;
    }
    c->at++;
    skip_space(c);
    parameter = g_new0(struct mime_parameter, 1);
    parameter->name = name;
    split_name(parameter);
    if (c->at < c->end && *c->at == '"') {
        c->at++;
        parameter->value = take_quoted(c);
    } else {
        parameter->value =
            take_unquoted(c, strcmp(parameter->name, "filename") == 0 || strcmp(parameter->name, "name") == 0);
    }
    g_ptr_array_add(field->parameters, parameter);
    return TRUE;
}

struct mime_field *
mime_field_parse(const char *value, gsize length, guint max_parameters)
{
    struct mime_field *field = g_new0(struct mime_field, 1);
    struct cursor cursor = {value, value + length};

    field->parameters = g_ptr_array_new_with_free_func(parameter_free);
    skip_space(&cursor);
    field->value = take_word(&cursor, ";(,");
    if (strchr(field->value, '=') != NULL) { /* "charset=x" without a type in front */
        g_free(field->value);
        field->value = g_strdup("");
        cursor.at = value;
    }
    do {
        if (field->parameters->len >= max_parameters) {
            skip_space(&cursor);
            field->over = cursor.at < cursor.end;
            break;
        }
    } while (take_parameter(&cursor, field));
    return field;
}

void
mime_field_free(struct mime_field **field)
{
    if (field == NULL || *field == NULL)
        return;
    g_free((*field)->value);
    g_ptr_array_unref((*field)->parameters);
    g_free(*field);
    *field = NULL;
}

static const struct mime_parameter *
find_parameter(const struct mime_field *field, const char *name, int section, gboolean encoded)
{
    for (guint i = 0; i < field->parameters->len; i++) {
        const struct mime_parameter *parameter = g_ptr_array_index(field->parameters, i);

        if (parameter->section == section && strcmp(parameter->name, name) == 0 &&
            (section >= 0 || parameter->encoded == encoded))
            return parameter;
    }
    return NULL;
}

static void
append_percent_decoded(GByteArray *out, const char *bytes, gsize length)
{
    for (gsize i = 0; i < length; i++) {
        guint8 byte = (guint8)bytes[i];

        if (byte == '%' && i + 2 < length && g_ascii_isxdigit(bytes[i + 1]) && g_ascii_isxdigit(bytes[i + 2])) {
            byte = (guint8)(g_ascii_xdigit_value(bytes[i + 1]) << 4 | g_ascii_xdigit_value(bytes[i + 2]));
            i += 2;
        }
        g_byte_array_append(out, &byte, 1);
    }
}

/* Appends one parameter's value; the first one of an encoded value has charset'language' in front. */
static void
append_value(GByteArray *out, const struct mime_parameter *parameter, char **charset)
{
    gsize length;
    const char *bytes = g_bytes_get_data(parameter->value, &length);
    const char *first, *second = NULL;

    if (!parameter->encoded) {
        g_byte_array_append(out, (const guint8 *)bytes, (guint)length);
        return;
    }
    if (charset != NULL && length > 0 && (first = memchr(bytes, '\'', length)) != NULL)
        second = memchr(first + 1, '\'', length - (gsize)(first + 1 - bytes));
    if (second != NULL) {
        if (first > bytes)
            *charset = g_ascii_strdown(bytes, first - bytes);
        length -= (gsize)(second + 1 - bytes);
        bytes = second + 1;
    }
    append_percent_decoded(out, bytes, length);
}

GBytes *
mime_field_bytes(const struct mime_field *field, const char *name, char **charset_r)
{
    const struct mime_parameter *parameter = find_parameter(field, name, -1, TRUE);
    g_autofree char *charset = NULL;
    GByteArray *out;

    if (parameter == NULL)
        parameter = find_parameter(field, name, 0, FALSE);
    if (parameter == NULL)
        parameter = find_parameter(field, name, -1, FALSE);
    if (charset_r != NULL)
        *charset_r = NULL;
    if (parameter == NULL)
        return NULL;
    out = g_byte_array_new();
    append_value(out, parameter, &charset);
    if (parameter->section == 0)
        for (int i = 1; (parameter = find_parameter(field, name, i, FALSE)) != NULL; i++)
            append_value(out, parameter, NULL);
    if (charset_r != NULL)
        *charset_r = g_steal_pointer(&charset);
    return g_byte_array_free_to_bytes(out);
}

char *
mime_field_utf8(const struct mime_field *field, const char *name)
{
    g_autofree char *charset = NULL;
    g_autoptr(GBytes) bytes = mime_field_bytes(field, name, &charset);
    GString *out;
    gsize length;
    const char *data;

    if (bytes == NULL)
        return NULL;
    out = g_string_new(NULL);
    data = g_bytes_get_data(bytes, &length);
    if (charset != NULL)
        text_to_utf8(data, length, charset, MAX_UTF8, out);
    else
        text_header_to_utf8(data, length, MAX_UTF8, out);
    for (gsize i = 0; i < out->len; i++)
        if ((guchar)out->str[i] < ' ' || out->str[i] == 0x7f)
            out->str[i] = ' ';
    return g_string_free(out, FALSE);
}
