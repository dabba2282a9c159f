/* recode_header.c: header fields with lines that are too long, folded where they have white space (RFC 5322 2.2.3). */
#include "lib/mail/recode_private.h"
#include <string.h>

#define FIELD_MAX 59000u /* Postfix hands no more than 60000 bytes of a field to a milter: what is longer may be cut */
#define FOLD_COLUMN 78u  /* RFC 5322 2.1.1: lines should be no longer */

static gboolean
is_blank(char c)
{
    return c == ' ' || c == '\t';
}

/* Where to fold the text, whose line has `column` characters before it: the last white space by FOLD_COLUMN, or the first
 * after it, with something other than white space on both sides; 0 when there is none. */
static gsize
fold_at(const char *text, gsize length, gsize column)
{
    gsize best = 0, begin = 0;

    while (begin < length && is_blank(text[begin]))
        begin++;
    while (length > begin && is_blank(text[length - 1]))
        length--;
    for (gsize i = begin + 1; i < length; i++) {
        if (!is_blank(text[i]) || is_blank(text[i - 1]))
            continue;
        if (column + i > FOLD_COLUMN && best > 0)
            break;
        best = i;
    }
    return best;
}

/* One line without its end, after `column` characters that are in out already. */
static void
append_folded(GString *out, const char *line, gsize length, gsize column)
{
    gsize at;

    while (column + length > FOLD_COLUMN && (at = fold_at(line, length, column)) > 0) {
        g_string_append_len(out, line, (gssize)at);
        g_string_append_c(out, '\n');
        line += at;
        length -= at;
        column = 0;
    }
    g_string_append_len(out, line, (gssize)length);
}

/* The value as an edit has it, its long lines folded. column: characters before it in its first line. */
static char *
folded_value(const char *value, const char *end, gsize column)
{
    GString *out = g_string_new(NULL);

    while (value < end && is_blank(*value))
        value++;
    for (const char *line = value, *next; line < end; line = next, column = 0) {
        const char *lf = memchr(line, '\n', (gsize)(end - line));
        gsize length = (gsize)((lf != NULL ? lf : end) - line);

        next = lf != NULL ? lf + 1 : end;
        if (length > 0 && line[length - 1] == '\r')
            length--;
        if (line > value)
            g_string_append_c(out, '\n');
        if (column + length > RECODE_LINE_MAX)
            append_folded(out, line, length, column);
        else
            g_string_append_len(out, line, (gssize)length);
    }
    return g_string_free(out, FALSE);
}

/* Whether one of the first n_edits is about such a field. (An edit names a field by its number among those of its name, which
 * earlier edits may have changed.) */
static gboolean
is_edited(const struct verdict *verdict, guint n_edits, const char *name)
{
    for (guint i = 0; i < n_edits; i++)
        if (g_ascii_strcasecmp(((const struct edit *)g_ptr_array_index(verdict->edits, i))->name, name) == 0)
            return TRUE;
    return FALSE;
}

/* The number of the n-th field among those of its name, from 1. */
static gint32
number_of(const struct message *message, guint n, const char *name)
{
    gint32 number = 1;

    for (guint i = 0; i < n; i++) {
        const struct header_field *field = message_header(message, i);
        const char *data = g_bytes_get_data(message_bytes(message), NULL);

        number += field->name.length == strlen(name) &&
                  g_ascii_strncasecmp(data + field->name.offset, name, field->name.length) == 0;
    }
    return number;
}

static gboolean
fold_field(struct message *message, guint n, struct verdict *verdict, guint n_edits)
{
    const char *data = g_bytes_get_data(message_bytes(message), NULL);
    const struct header_field *field = message_header(message, n);
    const char *value = data + field->value.offset;
    g_autofree char *name = g_strndup(data + field->name.offset, field->name.length);
    g_autofree char *folded = NULL, *line = NULL;

    if (field->raw.length > FIELD_MAX || is_edited(verdict, n_edits, name) ||
        memchr(value, '\0', field->value.length) != NULL)
        return FALSE;
    folded = folded_value(value, value + field->value.length, field->name.length + 2);
    line = g_strconcat(name, ": ", folded, NULL);
    if (recode_has_long_line((const guint8 *)line, strlen(line)))
        return FALSE;
    verdict_edit(verdict, EDIT_CHANGE_HEADER, number_of(message, n, name), name, folded);
    return TRUE;
}

gboolean
recode_header(struct message *message, struct verdict *verdict)
{
    const guint8 *data = g_bytes_get_data(message_bytes(message), NULL);
    gboolean whole = TRUE;
    guint n_edits = verdict->edits->len;

    for (guint i = 0; i < message_header_count(message); i++) {
        struct span raw = message_header(message, i)->raw;
        if (recode_has_long_line(data + raw.offset, raw.length))
            whole &= fold_field(message, i, verdict, n_edits);
    }
    return whole;
}
