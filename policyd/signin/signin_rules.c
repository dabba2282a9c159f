/* signin_rules.c: limits, delays and trusted networks of a configuration. */
#include "policyd/signin/signin_rules.h"

struct signin_rules *
signin_rules_new(const struct config_signin *config)
{
    struct signin_rules *rules = g_new0(struct signin_rules, 1);
    guint32 window_s = (guint32)(config->window / 1000);

    rules->refs = 1;
    rules->allowed = networks_new(config->allow_networks, NULL); /* config_load has seen to it that they are networks */
    rules->pair = (struct meter_limit){(guint32)config->pair_limit, window_s};
    rules->network = (struct meter_limit){(guint32)config->network_limit, window_s};
    rules->user = (struct meter_limit){(guint32)config->user_limit, window_s};
    rules->window_ms = config->window;
    rules->ban_ms = config->ban_time;
    rules->ban_limit = (guint)config->ban_limit;
    rules->max_delay_s = (guint)(config->max_delay / 1000);
    return rules;
}

struct signin_rules *
signin_rules_ref(struct signin_rules *rules)
{
    g_atomic_int_inc(&rules->refs);
    return rules;
}

void
signin_rules_unref(struct signin_rules *rules)
{
    if (rules == NULL || !g_atomic_int_dec_and_test(&rules->refs))
        return;
    networks_free(&rules->allowed);
    g_free(rules);
}

int
signin_rules_status(const struct signin_rules *rules, const struct meter_limit *limit, guint counted)
{
    guint first = MAX(limit->amount / 4, 1);

    if (limit->amount == 0 || counted < MIN(first, limit->amount))
        return 0;
    if (counted >= limit->amount)
        return -1;
    return (int)MIN(1u << MIN(counted - first, 16), rules->max_delay_s);
}
