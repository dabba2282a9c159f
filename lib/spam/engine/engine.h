/* engine.h: a ruleset made ready to run, and one run of it over a message.
 *
 * What rules look at is asked of a source, when the first rule needs it: the engine knows nothing of mail. An engine is immutable
 * and shared by threads; each thread has a worker. Which rules hit does not hang on the order in which they run, but for rules with
 * templates, which use what others captured: they run last, each with what SpamAssassin's order of rules gives it. */
#pragma once
#include "lib/spam/rules/ruleset.h"

#define ENGINE_TEXTS_MAX 100000u     /* elements of one list of texts that are looked at */
#define ENGINE_TEXT_MAX (64u << 20)  /* bytes of one text */
#define ENGINE_CAPTURES_MAX 10000u   /* that one run takes; further ones are passed over */
#define ENGINE_TAG_VALUES_MAX 1000u  /* of them that one tag holds */
#define ENGINE_TIME_MS 60000         /* default: of one run */

#define ENGINE_ERROR engine_error_quark()
GQuark engine_error_quark(void);
enum engine_error { ENGINE_ERROR_PREFILTER };

/* Where the texts of a message come from. Lists hold GBytes * and stay until the run has ended; NULL counts as empty. */
struct engine_source {
    const GPtrArray *(*body)(gpointer data);    /* paragraphs; the first is the subject's */
    const GPtrArray *(*rawbody)(gpointer data);
    const GPtrArray *(*uris)(gpointer data);
    GBytes *(*full)(gpointer data);             /* borrowed */
    /* The values of a header ("From:addr") joined as header rules see them; caller unrefs; NULL when it is not there. */
    GBytes *(*header)(gpointer data, const char *name);
    /* An eval function: its hit's value, 0 for none. May be NULL: then none hits. */
    double (*eval)(gpointer data, const struct spam_rule *rule);
    /* Sets the values and times, by rule index, of rules that are run elsewhere, before metas are worked out, and adds the index (guint) of
     * each to hits whose value was 0. May be NULL: there are none. */
    void (*outside)(gpointer data, double *values, guint *times, GArray *hits);
    /* What %{name} stands for, captured (NULL: nothing) being what rules have put there: a reference on an array of GBytes *; NULL: nothing. May
     * be NULL: then that is what was captured. */
    GPtrArray *(*tag)(gpointer data, const char *name, GPtrArray *captured);
};

/* How prefilters are come by: compiling them takes most of a minute for SpamAssassin's rules. */
enum engine_start {
    ENGINE_COMPILED, /* what is not in the cache is compiled now, and kept there */
    ENGINE_CACHED    /* without those that are not in the cache: all the same hits, at many times the CPU */
};

struct spam_engine;
/* Takes a reference on nothing: ruleset must live as long as the engine. cache: folder of compiled prefilters, or NULL. Rules whose pattern
 * does not compile are left out and told in a warning line each. */
struct spam_engine *engine_new(const struct spam_ruleset *ruleset, enum engine_start start, const char *cache, GError **error);
struct spam_engine *engine_ref(struct spam_engine *engine);
void engine_unref(struct spam_engine *engine); /* NULL-safe */
gboolean engine_is_compiled(const struct spam_engine *engine); /* FALSE: prefilters are missing */
const struct spam_ruleset *engine_ruleset(const struct spam_engine *engine);
guint engine_left_out(const struct spam_engine *engine); /* rules whose pattern did not compile */

struct engine_worker;
struct engine_worker *engine_worker_new(struct spam_engine *engine); /* for one thread at a time; holds a reference */
void engine_worker_free(struct engine_worker *worker); /* NULL-safe */
const struct spam_engine *engine_of_worker(const struct engine_worker *worker);

struct engine_result {
    double score;         /* the sum, not rounded */
    GPtrArray *hits;      /* const struct spam_rule *: with a score of their own; in order of the ruleset */
    GPtrArray *sub_hits;  /* likewise: names that begin with __ */
    GHashTable *tags;     /* char * -> GPtrArray * of GBytes *: what named groups captured */
    guint *times;         /* by rule index: how often it hit, each time with its score (tflags multiple); one more, too */
    double *values;       /* by rule index: the value of its hits, as metas see it; 0 = no hit; one more, for the caller's use */
    gboolean over_time;   /* not all rules ran */
    guint gave_up;        /* matches that came to their limit */
};
/* Which rules run: without those that may wait (late.h) and can't change a hit that counts, sub_hits lacks these, and metas named __X
 * that hang on them; all else is the same. */
enum engine_extent { ENGINE_ALL_RULES, ENGINE_WHAT_COUNTS };
/* score_set: which of SPAM_SCORE_SETS; rules without a score in it don't run. time_ms: ENGINE_TIME_MS or less. Clear the result with
 * engine_result_clear. */
void engine_run(struct engine_worker *worker, const struct engine_source *source, gpointer data, guint score_set, enum engine_extent extent,
                gint64 time_ms, struct engine_result *result_r);
void engine_result_clear(struct engine_result *result);

/* What the rule, which hit in that run, has matched first: part of a text; of a header that must only be there, or not match, its whole
 * value. NULL for rules without a pattern, and where nothing is found. The source must be that of the run. Caller unrefs. */
GBytes *engine_why(struct engine_worker *worker, const struct engine_source *source, gpointer data,
                   const struct engine_result *result, const struct spam_rule *rule);
