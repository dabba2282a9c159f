/* text_internal.h: what the text files share. Private to lib/mail. */
#pragma once
#include "lib/mail/text.h"

/* text_to_utf8 that also tells (cut_r, may be NULL) whether max left something out. */
const char *text_convert(const void *bytes, gsize length, const char *charset, gsize max, GString *out,
                         gboolean *cut_r);
/* text_html_to_plain, likewise. */
void text_html_convert(const char *html, gsize length, gsize max, GString *out, gboolean *cut_r);
/* The ICU converter name for a declared charset, or NULL for one that says nothing or is not known. Interned
 * or static. */
const char *text_charset_name(const char *charset);
/* The code point of an HTML entity name (without & and ;), 0 when there is none. */
gunichar text_html_entity(const char *name, gsize length);
/* How usual a character is in written text (text_common.c). */
enum text_commonness {
    TEXT_RARE,
    TEXT_COMMON_HANS = 1, /* bits: a character may be in several lists */
    TEXT_COMMON_HANT = 2,
    TEXT_COMMON_KANJI = 4,
    TEXT_COMMON_HANGUL = 8
};
guint text_commonness(gunichar c);
