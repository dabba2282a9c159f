/* header_words.h: a field body as SpamAssassin decodes it (Node.pm, _decode_header): RFC 2047 words and raw 8-bit text.
 *
 * More lenient than RFC 2047: words may stand anywhere, split characters are joined across adjacent words of one charset. */
#pragma once
#include <glib.h>

/* Whether a value has nothing to be decoded: header_words_decode gives the same. Never TRUE by mistake. */
gboolean header_words_are_plain(const char *value, gsize length);
/* New UTF-8 string of an unfolded value; some fields (Received, Message-ID, List-.. ) keep their words as they are. Linear. */
GString *header_words_decode(const char *value, gsize length, const char *name, gsize name_length);
