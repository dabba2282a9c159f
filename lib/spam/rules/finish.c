/* finish.c: what is done when all files are read: default scores, calls, flags and priorities that pass from rule to rule. */
#include <string.h>
#include "lib/spam/rules/parser.h"

#define PASSES_MAX 1000u /* of the steps to a fixed point: as deep as metas are nested */

static struct spam_rule *
rule_at(const struct rules_parser *parser, guint i)
{
    return g_ptr_array_index(parser->set->rules, i);
}

/* T_ rules are on trial. */
void
rules_default_scores(struct rules_parser *parser)
{
    for (guint i = 0; i < parser->set->rules->len; i++) {
        struct spam_rule *rule = rule_at(parser, i);
        if (rule->type == SPAM_RULE_NONE || rule->has_score)
            continue;
        double score = g_str_has_prefix(rule->name, "T_") ? 0.01 : 1.0;
        if (rule->tflags != NULL && rules_has_word(rule->tflags, "nice"))
            score = -score;
        for (guint set = 0; set < SPAM_SCORE_SETS; set++)
            rule->scores[set] = score;
        rule->has_score = TRUE;
    }
}

/* ---- priorities ---- */

/* Plugins that ask their service in a child process begin early. */
static void
hasten_calls(struct rules_parser *parser, const char *setting, const char *function)
{
    const GPtrArray *names = g_hash_table_lookup(parser->calls, function);

    for (guint i = 0; names != NULL && rules_number(parser->set, setting) != 0 && i < names->len; i++) {
        struct spam_rule *rule = rules_rule(parser, g_ptr_array_index(names, i));
        if (rule != NULL) {
            rule->priority = -100;
            rule->has_priority = TRUE;
        }
    }
}

static int
by_priority(gconstpointer a, gconstpointer b)
{
    const struct spam_rule *first = *(struct spam_rule *const *)a, *second = *(struct spam_rule *const *)b;

    return first->priority != second->priority ? (first->priority < second->priority ? -1 : 1)
                                               : (first->index < second->index ? -1 : first->index > second->index);
}

/* A meta's dependencies run no later than it; network rules not before -100. */
static gboolean
lower_dependencies(const struct rules_parser *parser, const struct spam_rule *rule)
{
    gboolean changed = FALSE;

    for (guint i = 0; i < rule->meta->dependencies->len; i++) {
        struct spam_rule *on = rule_at(parser, g_array_index(rule->meta->dependencies, guint, i));
        if (!on->has_priority || on->priority <= rule->priority)
            continue;
        gboolean net = rule->priority < -100 && on->tflags != NULL && rules_has_word(on->tflags, "net");
        gint64 lowered = net ? -100 : rule->priority;
        changed |= on->priority != lowered;
        on->priority = lowered;
    }
    return changed;
}

static void
fix_priorities(struct rules_parser *parser)
{
    g_autoptr(GPtrArray) metas = g_ptr_array_new();
    gboolean changed = TRUE;

    for (guint i = 0; i < parser->set->rules->len; i++)
        if (rule_at(parser, i)->meta != NULL && rule_at(parser, i)->has_priority)
            g_ptr_array_add(metas, rule_at(parser, i));
    for (guint pass = 0; changed && pass < PASSES_MAX; pass++) {
        changed = FALSE;
        g_ptr_array_sort(metas, by_priority);
        for (guint i = 0; i < metas->len; i++)
            changed |= lower_dependencies(parser, g_ptr_array_index(metas, i));
    }
}

/* ---- flags ---- */

/* A meta that depends on a network rule is one. */
static gboolean
inherit_net(const struct rules_parser *parser, struct spam_rule *rule)
{
    if (rule->tflags != NULL && rules_has_word(rule->tflags, "net"))
        return FALSE;
    for (guint i = 0; i < rule->meta->dependencies->len; i++) {
        const struct spam_rule *on = rule_at(parser, g_array_index(rule->meta->dependencies, guint, i));
        if (on->tflags == NULL || !rules_has_word(on->tflags, "net"))
            continue;
        char *flags = rule->tflags == NULL || *rule->tflags == '\0' ? g_strdup("net") : g_strdup_printf("%s net", rule->tflags);
        g_free(rule->tflags);
        rule->tflags = flags;
        return TRUE;
    }
    return FALSE;
}

static void
fix_tflags(struct rules_parser *parser)
{
    gboolean changed = TRUE;

    for (guint pass = 0; changed && pass < PASSES_MAX; pass++) {
        changed = FALSE;
        for (guint i = 0; i < parser->set->rules->len; i++)
            if (rule_at(parser, i)->meta != NULL)
                changed |= inherit_net(parser, rule_at(parser, i));
    }
}

static const struct {
    const char *word;
    enum spam_tflags flag;
} flag_words[] = {
    {"net", SPAM_TFLAG_NET},
    {"multiple", SPAM_TFLAG_MULTIPLE},
    {"nosubject", SPAM_TFLAG_NOSUBJECT},
    {"learn", SPAM_TFLAG_LEARN},
    {"userconf", SPAM_TFLAG_USERCONF},
    {"noautolearn", SPAM_TFLAG_NOAUTOLEARN},
    {"nice", SPAM_TFLAG_NICE},
    {"autolearn_force", SPAM_TFLAG_AUTOLEARN_FORCE},
    {"autolearn_header", SPAM_TFLAG_AUTOLEARN_HEADER},
    {"autolearn_body", SPAM_TFLAG_AUTOLEARN_BODY},
    {"domains_only", SPAM_TFLAG_DOMAINS_ONLY},
    {"ips_only", SPAM_TFLAG_IPS_ONLY},
    {"notrim", SPAM_TFLAG_NOTRIM},
    {"nolog", SPAM_TFLAG_NOLOG},
    {"concat", SPAM_TFLAG_CONCAT},
    {"a", SPAM_TFLAG_A},
    {"ns", SPAM_TFLAG_NS},
};

static void
read_flags(struct rules_parser *parser, struct spam_rule *rule)
{
    g_auto(GStrv) groups = NULL;

    if (rule->tflags == NULL)
        return;
    for (gsize i = 0; i < G_N_ELEMENTS(flag_words); i++)
        if (rules_has_word(rule->tflags, flag_words[i].word))
            rule->flags |= flag_words[i].flag;
    if (strstr(rule->tflags, "maxhits=") != NULL && rules_match(parser, "\\bmaxhits=(\\d+)\\b", rule->tflags, &groups))
        rule->max_hits = (guint)MIN(g_ascii_strtoull(groups[1], NULL, 10), G_MAXUINT);
}

/* ---- calls ---- */

/* The next argument at *p: quoted, or a word of letters, digits, ".", ":" and "-"; then a comma or the end. */
static char *
read_argument(const char **p)
{
    const char *start = *p + strspn(*p, " \t"), *end;

    if (*start == '\'' || *start == '"') {
        for (end = strchr(start + 1, *start); end != NULL; end = strchr(end + 1, *start)) {
            const char *after = end + 1 + strspn(end + 1, " \t");
            if (*after != ',' && *after != '\0')
                continue; /* a quote within */
            *p = *after == ',' ? after + 1 + strspn(after + 1, " \t") : after;
            return g_strndup(start + 1, (gsize)(end - start - 1));
        }
        return NULL;
    }
    gsize length = strspn(start, G_CSET_A_2_Z G_CSET_a_2_z G_CSET_DIGITS ".:-");
    const char *after = start + length + strspn(start + length, " \t");
    if (length == 0 || (*after != ',' && *after != '\0'))
        return NULL;
    *p = *after == ',' ? after + 1 + strspn(after + 1, " \t") : after;
    return g_strndup(start, length);
}

/* NULL when the list can't be read to its end. */
static GPtrArray *
read_arguments(const char *text)
{
    g_autoptr(GPtrArray) arguments = g_ptr_array_new_with_free_func(g_free);

    if (*text != '\0' && text[strspn(text, " \t")] == '\0')
        return g_steal_pointer(&arguments);
    while (*text != '\0') {
        char *argument = read_argument(&text);
        if (argument == NULL)
            return NULL;
        g_ptr_array_add(arguments, argument);
    }
    return g_steal_pointer(&arguments);
}

static gboolean
is_eval(enum spam_rule_type type)
{
    return type == SPAM_RULE_HEADER_EVAL || type == SPAM_RULE_BODY_EVAL || type == SPAM_RULE_FULL_EVAL
           || type == SPAM_RULE_RAWBODY_EVAL || type == SPAM_RULE_RBL_EVAL;
}

static gboolean
function_fits(struct rules_parser *parser, const struct spam_rule *rule, const char *name)
{
    const struct rules_function *function = g_hash_table_lookup(parser->functions, name);

    return function == NULL || function->type == SPAM_RULE_NONE || function->type == rule->type
           || (function->type == SPAM_RULE_BODY_EVAL && rule->type == SPAM_RULE_RAWBODY_EVAL);
}

static void
read_call(struct rules_parser *parser, struct spam_rule *rule)
{
    g_auto(GStrv) groups = NULL;

    if (!rules_match(parser, "^(\\w+)\\((.*)\\)$", rule->text, &groups)) {
        rules_error(parser, "syntax error for eval function %s: %.200s", rule->name, rule->text);
        return;
    }
    g_autoptr(GPtrArray) arguments = read_arguments(groups[2]);
    if (arguments == NULL) {
        rules_error(parser, "syntax error for eval function %s: %.200s", rule->name, rule->text);
        return;
    }
    if (!function_fits(parser, rule, groups[1])) {
        rules_error(parser, "wrong rule type defined for %s: %s", rule->name, groups[1]);
        return;
    }
    rule->function = g_strdup(groups[1]);
    rule->arguments = g_steal_pointer(&arguments);
    gboolean mime = g_str_has_prefix(groups[1], "_mimeheader_eval_");
    if (mime)
        rule->mimeheader = g_hash_table_lookup(parser->set->mimeheaders, groups[1] + strlen("_mimeheader_eval_"));
    else if (strcmp(groups[1], "check_uri_detail") == 0)
        rule->uri_detail = g_hash_table_lookup(parser->set->uri_details, rule->name);
    rule->function_known = mime ? rule->mimeheader != NULL : g_hash_table_contains(parser->functions, groups[1]);
    if (!rule->function_known)
        rules_warn(parser, "%s: no loaded plugin has the function %s: it never hits", rule->name, groups[1]);
}

/* range=N, N-, -N and N-M of a mimeheader's tflags. */
static void
read_range(struct rules_parser *parser, const struct spam_rule *rule, struct spam_mimeheader *mime)
{
    g_auto(GStrv) g = NULL;

    mime->range_min = 0;
    mime->range_max = 1000;
    if (rule->tflags == NULL || !rules_match(parser, "(?:^|\\s)range=(\\d+)?(-)?(\\d+)?(?:\\s|$)", rule->tflags, &g))
        return;
    guint low = (guint)MIN(g_ascii_strtoull(g[1], NULL, 10), G_MAXUINT), high = (guint)MIN(g_ascii_strtoull(g[3], NULL, 10), G_MAXUINT);
    if (*g[1] != '\0')
        mime->range_min = low;
    if (*g[3] != '\0' && *g[2] != '\0')
        mime->range_max = high;
    else if (*g[1] != '\0' && *g[2] == '\0')
        mime->range_max = low;
}

/* What there is for English when the files say nothing. Nowhere anchored, as there. */
static const char english[] =
    "(?:able|already|all|and|any|are|because|both|can|come|each|email|even|few|first|for|from|give|have|has|http|information|into|"
    "it's|just|know|like|long|look|made|mail(?:ing|to)?|make|many|more|most|much|need|not|now|number|off|only|one|out|own|people|"
    "place|right|same|see|such|that|this|through|the|time|using|web|where|why|without|with|world|work|years?|you(?:'re|r)?)";

/* Stop words of languages that have some. */
static void
trim_languages(struct rules_parser *parser)
{
    const struct spam_setting *languages = rules_setting(parser->set, "bayes_stopword_languages");
    GHashTable *words = rules_map(parser->set, "bayes_stopword");

    if (words == NULL || !g_hash_table_contains(words, "en"))
        rules_set_pair(parser, "bayes_stopword", "en", english);
    words = rules_map(parser->set, "bayes_stopword");

    for (guint i = 0; languages != NULL && languages->list != NULL && i < languages->list->len;) {
        const char *language = g_ptr_array_index(languages->list, i);
        if (words != NULL && g_hash_table_contains(words, language)) {
            i++;
            continue;
        }
        rules_warn(parser, "missing stopwords regexp for language '%s'", language);
        g_ptr_array_remove_index(languages->list, i);
    }
}

void
rules_finish(struct rules_parser *parser)
{
    if (rules_plugin_loaded(parser->set, "Pyzor"))
        hasten_calls(parser, "pyzor_fork", "check_pyzor");
    if (rules_plugin_loaded(parser->set, "Razor2")) {
        hasten_calls(parser, "razor_fork", "check_razor2");
        hasten_calls(parser, "razor_fork", "check_razor2_range");
    }
    rules_finish_metas(parser);
    fix_priorities(parser);
    fix_tflags(parser);
    for (guint i = 0; i < parser->set->rules->len; i++) {
        struct spam_rule *rule = rule_at(parser, i);
        read_flags(parser, rule);
        if (rule->priority == 0 && rule->flags & SPAM_TFLAG_NET)
            rule->priority = -100;
        if (is_eval(rule->type))
            read_call(parser, rule);
        if (rule->mimeheader != NULL)
            read_range(parser, rule, g_hash_table_lookup(parser->set->mimeheaders, rule->name));
    }
    rules_check_networks(parser);
    if (rules_plugin_loaded(parser->set, "Bayes"))
        trim_languages(parser);
    if (rules_plugin_loaded(parser->set, "ReplaceTags"))
        rules_replace_tags(parser);
}
