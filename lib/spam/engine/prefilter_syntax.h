/* prefilter_syntax.h: a pattern in the syntax of Hyperscan. Private to lib/spam/engine. */
#pragma once
#include <glib.h>

/* pattern: as perl_syntax_translate gives it. The result matches at least what the pattern matches: Hyperscan folds the case of
 * ASCII only, so a Latin-1 letter becomes both of its cases. NULL where that can't be said. Thread-safe. */
GString *prefilter_syntax(const GString *pattern);
/* The expression with counted repeats made endless, which matches all that it matches, and costs far less where they are large. */
char *prefilter_relax(const char *expression);
