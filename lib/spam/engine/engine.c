/* engine.c: rules sorted by what they look at, their patterns compiled, a prefilter for each kind. */
#include "lib/spam/engine/engine_private.h"
#include <string.h>
#include "lib/base/log.h"

G_DEFINE_QUARK(postern-engine-error, engine_error)

static const enum spam_rule_type kind_types[ENGINE_KINDS] = {SPAM_RULE_HEADER, SPAM_RULE_BODY, SPAM_RULE_RAWBODY, SPAM_RULE_URI,
                                                             SPAM_RULE_FULL};

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

static void
header_free(gpointer data)
{
    struct engine_header *header = data;

    g_array_unref(header->members);
    g_free(header);
}

/* Values are the same for rules of the same header; what stands for a missing one is the rule's own. */
static void
sort_headers(struct spam_engine *engine)
{
    const GPtrArray *rules = engine->groups[ENGINE_HEADER].rules;
    g_autoptr(GHashTable) known = g_hash_table_new(g_str_hash, g_str_equal);

    for (guint i = 0; i < rules->len; i++) {
        const struct spam_rule *rule = g_ptr_array_index(rules, i);
        struct engine_header *header = g_hash_table_lookup(known, rule->header);

        if (header == NULL) {
            header = g_new0(struct engine_header, 1);
            header->name = rule->header;
            header->members = g_array_new(FALSE, FALSE, sizeof(guint));
            g_hash_table_insert(known, rule->header, header);
            g_ptr_array_add(engine->headers, header);
        }
        g_array_append_val(header->members, i);
    }
}

static gboolean
make_prefilter(struct engine_group *group, const char *cache, GError **error)
{
    struct prefilter_rule *input = g_new0(struct prefilter_rule, group->rules->len + 1);

    for (guint i = 0; i < group->rules->len; i++) {
        const struct spam_rule *rule = g_ptr_array_index(group->rules, i);
        /* A template's pattern is not known yet: one that nothing can leave out. */
        input[i].text = rule->templates != NULL || rule->pattern.text == NULL ? "" : rule->pattern.text;
        input[i].length = strlen(input[i].text);
    }
    group->prefilter = prefilter_new(input, group->rules->len, cache, NULL, error);
    g_free(input);
    return group->prefilter != NULL;
}

static void
sort_rule(struct spam_engine *engine, const struct spam_rule *rule)
{
    if (!can_score(rule))
        return;
    for (guint kind = 0; kind < ENGINE_KINDS; kind++)
        if (rule->type == kind_types[kind] && compile_rule(engine, rule))
            g_ptr_array_add(engine->groups[kind].rules, (gpointer)rule);
    if (rule->type == SPAM_RULE_META)
        g_ptr_array_add(engine->metas, (gpointer)rule);
    if (rule->function != NULL && rule->function_known)
        g_ptr_array_add(engine->evals, (gpointer)rule);
}

struct spam_engine *
engine_new(const struct spam_ruleset *ruleset, const char *cache, GError **error)
{
    struct spam_engine *engine = g_new0(struct spam_engine, 1);
    gboolean made = TRUE;

    engine->ruleset = ruleset;
    engine->patterns = g_new0(struct pattern *, ruleset->rules->len + 1);
    engine->headers = g_ptr_array_new_with_free_func(header_free);
    engine->evals = g_ptr_array_new();
    engine->metas = g_ptr_array_new();
    for (guint kind = 0; kind < ENGINE_KINDS; kind++)
        engine->groups[kind].rules = g_ptr_array_new();
    for (guint i = 0; i < ruleset->rules->len; i++)
        sort_rule(engine, g_ptr_array_index(ruleset->rules, i));
    sort_headers(engine);
    for (guint kind = 0; kind < ENGINE_KINDS && made; kind++)
        made = make_prefilter(&engine->groups[kind], cache, error);
    if (made)
        return engine;
    engine_free(engine);
    return NULL;
}

void
engine_free(struct spam_engine *engine)
{
    if (engine == NULL)
        return;
    for (guint i = 0; i < engine->ruleset->rules->len; i++)
        pattern_free(engine->patterns[i]);
    for (guint kind = 0; kind < ENGINE_KINDS; kind++) {
        g_ptr_array_unref(engine->groups[kind].rules);
        prefilter_free(engine->groups[kind].prefilter);
    }
    g_free(engine->patterns);
    g_ptr_array_unref(engine->headers);
    g_ptr_array_unref(engine->evals);
    g_ptr_array_unref(engine->metas);
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

struct engine_worker *
engine_worker_new(const struct spam_engine *engine)
{
    struct engine_worker *worker = g_new0(struct engine_worker, 1);

    worker->engine = engine;
    worker->matcher = matcher_new();
    for (guint kind = 0; kind < ENGINE_KINDS; kind++)
        worker->scratch[kind] = prefilter_scratch_new(engine->groups[kind].prefilter);
    return worker;
}

void
engine_worker_free(struct engine_worker *worker)
{
    if (worker == NULL)
        return;
    matcher_free(worker->matcher);
    for (guint kind = 0; kind < ENGINE_KINDS; kind++)
        prefilter_scratch_free(worker->scratch[kind]);
    g_free(worker);
}
