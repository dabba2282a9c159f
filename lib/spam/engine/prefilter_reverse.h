/* prefilter_reverse.h: an expression of Hyperscan written backwards. Private to lib/spam/engine.
 *
 * Hyperscan says where matches end. Of a text that is read backwards, with the expression backwards, these are the places at which matches
 * in the text begin. */
#pragma once
#include <glib.h>

/* expression: as prefilter_syntax gives it. The result matches, in a text backwards, at least what the expression matches in the text: ^, $ and
 * lookarounds are left out. NULL for what it can't read: back references, escapes other than of bytes and classes, odd classes, flags
 * within, the flag x, a hundred groups in each other. Caller frees. Thread-safe. */
char *prefilter_reverse(const char *expression);
