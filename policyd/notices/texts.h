/* texts.h: what notices to users say: a site's own text, or a built-in one in English or Traditional Chinese, with values filled in. */
#pragma once
#include <glib.h>

#define TEXTS_MAX 65536u /* bytes of a file, and of what is made of it */

enum text_language { TEXT_EN, TEXT_ZH_TW, TEXT_LANGUAGES };
/* Of the built-in texts, and of the words that are put in; English for a language that has none. */
enum text_language texts_builtin(const char *language);

struct text_kind {
    const char *name;                     /* of its files: over for over.txt */
    const char *builtins[TEXT_LANGUAGES]; /* "Subject: ..\n\n.." */
};
/* What is put in: an array that the caller frees by g_array_unref. name: a literal, with its braces, as "{used}". value is taken over; controls
 * in it and what turns text around become "?", and 400 characters of it are used at most. */
GArray *text_values_new(void);
void text_values_add(GArray *values, const char *name, char *value);

struct text {
    char *subject, *body; /* UTF-8 */
};
void text_clear(struct text *text);

/* The language for a domain: languages are items "DOMAIN=LANGUAGE", else dflt. The pointer is into these. */
const char *texts_language(char *const *languages, const char *dflt, const char *domain);
/* folder: DOMAIN/LANGUAGE/KIND.txt in it, then default/LANGUAGE/KIND.txt; then the built-in text. A file that can't be used is passed over,
 * with a warning in the log. "" or one that isn't there: the built-in one. Names without a value stay as they are, and what a value brings in
 * is not looked at again. Reads files. */
void texts_make(const char *folder, const char *domain, const char *language, const struct text_kind *kind, const GArray *values,
                struct text *text_r);
