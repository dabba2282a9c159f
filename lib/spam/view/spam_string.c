/* spam_string.c: strings of bytes or characters, and what \s, \w and \d mean in them. */
#include "lib/spam/view/spam_string.h"
#include <string.h>
#include <unicode/uchar.h>
#include "lib/spam/view/bytes.h"

#define BEYOND_UNICODE 0x7fffffffu /* stands for any number above U+10FFFF: it has no properties */

struct spam_string *
spam_string_new(struct spam_slice slice)
{
    struct spam_string *string = g_new(struct spam_string, 1);

    string->text = g_string_new_len(slice.data, (gssize)slice.length);
    string->is_chars = slice.is_chars;
    return string;
}

void
spam_string_free(gpointer string)
{
    struct spam_string *self = string;

    if (self == NULL)
        return;
    g_string_free(self->text, TRUE);
    g_free(self);
}

struct spam_slice
spam_string_slice(const struct spam_string *string)
{
    return (struct spam_slice){string->text->str, string->text->len, string->is_chars};
}

void
spam_latin1_append(GString *out, const char *bytes, gsize length)
{
    if (bytes_are_ascii(bytes, length)) {
        g_string_append_len(out, bytes, (gssize)length);
        return;
    }
    for (gsize i = 0; i < length; i++) {
        guint8 c = (guint8)bytes[i];

        if (c < 0x80) {
            g_string_append_c(out, (char)c);
        } else {
            g_string_append_c(out, (char)(0xc0 | c >> 6));
            g_string_append_c(out, (char)(0x80 | (c & 0x3f)));
        }
    }
}

void
spam_string_to_chars(struct spam_string *string)
{
    if (!string->is_chars && !bytes_are_ascii(string->text->str, string->text->len)) {
        GString *wide = g_string_sized_new(string->text->len + 16);

        spam_latin1_append(wide, string->text->str, string->text->len);
        g_string_free(string->text, TRUE);
        string->text = wide;
    }
    string->is_chars = TRUE;
}

gboolean
spam_string_to_bytes(struct spam_string *string)
{
    const char *end = string->text->str + string->text->len;
    g_autoptr(GString) bytes = NULL;
    gsize size;

    if (!string->is_chars)
        return TRUE;
    bytes = g_string_sized_new(string->text->len);
    for (const char *p = string->text->str; p < end; p += size) {
        guint32 c = spam_char_next(p, end, TRUE, &size);

        if (c > 0xff)
            return FALSE;
        g_string_append_c(bytes, (char)c);
    }
    g_string_free(string->text, TRUE);
    string->text = g_steal_pointer(&bytes);
    string->is_chars = FALSE;
    return TRUE;
}

void
spam_string_append(struct spam_string *string, struct spam_slice slice)
{
    if (slice.is_chars && !string->is_chars)
        spam_string_to_chars(string);
    if (string->is_chars && !slice.is_chars)
        spam_latin1_append(string->text, slice.data, slice.length);
    else
        g_string_append_len(string->text, slice.data, (gssize)slice.length);
}

/* Bytes that a character with this first byte takes; 1 for bytes that begin none. */
static gsize
sequence_length(guint8 first)
{
    if (first < 0xc2)
        return 1;
    if (first < 0xe0)
        return 2;
    if (first < 0xf0)
        return 3;
    if (first < 0xf8)
        return 4;
    if (first < 0xfc)
        return 5;
    return first < 0xfe ? 6 : first == 0xfe ? 7 : 13;
}

/* The lowest second byte that is not overlong. */
static guint8
second_min(guint8 first)
{
    switch (first) {
    case 0xe0:
        return 0xa0;
    case 0xf0:
        return 0x90;
    case 0xf8:
        return 0x88;
    case 0xfc:
        return 0x84;
    case 0xfe:
        return 0x82;
    default:
        return 0x80;
    }
}

gboolean
spam_utf8_valid(const char *bytes, gsize length)
{
    const guint8 *p = (const guint8 *)bytes;
    const guint8 *end = p + length;

    while (p < end) {
        gsize size = sequence_length(*p);

        if (*p >= 0x80 && (size == 1 || size == 13 || (gsize)(end - p) < size || p[1] < second_min(*p)))
            return FALSE;
        for (gsize i = 1; i < size; i++)
            if ((p[i] & 0xc0) != 0x80)
                return FALSE;
        p += size;
    }
    return TRUE;
}

guint32
spam_char_next(const char *p, const char *end, gboolean is_chars, gsize *size)
{
    const guint8 *u = (const guint8 *)p;
    gsize length = is_chars ? sequence_length(*u) : 1;
    guint32 c = 0;

    *size = 1;
    if (length == 1)
        return *u;
    if ((gsize)(end - p) < length)
        return BEYOND_UNICODE;
    for (gsize i = 1; i < length; i++) {
        if ((u[i] & 0xc0) != 0x80)
            return BEYOND_UNICODE;
        c = c << 6 | (u[i] & 0x3f);
    }
    *size = length;
    if (length > 4)
        return BEYOND_UNICODE;
    return c | (guint32)(*u & (0x7f >> length)) << (6 * (length - 1));
}

const char *
spam_char_before(const char *start, const char *p, gboolean is_chars)
{
    const char *q = p - 1;

    if (!is_chars)
        return q;
    while (q > start && p - q < 13 && ((guint8)*q & 0xc0) == 0x80)
        q--;
    return q + sequence_length((guint8)*q) == p ? q : p - 1;
}

gboolean
spam_char_is_space(guint32 c, gboolean is_chars)
{
    if (c < 0x80)
        return c == ' ' || (c >= '\t' && c <= '\r');
    return is_chars && (c == 0x85 || c == 0xa0 || c == 0x1680 || (c >= 0x2000 && c <= 0x200a) || c == 0x2028 ||
                        c == 0x2029 || c == 0x202f || c == 0x205f || c == 0x3000);
}

gboolean
spam_char_is_word(guint32 c, gboolean is_chars)
{
    if (c < 0x80)
        return g_ascii_isalnum((char)c) || c == '_';
    return is_chars && c <= 0x10ffff &&
           (u_hasBinaryProperty((UChar32)c, UCHAR_ALPHABETIC) ||
            (U_GET_GC_MASK((UChar32)c) & (U_GC_M_MASK | U_GC_ND_MASK | U_GC_PC_MASK)) != 0 ||
            u_hasBinaryProperty((UChar32)c, UCHAR_JOIN_CONTROL));
}

gboolean
spam_char_is_digit(guint32 c, gboolean is_chars)
{
    if (c < 0x80)
        return c >= '0' && c <= '9';
    return is_chars && c <= 0x10ffff && u_isdigit((UChar32)c);
}

guint32
spam_char_fold(guint32 c, gboolean is_chars)
{
    if (c < 0x80)
        return (guint32)g_ascii_tolower((char)c);
    if (is_chars && c == 0x17f)
        return 's';
    return is_chars && c == 0x212a ? 'k' : c;
}

gsize
spam_slice_chars(struct spam_slice slice)
{
    const guint64 each = G_GUINT64_CONSTANT(0x0101010101010101);
    gsize count = slice.length, i = 0; /* less the bytes that go on with a character: 10xxxxxx */

    if (!slice.is_chars)
        return slice.length;
    for (guint64 word; i + sizeof word <= slice.length; i += sizeof word) {
        memcpy(&word, slice.data + i, sizeof word);
        count -= (gsize)((word >> 7 & ~(word >> 6) & each) * each >> 56); /* their sum */
    }
    for (; i < slice.length; i++)
        count -= ((guint8)slice.data[i] & 0xc0) == 0x80;
    return count;
}

struct spam_slice
spam_slice_trim(struct spam_slice slice)
{
    const char *p = slice.data;
    const char *end = slice.data + slice.length;
    gsize size;

    while (p < end && spam_char_is_space(spam_char_next(p, end, slice.is_chars, &size), slice.is_chars))
        p += size;
    while (end > p) {
        const char *last = spam_char_before(p, end, slice.is_chars);

        if (!spam_char_is_space(spam_char_next(last, end, slice.is_chars, &size), slice.is_chars))
            break;
        end = last;
    }
    return (struct spam_slice){p, (gsize)(end - p), slice.is_chars};
}

gsize
spam_slice_folds(const char *p, const char *end, gboolean is_chars, const char *word)
{
    const char *start = p;
    gsize size;

    for (; *word != '\0'; word++, p += size)
        if (p >= end || spam_char_fold(spam_char_next(p, end, is_chars, &size), is_chars) != (guint8)*word)
            return 0;
    return (gsize)(p - start);
}
