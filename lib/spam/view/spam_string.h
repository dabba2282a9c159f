/* spam_string.h: byte strings that know whether their bytes stand for characters, as Perl's strings do.
 *
 * What a pattern means depends on it: in characters, \s, \w, \d and the other case are Unicode's; in bytes they are ASCII's.
 * Bytes joined with characters become characters, each byte one of Latin-1's. Characters are UTF-8 here; malformed UTF-8 is
 * read leniently (a byte that fits nowhere is a character of its own), never past the end. Thread-safe: no shared state.
 *
 * For texts that are put together, of HTML; perl_text.h says how its slices differ from these. */
#pragma once
#include <glib.h>

/* Characters (then text is their UTF-8) or plain bytes. */
struct spam_string {
    GString *text;
    gboolean is_chars;
};

/* The same, of memory that somebody else owns. */
struct spam_slice {
    const char *data;
    gsize length; /* bytes */
    gboolean is_chars;
};

struct spam_string *spam_string_new(struct spam_slice slice);
void spam_string_free(gpointer string); /* NULL-safe; for GDestroyNotify */
struct spam_slice spam_string_slice(const struct spam_string *string);
/* Appends; whichever of the two is bytes becomes characters when the other is characters. */
void spam_string_append(struct spam_string *string, struct spam_slice slice);
void spam_string_to_chars(struct spam_string *string);
/* FALSE when a character has no byte: nothing was changed. */
gboolean spam_string_to_bytes(struct spam_string *string);

/* Appends bytes as characters of Latin-1. */
void spam_latin1_append(GString *out, const char *bytes, gsize length);
/* TRUE when the bytes are UTF-8 as Perl takes it: also surrogates and numbers above Unicode, never overlong. */
gboolean spam_utf8_valid(const char *bytes, gsize length);

/* The character at p (p < end), and the bytes that it takes in *size. */
guint32 spam_char_next(const char *p, const char *end, gboolean is_chars, gsize *size);
/* Where the character before p begins (p > start). */
const char *spam_char_before(const char *start, const char *p, gboolean is_chars);
gboolean spam_char_is_space(guint32 c, gboolean is_chars); /* \s */
gboolean spam_char_is_word(guint32 c, gboolean is_chars);  /* \w */
gboolean spam_char_is_digit(guint32 c, gboolean is_chars); /* \d */
/* Lower case of ASCII, and of the two characters beyond it that fold to ASCII letters (long s, Kelvin), under (?i). */
guint32 spam_char_fold(guint32 c, gboolean is_chars);

gsize spam_slice_chars(struct spam_slice slice); /* length in characters */
struct spam_slice spam_slice_trim(struct spam_slice slice); /* without \s at both ends */
/* If text begins, under (?i), with word (lower-case ASCII): the bytes that it takes; else 0. */
gsize spam_slice_folds(const char *p, const char *end, gboolean is_chars, const char *word);
