/* texts.h: what notices say: the site's own texts, or the built-in ones in English and Traditional Chinese. */
#pragma once
#include "policyd/quota/levels.h"

#define QUOTA_TEXT_MAX 65536u /* bytes of a file, and of what is made of it */

struct quota_text {
    char *subject, *body; /* UTF-8 */
};
void quota_text_clear(struct quota_text *text);

/* The language for a domain: languages are items "DOMAIN=LANGUAGE", else dflt. The pointer is into these. */
const char *quota_texts_language(char *const *languages, const char *dflt, const char *domain);
/* folder: DOMAIN/LANGUAGE/KIND.txt in it, then default/LANGUAGE/KIND.txt; then the built-in text of the language, then the English one. A
 * file that can't be used is passed over, with a warning in the log. "" or one that isn't there: built-in ones. */
void quota_texts_make(const char *folder, const char *language, enum quota_kind kind, const char *user, const struct quota_root *root,
                      struct quota_text *text_r);
/* Bytes for people: "861 MB", "1.0 GB" (of 1024). Appends. */
void quota_texts_size(GString *out, gint64 bytes);
