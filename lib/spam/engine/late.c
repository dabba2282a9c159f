/* late.c: what each meta watches when it may not watch rules that wait; those on which one hangs all the same don't wait. */
#include "lib/spam/engine/late.h"
#include <string.h>
#include "lib/spam/engine/meta_watch.h"

/* One try, with all that are still thought to be able to wait. */
struct finder {
    const struct spam_ruleset *ruleset;
    const struct meta_order *order;
    gboolean *waits;   /* by rule index */
    GArray **reached;  /* by rule index: guint, the rules that wait and on which it hangs, itself or others; NULL: none */
    GPtrArray **kept;  /* by rule index, of metas that reach some, in a set of scores: GArray * of guint for each reached: as long as these
                        * are worth what they are when nothing has hit, the meta's value does not hang on it, whatever the others are */
    GArray **watched;  /* by rule index: guint, for each that waits, gathered over the sets of scores */
};

static gboolean
may_wait(const struct spam_rule *rule)
{
    for (guint set = 0; set < SPAM_SCORE_SETS; set++)
        if (rule->scores[set] == 0)
            return FALSE;
    return rule->type == SPAM_RULE_BODY && g_str_has_prefix(rule->name, "__") && rule->pattern.text != NULL &&
           strlen(rule->pattern.text) >= LATE_PATTERN_MIN && !rule->has_captures && rule->templates == NULL && rule->subject_prefix == NULL;
}

/* Sub-rules' own values are nobody's but metas'. One without a score holds up those that name it, when it is true. */
static gboolean
counts(const struct spam_rule *meta)
{
    for (guint set = 0; set < SPAM_SCORE_SETS; set++)
        if (meta->scores[set] == 0)
            return TRUE;
    return !g_str_has_prefix(meta->name, "__") || meta->subject_prefix != NULL;
}

static GArray *
one(guint rule)
{
    GArray *array = g_array_new(FALSE, FALSE, sizeof(guint));

    g_array_append_val(array, rule);
    return array;
}

/* ---- one try ---- */

static void
clear(GArray **arrays, guint n)
{
    for (guint i = 0; i < n; i++)
        g_clear_pointer(&arrays[i], g_array_unref);
}

static void
find_reached(struct finder *finder)
{
    const GPtrArray *metas = meta_order_metas(finder->order);

    for (guint i = 0; i < finder->ruleset->rules->len; i++)
        if (finder->waits[i])
            finder->reached[i] = one(i);
    for (guint place = 0; place < metas->len; place++) {
        const struct spam_rule *meta = g_ptr_array_index(metas, place);
        for (guint d = 0; d < meta->meta->dependencies->len; d++) {
            const GArray *of_named = finder->reached[g_array_index(meta->meta->dependencies, guint, d)];
            if (of_named == NULL)
                continue;
            if (finder->reached[meta->index] == NULL)
                finder->reached[meta->index] = g_array_new(FALSE, FALSE, sizeof(guint));
            meta_watch_add(finder->reached[meta->index], of_named);
        }
    }
}

/* What keeps the meta's value from hanging on the rule: what keeps all that it names from it; where the meta names it itself, all that keeps the
 * value as it is when nothing has hit (whole). Caller unrefs. */
static GArray *
kept_from(const struct finder *finder, const struct spam_rule *meta, guint rule, const GArray *whole)
{
    GArray *kept = g_array_new(FALSE, FALSE, sizeof(guint));
    gboolean is_named = FALSE;

    for (guint d = 0; d < meta->meta->dependencies->len; d++) {
        guint named = g_array_index(meta->meta->dependencies, guint, d);
        const GArray *reached = finder->reached[named];
        is_named |= named == rule;
        for (guint i = 0; finder->kept[named] != NULL && i < reached->len; i++)
            if (g_array_index(reached, guint, i) == rule)
                meta_watch_add(kept, g_ptr_array_index(finder->kept[named], i));
    }
    if (is_named || meta_watch_is_never(kept)) {
        g_array_set_size(kept, 0);
        meta_watch_add(kept, whole);
    }
    return kept;
}

/* What is watched for the sake of a meta that counts; FALSE when it hangs on rules that wait in a way that can't be told: these don't wait
 * then. */
static gboolean
keep_watch(struct finder *finder, const struct spam_rule *meta)
{
    const GArray *reached = finder->reached[meta->index];
    gboolean good = TRUE;

    for (guint i = 0; i < reached->len; i++) {
        const GArray *kept = g_ptr_array_index(finder->kept[meta->index], i);
        guint rule = g_array_index(reached, guint, i);
        if (meta_watch_is_never(kept))
            good = finder->waits[rule] = FALSE;
        else
            meta_watch_add(finder->watched[rule], kept);
    }
    return good;
}

/* Metas in order: what they name is known. whole: by rule index, what to watch instead of what waits, and of what reaches such. */
static gboolean
watch_meta(struct finder *finder, guint set, const struct spam_rule *meta, const double *base, GArray **whole)
{
    const GArray *reached = finder->reached[meta->index];

    whole[meta->index] = g_array_new(FALSE, FALSE, sizeof(guint));
    meta_watch(meta->meta, base, (set & 1) == 0, whole, whole[meta->index]);
    finder->kept[meta->index] = g_ptr_array_new_with_free_func((GDestroyNotify)g_array_unref);
    for (guint i = 0; i < reached->len; i++)
        g_ptr_array_add(finder->kept[meta->index], kept_from(finder, meta, g_array_index(reached, guint, i), whole[meta->index]));
    return !counts(meta) || keep_watch(finder, meta);
}

static gboolean
find_watched(struct finder *finder, guint set)
{
    const GPtrArray *metas = meta_order_metas(finder->order);
    guint n = finder->ruleset->rules->len;
    g_autofree double *base = g_new0(double, n + 1);
    g_autofree GArray **whole = g_new0(GArray *, n + 1);
    gboolean good = TRUE;

    for (guint i = 0; i < n; i++)
        whole[i] = finder->waits[i] ? one(META_WATCH_NEVER) : NULL;
    for (guint place = 0; place < metas->len && good; place++) {
        const struct spam_rule *meta = g_ptr_array_index(metas, place);
        base[meta->index] = meta_order_base(finder->order, set, meta->index);
        if (finder->reached[meta->index] != NULL)
            good = watch_meta(finder, set, meta, base, whole);
    }
    clear(whole, n);
    for (guint i = 0; i < n; i++)
        g_clear_pointer(&finder->kept[i], g_ptr_array_unref);
    return good;
}

/* ---- all ---- */

static void
late_rule_free(gpointer data)
{
    struct late_rule *late = data;

    g_array_unref(late->watched);
    g_free(late);
}

GPtrArray *
late_find(const struct spam_ruleset *ruleset, const struct meta_order *order)
{
    guint n = ruleset->rules->len;
    g_autofree gboolean *waits = g_new0(gboolean, n + 1);
    g_autofree GArray **reached = g_new0(GArray *, n + 1), **watched = g_new0(GArray *, n + 1);
    g_autofree GPtrArray **kept = g_new0(GPtrArray *, n + 1);
    struct finder finder = {ruleset, order, waits, reached, kept, watched};
    GPtrArray *found = g_ptr_array_new_with_free_func(late_rule_free);
    gboolean good;

    for (guint i = 0; i < n; i++)
        waits[i] = may_wait(g_ptr_array_index(ruleset->rules, i));
    do { /* each time with fewer that wait */
        clear(reached, n);
        clear(watched, n);
        for (guint i = 0; i < n; i++)
            watched[i] = waits[i] ? g_array_new(FALSE, FALSE, sizeof(guint)) : NULL;
        find_reached(&finder);
        good = TRUE;
        for (guint set = 0; set < SPAM_SCORE_SETS && good; set++)
            good = find_watched(&finder, set);
    } while (!good);
    for (guint i = 0; i < n; i++)
        if (waits[i]) {
            struct late_rule *late = g_new0(struct late_rule, 1);
            late->rule = g_ptr_array_index(ruleset->rules, i);
            late->watched = g_steal_pointer(&watched[i]);
            g_ptr_array_add(found, late);
        }
    clear(reached, n);
    return found;
}

gboolean
late_is_needed(const struct late_rule *late, const struct meta_order *order, guint score_set, const double *values)
{
    for (guint i = 0; i < late->watched->len; i++) {
        guint rule = g_array_index(late->watched, guint, i);
        if (values[rule] != meta_order_base(order, score_set, rule))
            return TRUE;
    }
    return FALSE;
}
