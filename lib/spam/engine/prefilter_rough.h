/* prefilter_rough.h: a rough form of a pattern that Hyperscan can't take as it is. Private to lib/spam/engine. */
#pragma once
#include <glib.h>

/* pattern: as perl_syntax_translate gives it. The result is an expression of Hyperscan, to be taken without flags (HS_FLAG_DOTALL and the like
 * are written out), that matches wherever the pattern matches, ending there or before; and often elsewhere: lookarounds and what stands
 * behind the first least_max bytes are left out, counted repeats become endless, and alternatives that are bytes in rows, such as those of
 * a replace tag, become one class and the repeat of another. caseless: as by /i. lines: ^, $, \A and \z hold at each line. ascii: only texts
 * of bytes below 128 count, which makes far less of most patterns; empty when it matches none of them. NULL where
 * that can't be said, or where nothing is left. *positions_r: about how many states it needs. Thread-safe. */
GString *prefilter_rough(const GString *pattern, gboolean caseless, gboolean lines, gboolean ascii, guint least_max, guint *positions_r);
