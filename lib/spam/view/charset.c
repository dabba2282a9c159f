/* charset.c: which of the readings of a text SpamAssassin settles on.
 *
 * In order: nothing to do (ASCII declared as something that holds ASCII), UTF-8 whatever is declared, what is declared,
 * Windows-1252 when only its common letters occur, Windows-1252 with replacements. */
#include "lib/spam/view/charset.h"
#include <string.h>
#include "lib/spam/view/bytes.h"
#include "lib/spam/view/charset_private.h"

static gboolean
is_one_of(const char *name, const char *const *names)
{
    for (; *names != NULL; names++)
        if (g_ascii_strcasecmp(name, *names) == 0)
            return TRUE;
    return FALSE;
}

static gboolean
are_digits(const char *s, gsize min, gsize max)
{
    gsize n = strlen(s);

    return n >= min && n <= max && strspn(s, "0123456789") == n;
}

/* "iso-8859" (or " ", or nothing, for '-') and "-N" or nothing. */
static gboolean
is_iso_8859(const char *name)
{
    if (g_ascii_strncasecmp(name, "iso", 3) != 0)
        return FALSE;
    name += 3 + (name[3] == ' ' || name[3] == '-' ? 1 : 0);
    if (strncmp(name, "8859", 4) != 0)
        return FALSE;
    return name[4] == '\0' || (name[4] == '-' && are_digits(name + 5, 1, 2));
}

static gboolean
is_gb18030(const char *name)
{
    if (g_ascii_strncasecmp(name, "gb", 2) != 0)
        return FALSE;
    name += 2 + (name[2] == ' ' || name[2] == '-' ? 1 : 0);
    if (strncmp(name, "18030", 5) != 0)
        return FALSE;
    return name[5] == '\0' || (strncmp(name + 5, "-20", 3) == 0 && are_digits(name + 8, 2, 2));
}

static gboolean
is_koi_or_euc(const char *name)
{
    gsize n = g_ascii_strncasecmp(name, "koi8-", 5) == 0 ? 5 : g_ascii_strncasecmp(name, "euc-", 4) == 0 ? 4 : 0;

    return n > 0 && g_ascii_isalpha(name[n]) && (name[n + 1] == '\0' || (g_ascii_isalpha(name[n + 1]) && name[n + 2] == '\0'));
}

/* Charsets that SpamAssassin knows to hold ASCII. */
static gboolean
holds_ascii(const char *declared)
{
    static const char *const names[] = { "ascii", "us-ascii", "ansix3.4-1986", "ansix3.4-1968", "ansi_x3.4-1986",
                                         "ansi_x3.4-1968", "ansi x3.4-1986", "ansi x3.4-1968", "iso646-us", "utf8", "utf-8",
                                         "big5", "gbk", NULL };

    return is_one_of(declared, names) || is_iso_8859(declared) || is_gb18030(declared) || is_koi_or_euc(declared) ||
           (g_ascii_strncasecmp(declared, "windows-", 8) == 0 && are_digits(declared + 8, 4, 4));
}

static gboolean
is_utf16_name(const char *declared)
{
    const char *end = g_ascii_strncasecmp(declared, "utf", 3) == 0 ? declared + 3 : "";

    return strncmp(end + (*end == ' ' || *end == '-' ? 1 : 0), "16", 2) == 0;
}

/* Which byte order unmarked UTF-16 has: 1 = big, -1 = little, 0 = can't tell or marked. The high and low halves of bytes
 * at even and odd places are weighed, blanks are looked for. */
static int
utf16_order(const guint8 *s, gsize length)
{
    guint64 even = 0, odd = 0;
    gint64 little = 0, big = 0;

    if (length >= 2 && ((s[0] == 0xff && s[1] == 0xfe) || (s[0] == 0xfe && s[1] == 0xff)))
        return 0;
    for (gsize i = 0; i < length; i += 2) {
        guint8 second = i + 1 < length ? s[i + 1] : 0;
        even += (guint64)(s[i] >> 4) + (s[i] & 15);
        odd += (guint64)(second >> 4) + (second & 15);
        little += s[i] == 0x20 && second == 0;
        big += s[i] == 0 && second == 0x20;
    }
    little += even > odd * 4;
    big += odd * 4 > even;
    return little > big ? -1 : big > little ? 1 : 0;
}

/* What Windows-1252 text usually holds: letters, quotes, dashes, NBSP, soft hyphen. */
static gboolean
is_common_1252(const char *text, gsize length)
{
    for (gsize i = 0; i < length; i++) {
        guint8 c = (guint8)text[i];
        gboolean common = c < 0x80 || c == 0xa0 || c == 0xa9 || c == 0xad || c == 0x82 || c == 0x84 || c == 0x85 ||
                          (c >= 0x91 && c <= 0x97) || c == 0x99 || (c >= 0xc0 && c != 0xd7 && c != 0xdf && c != 0xf7 && c != 0xff);
        if (!common)
            return FALSE;
    }
    return TRUE;
}

static gboolean
decode_as(const char *canonical, const char *text, gsize length, enum charset_bad bad, GString *out)
{
    gboolean known, ok = charset_stateful_decode(canonical, text, length, bad, out, &known);

    if (!known) {
        const struct charset_table *table = charset_table_find(canonical);
        ok = table != NULL && charset_table_decode(table, text, length, bad, out);
    }
    if (!ok)
        g_string_truncate(out, 0);
    return ok;
}

/* UTF-7 without any encoded run stays octets with Encode, also those above ASCII. TRUE = that is what it was. */
static gboolean
is_plain_utf7(const char *canonical, const char *text, gsize length, GString *out)
{
    if (strcmp(canonical, "utf-7") != 0)
        return FALSE;
    for (gsize i = 0; i < length; i++) {
        char next = i + 1 < length ? text[i + 1] : ' ';
        if (text[i] == '+' && (g_ascii_isalnum(next) || next == '+' || next == '/')) {
            g_string_truncate(out, 0);
            return FALSE;
        }
        g_string_append_c(out, text[i]);
        i += text[i] == '+' && next == '-';
    }
    return TRUE;
}

/* The declared charset, if it is one and the text is in it. */
static gboolean
decode_declared(const char *declared, const char *text, gsize length, enum charset_mode mode, GString *out, gboolean *decoded)
{
    static const char *const western[] = { "iso8859-1", "iso-8859-1", "windows-1252", "cp1252", NULL };
    static const char *const utf8[] = { "utf8", "utf-8", NULL };
    enum charset_bad bad = mode == CHARSET_AS_DECLARED ? CHARSET_BAD_REPLACED : CHARSET_BAD_FAILS;

    if (is_one_of(declared, western))
        return decode_as("cp1252", text, length, bad, out);
    if (is_one_of(declared, utf8))
        return decode_as("utf-8-strict", text, length, bad, out);
    g_autofree char *canonical = charset_canonical(declared);
    if (is_gb18030(declared))
        return decode_as("cp936", text, length, bad, out);
    if (canonical != NULL && mode == CHARSET_CHARACTERS && is_plain_utf7(canonical, text, length, out)) {
        *decoded = FALSE;
        return TRUE;
    }
    return canonical != NULL && decode_as(canonical, text, length, bad, out);
}

static gboolean
decode_utf16(const char *text, gsize length, enum charset_mode mode, GString *out)
{
    int order = utf16_order((const guint8 *)text, length);

    if (order == 0)
        return FALSE;
    if (!charset_utf16_decode(text, length, order > 0, CHARSET_BAD_FAILS, out)) {
        g_string_truncate(out, 0);
        return FALSE;
    }
    if (mode != CHARSET_CHARACTERS) { /* the octets are handed on as they came */
        g_string_truncate(out, 0);
        g_string_append_len(out, text, (gssize)length);
    }
    return TRUE;
}

GString *
charset_normalize(const char *text, gsize length, const char *declared, enum charset_mode mode, gboolean *decoded)
{
    gboolean unused, ascii = bytes_are_ascii(text, length), insist = mode == CHARSET_AS_DECLARED, done = FALSE;
    static const char *const us[] = { "ascii", "us-ascii", NULL };
    GString *out;

    decoded = decoded != NULL ? decoded : &unused;
    *decoded = !ascii;
    if ((ascii && holds_ascii(declared)) || (!ascii && !insist && charset_is_utf8(text, length)))
        return g_string_new_len(text, (gssize)length);
    out = g_string_sized_new(length + length / 2);
    *decoded = TRUE;
    if (is_utf16_name(declared))
        done = decode_utf16(text, length, mode, out);
    else if (insist || !is_one_of(declared, us))
        done = decode_declared(declared, text, length, mode, out, decoded);
    if (!done)
        *decoded = !ascii;
    if (!done && ascii)
        g_string_append_len(out, text, (gssize)length);
    else if (!done)
        decode_as("cp1252", text, length, is_common_1252(text, length) ? CHARSET_BAD_FAILS : CHARSET_BAD_REPLACED, out);
    return out;
}
