/* transfer_encoding.c: content to quoted-printable and base64. */
#include "lib/mail/transfer_encoding.h"
#include <string.h>

#define LINE_MAX_CHARACTERS 76u /* RFC 2045 6.7 (5), 6.8; the "=" of a soft line break included */
#define LINE_BYTES 57u          /* that many in base64 */

static gboolean
is_line_end(const guint8 *data, gsize length, gsize at)
{
    return at + 1 < length && data[at] == '\r' && data[at + 1] == '\n';
}

/* Whether the byte at `at`, with `column` characters before it in its encoded line, must be encoded. */
static gboolean
needs_code(const guint8 *data, gsize length, gsize at, gsize column)
{
    guint8 c = data[at];
    gboolean last = at + 1 == length || is_line_end(data, length, at + 1);

    if (c == ' ' || c == '\t')
        return last;
#ifdef POSTERN_PLANTED_BUGS
    if (c == '=' && column > 0)
        return FALSE;
#endif
    if (c < '!' || c > '~' || c == '=')
        return TRUE;
    if (column > 0)
        return FALSE;
    return (c == '.' && last) || (c == '-' && !last && data[at + 1] == '-') || (c == 'F' && length - at >= 5 && memcmp(data + at, "From ", 5) == 0);
}

void
encode_quoted_printable(const guint8 *data, gsize length, GString *out)
{
    gsize column = 0;

    for (gsize at = 0; at < length; at++) {
        if (is_line_end(data, length, at)) {
            g_string_append_len(out, "\r\n", 2);
            column = 0;
            at++;
            continue;
        }
        gboolean coded = needs_code(data, length, at, column);
        gsize width = coded ? 3 : 1;
        gboolean ends = at + 1 == length || is_line_end(data, length, at + 1);
        if (column + width > LINE_MAX_CHARACTERS - (ends ? 0 : 1)) {
            g_string_append_len(out, "=\r\n", 3);
            column = 0;
            coded = needs_code(data, length, at, column);
            width = coded ? 3 : 1;
        }
        if (coded)
            g_string_append_printf(out, "=%02X", data[at]);
        else
            g_string_append_c(out, (char)data[at]);
        column += width;
    }
}

void
encode_base64(const guint8 *data, gsize length, GString *out)
{
    for (gsize at = 0; at < length; at += LINE_BYTES) {
        char line[LINE_MAX_CHARACTERS + 8];
        int state = 0, save = 0;
        gsize n = g_base64_encode_step(data + at, MIN(LINE_BYTES, length - at), FALSE, line, &state, &save);

        n += g_base64_encode_close(FALSE, line + n, &state, &save);
        g_string_append_len(out, line, (gssize)n);
        g_string_append_len(out, "\r\n", 2);
    }
}

gboolean
is_shorter_in_base64(const guint8 *data, gsize length)
{
    gsize coded = 0;

    for (gsize i = 0; i < length; i++)
        coded += (data[i] < ' ' && data[i] != '\t' && data[i] != '\r' && data[i] != '\n') || data[i] > '~' || data[i] == '=';
    return coded > length / 6;
}
