/* perl_syntax.h: a Perl regular expression in PCRE2's syntax, where the two differ: what it means, whether or not Perl warns of it.
 * Whether SpamAssassin takes it is for lib/spam/rules/pattern.c to say. */
#pragma once
#include <glib.h>

/* text is what qr// was given, without delimiters, for byte strings under /aa. Rewritten are: the flags a, d, l, p and u of groups
 * (their meaning is in perl_tables.h), {,n} and blanks in quantifiers (Perl 5.34), \N{U+hex}, \o{octal}, characters above
 * 0xff (which no byte string holds), and escapes of letters that mean nothing in a pattern from a variable (\Q, \L..). NULL with
 * *why_r (static) where there is nothing like it: code, \b{..}, \N{name}, a character above 0xff in a class. *refers_r: whether anything in
 * it may refer to a group by number or name (if not, no group needs to capture). Thread-safe. */
GString *perl_syntax_translate(const char *text, gsize length, gboolean *refers_r, const char **why_r);
/* Whether \c means nothing in a pattern from a variable: Perl warns, and takes the letter for itself. */
gboolean perl_syntax_is_unknown_escape(char c);
