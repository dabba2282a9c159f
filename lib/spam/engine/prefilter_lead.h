/* prefilter_lead.h: expressions that begin with words of any letters. Private to lib/spam/engine.
 *
 * "[a-z]+teen percent of" makes Hyperscan take a step for every byte of a text, since every word may be the beginning of a match; " percent of"
 * is a literal, which it looks for tens of bytes at a time. */
#pragma once
#include <glib.h>

/* What stands behind the run of letters with which the expression begins: it matches at least wherever the expression does, ending at the same
 * byte. NULL: it begins otherwise, or with ^, or what is behind refers to what is before. Caller frees. Thread-safe. */
char *prefilter_without_lead(const char *expression);
