/* repeats.h: a look before large patterns that want the same thing several times over, (?:X){n,}: where may a match of X begin?
 *
 * Such patterns (forms to fill in: a hundred words, five times) are too large for the prefilter, which then looks for a rough form of
 * their beginning and finds it nearly everywhere, and tens of times slower to match than others. X alone is no trouble to Hyperscan: the
 * whole matches only where X does, and n - 1 others follow. Private to lib/spam/engine. */
#pragma once
#include "lib/spam/engine/engine.h"
#include "lib/spam/engine/prefilter.h"

#define REPEATS_PATTERN_MIN 500u /* bytes: smaller patterns are matched as fast as looked at here */

struct repeats;
/* rules: const struct spam_rule *, of one kind. Sets *repeats_r, to NULL when none of them is such a one. cache: as of prefilter_new;
 * FALSE with the error of the prefilter; with ENGINE_CACHED, FALSE also when it is not in the cache. Immutable, thread-safe. */
gboolean repeats_make(struct repeats **repeats_r, const GPtrArray *rules, enum engine_start start, const char *cache, GError **error);
void repeats_free(struct repeats *repeats); /* NULL-safe */
void repeats_fit(const struct repeats *repeats, struct prefilter_scratch *scratch); /* NULL-safe: so that it can be scanned with */

/* The texts of one list, as one. */
struct repeats_texts {
    const char *whole; /* with a line end after each */
    gsize length;
    const GArray *begins; /* gsize: where each begins, those that are in it */
};

/* What was found in them: looked for when a rule asks. */
struct repeats_seen {
    GArray *starts;       /* guint32: offsets in the texts at which X may begin, by X */
    GArray *parts;        /* struct repeats_part: by X */
    GArray *found;        /* guint32: those of one X */
};
void repeats_seen_init(struct repeats_seen *seen);
void repeats_seen_clear(struct repeats_seen *seen);
void repeats_begin(const struct repeats *repeats, struct repeats_seen *seen); /* of another list; NULL-safe */
/* Where in that text of them a match of rules[rule] may begin: *n_r offsets in the joined texts, sorted, good until the next call. FALSE:
 * anywhere, as for rules that are not such, and without repeats. */
gboolean repeats_starts(const struct repeats *repeats, struct repeats_seen *seen, struct prefilter_scratch *scratch, guint rule, guint text,
                        const struct repeats_texts *texts, const guint32 **starts_r, guint *n_r);

/* X with the flags before it, and n; NULL for patterns of another form. Caller frees; for repeats_make and tests. */
char *repeats_split(const char *pattern, guint *least_r);
