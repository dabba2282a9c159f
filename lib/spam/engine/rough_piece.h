/* rough_piece.h: pieces of the expressions that prefilter_rough writes, and what puts them together. Private to lib/spam/engine.
 *
 * Each knows its expression and what bytes it may hold, so that what holds it can put something rougher in its place. */
#pragma once
#include <glib.h>

#define ROUGH_ENDLESS G_MAXUINT32

struct byte_set { /* of bytes */
    guint64 bits[4];
};

/* What was read: an expression, and which strings of bytes it stands for. */
struct rough_piece {
    GString *text;
    struct byte_set first, rest; /* bytes that may come first, and later */
    guint32 least, most;    /* bytes */
    guint32 positions;      /* about how many states the expression needs */
    gboolean cut;           /* the end was left out: nothing may follow */
    gboolean never;         /* stands for no string at all */
    gboolean ends;          /* there is a "$" in it */
    gboolean bare;          /* only bytes: nothing that looks at where it is */
};

void byte_set_add(struct byte_set *set, guint c);
gboolean byte_set_has(const struct byte_set *set, guint c);
void byte_set_join(struct byte_set *set, const struct byte_set *other);
void byte_set_invert(struct byte_set *set);
/* Adds the other case of each letter, as Perl folds Latin-1. */
void byte_set_fold(struct byte_set *set);
/* As a class, or a byte. */
void byte_set_write(GString *out, const struct byte_set *set);

struct rough_piece rough_nothing(void);
/* Something that takes no bytes. */
struct rough_piece rough_assertion(const char *text);
/* piece, and next behind it; takes next over. */
void rough_append(struct rough_piece *piece, struct rough_piece next);
/* piece or other; takes other over. */
void rough_alternate(struct rough_piece *piece, struct rough_piece other);
/* Rows of bytes, one byte among them, as a replace tag writes a letter: "[first][rest]*" has far fewer states and matches not much more. */
void rough_reduce(struct rough_piece *piece);
/* In a group of its own. */
void rough_enclose(struct rough_piece *piece);
/* At most ROUGH_ENDLESS. */
guint32 rough_product(guint32 a, guint32 b);
