/* rules.c: takes the network rules out of a ruleset, and makes the lists that they ask. */
#include <string.h>
#define PCRE2_CODE_UNIT_WIDTH 8
#include <pcre2.h>
#include "lib/spam/net/net_private.h"

char *
net_zone(const char *zone)
{
    char *copy = g_ascii_strdown(zone, -1);

    for (gsize length = strlen(copy); length > 0 && copy[length - 1] == '.';)
        copy[--length] = '\0';
    return copy;
}

gboolean
net_type_of(const char *name, enum dns_type *type_r)
{
    static const struct {
        const char *name;
        enum dns_type type;
    } types[] = {{"A", DNS_A}, {"AAAA", DNS_AAAA}, {"MX", DNS_MX}, {"NS", DNS_NS}, {"PTR", DNS_PTR}, {"TXT", DNS_TXT}};

    for (guint i = 0; i < G_N_ELEMENTS(types); i++)
        if (g_ascii_strcasecmp(name, types[i].name) == 0) {
            *type_r = types[i].type;
            return TRUE;
        }
    return FALSE;
}

const char *
net_argument(const struct spam_rule *rule, guint n)
{
    return rule->arguments != NULL && n < rule->arguments->len ? g_ptr_array_index(rule->arguments, n) : NULL;
}

void
net_rules_warn(struct net_rules *rules, const struct spam_rule *rule, const char *format, ...)
{
    va_list args;

    va_start(args, format);
    g_autofree char *text = g_strdup_vprintf(format, args);
    va_end(args);
    g_ptr_array_add(rules->warnings, g_strdup_printf("%s: %s", rule->name, text));
}

/* ---- lists ---- */

/* Whether the subtest asks for 127.0.0.1 itself: then it is one of the list's codes, and no refusal. */
static gboolean
wants_localhost(const struct net_subtest *subtest, struct matcher *matcher)
{
    const struct net_datum datum = {"127.0.0.1", 9, TRUE, 0x7f000001};

    return subtest != NULL && subtest->kind != NET_MASK && net_subtest_names(subtest, datum.number) &&
           net_subtest_matches(subtest, matcher, &datum);
}

static gboolean
rbl_wants_localhost(const struct rbl_rule *rbl, struct matcher *matcher)
{
    for (guint i = 0; i < rbl->subs->len; i++)
        if (wants_localhost(((struct rbl_sub *)g_ptr_array_index(rbl->subs, i))->subtest, matcher))
            return TRUE;
    return wants_localhost(rbl->subtest, matcher);
}

/* The list of a zone, NULL when it is no domain name. localhost: it lists by 127.0.0.1, too. */
static const struct dnsbl *
list_of(struct net_rules *rules, const char *zone, gboolean localhost)
{
    GPtrArray *known = g_hash_table_lookup(rules->lists, zone);

    if (strcspn(zone, " ,\t=*") != strlen(zone))
        return NULL;
    if (known == NULL || (localhost && !dnsbl_believes(g_ptr_array_index(known, 0), 0x7f000001))) {
        g_autofree char *text = g_strdup_printf(localhost ? "%s %s=127.0.0.1" : "%s", zone, zone);
        known = dnsbl_parse(text, NULL);
        if (known == NULL || known->len == 0) {
            g_clear_pointer(&known, g_ptr_array_unref);
            return NULL;
        }
        g_hash_table_replace(rules->lists, g_strdup(zone), known);
    }
    return g_ptr_array_index(known, 0);
}

/* All zones, twice: only when each has said what it wants, none is replaced any more. */
static void
make_lists(struct net_rules *rules)
{
    struct matcher *matcher = matcher_new();

    for (guint pass = 0; pass < 2; pass++) {
        for (guint i = 0; i < rules->rbls->len; i++) {
            struct rbl_rule *rbl = g_ptr_array_index(rules->rbls, i);
            rbl->list = list_of(rules, rbl->zone, rbl_wants_localhost(rbl, matcher));
        }
        for (guint i = 0; i < rules->uris->len; i++) {
            struct uri_rule *uri = g_ptr_array_index(rules->uris, i);
            g_autofree char *zone = net_zone(uri->what->zone);
            uri->list = list_of(rules, zone, wants_localhost(uri->subtest, matcher));
        }
        for (guint i = 0; i < rules->asks->len; i++) {
            struct ask_rule *ask = g_ptr_array_index(rules->asks, i);
            if (ask->zone != NULL)
                ask->list = list_of(rules, ask->zone, wants_localhost(ask->subtest, matcher));
        }
        for (guint i = 0; i < rules->hashes->len; i++) {
            struct hash_rule *hash = g_ptr_array_index(rules->hashes, i);
            hash->list = list_of(rules, hash->zone, wants_localhost(hash->subtest, matcher));
        }
    }
    matcher_free(matcher);
}

/* Subs belong to all rules of their set. */
static void
join_subs(struct net_rules *rules)
{
    for (guint i = 0; i < rules->rbls->len; i++) {
        struct rbl_rule *rbl = g_ptr_array_index(rules->rbls, i);
        rbl->subs = g_ptr_array_new();
        for (guint s = 0; s < rules->subs->len; s++) {
            struct rbl_sub *sub = g_ptr_array_index(rules->subs, s);
            if (strcmp(sub->set, rbl->set) == 0)
                g_ptr_array_add(rbl->subs, sub);
        }
    }
}

/* ---- the set ---- */

static void
add_rule(struct net_rules *rules, const struct spam_rule *rule)
{
    const struct spam_uridnsbl *uri = g_hash_table_lookup(rules->ruleset->uridnsbls, rule->name);
    const struct spam_askdns *ask = g_hash_table_lookup(rules->ruleset->askdns, rule->name);

    if (uri != NULL)
        net_rules_add_uri(rules, rule, uri);
    if (ask != NULL)
        net_rules_add_ask(rules, rule, ask);
    if (rule->function == NULL || !rule->function_known)
        return;
    if (rule->type == SPAM_RULE_RBL_EVAL)
        net_rules_add_rbl(rules, rule);
    else if (g_str_has_prefix(rule->function, "check_hashbl_"))
        net_rules_add_hash(rules, rule);
    else if (strcmp(rule->function, "check_asn") == 0)
        net_rules_add_asn(rules, rule);
    else if (strcmp(rule->function, "check_uridnsbl") == 0)
        g_hash_table_add(rules->known, (gpointer)rule);
}

struct net_rules *
net_rules_new(const struct spam_ruleset *ruleset, GPtrArray **warnings_r)
{
    struct net_rules *rules = g_new0(struct net_rules, 1);
    g_autoptr(GPtrArray) warnings = g_ptr_array_new_with_free_func(g_free);

    rules->ruleset = ruleset;
    rules->warnings = warnings;
    rules->policy = net_policy_new(ruleset);
    rules->rbls = g_ptr_array_new_with_free_func(rbl_rule_free);
    rules->subs = g_ptr_array_new_with_free_func(rbl_sub_free);
    rules->uris = g_ptr_array_new_with_free_func(uri_rule_free);
    rules->asks = g_ptr_array_new_with_free_func(ask_rule_free);
    rules->hashes = g_ptr_array_new_with_free_func(hash_rule_free);
    rules->asns = g_ptr_array_new_with_free_func(asn_rule_free);
    rules->lists = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, (GDestroyNotify)g_ptr_array_unref);
    rules->known = g_hash_table_new(NULL, NULL);
    net_rules_read_asn(rules);
    for (guint i = 0; i < ruleset->rules->len; i++)
        add_rule(rules, g_ptr_array_index(ruleset->rules, i));
    net_rules_compile_hash(rules);
    join_subs(rules);
    make_lists(rules);
    rules->warnings = NULL;
    if (warnings_r != NULL)
        *warnings_r = g_steal_pointer(&warnings);
    return rules;
}

void
net_rules_free(struct net_rules **rules)
{
    struct net_rules *r = *rules;

    if (r == NULL)
        return;
    g_ptr_array_unref(r->rbls);
    g_ptr_array_unref(r->subs);
    g_ptr_array_unref(r->uris);
    g_ptr_array_unref(r->asks);
    g_ptr_array_unref(r->hashes);
    g_ptr_array_unref(r->asns);
    g_array_unref(r->asn_lookups[0]);
    g_array_unref(r->asn_lookups[1]);
    pcre2_code_free(r->email);
    pcre2_code_free(r->email_quoted);
    pcre2_code_free(r->email_welcome);
    pcre2_code_free(r->links);
    g_hash_table_unref(r->lists);
    g_hash_table_unref(r->known);
    net_policy_free(&r->policy);
    g_clear_pointer(rules, g_free);
}

gboolean
net_rules_have(const struct net_rules *rules, const struct spam_rule *rule)
{
    return g_hash_table_contains(rules->known, rule);
}
