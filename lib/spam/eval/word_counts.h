/* word_counts.h: how often each word of a text is there.
 *
 * Words are what white space divides, as far as they have a letter, a digit or an underscore in them, and are told apart by what they are
 * as characters (perl_text.h). A table belongs to one thread. */
#pragma once
#include "lib/spam/view/perl_text.h"

struct word_counts;
struct word_counts *word_counts_new(void);
void word_counts_free(struct word_counts *words); /* NULL-safe */

/* The text's bytes must outlive the table. */
void word_counts_add_text(struct word_counts *words, struct perl_text text);
/* One word, whatever is in it: of characters. It must outlive the table. */
void word_counts_add(struct word_counts *words, const char *word, gsize length);
guint word_counts_size(const struct word_counts *words); /* different words */
/* Different words that are in the one table more often than in the other. */
guint word_counts_more(const struct word_counts *words, const struct word_counts *than);
