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

static const guint8 *
digits(void)
{
    static guint8 table[256];
    static gsize once;

    if (g_once_init_enter(&once)) {
        for (guint c = 0; c < 256; c++)
            table[c] = digit_of((guchar)c);
        g_once_init_leave(&once, 1);
    }
    return table;
}

/* The digits of text without white space and, when there is a reason to be sloppy, without what is foreign. */
static GByteArray *
digits_of(const char *text, gsize length, gboolean *foreign)
{
    GByteArray *out = g_byte_array_sized_new((guint)length + 4);
    const guint8 *table = digits();
    guint8 *to = out->data;

    *foreign = FALSE;
    for (gsize i = 0; i < length; i++) {
        guint8 digit = table[(guint8)text[i]];
        *to = digit;
        to += digit != SPACE;
        *foreign |= digit == FOREIGN;
    }
    out->len = (guint)(to - out->data);
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
    for (guint8 *d = digits->data, *end = d + n; (d = memchr(d, PAD, (gsize)(end - d))) != NULL;)
        *d = strict ? 0 : 63;
    if (!strict && n % 4 == 1)
        n--;
    pack(digits->data, n, out);
    return out;
}

/* White space before line ends goes; then line ends behind "=" go with it. A line end is LF or CR LF, also CR, blanks and LF. */
static GString *
without_soft_breaks(const char *source, gsize length)
{
    GString *out = g_string_sized_new(length + 1);
    const char *line = source, *end = source + length, *lf;
    char *to = out->str;

    for (; line < end && (lf = memchr(line, '\n', (gsize)(end - line))) != NULL; line = lf + 1) {
        gboolean has_cr = lf > line && lf[-1] == '\r';
        const char *stop = has_cr ? lf - 1 : lf;
        while (stop > line && (stop[-1] == ' ' || stop[-1] == '\t'))
            stop--;
        if (!has_cr && stop > line && stop[-1] == '\r') {
            has_cr = TRUE;
            stop--;
        }
        if (stop > line && stop[-1] == '=') {
            to = mempcpy(to, line, (gsize)(stop - line) - 1);
            continue;
        }
        to = mempcpy(to, line, (gsize)(stop - line));
        if (has_cr)
            *to++ = '\r';
        *to++ = '\n';
    }
    to = mempcpy(to, line, (gsize)(end - line));
    out->len = (gsize)(to - out->str);
    out->str[out->len] = '\0';
    return out;
}

GString *
decode_quoted_printable(const char *source, gsize length)
{
    GString *text = without_soft_breaks(source, length);
    const char *from = text->str, *end = from + text->len, *mark;
    char *to = text->str;

    while ((mark = memchr(from, '=', (gsize)(end - from))) != NULL) {
        memmove(to, from, (gsize)(mark - from));
        to += mark - from;
        if (end - mark > 2 && g_ascii_isxdigit(mark[1]) && g_ascii_isxdigit(mark[2])) {
            *to++ = (char)(g_ascii_xdigit_value(mark[1]) * 16 + g_ascii_xdigit_value(mark[2]));
            from = mark + 3;
        } else {
            *to++ = '=';
            from = mark + 1;
        }
    }
    memmove(to, from, (gsize)(end - from));
    g_string_truncate(text, (gsize)(to - text->str) + (gsize)(end - from));
    return text;
}

void
decode_squash_crlf(GString *text)
{
    gsize kept = 0;

    if (memchr(text->str, '\r', text->len) == NULL)
        return;
    for (gsize i = 0; i < text->len; i++) {
        text->str[kept] = text->str[i];
        kept += text->str[i] != '\r' || i + 1 >= text->len || text->str[i + 1] != '\n';
    }
    g_string_truncate(text, kept);
}
