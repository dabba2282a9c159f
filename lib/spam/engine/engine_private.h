/* engine_private.h: what engine.c makes and run.c uses. */
#pragma once
#include "lib/spam/engine/engine.h"
#include "lib/spam/engine/pattern.h"
#include "lib/spam/engine/prefilter.h"

/* Rules that look at the same kind of text. */
struct engine_group {
    GPtrArray *rules;            /* const struct spam_rule * */
    struct prefilter *prefilter; /* over their patterns, in that order; NULL without rules */
};

enum engine_kind { ENGINE_HEADER, ENGINE_BODY, ENGINE_RAWBODY, ENGINE_URI, ENGINE_FULL, ENGINE_KINDS };

/* Header rules by what they look at: one value for all of a header's rules. */
struct engine_header {
    const char *name;
    GArray *members; /* guint: indices into groups[ENGINE_HEADER].rules */
};

struct spam_engine {
    const struct spam_ruleset *ruleset;
    struct pattern **patterns; /* by rule index; NULL without one */
    struct engine_group groups[ENGINE_KINDS];
    GPtrArray *headers;        /* struct engine_header * */
    GPtrArray *evals, *metas;  /* const struct spam_rule * */
    guint left_out;
};

struct engine_worker {
    const struct spam_engine *engine;
    struct matcher *matcher;
    struct prefilter_scratch *scratch[ENGINE_KINDS];
};
