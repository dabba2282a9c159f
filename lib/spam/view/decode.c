/* decode.c: transfer encodings with SpamAssassin's forgiveness.
 *
 * base64 has two readings there. Text that has nothing but its alphabet in groups of four is taken strictly, '=' inside as
 * an 'A'. All else goes a sloppier way: foreign characters fall out, the padding too, a lone last character as well, and
 * '=' inside counts as the highest digit. */
#include "lib/spam/view/decode.h"
#include <string.h>

enum { FOREIGN = 255, PAD = 254, SPACE = 253 };

static guint8
digit_of(guchar c)
{
    if (c >= 'A' && c <= 'Z')
        return (guint8)(c - 'A');
    if (c >= 'a' && c <= 'z')
        return (guint8)(c - 'a' + 26);
    if (c >= '0' && c <= '9')
        return (guint8)(c - '0' + 52);
    if (c == '+' || c == '/')
        return c == '+' ? 62 : 63;
    if (c == '=')
        return PAD;
    return c == ' ' || (c >= '\t' && c <= '\r') ? SPACE : FOREIGN;
}

/* The digits of text without white space and, when there is a reason to be sloppy, without what is foreign. */
static GByteArray *
digits_of(const char *text, gsize length, gboolean *foreign)
{
    GByteArray *out = g_byte_array_sized_new((guint)length + 4);

    *foreign = FALSE;
    for (gsize i = 0; i < length; i++) {
        guint8 digit = digit_of((guchar)text[i]);
        if (digit == SPACE)
            continue;
        if (digit == FOREIGN)
            *foreign = TRUE;
        out->data[out->len++] = digit;
    }
    return out;
}

static void
drop_foreign(GByteArray *digits)
{
    guint kept = 0;

    for (guint i = 0; i < digits->len; i++)
        if (digits->data[i] != FOREIGN)
            digits->data[kept++] = digits->data[i];
    digits->len = kept;
}

static guint
without_padding(const GByteArray *digits)
{
    guint n = digits->len;

    while (n > 0 && digits->data[n - 1] == PAD)
        n--;
    return n;
}

/* n digits, each below 64, to bytes; a rest of two or three digits gives one or two bytes. */
static void
pack(const guint8 *d, guint n, GString *out)
{
    guint whole = n / 4 * 4, rest = n - whole;
    char *to;

    g_string_set_size(out, whole / 4 * 3 + (rest > 1 ? rest - 1 : 0));
    to = out->str;
    for (guint i = 0; i < whole; i += 4) {
        *to++ = (char)(d[i] << 2 | d[i + 1] >> 4);
        *to++ = (char)(d[i + 1] << 4 | d[i + 2] >> 2);
        *to++ = (char)(d[i + 2] << 6 | d[i + 3]);
    }
    if (rest >= 2)
        *to++ = (char)(d[whole] << 2 | d[whole + 1] >> 4);
    if (rest == 3)
        *to++ = (char)(d[whole + 1] << 4 | d[whole + 2] >> 2);
}

GString *
decode_base64(const char *text, gsize length)
{
    gboolean foreign;
    g_autoptr(GByteArray) digits = digits_of(text, length, &foreign);
    gboolean strict = !foreign && digits->len >= 2 && digits->len % 4 == 0;
    GString *out = g_string_sized_new(length / 4 * 3 + 4);
    guint n;

    if (foreign)
        drop_foreign(digits);
    n = without_padding(digits);
    for (guint i = 0; i < n; i++)
        if (digits->data[i] == PAD)
            digits->data[i] = strict ? 0 : 63;
    if (!strict && n % 4 == 1)
        n--;
    pack(digits->data, n, out);
    return out;
}

/* White space before a line end goes, in place. */
static void
trim_lines(GString *text)
{
    gsize kept = 0, blank = 0; /* blank: how much of what is kept is trailing white space */

    for (gsize i = 0; i < text->len; i++) {
        char c = text->str[i];
        gboolean ends = c == '\n' || (c == '\r' && i + 1 < text->len && text->str[i + 1] == '\n');
        if (ends)
            kept -= blank;
        blank = c == ' ' || c == '\t' ? blank + 1 : 0;
        text->str[kept++] = c;
    }
    g_string_truncate(text, kept);
}

static void
join_soft_breaks(GString *text)
{
    gsize kept = 0;

    for (gsize i = 0; i < text->len; i++) {
        if (text->str[i] == '=' && i + 1 < text->len && text->str[i + 1] == '\n')
            i++;
        else if (text->str[i] == '=' && i + 2 < text->len && text->str[i + 1] == '\r' && text->str[i + 2] == '\n')
            i += 2;
        else
            text->str[kept++] = text->str[i];
    }
    g_string_truncate(text, kept);
}

GString *
decode_quoted_printable(const char *source, gsize length)
{
    GString *text = g_string_new_len(source, (gssize)length);
    gsize kept = 0;

    trim_lines(text);
    join_soft_breaks(text);
    for (gsize i = 0; i < text->len; i++) {
        if (text->str[i] == '=' && i + 2 < text->len && g_ascii_isxdigit(text->str[i + 1]) &&
            g_ascii_isxdigit(text->str[i + 2])) {
            text->str[kept++] =
                (char)(g_ascii_xdigit_value(text->str[i + 1]) * 16 + g_ascii_xdigit_value(text->str[i + 2]));
            i += 2;
        } else {
            text->str[kept++] = text->str[i];
        }
    }
    g_string_truncate(text, kept);
    return text;
}

void
decode_squash_crlf(GString *text)
{
    gsize kept = 0;

    if (memchr(text->str, '\r', text->len) == NULL)
        return;
    for (gsize i = 0; i < text->len; i++)
        if (text->str[i] != '\r' || i + 1 >= text->len || text->str[i + 1] != '\n')
            text->str[kept++] = text->str[i];
    g_string_truncate(text, kept);
}
