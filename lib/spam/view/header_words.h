/* header_words.h: a field body as SpamAssassin decodes it (Node.pm, _decode_header): RFC 2047 words and raw 8-bit text.
 *
 * More lenient than RFC 2047: words may stand anywhere, split characters are joined across adjacent words of one charset. */
#pragma once
#include <glib.h>

/* New UTF-8 string of an unfolded value; some fields (Received, Message-ID, List-.. ) keep their words as they are. Linear. */
GString *header_words_decode(const char *value, gsize length, const char *name, gsize name_length);
