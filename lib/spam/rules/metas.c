/* metas.c: meta rules: checked where they are defined, made into trees when all rules are known. */
#include <string.h>
#include "lib/spam/rules/expression.h"
#include "lib/spam/rules/parser.h"

#define BLANK "[ \t\r\f\v]*"
#define MATCHING "(?<![A-Za-z0-9_])rules_matching\\(" BLANK "([_a-zA-Z*?][_a-zA-Z0-9*?]{0,127})" BLANK "\\)"

/* ---- at the definition ---- */

static GRegex *
matching_regex(void)
{
    static GRegex *regex;
    static gsize once;

    if (g_once_init_enter(&once)) {
        regex = g_regex_new(MATCHING, G_REGEX_RAW, 0, NULL);
        g_once_init_leave(&once, 1);
    }
    return regex;
}

/* All rules count 0: only the syntax is looked at, and whether it would divide by zero. */
static gboolean
zero_leaf(gpointer data, const GPtrArray *tokens, guint *at, struct rules_leaf *leaf)
{
    const char *token = g_ptr_array_index(tokens, *at);

    (void)data;
    *leaf = (struct rules_leaf){.op = SPAM_META_NUMBER};
    ++*at;
    return rules_is_name(token) || rules_number_token(token, &leaf->number);
}

static gboolean
token_good(const char *token)
{
    double number;

    if (rules_is_name(token) || rules_number_token(token, &number))
        return TRUE;
    if (g_ascii_isdigit(*token)) /* "08": the check's pattern takes it, Perl does not */
        return token[strspn(token, "0123456789")] == '\0';
    return strlen(token) <= 2 && strpbrk(token, "0123456789") == NULL && !g_ascii_isalpha(*token) && *token != '_';
}

gboolean
rules_meta_valid(struct rules_parser *parser, const char *name, const char *text)
{
    if (rules_match(parser, "(?:::|->|[$@%;{}])", text, NULL)) {
        rules_warn(parser, "invalid meta %s rule: %.200s", name, text);
        return FALSE;
    }
    g_autofree char *plain = g_regex_replace_literal(matching_regex(), text, -1, 0, " 0 ", 0, NULL);
    g_autoptr(GPtrArray) tokens = plain != NULL ? rules_tokens(plain, strlen(plain)) : NULL;
    for (guint i = 0; tokens != NULL && i < tokens->len; i++)
        if (!token_good(g_ptr_array_index(tokens, i))) {
            rules_error(parser, "invalid meta %s token: %s", name, (const char *)g_ptr_array_index(tokens, i));
            return FALSE;
        }
    g_autoptr(GArray) nodes = tokens != NULL ? rules_expression(tokens, zero_leaf, NULL) : NULL;
    gboolean divided = FALSE;
    if (nodes != NULL)
        rules_evaluate(&g_array_index(nodes, struct spam_meta_node, 0), nodes->len, NULL, FALSE, &divided);
    if (nodes == NULL || divided) {
        rules_error(parser, "invalid expression for rule %s: \"%.200s\": %s", name, text,
                    divided ? "division by zero possible" : "syntax error");
        return FALSE;
    }
    return TRUE;
}

/* ---- when all is read ---- */

struct builder {
    struct rules_parser *parser;
    const struct spam_rule *rule; /* the meta */
    struct spam_meta *meta;
};

static gboolean
rule_leaf(gpointer data, const GPtrArray *tokens, guint *at, struct rules_leaf *leaf)
{
    struct builder *builder = data;
    const char *token = g_ptr_array_index(tokens, *at);

    ++*at;
    *leaf = (struct rules_leaf){.op = SPAM_META_NUMBER};
    if (rules_number_token(token, &leaf->number))
        return TRUE;
    if (strcmp(token, "local_tests_only") == 0) {
        leaf->op = SPAM_META_LOCAL;
        return TRUE;
    }
    const struct spam_rule *rule = rules_is_name(token) ? rules_rule(builder->parser, token) : NULL;
    if (rule == NULL)
        return FALSE;
    leaf->op = SPAM_META_RULE;
    leaf->rule = rule->index;
    g_array_append_val(builder->meta->dependencies, rule->index);
    return TRUE;
}

static int
by_text(gconstpointer a, gconstpointer b)
{
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

/* " (A+B) ": the names with a score that the glob matches, the meta's own left out; " (0) " without any. */
static gboolean
expand_one(const GMatchInfo *match, GString *out, gpointer data)
{
    const struct builder *builder = data;
    g_autofree char *glob = g_match_info_fetch(match, 1);
    g_autoptr(GPatternSpec) pattern = g_pattern_spec_new(glob);
    const GPtrArray *rules = builder->parser->set->rules;
    g_autoptr(GPtrArray) names = g_ptr_array_new();

    for (guint i = 0; i < rules->len; i++) {
        const struct spam_rule *rule = g_ptr_array_index(rules, i);
        if (rule->has_score && rule != builder->rule && g_pattern_spec_match_string(pattern, rule->name))
            g_ptr_array_add(names, rule->name);
    }
    g_ptr_array_sort(names, by_text);
    g_string_append(out, " (");
    for (guint i = 0; i < names->len && out->len < SPAM_PATTERN_MAX; i++)
        g_string_append_printf(out, "%s%s", i > 0 ? "+" : "", (const char *)g_ptr_array_index(names, i));
    g_string_append(out, names->len > 0 ? ") " : "0) ");
    return FALSE;
}

static void
build_meta(struct rules_parser *parser, struct spam_rule *rule)
{
    struct builder builder = {.parser = parser, .rule = rule};

    rules_meta_free(rule->meta);
    rule->meta = builder.meta = g_new0(struct spam_meta, 1);
    rule->meta->dependencies = g_array_new(FALSE, FALSE, sizeof(guint));
    g_autofree char *text = strstr(rule->text, "rules_matching") == NULL
                                ? g_strdup(rule->text)
                                : g_regex_replace_eval(matching_regex(), rule->text, -1, 0, 0, expand_one, &builder, NULL);
    g_autoptr(GPtrArray) tokens = text != NULL ? rules_tokens(text, strlen(text)) : NULL;
    g_autoptr(GArray) nodes = tokens != NULL ? rules_expression(tokens, rule_leaf, &builder) : NULL;
    if (nodes == NULL) {
        rules_error(parser, "meta %s is too big: it never hits", rule->name);
        g_array_set_size(rule->meta->dependencies, 0);
        return;
    }
    rule->meta->declared = tokens->len == 2 && strcmp(g_ptr_array_index(tokens, 0), "(") == 0;
    rule->meta->n_nodes = nodes->len;
    g_array_append_vals(parser->set->meta_nodes, nodes->data, nodes->len);
}

/* When their array doesn't move any more. */
static void
find_nodes(struct rules_parser *parser)
{
    const struct spam_meta_node *nodes = (const struct spam_meta_node *)(gpointer)parser->set->meta_nodes->data;

    for (guint i = 0; i < parser->set->rules->len; i++) {
        struct spam_meta *meta = ((struct spam_rule *)g_ptr_array_index(parser->set->rules, i))->meta;
        if (meta == NULL)
            continue;
        meta->nodes = nodes;
        nodes += meta->n_nodes;
    }
}

static const struct spam_rule *
dependency(const struct spam_ruleset *set, const struct spam_meta *meta, guint i)
{
    return g_ptr_array_index(set->rules, g_array_index(meta->dependencies, guint, i));
}

/* Takes one off the open metas of all that depend on the rule; those that have none left are done, too. */
static void
release(GArray *users, guint *open, GArray *done)
{
    for (guint i = 0; users != NULL && i < users->len; i++) {
        guint user = g_array_index(users, guint, i);
        if (--open[user] == 0)
            g_array_append_val(done, user);
    }
}

static void
array_free(gpointer array)
{
    g_clear_pointer((GArray **)&array, g_array_unref);
}

/* Metas that hang on a circle are marked and lose their dependencies, as there: they are evaluated at once. */
static void
find_circles(struct rules_parser *parser)
{
    const struct spam_ruleset *set = parser->set;
    g_autofree guint *open = g_new0(guint, set->rules->len); /* dependencies that are metas and not done */
    g_autoptr(GPtrArray) users = g_ptr_array_new_with_free_func(array_free);
    g_autoptr(GArray) done = g_array_new(FALSE, FALSE, sizeof(guint));

    g_ptr_array_set_size(users, (int)set->rules->len);
    for (guint r = 0; r < set->rules->len; r++) {
        const struct spam_rule *rule = g_ptr_array_index(set->rules, r);
        for (guint i = 0; rule->meta != NULL && i < rule->meta->dependencies->len; i++) {
            const struct spam_rule *on = dependency(set, rule->meta, i);
            if (on->meta == NULL)
                continue;
            if (users->pdata[on->index] == NULL)
                users->pdata[on->index] = g_array_new(FALSE, FALSE, sizeof(guint));
            g_array_append_val((GArray *)users->pdata[on->index], r);
            open[r]++;
        }
        if (rule->meta != NULL && open[r] == 0)
            g_array_append_val(done, r);
    }
    for (guint i = 0; i < done->len; i++)
        release(users->pdata[g_array_index(done, guint, i)], open, done);
    for (guint r = 0; r < set->rules->len; r++)
        if (open[r] > 0) {
            struct spam_rule *rule = g_ptr_array_index(set->rules, r);
            rule->meta->circular = TRUE;
            g_array_set_size(rule->meta->dependencies, 0);
            rules_error(parser, "meta %s has unsolved meta dependencies: it depends on itself", rule->name);
        }
}

void
rules_finish_metas(struct rules_parser *parser)
{
    for (guint i = 0; i < parser->set->rules->len; i++) {
        struct spam_rule *rule = g_ptr_array_index(parser->set->rules, i);
        if (rule->type == SPAM_RULE_META)
            build_meta(parser, rule);
    }
    find_nodes(parser);
    find_circles(parser);
}
