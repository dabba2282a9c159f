/* charset_unicode.c: UTF-8, UTF-16, UTF-32, UCS-2 and UTF-7 as Encode reads them. */
#include <string.h>
#include "lib/spam/view/bytes.h"
#include "lib/spam/view/charset_private.h"
#include "lib/spam/view/decode.h"

#define REPLACEMENT 0xfffd

void
charset_append(GString *out, guint32 c)
{
    char utf8[8];

    if (c < 0x80) {
        g_string_append_c(out, (char)c);
        return;
    }
    g_string_append_len(out, utf8, g_unichar_to_utf8(c, utf8));
}

static gboolean
is_noncharacter(guint32 c)
{
    return (c & 0xfffe) == 0xfffe || (c >= 0xfdd0 && c <= 0xfdef);
}

/* How many bytes a character that starts so should have (Perl's wide reading of UTF-8); 1 for what starts none. */
static gsize
promised(guint8 lead)
{
    static const struct {
        guint8 from;
        gsize n;
    } leads[] = { { 0xff, 13 }, { 0xfe, 7 }, { 0xfc, 6 }, { 0xf8, 5 }, { 0xf0, 4 }, { 0xe0, 3 }, { 0xc0, 2 } };

    for (gsize i = 0; i < G_N_ELEMENTS(leads); i++)
        if (lead >= leads[i].from)
            return leads[i].n;
    return 1;
}

/* One character; *used bytes. G_MAXUINT32 = malformed, *used bytes of it. */
static guint32
read_utf8(const guint8 *s, gsize length, gsize *used)
{
    static const guint32 least[] = { 0, 0, 0x80, 0x800, 0x10000 };
    gsize n = promised(s[0]), i;
    guint32 c;

    *used = 1;
    if (s[0] < 0x80)
        return s[0];
    c = n <= 4 ? s[0] & (0x7fu >> n) : 0;
    for (i = 1; i < n && i < length && (s[i] & 0xc0) == 0x80; i++)
        c = c << 6 | (s[i] & 0x3f);
    *used = i;
    if (n == 1 || i < n || n > 4 || c < least[n])
        return G_MAXUINT32;
    return c > 0x10ffff || (c >= 0xd800 && c <= 0xdfff) || is_noncharacter(c) ? G_MAXUINT32 : c;
}

static gboolean
between(guint8 c, guint8 low, guint8 high)
{
    return c >= low && c <= high;
}

/* Whether n bytes continue a character whose first continuation byte must be in low..high, noncharacters excluded: of three
 * bytes after [high nibble]F BF, of two after BF (B7 has its own gap) none of the last. */
static gboolean
continues(const guint8 *s, gsize length, gsize n, guint8 low, guint8 high, gboolean excludes)
{
    if (length < n || !between(s[0], low, high))
        return FALSE;
    for (gsize i = 1; i < n; i++)
        if (!between(s[i], 0x80, 0xbf))
            return FALSE;
    if (!excludes)
        return TRUE;
    if (n == 2)
        return !(s[0] == 0xb7 && between(s[1], 0x90, 0xaf)) && !(s[0] == 0xbf && s[1] >= 0xbe);
    return !((s[0] & 0x0f) == 0x0f && s[1] == 0xbf && s[2] >= 0xbe);
}

/* Perl (5.26 and later, no more that of Debian 13) goes astray behind a byte that can start nothing: it takes the next one for the lead byte of
 * another class, and where that happens to come out, all of it is one malformed character. How many bytes from s on, or 0. */
static gsize
astray(const guint8 *s, gsize length)
{
    guint8 first = s[0], lead = length > 1 ? s[1] : 0;
    const guint8 *rest = s + 2;
    gsize n = length > 2 ? length - 2 : 0;

    if (SPAM_PERL_VERSION >= 5.038 || n == 0 || !(between(first, 0x80, 0xc1) || first == 0xed || first >= 0xf5))
        return 0;
    if (lead == 0xc0 || lead == 0xc1 || lead == 0xed || lead >= 0xf5)
        return continues(rest, n, 1, 0x80, 0xbf, FALSE) ? 3 : 0;
    if (between(lead, 0xc2, 0xdf))
        return continues(rest, n, 2, 0x80, 0xbf, FALSE) ? 4 : 0;
    if (between(lead, 0xe1, 0xee))
        return continues(rest, n, 2, 0x80, 0xbf, TRUE) ? 4 : 0;
    if (between(lead, 0xf1, 0xf3))
        return continues(rest, n, 2, 0xa0, 0xbf, FALSE) ? 4 : 0;
    if (lead == 0xef)
        return continues(rest, n, 3, 0x80, 0x8f, TRUE) ? 5 : 0;
    if (lead == 0xf4)
        return continues(rest, n, 3, 0x80, 0xbf, TRUE) ? 5 : 0;
    return lead == 0xe0 && continues(rest, n, 3, 0x90, 0xbf, TRUE) ? 5 : 0;
}

gboolean
charset_utf8_decode(const char *text, gsize length, enum charset_bad bad, GString *out)
{
    for (gsize i = 0, ascii; i < length;) {
        gsize used;
        for (ascii = i; ascii < length && (guint8)text[ascii] < 0x80; ascii++)
            ;
        g_string_append_len(out, text + i, (gssize)(ascii - i));
        i = ascii;
        if (i == length)
            break;
        guint32 c = read_utf8((const guint8 *)text + i, length - i, &used);
        if (c == G_MAXUINT32 && bad == CHARSET_BAD_FAILS)
            return FALSE;
        if (c == G_MAXUINT32)
            charset_append(out, REPLACEMENT);
        else
            g_string_append_len(out, text + i, (gssize)used);
        i += c == G_MAXUINT32 ? MAX(used, astray((const guint8 *)text + i, length - i)) : used;
    }
    return TRUE;
}

gboolean
charset_is_utf8(const char *text, gsize length)
{
    for (gsize i = 0; i < length;) {
        gsize used;
        if (((guint8)text[i] & 0x80) == 0) {
            i += length - i >= 32 && bytes_are_ascii(text + i, 32) ? 32 : 1;
            continue;
        }
        if (read_utf8((const guint8 *)text + i, length - i, &used) == G_MAXUINT32)
            return FALSE;
        i += used;
    }
    return TRUE;
}

static guint32
unit_of(const guint8 *s, gboolean big_endian)
{
    return big_endian ? (guint32)(s[0] << 8 | s[1]) : (guint32)(s[1] << 8 | s[0]);
}

static gboolean
utf16_decode(const char *text, gsize length, gboolean big_endian, gboolean pairs, enum charset_bad bad, GString *out)
{
    const guint8 *s = (const guint8 *)text;

    for (gsize i = 0; i + 2 <= length;) {
        guint32 c = unit_of(s + i, big_endian);
        gboolean malformed = c >= 0xdc00 && c <= 0xdfff;
        i += 2;
        if (c >= 0xd800 && c <= 0xdbff) {
            guint32 low = pairs && i + 2 <= length ? unit_of(s + i, big_endian) : 0;
            malformed = low < 0xdc00 || low > 0xdfff;
            if (!malformed) {
                c = 0x10000 + ((c - 0xd800) << 10) + (low - 0xdc00);
                i += 2;
            }
        }
        if (malformed || is_noncharacter(c)) {
            if (bad == CHARSET_BAD_FAILS)
                return FALSE;
            c = REPLACEMENT;
        }
        charset_append(out, c);
    }
    return length % 2 == 0 || bad != CHARSET_BAD_FAILS;
}

gboolean
charset_utf16_decode(const char *text, gsize length, gboolean big_endian, enum charset_bad bad, GString *out)
{
    return utf16_decode(text, length, big_endian, TRUE, bad, out);
}

static gboolean
utf32_decode(const char *text, gsize length, gboolean big_endian, enum charset_bad bad, GString *out)
{
    for (gsize i = 0; i + 4 <= length; i += 4) {
        guint32 c;
        memcpy(&c, text + i, sizeof c);
        c = big_endian ? GUINT32_FROM_BE(c) : GUINT32_FROM_LE(c);
        if (c > 0x10ffff || (c >= 0xd800 && c <= 0xdfff) || is_noncharacter(c)) {
            if (bad == CHARSET_BAD_FAILS)
                return FALSE;
            c = REPLACEMENT;
        }
        charset_append(out, c);
    }
    return length % 4 == 0 || bad != CHARSET_BAD_FAILS;
}

static gboolean
is_base64(char c)
{
    return g_ascii_isalnum(c) || c == '+' || c == '/';
}

/* RFC 2152; bytes above ASCII are taken as Latin-1. */
static void
utf7_decode(const char *text, gsize length, GString *out)
{
    for (gsize i = 0; i < length;) {
        gsize end = i + 1;
        if (text[i] != '+') {
            charset_append(out, (guint8)text[i++]);
            continue;
        }
        while (end < length && is_base64(text[end]))
            end++;
        if (end > i + 1) {
            g_autoptr(GString) run = g_string_new_len(text + i + 1, (gssize)(end - i - 1));
            while (run->len % 4 != 0 && run->len % 4 != 1)
                g_string_append_c(run, '=');
            g_autoptr(GString) units = decode_base64(run->str, run->len);
            charset_utf16_decode(units->str, units->len, TRUE, CHARSET_BAD_REPLACED, out);
        } else {
            g_string_append_c(out, '+');
        }
        i = end < length && text[end] == '-' ? end + 1 : end;
    }
}

/* The name's byte order, or the mark's, or big. */
static gboolean
with_order(const char *canonical, const char *text, gsize length, enum charset_bad bad, GString *out)
{
    gboolean wide = g_str_has_prefix(canonical, "utf-32"), big = !g_str_has_suffix(canonical, "le");
    gsize mark = 0;

    if (strlen(canonical) == strlen("utf-16") && length >= 4 && wide) {
        big = memcmp(text, "\xff\xfe\0\0", 4) != 0;
        mark = !big || memcmp(text, "\0\0\xfe\xff", 4) == 0 ? 4 : 0;
    } else if (strlen(canonical) == strlen("utf-16") && length >= 2 && !wide) {
        big = memcmp(text, "\xff\xfe", 2) != 0;
        mark = !big || memcmp(text, "\xfe\xff", 2) == 0 ? 2 : 0;
    }
    if (wide)
        return utf32_decode(text + mark, length - mark, big, bad, out);
    return utf16_decode(text + mark, length - mark, big, !g_str_has_prefix(canonical, "ucs"), bad, out);
}

gboolean
charset_unicode_decode(const char *canonical, const char *text, gsize length, enum charset_bad bad, GString *out,
                       gboolean *known)
{
    *known = TRUE;
    if (strcmp(canonical, "utf-8-strict") == 0 || strcmp(canonical, "utf8") == 0)
        return charset_utf8_decode(text, length, bad, out);
    if (strcmp(canonical, "utf-7") == 0) {
        utf7_decode(text, length, out);
        return TRUE;
    }
    if (g_str_has_prefix(canonical, "utf-16") || g_str_has_prefix(canonical, "utf-32") ||
        g_str_has_prefix(canonical, "ucs-2"))
        return with_order(canonical, text, length, bad, out);
    *known = FALSE;
    return FALSE;
}
