/* prefilter_atoms.h: where parts of a Hyperscan expression end. Private to lib/spam/engine. Thread-safe. */
#pragma once
#include <glib.h>

/* Behind the class that begins at p; the end of the expression when the class has none. */
const char *atoms_class_end(const char *p);
/* The same; NULL for one that has no end, or one that is easily read in two ways ("[]a]"). */
const char *atoms_sure_class_end(const char *p);
/* Behind a class, an escape or a byte: what a repeat may stand behind, but for groups. */
const char *atoms_end(const char *p);
/* Behind "?", "*", "+", "{n}", "{n,}" or "{n,m}" and how it is tried; p when there is none. *most_r (may be NULL): how often what stands
 * before may come, G_MAXUINT64 without a bound. */
const char *atoms_repeat_end(const char *p, guint64 *most_r);
/* The length of the flags of the whole with which the expression begins, "(?i)"; 0 without. */
gsize atoms_flags_length(const char *expression);
/* Whether blanks and comments may stand among the atoms (x is a flag of it, or of a group): what is said above does not hold then. */
gboolean atoms_are_extended(const char *expression);
