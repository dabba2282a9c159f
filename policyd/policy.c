/* policy.c: the kinds of checks, and the checks of a configuration. */
#include "policyd/policy.h"
#include <string.h>

/* The section of the title, and its kind. Config_load has seen to it that there is one. */
static const struct config_when *
find_section(const struct config *config, const char *title, const struct check_kind **kind_r)
{
    const struct {
        const struct check_kind *kind;
        const GPtrArray *sections;
    } kinds[] = {{&check_access, config->access}, {&check_greylist, config->greylist}, {&check_rate, config->rate},
                 {&check_sender_login, config->sender_login}, {&check_account, config->account},
                 {&check_client, config->client},
                 {&check_quota_check, config->quota_check}};

    for (guint k = 0; k < G_N_ELEMENTS(kinds); k++)
        for (guint i = 0; i < kinds[k].sections->len; i++) {
            const struct config_when *when = g_ptr_array_index(kinds[k].sections, i);
            if (strcmp(when->title, title) == 0) {
                *kind_r = kinds[k].kind;
                return when;
            }
        }
    return NULL;
}

struct policy *
policy_new(struct config *config, const struct check_parts *parts)
{
    struct policy *policy = g_new0(struct policy, 1);

    policy->refs = 1;
    policy->config = config_ref(config);
    policy->parts = *parts;
    policy->checks = g_ptr_array_new_with_free_func(check_free);
    for (char **title = config->policyd.checks; *title != NULL; title++) {
        const struct check_kind *kind = NULL;
        const struct config_when *section = find_section(config, *title, &kind);
        if (section != NULL)
            g_ptr_array_add(policy->checks, check_new(kind, section, parts));
        policy->learns |= kind == &check_greylist;
    }
    return policy;
}

struct policy *
policy_ref(struct policy *policy)
{
    g_atomic_int_inc(&policy->refs);
    return policy;
}

void
policy_unref(struct policy *policy)
{
    if (policy == NULL || !g_atomic_int_dec_and_test(&policy->refs))
        return;
    g_ptr_array_unref(policy->checks);
    config_unref(policy->config);
    g_free(policy);
}
