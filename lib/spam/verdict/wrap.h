/* wrap.h: text broken into lines as SpamAssassin breaks it in reports and header fields.
 *
 * Its ways are kept, the odd ones too: two spaces where a line ends leave an empty line, and a word that is longer than a line
 * stands on a line of its own. Lengths are bytes; a tab counts 8. Linear. Thread-safe. */
#pragma once
#include <glib.h>

struct wrap_style {
    const char *first;   /* begins the first line; NULL or "" for nothing */
    const char *prefix;  /* begins the others */
    double width;        /* of a line; 0 = 77 */
    gboolean overflow;   /* a line may go over the width by its last word */
    gboolean after_comma; /* lines end behind white space and commas; else only white space divides */
};

/* Appends the text. A prefix wider than the width is followed by at least one word (SpamAssassin would never end). */
void wrap_append(GString *out, const char *text, gsize length, const struct wrap_style *style);
