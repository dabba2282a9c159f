/* engine_private.h: what engine.c makes and run.c uses. */
#pragma once
#include "lib/spam/engine/engine.h"
#include "lib/spam/engine/late.h"
#include "lib/spam/engine/meta_order.h"
#include "lib/spam/engine/pattern.h"
#include "lib/spam/engine/prefilter.h"
#include "lib/spam/engine/repeats.h"

enum engine_kind { ENGINE_BODY, ENGINE_RAWBODY, ENGINE_URI, ENGINE_FULL, ENGINE_KINDS };

/* Rules that look at the same texts: all of a kind, or all of a header. */
struct engine_group {
    const char *header;          /* of header rules: its name and modifiers */
    GPtrArray *rules;            /* const struct spam_rule * */
    struct prefilter *prefilter; /* over their patterns, in that order; NULL for few rules, and not compiled yet: all are candidates */
    /* Of rules that are candidates always: the pattern for all texts at once, which finds at least what the pattern finds in one of
     * them; NULL where that can't be said. By the order of rules; NULL for headers. */
    struct pattern **screens;
    struct repeats *repeats;     /* over the same; NULL for headers, when none is such, and not compiled yet */
    /* Of headers, bits by the order of rules as the prefilter's candidates: which may hit where the header is not there, and which hit
     * on something else than that their pattern is found. */
    guint32 *on_missing, *unfiltered;
};

/* A body rule that waits: a group by itself. */
struct engine_late {
    const struct late_rule *late;
    struct engine_group group;
};

struct spam_engine {
    gatomicrefcount refs;
    gboolean is_compiled;
    const struct spam_ruleset *ruleset;
    struct pattern **patterns; /* by rule index; NULL without one */
    struct engine_group groups[ENGINE_KINDS];
    GPtrArray *headers;        /* struct engine_group * */
    GPtrArray *evals;          /* const struct spam_rule * */
    GPtrArray *turns;          /* the same: those that capture, or have templates, in the order in which they take turns in SpamAssassin */
    struct meta_order *metas;
    GPtrArray *waiting;        /* struct late_rule * */
    GArray *late;              /* struct engine_late: those of them whose pattern compiles */
    guint left_out;
};

struct engine_worker {
    struct spam_engine *engine;
    struct matcher *matcher;
    struct prefilter_scratch *scratch;
    GByteArray *joined;    /* the texts of a list with line ends between them, and where each begins */
    GArray *begins;        /* gsize */
    guint32 *candidates, *ends;
    struct repeats_seen seen; /* in the texts of that list */
    GArray *hits;          /* guint: indices of the rules that have hit in this run */
    guint64 *marks;        /* of the metas */
};

/* The pattern of a rule with templates, with the values in it of the message's tags (source, data) or the captured ones (tags); NULL when a tag
 * has none: the rule is not run. Caller frees. */
struct pattern *engine_fill_templates(const struct engine_source *source, gpointer data, GHashTable *tags, const struct spam_rule *rule);
