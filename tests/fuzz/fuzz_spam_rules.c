/* fuzz_spam_rules.c: rule files, any bytes. What was read must hold together. */
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include "lib/spam/rules/expression.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void
check_rule(const struct spam_ruleset *set, const struct spam_rule *rule)
{
    g_assert(rules_find(set, rule->name) == rule);
    if (rule->type == SPAM_RULE_BODY || (rule->type == SPAM_RULE_HEADER && !rule->exists))
        g_assert(rule->pattern.text != NULL && rule->pattern.modifiers <= strlen(rule->pattern.text));
    for (guint i = 0; rule->tag_uses != NULL && i < rule->tag_uses->len; i++) {
        const struct spam_tag_use *use = &g_array_index(rule->tag_uses, struct spam_tag_use, i);
        g_assert(use->offset + use->length <= strlen(rule->unexpanded));
    }
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct rules_options options = {.lint = size % 2 != 0, .default_rules = "/nonexistent", .site_rules = "/nonexistent"};
    g_autofree char *text = g_memdup2(data, size); /* so that a read past the end is seen */
    struct spam_ruleset *set = rules_load_text(&options, "/nonexistent/fuzz.cf", text != NULL ? text : "", size);
    g_autofree double *hits = g_new0(double, set->rules->len + 1);

    for (guint i = 0; i < set->rules->len; i++)
        hits[i] = i % 3;
    for (guint i = 0; i < set->rules->len; i++) {
        const struct spam_rule *rule = g_ptr_array_index(set->rules, i);
        check_rule(set, rule);
        if (rule->meta != NULL)
            rules_evaluate(rule->meta->nodes, rule->meta->n_nodes, hits, FALSE, NULL);
    }
    rules_networks_hold(rules_setting(set, "trusted_networks"), "192.0.2.1");
    rules_free(&set);
    return 0;
}
