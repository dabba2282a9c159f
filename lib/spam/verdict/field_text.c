/* field_text.c: folds and encodes the bodies of X-Spam fields. */
#include "lib/spam/verdict/field_text.h"
#include <string.h>
#include "lib/spam/verdict/wrap.h"
#include "lib/spam/view/bytes.h"

#define FIELD_COLUMNS 79

/* ---- folding ---- */

static gsize
without_line_ends(const GString *text)
{
    gsize length = text->len;

    while (length > 0 && text->str[length - 1] == '\n')
        length -= length > 1 && text->str[length - 2] == '\r' ? 2 : 1;
    return length;
}

/* White space with a line end in it becomes a fold. */
static GString *
fold_at_line_ends(const char *text, gsize length)
{
    GString *out = g_string_sized_new(length);

    for (gsize i = 0; i < length;) {
        gsize end = i;
        gboolean has_line_end = FALSE;

        for (; end < length && byte_is_space(text[end]); end++)
            has_line_end |= text[end] == '\n';
        if (has_line_end)
            g_string_append(out, "\n\t");
        else
            g_string_append_len(out, text + i, (gssize)(end - i));
        for (i = end; i < length && !byte_is_space(text[i]); i++)
            g_string_append_c(out, text[i]);
    }
    return out;
}

/* Takes out lines that hold only white space; the last line stays. */
static void
drop_blank_lines(GString *text)
{
    gsize to = 0;

    for (gsize i = 0; i < text->len;) {
        gsize begin = i;

        for (gsize p = i; p < text->len && byte_is_space(text->str[p]); p++)
            if (text->str[p] == '\n')
                begin = p + 1;
        const char *line_end = memchr(text->str + begin, '\n', text->len - begin);
        gsize end = line_end != NULL ? (gsize)(line_end - text->str) + 1 : text->len;
        memmove(text->str + to, text->str + begin, end - begin);
        to += end - begin;
        i = end;
    }
    g_string_truncate(text, to);
}

GString *
field_text_fold(const char *name, const GString *text, gboolean fold)
{
    gsize length = without_line_ends(text);

    if (fold && memchr(text->str, '\n', length) != NULL)
        return fold_at_line_ends(text->str, length);
    if (!fold) {
        GString *out = g_string_new_len(text->str, (gssize)length);
        for (gsize i = 0; i < out->len; i++)
            if (out->str[i] == '\n')
                out->str[i] = ' ';
        return out;
    }
    static const struct wrap_style style = {.prefix = "\t", .width = FIELD_COLUMNS, .after_comma = TRUE};
    g_autofree char *begin = g_strconcat("X-Spam-", name, "!!", NULL); /* stands for ": ", where a line could end */
    g_autoptr(GString) line = g_string_new(begin);
    GString *out = g_string_sized_new(length + 64);

    g_string_append_len(line, text->str, (gssize)length);
    wrap_append(out, line->str, line->len, &style);
    drop_blank_lines(out);
    g_string_erase(out, 0, (gssize)strlen(begin));
    return out;
}

/* ---- RFC 2047 ---- */

static gboolean
is_plain(char c)
{
    return c == '\t' || (c >= ' ' && c <= '~');
}

static gsize
line_end_length(const char *line, gsize length)
{
    if (length == 0 || line[length - 1] != '\n')
        return 0;
    return length > 1 && line[length - 2] == '\r' ? 2 : 1;
}

/* Bytes at the end that need no encoding: all of the line, or from a blank on; with its line end. */
static gsize
plain_end(const char *line, gsize length)
{
    gsize text = length - line_end_length(line, length), from = text, found = text;

#ifdef POSTERN_PLANTED_BUGS
    while (is_plain(line[from - 1])) { /* on before the line's begin */
#else
    while (from > 0 && is_plain(line[from - 1])) {
#endif
        from--;
        if (line[from] == ' ' || line[from] == '\t')
            found = from;
    }
    return length - (from == 0 ? 0 : found);
}

/* Bytes at the beginning: up to the last blank of the printable ones. */
static gsize
plain_start(const char *line, gsize length)
{
    gsize printable = 0;

    while (printable < length && is_plain(line[printable]))
        printable++;
    if (printable == length)
        return length;
    while (printable > 0 && line[printable - 1] != ' ' && line[printable - 1] != '\t')
        printable--;
    return printable;
}

static gboolean
needs_quoting(char c)
{
    return c == '=' || c == '?' || c == '_' || (guchar)c < ' ' || (guchar)c > '~';
}

static void
append_word(GString *out, const char *text, gsize length)
{
    gsize quoted = 0;

    for (gsize i = 0; i < length; i++)
        quoted += needs_quoting(text[i]);
    if (3 * (length + 2 * quoted) > 4 * (length + 2)) {
        g_autofree char *coded = g_base64_encode((const guchar *)text, length);
        g_string_append_printf(out, "=?UTF-8?B?%s?=", coded);
        return;
    }
    g_string_append(out, "=?UTF-8?Q?");
    for (gsize i = 0; i < length; i++) {
        if (text[i] == ' ')
            g_string_append_c(out, '_');
        else if (needs_quoting(text[i]))
            g_string_append_printf(out, "=%02X", (guchar)text[i]);
        else
            g_string_append_c(out, text[i]);
    }
    g_string_append(out, "?=");
}

GString *
field_text_encode(const GString *text)
{
    GString *out = g_string_sized_new(text->len);
    const char *end = text->str + text->len;

    for (const char *line = text->str; line < end;) {
        const char *line_end = memchr(line, '\n', (gsize)(end - line));
        gsize length = (gsize)((line_end != NULL ? line_end + 1 : end) - line);
        gsize tail = plain_end(line, length);
        gsize head = plain_start(line, length - tail);

        g_string_append_len(out, line, (gssize)head);
        if (head + tail < length)
            append_word(out, line + head, length - head - tail);
        g_string_append_len(out, line + length - tail, (gssize)tail);
        line += length;
    }
    return out;
}
