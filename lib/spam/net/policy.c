/* policy.c: what rule files say of DNS questions: which are not asked, and how long answers are waited for.
 *
 * dns_block_rule blocks a list's domain for a time when a rule hits that tells of refusals. SpamAssassin keeps that in files; here it
 * is in memory, one for all threads, and forgotten at a restart. */
#include "lib/spam/net/policy.h"
#include <string.h>
#include "lib/base/log.h"

struct net_policy {
    const struct spam_ruleset *ruleset;
    GHashTable *restricted; /* dns_query_restriction: domain -> "1" denied, "0" allowed; or NULL */
    GHashTable *rules;      /* dns_block_rule: rule -> set of domains; or NULL */
    GHashTable *domains;    /* all of those; borrowed names */
    GMutex lock;
    GHashTable *blocked;    /* under lock: domain -> gint64 *, until when (monotonic) */
};

struct net_policy *
net_policy_new(const struct spam_ruleset *ruleset)
{
    struct net_policy *policy = g_new0(struct net_policy, 1);
    const struct spam_setting *rules = rules_setting(ruleset, "dns_block_rule");
    GHashTableIter iter, inner;
    gpointer domains, domain;

    policy->ruleset = ruleset;
    policy->restricted = rules_map(ruleset, "dns_query_blocked");
    policy->rules = rules != NULL ? rules->map : NULL;
    policy->domains = g_hash_table_new(g_str_hash, g_str_equal);
    if (policy->rules != NULL)
        g_hash_table_iter_init(&iter, policy->rules);
    while (policy->rules != NULL && g_hash_table_iter_next(&iter, NULL, &domains)) {
        g_hash_table_iter_init(&inner, domains);
        while (g_hash_table_iter_next(&inner, &domain, NULL))
            g_hash_table_add(policy->domains, domain);
    }
    g_mutex_init(&policy->lock);
    policy->blocked = g_hash_table_new_full(g_str_hash, g_str_equal, NULL, g_free);
    return policy;
}

void
net_policy_free(struct net_policy **policy)
{
    if (*policy == NULL)
        return;
    g_hash_table_unref((*policy)->domains);
    g_hash_table_unref((*policy)->blocked);
    g_mutex_clear(&(*policy)->lock);
    g_clear_pointer(policy, g_free);
}

static void
block(struct net_policy *policy, const char *rule, const char *domain)
{
    gint64 now = g_get_monotonic_time(), *until = g_new(gint64, 1);

    *until = now + (gint64)(rules_number(policy->ruleset, "dns_block_time") * G_USEC_PER_SEC);
    g_mutex_lock(&policy->lock);
    const gint64 *old = g_hash_table_lookup(policy->blocked, domain);
    gboolean is_new = old == NULL || *old < now;
    if (is_new)
        g_hash_table_insert(policy->blocked, (gpointer)domain, until);
    g_mutex_unlock(&policy->lock);
    if (!is_new) {
        g_free(until);
        return;
    }
    log_text(LOG_SEV_WARNING, "spam", "rule %s has hit: %s does not serve our resolver and is not asked for %.0f s; use "
             "dns.mode = recursive, or \"dns_query_restriction deny %s\" to ask no more", rule, domain,
             rules_number(policy->ruleset, "dns_block_time"), domain);
}

void
net_policy_note_hit(struct net_policy *policy, const char *rule)
{
    GHashTable *domains = policy->rules != NULL ? g_hash_table_lookup(policy->rules, rule) : NULL;
    GHashTableIter iter;
    gpointer domain;

    if (domains == NULL)
        return;
    g_hash_table_iter_init(&iter, domains);
    while (g_hash_table_iter_next(&iter, &domain, NULL))
        block(policy, rule, g_hash_table_lookup(policy->domains, domain));
}

static gboolean
is_blocked(struct net_policy *policy, const char *domain)
{
    g_mutex_lock(&policy->lock);
    const gint64 *until = g_hash_table_lookup(policy->blocked, domain);
    gboolean blocked = until != NULL && g_get_monotonic_time() < *until;
    g_mutex_unlock(&policy->lock);
    return blocked;
}

/* The name that a name is below; NULL at the end. */
static const char *
parent(const char *name)
{
    const char *dot = strchr(name, '.');

    return dot != NULL ? dot + 1 : NULL;
}

/* The first of the name and its parents that is looked at. */
static const char *
first_parent(const char *name)
{
    guint labels = 1;

    for (const char *c = name; *c != '\0'; c++)
        labels += *c == '.';
    for (; labels > NET_PARENTS_MAX; labels--)
        name = parent(name);
    return name;
}

gboolean
net_policy_allows(struct net_policy *policy, const char *name)
{
    const char *blocking = NULL; /* the highest of dns_block_rule's domains */
    const char *verdict = NULL;

    if (policy->restricted == NULL && g_hash_table_size(policy->domains) == 0)
        return TRUE;
    for (const char *at = first_parent(name); at != NULL && verdict == NULL; at = parent(at)) {
        if (policy->restricted != NULL)
            verdict = g_hash_table_lookup(policy->restricted, at);
        if (verdict == NULL && g_hash_table_contains(policy->domains, at))
            blocking = at;
    }
    if (verdict == NULL && policy->restricted != NULL)
        verdict = g_hash_table_lookup(policy->restricted, "*");
    if (verdict != NULL && *verdict == '1')
        return FALSE;
    return blocking == NULL || !is_blocked(policy, blocking);
}

/* ---- the DNS, restricted ---- */

struct restricted {
    GHashTable *verdicts; /* as of a policy */
    struct dns *dns;
};

static void
restricted_ask(gpointer data, const char *name, enum dns_type type, struct dns_lookup *lookup)
{
    const struct restricted *restricted = data;
    const char *verdict = NULL;
    struct dns_answer *answer;

    (void)type;
    for (const char *at = first_parent(name); at != NULL && verdict == NULL; at = parent(at))
        verdict = g_hash_table_lookup(restricted->verdicts, at);
    if (verdict == NULL)
        verdict = g_hash_table_lookup(restricted->verdicts, "*");
    if (verdict == NULL || *verdict != '1') {
        dns_pass_on(restricted->dns, lookup);
        return;
    }
    answer = dns_answer_new(DNS_FAILED);
    answer->why = g_strdup("denied by dns_query_restriction");
    dns_complete(lookup, answer);
}

static void
restricted_close(gpointer data)
{
    struct restricted *restricted = data;

    g_hash_table_unref(restricted->verdicts);
    dns_unref(restricted->dns);
    g_free(restricted);
}

struct dns *
policy_restricted_dns(const struct spam_ruleset *ruleset, struct dns *dns)
{
    static const struct dns_source source = {restricted_ask, restricted_close};
    GHashTable *verdicts = rules_map(ruleset, "dns_query_blocked");
    struct restricted *restricted;

    if (verdicts == NULL || g_hash_table_size(verdicts) == 0)
        return dns_ref(dns);
    restricted = g_new(struct restricted, 1);
    *restricted = (struct restricted){g_hash_table_ref(verdicts), dns_ref(dns)};
    return dns_new(&source, restricted);
}

/* The zone's own, "timeout least", or NULL. */
static const char *
zone_timeouts(GHashTable *zones, const char *name)
{
    for (const char *at = name; at != NULL && zones != NULL; at = strchr(at, '.')) {
        at += *at == '.';
        const char *found = g_hash_table_lookup(zones, at);
        if (found != NULL)
            return found;
    }
    return NULL;
}

void
policy_timeouts(const struct net_policy *policy, const char *name, double *timeout_r, double *least_r)
{
    const char *own = zone_timeouts(rules_map(policy->ruleset, "by_zone"), name);
    double least = -1;

    *timeout_r = rules_number(policy->ruleset, "rbl_timeout");
    if (own != NULL) {
        char *rest;
        *timeout_r = g_ascii_strtod(own, &rest);
        if (*rest == ' ')
            least = g_ascii_strtod(rest, NULL);
    }
    if (least < 0 && rules_setting(policy->ruleset, "rbl_timeout_min") != NULL)
        least = rules_number(policy->ruleset, "rbl_timeout_min");
    *least_r = least < 0 ? 0.2 * *timeout_r : least;
    *timeout_r = MAX(*timeout_r, *least_r);
}
