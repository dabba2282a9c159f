/* perl_text.h: a stretch of a Perl string, which holds either bytes or characters.
 *
 * What \s, \w, \d and equality mean depends on which: a byte counts as the Latin-1 character of its value, and is no space,
 * digit or word character from 0x80 on; a character is what Unicode says. Characters are held as UTF-8; what is no UTF-8 there
 * reads as single characters. A text doesn't own its bytes, which may hold NULs. Thread-safe.
 *
 * For texts that are cut and compared: of URIs and eval functions. spam_string.h reads the same two kinds of strings otherwise where they are no
 * good UTF-8: surrogates and numbers above Unicode are characters there, as in Perl itself, and here they are single bytes. */
#pragma once
#include "lib/spam/view/spam_string.h"

struct perl_text {
    const char *at;
    gsize length; /* bytes */
    gboolean is_chars;
};

/* The character that begins at offset, and its bytes (at least 1) in *size_r. offset < length. */
gunichar perl_text_char(struct perl_text text, gsize offset, gsize *size_r);

/* Whether Perl's \s, \d or \w matches c. */
static inline gboolean
perl_is_space(gunichar c, gboolean is_chars)
{
    return spam_char_is_space(c, is_chars);
}
static inline gboolean
perl_is_digit(gunichar c, gboolean is_chars)
{
    return spam_char_is_digit(c, is_chars);
}
static inline gboolean
perl_is_word(gunichar c, gboolean is_chars)
{
    return spam_char_is_word(c, is_chars);
}

/* The bytes [from, to) of the text. */
struct perl_text perl_text_slice(struct perl_text text, gsize from, gsize to);

/* Offset of the first byte of `bytes` at or after from; the length where there is none. A NUL is none. */
gsize perl_text_find(struct perl_text text, gsize from, const char *bytes);

/* The text without white space at its ends: s/^\s+//; s/\s+$//. */
struct perl_text perl_text_strip(struct perl_text text);

/* Characters, not bytes. */
gsize perl_text_count(struct perl_text text);

/* The bytes of the text's first `count` characters. */
gsize perl_text_prefix(struct perl_text text, gsize count);

/* What Perl compares: the characters as UTF-8, Latin-1's for bytes. Appends to key. Two texts are equal when their keys are. */
void perl_text_append_key(GString *key, struct perl_text text);

/* perl_text_append_key of a text in a new string. */
GString *perl_text_key(struct perl_text text);

gboolean perl_text_is_ascii(struct perl_text text);
