/* charset_escape.c: charsets that switch by escapes, as Encode has them: ISO-2022-JP and -KR (RFC 1468, 1557), HZ (RFC 1843).
 *
 * The switched runs are turned into their EUC form and read by its table; nothing ever fails but broken HZ pairs. */
#include <string.h>
#include "lib/spam/view/charset_private.h"

static void
raise_bits(GString *out, const char *s, gsize n)
{
    for (gsize i = 0; i < n; i++)
        g_string_append_c(out, s[i] >= 0x21 && s[i] <= 0x7e ? (char)(s[i] | 0x80) : s[i]);
}

enum { SET_ASCII, SET_0208, SET_0212, SET_KANA, SET_NONE };

/* The character set that an escape at s designates; *used is the escape's length. */
static int
designated(const char *s, gsize n, gsize *used)
{
    static const struct {
        const char *escape;
        int set;
    } escapes[] = { { "\033$(D", SET_0212 }, { "\033$@", SET_0208 },  { "\033$B", SET_0208 }, { "\033&@\033$B", SET_0208 },
                    { "\033(B", SET_ASCII }, { "\033(J", SET_ASCII }, { "\033(I", SET_KANA } };

    for (gsize i = 0; i < G_N_ELEMENTS(escapes); i++) {
        *used = strlen(escapes[i].escape);
        if (*used <= n && memcmp(s, escapes[i].escape, *used) == 0)
            return escapes[i].set;
    }
    return SET_NONE;
}

static void
add_run(GString *euc, int set, const char *s, gsize n)
{
    g_autoptr(GString) raised = g_string_sized_new(n);

#ifdef POSTERN_PLANTED_BUGS
    if (set == SET_KANA && n == 3) {
        guint8 *three = g_malloc(3); /* one too many */
        memcpy(three, s, n + 1);
        g_free(three);
    }
#endif
    if (set == SET_ASCII) {
        g_string_append_len(euc, s, (gssize)n);
        return;
    }
    raise_bits(raised, s, n);
    for (gsize i = 0; i < raised->len; i++) {
        guint8 c = (guint8)raised->str[i], next = i + 1 < raised->len ? (guint8)raised->str[i + 1] : 0;
        if (set == SET_KANA && c >= 0xa1 && c <= 0xdf)
            g_string_append_c(euc, (char)0x8e);
        if (set == SET_0212 && c >= 0xa1 && c <= 0xfe && next >= 0xa1 && next <= 0xfe) {
            g_string_append_c(euc, (char)0x8f);
            g_string_append_c(euc, (char)c);
            c = next;
            i++;
        }
        g_string_append_c(euc, (char)c);
    }
}

static void
decode_jp(const char *text, gsize length, GString *out)
{
    g_autoptr(GString) euc = g_string_sized_new(length);
    int set = SET_ASCII;
    gsize i = 0, n = 0;

    while (n < length && ((guint8)text[n] & 0x80) == 0) /* 8-bit text ends it */
        n++;
    while (i < n) {
        const char *escape = memchr(text + i, '\033', n - i);
        gsize end = escape != NULL ? (gsize)(escape - text) : n, used;
        add_run(euc, set, text + i, end - i);
        if (escape == NULL)
            break;
        set = designated(escape, n - end, &used);
        if (set == SET_NONE) /* an unknown escape ends it too */
            break;
        i = end + used;
    }
    charset_table_decode(charset_table_find("euc-jp"), euc->str, euc->len, CHARSET_BAD_QUOTED, out);
}

/* Without the designators, with runs between shift-out and shift-in raised, up to an escape that is left. */
static void
decode_kr(const char *text, gsize length, GString *out)
{
    g_autoptr(GString) plain = g_string_sized_new(length), euc = g_string_sized_new(length);

    for (gsize i = 0; i < length; i++) {
        if (i + 4 <= length && memcmp(text + i, "\033$)C", 4) == 0)
            i += 3;
        else
            g_string_append_c(plain, text[i]);
    }
    for (gsize i = 0; i < plain->len;) {
        const char *end = plain->str[i] == '\x0e' ? memchr(plain->str + i, '\x0f', plain->len - i) : NULL;
        if (plain->str[i] == '\x0e' && end == NULL) { /* never closed: all that is left stays */
            g_string_append_len(euc, plain->str + i, (gssize)(plain->len - i));
            break;
        }
        if (end == NULL) {
            g_string_append_c(euc, plain->str[i++]);
            continue;
        }
        gsize run = (gsize)(end - plain->str) - i - 1;
        raise_bits(euc, plain->str + i + 1, run);
        i += run + 2;
    }
    const char *escape = memchr(euc->str, '\033', euc->len);
    if (escape != NULL)
        g_string_truncate(euc, (gsize)(escape - euc->str));
    charset_table_decode(charset_table_find("euc-kr"), euc->str, euc->len, CHARSET_BAD_QUOTED, out);
}

static gboolean
decode_hz(const char *text, gsize length, enum charset_bad bad, GString *out)
{
    gboolean ascii = TRUE;

    for (gsize i = 0; i < length;) {
        char c = text[i], next = i + 1 < length ? text[i + 1] : '\0';
        if (ascii && c != '~' && ((guint8)c & 0x80) == 0) {
            g_string_append_c(out, c);
            i++;
        } else if (ascii && c == '~' && (next == '~' || next == '\n' || next == '{')) {
            if (next == '~')
                g_string_append_c(out, '~');
            ascii = next != '{';
            i += 2;
        } else if (!ascii && c == '~' && next == '}') {
            ascii = TRUE;
            i += 2;
        } else if (!ascii) {
            g_autoptr(GString) pairs = g_string_new(NULL);
            while (i + 1 < length && text[i] >= 0x21 && text[i] <= 0x77 && text[i + 1] >= 0x21 && text[i + 1] <= 0x7e) {
                raise_bits(pairs, text + i, 2);
                i += 2;
            }
            if (pairs->len == 0)
                break;
            if (!charset_table_decode(charset_table_find("euc-cn"), pairs->str, pairs->len, bad, out))
                return FALSE;
        } else {
            break;
        }
    }
    return TRUE;
}

gboolean
charset_stateful_decode(const char *canonical, const char *text, gsize length, enum charset_bad bad, GString *out,
                        gboolean *known)
{
    *known = TRUE;
    if (g_str_has_prefix(canonical, "iso-2022-jp") || strcmp(canonical, "7bit-jis") == 0)
        decode_jp(text, length, out);
    else if (strcmp(canonical, "iso-2022-kr") == 0)
        decode_kr(text, length, out);
    else if (strcmp(canonical, "hz") == 0)
        return decode_hz(text, length, bad, out);
    else
        return charset_unicode_decode(canonical, text, length, bad, out, known);
    return TRUE;
}
