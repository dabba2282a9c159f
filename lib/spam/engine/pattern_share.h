/* pattern_share.h: a pattern made smaller by naming what repeats in it.
 *
 * PCRE2 holds a compiled pattern in 64 KiB (with Debian's link size), which rules with expanded replace tags pass: the same group
 * stands in them dozens of times. Here each such group is defined once and called. */
#pragma once
#include <glib.h>

/* pattern: in PCRE2's syntax. Groups without captures that occur more than once, as the same text, or are repeated by {n,m}, are
 * replaced by (?&..) and defined at the end; NULL when there are none. captures: whether "(" captures; if not, compile the result
 * with PCRE2_NO_AUTO_CAPTURE. Meaning and capture numbers stay, as long as flags are not switched outside of groups after the
 * beginning. Thread-safe. */
GString *pattern_share(const GString *pattern, gboolean captures);
