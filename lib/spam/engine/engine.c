/* engine.c: rules sorted by what they look at, their patterns compiled, a prefilter for each kind. */
#include "lib/spam/engine/engine_private.h"
#include <string.h>
#include "lib/base/log.h"

G_DEFINE_QUARK(postern-engine-error, engine_error)

#define FEW 4u /* rules of a header: fewer are matched without a prefilter */

static const enum spam_rule_type kind_types[ENGINE_KINDS] = {SPAM_RULE_BODY, SPAM_RULE_RAWBODY, SPAM_RULE_URI, SPAM_RULE_FULL};

static gboolean
can_score(const struct spam_rule *rule)
{
    for (guint i = 0; i < SPAM_SCORE_SETS; i++)
        if (rule->scores[i] != 0)
            return TRUE;
    return FALSE;
}

/* FALSE: the rule can't run. */
static gboolean
compile_rule(struct spam_engine *engine, const struct spam_rule *rule)
{
    g_autoptr(GError) error = NULL;

    if (rule->exists)
        return TRUE;
    /* A rule with templates gets its pattern when the tags are known. */
    if (rule->pattern.text == NULL)
        return FALSE;
    engine->patterns[rule->index] = pattern_new(rule->pattern.text, strlen(rule->pattern.text), NULL, &error);
    if (engine->patterns[rule->index] != NULL)
        return TRUE;
    engine->left_out++;
    log_text(LOG_SEV_WARNING, "rules", "%s:%u: %s is left out: %s", rule->file, rule->line, rule->name, error->message);
    return FALSE;
}

/* ---- groups ---- */

static void
group_clear(struct engine_group *group)
{
    for (guint i = 0; group->screens != NULL && i < group->rules->len; i++)
        pattern_free(group->screens[i]);
    g_free(group->screens);
    g_free(group->on_missing);
    g_free(group->unfiltered);
    prefilter_free(group->prefilter);
    repeats_free(group->repeats);
    g_clear_pointer(&group->rules, g_ptr_array_unref);
}

static void
group_free(gpointer group)
{
    group_clear(group);
    g_free(group);
}

/* The group of the rule's header; what stands for a missing header is the rule's own. */
static struct engine_group *
header_group(struct spam_engine *engine, GHashTable *known, const struct spam_rule *rule)
{
    struct engine_group *group = g_hash_table_lookup(known, rule->header);

    if (group == NULL) {
        group = g_new0(struct engine_group, 1);
        group->header = rule->header;
        group->rules = g_ptr_array_new();
        g_hash_table_insert(known, rule->header, group);
        g_ptr_array_add(engine->headers, group);
    }
    return group;
}

/* Looking around, a pattern could see the next text where it would see an end. */
static gboolean
looks_around(const char *pattern)
{
    return strstr(pattern, "(?=") != NULL || strstr(pattern, "(?!") != NULL || strstr(pattern, "(?<=") != NULL ||
           strstr(pattern, "(?<!") != NULL || strstr(pattern, "\\A") != NULL || strstr(pattern, "\\z") != NULL ||
           strstr(pattern, "\\Z") != NULL || strstr(pattern, "\\G") != NULL;
}

static void
make_screens(struct engine_group *group)
{
    group->screens = g_new0(struct pattern *, group->rules->len + 1);
    for (guint i = 0; i < group->rules->len; i++) {
        const struct spam_rule *rule = g_ptr_array_index(group->rules, i);
        if (prefilter_is_untaken(group->prefilter, i) && rule->templates == NULL && !looks_around(rule->pattern.text))
            group->screens[i] = pattern_new(rule->pattern.text, strlen(rule->pattern.text), "m", NULL);
    }
}

/* What the pattern matches whatever the tags of its templates hold. Caller frees. */
static char *
any_template(const struct spam_rule *rule)
{
    GString *text = g_string_new(rule->pattern.text != NULL ? rule->pattern.text : "");

    for (guint i = 0; rule->templates != NULL && i < rule->templates->len; i++) {
        g_autofree char *template = g_strdup_printf("%%\\{%s\\}", (const char *)g_ptr_array_index(rule->templates, i));
        g_string_replace(text, template, "(?s:.+)", 0);
    }
    return g_string_free(text, FALSE);
}

/* TRUE with ENGINE_CACHED also when there is none. */
static gboolean
make_prefilter(struct spam_engine *engine, struct engine_group *group, enum prefilter_kind kind, enum engine_start start,
               const char *cache, GError **error)
{
    struct prefilter_rule *input = g_new0(struct prefilter_rule, group->rules->len + 1);
    g_autoptr(GPtrArray) texts = g_ptr_array_new_with_free_func(g_free);

    for (guint i = 0; i < group->rules->len; i++) {
        const struct spam_rule *rule = g_ptr_array_index(group->rules, i);
        char *text = any_template(rule);

        g_ptr_array_add(texts, text);
        input[i] = (struct prefilter_rule){.text = text, .length = strlen(text)};
    }
    group->prefilter = start == ENGINE_CACHED ? prefilter_cached(input, group->rules->len, kind, cache, NULL)
                                              : prefilter_new(input, group->rules->len, kind, cache, NULL, error);
    engine->is_compiled &= group->prefilter != NULL;
    g_free(input);
    return group->prefilter != NULL || start == ENGINE_CACHED;
}

/* Most headers that rules ask for are not in a message: what comes of that is known beforehand. */
static void
look_at_missing(const struct spam_engine *engine, struct engine_group *group)
{
    struct matcher *matcher = matcher_new();

    group->on_missing = g_new0(guint32, PREFILTER_WORDS(group->rules->len) + 1);
    group->unfiltered = g_new0(guint32, PREFILTER_WORDS(group->rules->len) + 1);
    for (guint i = 0; i < group->rules->len; i++) {
        const struct spam_rule *rule = g_ptr_array_index(group->rules, i);
        const struct pattern *pattern = engine->patterns[rule->index];
        const char *text = rule->if_unset != NULL ? rule->if_unset : "";

        if (rule->exists || rule->templates != NULL || pattern == NULL ||
            (pattern_match(pattern, matcher, text, strlen(text), 0, NULL, NULL) == MATCH_NO) == rule->negated)
            group->on_missing[i / 32] |= 1u << i % 32;
        if (rule->exists || rule->negated)
            group->unfiltered[i / 32] |= 1u << i % 32;
    }
    matcher_free(matcher);
}

/* Of rules that look at a list of texts. */
static gboolean
make_list_prefilter(struct spam_engine *engine, struct engine_group *group, enum prefilter_kind kind, enum engine_start start,
                    const char *cache, GError **error)
{
    if (!make_prefilter(engine, group, kind, start, cache, error))
        return FALSE;
    if (group->prefilter != NULL)
        make_screens(group);
    if (repeats_make(&group->repeats, group->rules, start, cache, start == ENGINE_CACHED ? NULL : error))
        return TRUE;
    engine->is_compiled = FALSE;
    return start == ENGINE_CACHED;
}

static gboolean
make_prefilters(struct spam_engine *engine, enum engine_start start, const char *cache, GError **error)
{
    for (guint kind = 0; kind < ENGINE_KINDS; kind++)
        if (!make_list_prefilter(engine, &engine->groups[kind], kind == ENGINE_FULL ? PREFILTER_ONE : PREFILTER_JOINED, start, cache, error))
            return FALSE;
    for (guint i = 0; i < engine->late->len; i++)
        if (!make_list_prefilter(engine, &g_array_index(engine->late, struct engine_late, i).group, PREFILTER_JOINED, start, cache, error))
            return FALSE;
    for (guint i = 0; i < engine->headers->len; i++) {
        struct engine_group *group = g_ptr_array_index(engine->headers, i);
        look_at_missing(engine, group);
        if (group->rules->len >= FEW && !make_prefilter(engine, group, PREFILTER_ONE, start, cache, error))
            return FALSE;
    }
    return TRUE;
}

/* ---- the whole ---- */

/* The group of the rule: by itself when it waits. */
static struct engine_group *
list_group(struct spam_engine *engine, guint kind, const struct spam_rule *rule)
{
    for (guint i = 0; i < engine->waiting->len; i++) {
        struct engine_late late = {.late = g_ptr_array_index(engine->waiting, i)};
        if (late.late->rule != rule)
            continue;
        late.group.rules = g_ptr_array_new();
        g_array_append_val(engine->late, late);
        return &g_array_index(engine->late, struct engine_late, engine->late->len - 1).group;
    }
    return &engine->groups[kind];
}

static void
sort_rule(struct spam_engine *engine, GHashTable *headers, const struct spam_rule *rule)
{
    if (rule->type == SPAM_RULE_META || !can_score(rule))
        return;
    if (rule->has_captures || rule->templates != NULL)
        g_ptr_array_add(engine->turns, (gpointer)rule);
    if (rule->type == SPAM_RULE_HEADER && compile_rule(engine, rule))
        g_ptr_array_add(header_group(engine, headers, rule)->rules, (gpointer)rule);
    for (guint kind = 0; kind < ENGINE_KINDS; kind++)
        if (rule->type == kind_types[kind] && compile_rule(engine, rule))
            g_ptr_array_add(list_group(engine, kind, rule)->rules, (gpointer)rule);
    if (rule->function != NULL && rule->function_known)
        g_ptr_array_add(engine->evals, (gpointer)rule);
}

static gint
by_turn(gconstpointer a, gconstpointer b)
{
    return rules_compare_turns(*(const struct spam_rule *const *)a, *(const struct spam_rule *const *)b);
}

struct spam_engine *
engine_new(const struct spam_ruleset *ruleset, enum engine_start start, const char *cache, GError **error)
{
    struct spam_engine *engine = g_new0(struct spam_engine, 1);
    g_autoptr(GHashTable) headers = g_hash_table_new(g_str_hash, g_str_equal);
    g_autoptr(GPtrArray) metas = g_ptr_array_new();

    g_atomic_ref_count_init(&engine->refs);
    engine->is_compiled = TRUE;
    engine->ruleset = ruleset;
    engine->patterns = g_new0(struct pattern *, ruleset->rules->len + 1);
    engine->headers = g_ptr_array_new_with_free_func(group_free);
    engine->evals = g_ptr_array_new();
    engine->turns = g_ptr_array_new();
    for (guint kind = 0; kind < ENGINE_KINDS; kind++)
        engine->groups[kind].rules = g_ptr_array_new();
    for (guint i = 0; i < ruleset->rules->len; i++)
        if (((const struct spam_rule *)g_ptr_array_index(ruleset->rules, i))->type == SPAM_RULE_META)
            g_ptr_array_add(metas, g_ptr_array_index(ruleset->rules, i));
    engine->metas = meta_order_new(ruleset, metas);
    engine->waiting = late_find(ruleset, engine->metas);
    engine->late = g_array_new(FALSE, FALSE, sizeof(struct engine_late));
    for (guint i = 0; i < ruleset->rules->len; i++)
        sort_rule(engine, headers, g_ptr_array_index(ruleset->rules, i));
    g_ptr_array_sort(engine->turns, by_turn);
    if (make_prefilters(engine, start, cache, error))
        return engine;
    engine_unref(engine);
    return NULL;
}

struct spam_engine *
engine_ref(struct spam_engine *engine)
{
    g_atomic_ref_count_inc(&engine->refs);
    return engine;
}

gboolean
engine_is_compiled(const struct spam_engine *engine)
{
    return engine->is_compiled;
}

void
engine_unref(struct spam_engine *engine)
{
    if (engine == NULL || !g_atomic_ref_count_dec(&engine->refs))
        return;
    for (guint i = 0; i < engine->ruleset->rules->len; i++)
        pattern_free(engine->patterns[i]);
    for (guint kind = 0; kind < ENGINE_KINDS; kind++)
        group_clear(&engine->groups[kind]);
    for (guint i = 0; i < engine->late->len; i++)
        group_clear(&g_array_index(engine->late, struct engine_late, i).group);
    g_array_unref(engine->late);
    g_ptr_array_unref(engine->waiting);
    g_free(engine->patterns);
    g_ptr_array_unref(engine->headers);
    g_ptr_array_unref(engine->evals);
    g_ptr_array_unref(engine->turns);
    meta_order_free(engine->metas);
    g_free(engine);
}

const struct spam_ruleset *
engine_ruleset(const struct spam_engine *engine)
{
    return engine->ruleset;
}

guint
engine_left_out(const struct spam_engine *engine)
{
    return engine->left_out;
}

static void
fit(struct engine_worker *worker, const struct engine_group *group, guint *most)
{
    if (group->prefilter != NULL)
        prefilter_scratch_fit(worker->scratch, group->prefilter);
    repeats_fit(group->repeats, worker->scratch);
    *most = MAX(*most, group->rules->len);
}

struct engine_worker *
engine_worker_new(struct spam_engine *engine)
{
    struct engine_worker *worker = g_new0(struct engine_worker, 1);
    guint most = 0;

    worker->engine = engine_ref(engine);
    worker->matcher = matcher_new();
    worker->scratch = prefilter_scratch_new();
    worker->joined = g_byte_array_new();
    worker->begins = g_array_new(FALSE, FALSE, sizeof(gsize));
    for (guint kind = 0; kind < ENGINE_KINDS; kind++)
        fit(worker, &engine->groups[kind], &most);
    for (guint i = 0; i < engine->late->len; i++)
        fit(worker, &g_array_index(engine->late, struct engine_late, i).group, &most);
    for (guint i = 0; i < engine->headers->len; i++)
        fit(worker, g_ptr_array_index(engine->headers, i), &most);
    worker->hits = g_array_new(FALSE, FALSE, sizeof(guint));
    worker->marks = g_new0(guint64, META_ORDER_WORDS(engine->metas));
    worker->candidates = g_new0(guint32, PREFILTER_WORDS(most) + 1);
    worker->ends = g_new0(guint32, most + 1);
    repeats_seen_init(&worker->seen);
    return worker;
}

void
engine_worker_free(struct engine_worker *worker)
{
    if (worker == NULL)
        return;
    matcher_free(worker->matcher);
    prefilter_scratch_free(worker->scratch);
    g_byte_array_unref(worker->joined);
    g_array_unref(worker->begins);
    g_array_unref(worker->hits);
    g_free(worker->marks);
    g_free(worker->candidates);
    g_free(worker->ends);
    repeats_seen_clear(&worker->seen);
    engine_unref(worker->engine);
    g_free(worker);
}

const struct spam_engine *
engine_of_worker(const struct engine_worker *worker)
{
    return worker->engine;
}
