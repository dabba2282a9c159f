/* bytes.h: what Perl's classes and tests mean for bytes, for the parts of the view. Pure, thread-safe. */
#pragma once
#include <glib.h>
#include <string.h>
#include "lib/base/ascii.h"

/* \s */
static inline gboolean
byte_is_space(char c)
{
    return c == ' ' || (c >= '\t' && c <= '\r');
}

/* \w */
static inline gboolean
byte_is_word(char c)
{
    return g_ascii_isalnum(c) || c == '_';
}

/* Whether c is one of set's characters (NUL never is). */
static inline gboolean
byte_in(char c, const char *set)
{
    return c != '\0' && strchr(set, c) != NULL;
}

/* How many of the bytes from text on are certainly printable ASCII: a multiple of 8, not always all that are. */
static inline gsize
bytes_printable(const char *text, gsize length)
{
    const guint64 each = G_GUINT64_CONSTANT(0x0101010101010101);
    gsize i = 0;

    for (guint64 word; i + sizeof word <= length; i += sizeof word) {
        memcpy(&word, text + i, sizeof word);
        if (((word | (word - each * 0x20) | (word + each)) & each * 0x80) != 0) /* above 0x7f, below 0x20 (or behind one), 0x7f */
            break;
    }
    return i;
}

/* What Perl takes for false: "" and "0". */
static inline gboolean
bytes_is_false(const GString *s)
{
    return s->len == 0 || (s->len == 1 && s->str[0] == '0');
}

static inline void
bytes_free(GString *s)
{
    g_string_free(s, TRUE);
}

static inline char
byte_lower(char c)
{
    return c >= 'A' && c <= 'Z' ? (char)(c + ('a' - 'A')) : c;
}

/* ASCII letters in lower case, in new memory. */
static inline GString *
bytes_lower(const char *text, gsize length)
{
    GString *lower = g_string_new_len(text, (gssize)length);

    for (gsize i = 0; i < length; i++)
        lower->str[i] = byte_lower(lower->str[i]);
    return lower;
}
