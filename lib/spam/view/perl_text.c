/* perl_text.c: bytes and characters as Perl tells them apart. */
#include "lib/spam/view/perl_text.h"
#include <string.h>
#include "lib/spam/view/bytes.h"

gunichar
perl_text_char(struct perl_text text, gsize offset, gsize *size_r)
{
    guint8 first = (guint8)text.at[offset];

    *size_r = 1;
    if (!text.is_chars || first < 0x80)
        return first;
    gunichar c = g_utf8_get_char_validated(text.at + offset, (gssize)(text.length - offset));
    if (c == (gunichar)-1 || c == (gunichar)-2)
        return first;
    *size_r = (gsize)g_unichar_to_utf8(c, NULL);
    return c;
}

struct perl_text
perl_text_strip(struct perl_text text)
{
    gsize size;

    while (text.length > 0 && perl_is_space(perl_text_char(text, 0, &size), text.is_chars)) {
        text.at += size;
        text.length -= size;
    }
    while (text.length > 0) {
        gsize last = text.length - 1;

        while (text.is_chars && last > 0 && ((guint8)text.at[last] & 0xc0) == 0x80 && text.length - last < 4)
            last--;
        if (!perl_is_space(perl_text_char(text, last, &size), text.is_chars))
            break;
        text.length = last;
    }
    return text;
}

gsize
perl_text_count(struct perl_text text)
{
    gsize count = 0;

    if (!text.is_chars)
        return text.length;
    for (gsize i = 0, size; i < text.length; i += size, count++)
        perl_text_char(text, i, &size);
    return count;
}

gsize
perl_text_prefix(struct perl_text text, gsize count)
{
    gsize i = 0;

    if (!text.is_chars || count >= text.length)
        return MIN(count, text.length);
    for (gsize size; i < text.length && count > 0; i += size, count--)
        perl_text_char(text, i, &size);
    return i;
}

gboolean
perl_text_is_ascii(struct perl_text text)
{
    return bytes_are_ascii(text.at, text.length);
}

void
perl_text_append_key(GString *key, struct perl_text text)
{
    if (perl_text_is_ascii(text)) {
        g_string_append_len(key, text.at, (gssize)text.length);
        return;
    }
    for (gsize i = 0, size; i < text.length; i += size)
        g_string_append_unichar(key, perl_text_char(text, i, &size));
}

GString *
perl_text_key(struct perl_text text)
{
    GString *key = g_string_sized_new(text.length + 1);

    perl_text_append_key(key, text);
    return key;
}

struct perl_text
perl_text_slice(struct perl_text text, gsize from, gsize to)
{
    return (struct perl_text){text.at + from, to - from, text.is_chars};
}

gsize
perl_text_find(struct perl_text text, gsize from, const char *bytes)
{
    for (; from < text.length; from++)
        for (const char *byte = bytes; *byte != '\0'; byte++) /* few */
            if (*byte == text.at[from])
                return from;
    return from;
}
