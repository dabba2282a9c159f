/* prefilter.h: which of many patterns can match a text at all, found in one pass by Hyperscan (or Vectorscan).
 *
 * What it says is never too little and often too much: a candidate must be matched by its pattern (pattern.h); what is no
 * candidate need not be. Patterns that the library can't take are looked for in a rough form (prefilter_rough.h); those that have none
 * are candidates always.
 *
 * Compiling takes long (three quarters of a minute for SpamAssassin's rules), so the result is kept in a folder, in a file named by the
 * patterns, the library's version and the processor's features. A file that can't be read back is made anew. */
#pragma once
#include <glib.h>

#define PREFILTER_PATTERN_MAX 4000u /* bytes of a pattern, after translation: larger ones compile for minutes */
#define PREFILTER_RULES_MAX 100000u

#define PREFILTER_ERROR prefilter_error_quark()
GQuark prefilter_error_quark(void);
enum prefilter_error { PREFILTER_ERROR_COMPILE, PREFILTER_ERROR_NOT_CACHED };

struct prefilter_rule {
    const char *text;      /* as pattern_new takes it */
    gsize length;
    const char *modifiers; /* may be NULL */
};

enum prefilter_kind {
    PREFILTER_ONE,   /* each text is scanned by itself */
    PREFILTER_JOINED, /* many texts are scanned as one, with line ends between them: ^, $, \A, \z and \Z hold at each */
    PREFILTER_STARTS, /* of one pattern, to see where matches may begin: prefilter_starts */
    PREFILTER_ROUGH   /* as PREFILTER_ONE, but all patterns in their rough form only: for tests of it */
};

struct prefilter;
/* cache: a folder that is there and may be written, or NULL. *was_cached_r (may be NULL): whether it was found there. Immutable and
 * thread-safe afterwards. NULL and error when there is no memory for it or the processor is too old (SSE 4.2). */
struct prefilter *prefilter_new(const struct prefilter_rule *rules, guint n_rules, enum prefilter_kind kind, const char *cache,
                                gboolean *was_cached_r, GError **error);
/* The same, but only from the cache: NULL with PREFILTER_ERROR_NOT_CACHED when it is not there. */
struct prefilter *prefilter_cached(const struct prefilter_rule *rules, guint n_rules, enum prefilter_kind kind, const char *cache,
                                   GError **error);
void prefilter_free(struct prefilter *prefilter); /* NULL-safe */
/* Rules that are candidates always. */
guint prefilter_untaken(const struct prefilter *prefilter);
gboolean prefilter_is_untaken(const struct prefilter *prefilter, guint rule);
gsize prefilter_bytes(const struct prefilter *prefilter); /* memory of the database */

/* What a thread needs to scan, with one or several prefilters. */
struct prefilter_scratch;
struct prefilter_scratch *prefilter_scratch_new(void);
/* Makes it fit for this prefilter, too. */
void prefilter_scratch_fit(struct prefilter_scratch *scratch, const struct prefilter *prefilter);
void prefilter_scratch_free(struct prefilter_scratch *scratch); /* NULL-safe */

#define PREFILTER_WORDS(n_rules) (((n_rules) + 31u) / 32u)
/* Sets the bits of the candidates in candidates (PREFILTER_WORDS guint32, bit r % 32 of word r / 32); leaves the others. ends_r (n_rules of
 * them, may be NULL) gets, for each candidate, an offset in the text before which no match of the rule ends. */
void prefilter_scan(const struct prefilter *prefilter, struct prefilter_scratch *scratch, const char *text, gsize length,
                    guint32 *candidates, guint32 *ends_r);
/* The same of many texts that were joined (PREFILTER_JOINED), of which the i-th is from begins[i] to the next one's begin, with the line ends
 * behind it. Those of ASCII are told apart from the others, which cost more. */
void prefilter_scan_joined(const struct prefilter *prefilter, struct prefilter_scratch *scratch, const char *text, gsize length,
                           const gsize *begins, guint n_begins, guint32 *candidates, guint32 *ends_r);
/* Of PREFILTER_STARTS, with one rule: puts the offsets at which a match in the text may begin into starts (guint32), sorted, each once. FALSE:
 * they are not known, or more than most. */
gboolean prefilter_starts(const struct prefilter *prefilter, struct prefilter_scratch *scratch, const char *text, gsize length, guint most,
                          GArray *starts);
