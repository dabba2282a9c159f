/* ascii.h: whether bytes are ASCII, looked at many at once. Pure, thread-safe. */
#pragma once
#include <glib.h>
#include <string.h>

/* Whether no byte is above 0x7f. */
static inline gboolean
bytes_are_ascii(const char *text, gsize length)
{
    guint64 high = 0, word;
    gsize i = 0;

    for (; i + 32 <= length; i += 32) {
        for (gsize at = i; at < i + 32; at += sizeof word) {
            memcpy(&word, text + at, sizeof word);
            high |= word;
        }
        if ((high & G_GUINT64_CONSTANT(0x8080808080808080)) != 0)
            return FALSE;
    }
    for (; i < length; i++)
        high |= (guint8)text[i];
    return (high & 0x80) == 0;
}
