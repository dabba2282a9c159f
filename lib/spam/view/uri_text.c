/* uri_text.c: a URI's text of its own. */
#include "lib/spam/view/uri_canon.h"
#include <string.h>
#include "lib/spam/view/bytes.h"

/* In one block of memory. */
struct uri_text *
uri_text_new(struct perl_text text)
{
    struct uri_text *copy = g_malloc(sizeof *copy + text.length + 1);

    copy->bytes = (char *)(copy + 1);
    copy->length = text.length;
    copy->is_chars = text.is_chars && !perl_text_is_ascii(text);
    memcpy(copy->bytes, text.at, text.length);
    copy->bytes[text.length] = '\0';
    return copy;
}

void
uri_text_free(struct uri_text *text)
{
    g_free(text);
}

/* ASCII, by words. */
static guint
ascii_hash(const char *at, gsize length)
{
    guint64 hash = length, word;

    for (gsize n; length > 0; at += n, length -= n) {
        n = MIN(length, sizeof word);
        word = 0;
        memcpy(&word, at, n);
        hash = (hash ^ word) * G_GUINT64_CONSTANT(0x9e3779b97f4a7c15);
        hash ^= hash >> 29;
    }
    return (guint)(hash ^ hash >> 32);
}

guint
uri_text_hash(gconstpointer text)
{
    struct perl_text view = uri_text_view(text);
    guint hash = 5381;

    if (bytes_are_ascii(view.at, view.length))
        return ascii_hash(view.at, view.length);
    for (gsize i = 0, size; i < view.length; i += size)
        hash = hash * 33 + perl_text_char(view, i, &size);
    return hash;
}

gboolean
uri_text_equal(gconstpointer a, gconstpointer b)
{
    const struct uri_text *one = a, *other = b;

    if (one->length == other->length && one->is_chars == other->is_chars && memcmp(one->bytes, other->bytes, one->length) == 0)
        return TRUE;
    if (!one->is_chars && !other->is_chars)
        return FALSE;
    g_autoptr(GString) key = perl_text_key(uri_text_view(one)), other_key = perl_text_key(uri_text_view(other));
    return g_string_equal(key, other_key);
}

struct perl_text
uri_text_view(const struct uri_text *text)
{
    return (struct perl_text){text->bytes, text->length, text->is_chars};
}
