/* dkim_canon.c: canonical fields. */
#include "lib/mail/auth/dkim_canon.h"
#include <string.h>

const char *
dkim_canon_name(enum dkim_canon canon)
{
    return canon == DKIM_RELAXED ? "relaxed" : "simple";
}

/* Length without the closing line end. */
static gsize
without_line_end(const char *raw, gsize length)
{
    if (length > 0 && raw[length - 1] == '\n')
        length -= length > 1 && raw[length - 2] == '\r' ? 2 : 1;
    return length;
}

static void
simple_field(const char *raw, gsize length, GString *out)
{
    const char *end = raw + length;

    while (raw < end) {
        const char *newline = memchr(raw, '\n', (gsize)(end - raw));
        gsize run = (gsize)((newline != NULL ? newline : end) - raw);
        g_string_append_len(out, raw, (gssize)run);
        if (newline == NULL)
            return;
        if (run == 0 || newline[-1] != '\r')
            g_string_append_c(out, '\r');
        g_string_append_c(out, '\n');
        raw = newline + 1;
    }
}

/* Line ends are taken out, runs of white space become one space, none is left at the end. */
static void
relaxed_value(const char *at, const char *end, GString *out)
{
    gboolean space = FALSE, any = FALSE;

    for (; at < end; at++) {
        if (*at == ' ' || *at == '\t') {
            space = TRUE;
            continue;
        }
        if (*at == '\n' || (*at == '\r' && at + 1 < end && at[1] == '\n'))
            continue;
        if (space && any)
            g_string_append_c(out, ' ');
        space = FALSE;
        any = TRUE;
        g_string_append_c(out, *at);
    }
}

static void
relaxed_field(const char *raw, gsize length, GString *out)
{
    const char *colon = memchr(raw, ':', length), *end = raw + length;
    const char *name_end = colon != NULL ? colon : end;

    while (name_end > raw && (name_end[-1] == ' ' || name_end[-1] == '\t'))
        name_end--;
    for (const char *c = raw; c < name_end; c++)
        g_string_append_c(out, g_ascii_tolower(*c));
    if (colon == NULL)
        return;
    g_string_append_c(out, ':');
    relaxed_value(colon + 1, end, out);
}

void
dkim_canon_field(enum dkim_canon canon, const char *raw, gsize length, GString *out)
{
    length = without_line_end(raw, length);
    if (canon == DKIM_RELAXED)
        relaxed_field(raw, length, out);
    else
        simple_field(raw, length, out);
    g_string_append_len(out, "\r\n", 2);
}

/* Where the value of b= lies in the field: from after its "=" to its ";" or the end, white space included. */
static gboolean
find_b(const char *raw, gsize length, gsize *start_r, gsize *end_r)
{
    const char *end = raw + length, *at = memchr(raw, ':', length);

    while (at != NULL && ++at < end) {
        const char *semicolon = memchr(at, ';', (gsize)(end - at));
        const char *stop = semicolon != NULL ? semicolon : end, *equals = memchr(at, '=', (gsize)(stop - at));
        if (equals != NULL) {
            const char *name = at, *name_end = equals;
            while (name < name_end && g_ascii_isspace(*name))
                name++;
            while (name_end > name && g_ascii_isspace(name_end[-1]))
                name_end--;
            if (name_end - name == 1 && *name == 'b') {
                *start_r = (gsize)(equals + 1 - raw);
                *end_r = (gsize)(stop - raw);
                return TRUE;
            }
        }
        at = semicolon;
    }
    return FALSE;
}

void
dkim_canon_signature(enum dkim_canon canon, const char *raw, gsize length, GString *out)
{
    g_autoptr(GString) emptied = g_string_sized_new(length);
    gsize start, end;

    length = without_line_end(raw, length);
    if (!find_b(raw, length, &start, &end))
        start = end = length;
    g_string_append_len(emptied, raw, (gssize)start);
    g_string_append_len(emptied, raw + end, (gssize)(length - end));
    dkim_canon_field(canon, emptied->str, emptied->len, out);
    g_string_truncate(out, out->len - 2);
}
