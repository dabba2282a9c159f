/* fuzz_prefilter.c: a pattern and a text, parted by a NUL: where the pattern matches, the prefilter says so; in its rough form, too, and where a
 * match begins. */
#include <string.h>
#include "lib/spam/engine/pattern.h"
#include "lib/spam/engine/prefilter.h"

int LLVMFuzzerTestOneInput(const guint8 *data, size_t size);

static gboolean
is_candidate(const struct prefilter_rule *rule, enum prefilter_kind kind, const char *text, gsize length)
{
    struct prefilter *prefilter = prefilter_new(rule, 1, kind, NULL, NULL, NULL);
    struct prefilter_scratch *scratch = prefilter_scratch_new();
    guint32 candidates[1] = {1};

    if (prefilter != NULL) {
        candidates[0] = 0;
        prefilter_scratch_fit(scratch, prefilter);
        prefilter_scan(prefilter, scratch, text, length, candidates, NULL);
    }
    prefilter_scratch_free(scratch);
    prefilter_free(prefilter);
    return candidates[0] != 0;
}

/* Whether a match that begins there is among those that may. */
static gboolean
is_start(const struct prefilter_rule *rule, const char *text, gsize length, gsize begin)
{
    struct prefilter *prefilter = prefilter_new(rule, 1, PREFILTER_STARTS, NULL, NULL, NULL);
    struct prefilter_scratch *scratch = prefilter_scratch_new();
    g_autoptr(GArray) starts = g_array_new(FALSE, FALSE, sizeof(guint32));
    gboolean known = FALSE, found = FALSE;

    if (prefilter != NULL) {
        prefilter_scratch_fit(scratch, prefilter);
        known = prefilter_starts(prefilter, scratch, text, length, 1000, starts);
    }
    for (guint i = 0; i < starts->len; i++)
        found |= g_array_index(starts, guint32, i) == begin;
    prefilter_scratch_free(scratch);
    prefilter_free(prefilter);
    return found || !known;
}

int
LLVMFuzzerTestOneInput(const guint8 *data, size_t size)
{
    const guint8 *nul = memchr(data, '\0', size);
    struct prefilter_rule rule = {.text = (const char *)data, .length = nul != NULL ? (gsize)(nul - data) : size};
    const char *text = nul != NULL ? (const char *)nul + 1 : "";
    gsize length = nul != NULL ? size - rule.length - 1 : 0;
    struct pattern *pattern = rule.length < 200 ? pattern_new(rule.text, rule.length, NULL, NULL) : NULL;

    if (pattern != NULL) {
        struct matcher *matcher = matcher_new();
        gboolean taken = is_candidate(&rule, PREFILTER_ONE, text, length), roughly = is_candidate(&rule, PREFILTER_ROUGH, text, length);
        gsize begin = 0, end = 0;
        gboolean matches = pattern_match(pattern, matcher, text, length, 0, &begin, &end) == MATCH_YES;
        if (matches && !(taken && roughly))
            g_error("%.*s is left out", (int)rule.length, rule.text);
        if (matches && begin < end && !is_start(&rule, text, length, begin))
            g_error("%.*s does not begin where it does", (int)rule.length, rule.text);
        matcher_free(matcher);
    }
    pattern_free(pattern);
    return 0;
}
