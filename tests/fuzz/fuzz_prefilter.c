/* fuzz_prefilter.c: a pattern and a text, parted by a NUL: where the pattern matches, the prefilter says so. */
#include <string.h>
#include "lib/spam/engine/pattern.h"
#include "lib/spam/engine/prefilter.h"

int LLVMFuzzerTestOneInput(const guint8 *data, size_t size);

int
LLVMFuzzerTestOneInput(const guint8 *data, size_t size)
{
    const guint8 *nul = memchr(data, '\0', size);
    struct prefilter_rule rule = {.text = (const char *)data, .length = nul != NULL ? (gsize)(nul - data) : size};
    const char *text = nul != NULL ? (const char *)nul + 1 : "";
    gsize length = nul != NULL ? size - rule.length - 1 : 0;
    struct pattern *pattern = rule.length < 200 ? pattern_new(rule.text, rule.length, NULL, NULL) : NULL;
    struct prefilter *prefilter = pattern != NULL ? prefilter_new(&rule, 1, PREFILTER_ONE, NULL, NULL, NULL) : NULL;
    guint32 candidates[1] = {0};

    if (prefilter != NULL) {
        struct matcher *matcher = matcher_new();
        struct prefilter_scratch *scratch = prefilter_scratch_new();
        prefilter_scratch_fit(scratch, prefilter);
        prefilter_scan(prefilter, scratch, text, length, candidates, NULL);
        if (candidates[0] == 0 && pattern_match(pattern, matcher, text, length, 0, NULL, NULL) == MATCH_YES)
            g_error("%.*s is left out", (int)rule.length, rule.text);
        prefilter_scratch_free(scratch);
        matcher_free(matcher);
    }
    prefilter_free(prefilter);
    pattern_free(pattern);
    return 0;
}
