/* fold.h: text to the form in which words are compared: NFKC, case folded, accents off; and character classes.
 *
 * What folds together: full-width and half-width forms, ligatures, circled digits and the like (NFKC); capital
 * and small letters; Latin, Greek and Cyrillic letters with and without accents. Invisible characters
 * (soft hyphen, zero-width joiner, byte order mark) vanish. Traditional and Simplified Chinese are folded by
 * fold_simplify, apart, since quoted phrases ask for the exact character.
 * A folder belongs to one thread at a time; the other functions are thread-safe. */
#pragma once
#include <glib.h>

/* Kept in every index file: text folded by one version is only found by queries folded by the same. */
#define FOLD_VERSION 2

enum fold_class {
    FOLD_SEPARATOR, /* white space, punctuation, symbols, what isn't UTF-8 */
    FOLD_WORD,      /* letters, digits, marks of scripts that put spaces between words */
    FOLD_HAN,       /* ideographs, kana, bopomofo, and the private use area (user-made name characters) */
    FOLD_HANGUL,
    FOLD_COMPLEX,   /* Thai, Lao, Khmer, Burmese: no spaces between words; ICU's dictionaries find them */
};
enum fold_class fold_class_of(gunichar c);
/* The simplified form of a Traditional character, else c itself. */
gunichar fold_simplify(gunichar c);
/* TRUE when another character has c as its simplified form. */
gboolean fold_is_simplified(gunichar c);

/* One code point of at most left (> 0) bytes; returns how many bytes it takes. Bytes that aren't UTF-8 give
 * U+FFFD and length 1. */
gsize fold_decode(const char *s, gsize left, gunichar *c_r);
/* Puts c at s (4 bytes of room) and returns its length. */
gsize fold_encode(gunichar c, char *s);

/* From folded offset out on, offsets correspond to source offset in: byte by byte when linear, else all up
 * to the next mark's to the source bytes up to the next mark's. */
struct fold_mark {
    gsize out, in;
    gboolean linear;
};

struct folder;
struct folder *folder_new(void);
void folder_free(struct folder **folder);
/* Appends the folded text to out. marks (of struct fold_mark, ascending) may be NULL. Runs of 60 and more
 * characters that look like base64 are left out (a space stands for them): nobody searches them, and each
 * would be a new word in the index. */
void folder_run(struct folder *folder, const char *text, gsize length, GString *out, GArray *marks);
