/* uri_text.c: a URI's text of its own. */
#include "lib/spam/view/uri_canon.h"

struct uri_text *
uri_text_new(struct perl_text text)
{
    struct uri_text *copy = g_new(struct uri_text, 1);
    GString *bytes = g_string_new_len(text.at, (gssize)text.length);

    copy->length = bytes->len;
    copy->bytes = g_string_free(bytes, FALSE);
    copy->is_chars = text.is_chars && !perl_text_is_ascii(text);
    return copy;
}

void
uri_text_free(struct uri_text *text)
{
    g_free(text->bytes);
    g_free(text);
}

struct perl_text
uri_text_view(const struct uri_text *text)
{
    return (struct perl_text){text->bytes, text->length, text->is_chars};
}
