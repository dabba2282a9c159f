/* pattern.h: one regular expression of a rule, over bytes, as Perl matches it, on PCRE2's JIT.
 *
 * A pattern is immutable and shared by threads; what a thread needs to match is its matcher. Time is bounded: by steps of one
 * match (PATTERN_STEPS_MAX), and by the matcher's deadline, looked at between matches. */
#pragma once
#include <glib.h>

#define PATTERN_BYTES_MAX (1u << 20)   /* of one pattern's text; expanded replace tags reach 224 KB */
#define PATTERN_STEPS_MAX 10000000u    /* PCRE2's match limit; at about 50 million a second */
#define PATTERN_STACK_MAX (1u << 20)   /* bytes of the JIT's stack */
#define PATTERN_CAPTURES_MAX 64u       /* named groups of one pattern */

#define PATTERN_ERROR pattern_error_quark()
GQuark pattern_error_quark(void);
enum pattern_error { PATTERN_ERROR_SYNTAX, PATTERN_ERROR_TOO_BIG };

struct pattern;
/* text: what Perl's qr// gets, without delimiters; modifiers: the letters after them (i, m, s, x, n count; others that Perl takes
 * are of no effect here), may be NULL. */
struct pattern *pattern_new(const char *text, gsize length, const char *modifiers, GError **error);
void pattern_free(struct pattern *pattern); /* NULL-safe */
/* No match has fewer bytes; a lower bound. */
guint pattern_least_length(const struct pattern *pattern);
/* Names of named groups, NULL-terminated, owned by the pattern; NULL when there are none. */
const char *const *pattern_names(const struct pattern *pattern);

struct matcher;
struct matcher *matcher_new(void); /* for one thread at a time */
void matcher_free(struct matcher *matcher); /* NULL-safe */

enum match { MATCH_NO, MATCH_YES, MATCH_GAVE_UP /* over the limits: not known */ };
/* The first match at or after from. begin_r, end_r may be NULL. */
enum match pattern_match(const struct pattern *pattern, struct matcher *matcher, const char *subject, gsize length, gsize from,
                         gsize *begin_r, gsize *end_r);
/* A match that begins at that offset. */
enum match pattern_match_at(const struct pattern *pattern, struct matcher *matcher, const char *subject, gsize length, gsize at);
/* The matches that Perl's //g loop finds, at most max (0 = no limit); *gave_up_r is set when the limits ended it. */
guint pattern_count(const struct pattern *pattern, struct matcher *matcher, const char *subject, gsize length, guint max,
                    gboolean *gave_up_r);
/* What the named group took in the last match that was found by this matcher with this pattern; NULL when nothing. */
GBytes *pattern_capture(const struct pattern *pattern, struct matcher *matcher, const char *subject, const char *name);
