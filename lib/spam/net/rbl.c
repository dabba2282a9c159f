/* rbl.c: DNSEval: its rules, what lists answer, and the addresses that a message has come through. */
#include <string.h>
#include "lib/spam/net/rbl.h"
#include "lib/spam/view/ip_text.h"

#define RELAYS_MAX 9u /* addresses of one message that a list is asked about, as SpamAssassin has it */

/* ---- rules ---- */

static const struct {
    const char *function;
    enum rbl_kind kind;
    enum dns_type type;
} kinds[] = {
    {"check_rbl", RBL_RELAYS, DNS_A},
    {"check_rbl_txt", RBL_RELAYS, DNS_TXT},
    {"check_rbl_accreditor", RBL_ACCREDITOR, DNS_A},
    {"check_rbl_from_host", RBL_FROM_HOST, DNS_A},
    {"check_rbl_from_domain", RBL_FROM_DOMAIN, DNS_A},
    {"check_rbl_envfrom", RBL_ENVELOPE_FROM, DNS_A},
    {"check_rbl_ns_from", RBL_NAME_SERVER, DNS_A},
    {"check_rbl_rcvd", RBL_RECEIVED, DNS_A},
    {"check_rbl_headers", RBL_HEADERS, DNS_A},
};

void
rbl_rule_free(gpointer data)
{
    struct rbl_rule *rbl = data;

    net_subtest_free(&rbl->subtest);
    g_clear_pointer(&rbl->subs, g_ptr_array_unref);
    g_free(rbl->zone);
    g_free(rbl);
}

void
rbl_sub_free(gpointer data)
{
    struct rbl_sub *sub = data;

    net_subtest_free(&sub->subtest);
    g_free(sub);
}

/* What SenderBase's rules were; SpamAssassin passes over them, too. */
static gboolean
is_sender_base(const char *subtest)
{
    return subtest != NULL && g_str_has_prefix(subtest, "sb:");
}

static void
add_sub(struct net_rules *rules, const struct spam_rule *rule)
{
    const char *set = net_argument(rule, 0), *text = net_argument(rule, 1);
    struct net_subtest *subtest = text != NULL && !is_sender_base(text) ? net_subtest_of_list(text) : NULL;
    struct rbl_sub *sub;

    if (set == NULL || subtest == NULL) {
        net_subtest_free(&subtest);
        net_rules_warn(rules, rule, "check_rbl_sub wants a set and a subtest");
        return;
    }
    sub = g_new0(struct rbl_sub, 1);
    *sub = (struct rbl_sub){rule, set, subtest};
    g_ptr_array_add(rules->subs, sub);
}

void
net_rules_add_rbl(struct net_rules *rules, const struct spam_rule *rule)
{
    const char *set = net_argument(rule, 0), *zone = net_argument(rule, 1), *text = net_argument(rule, 2);

    g_hash_table_add(rules->known, (gpointer)rule);
    if (strcmp(rule->function, "check_rbl_sub") == 0)
        add_sub(rules, rule);
    for (guint i = 0; i < G_N_ELEMENTS(kinds); i++) {
        if (strcmp(rule->function, kinds[i].function) != 0)
            continue;
        struct net_subtest *subtest = is_sender_base(text) ? NULL : net_subtest_of_list(text);
        if (set == NULL || zone == NULL || subtest == NULL) {
            net_subtest_free(&subtest);
            net_rules_warn(rules, rule, "%s wants a set, a list and, perhaps, a subtest", rule->function);
            return;
        }
        struct rbl_rule *rbl = g_new0(struct rbl_rule, 1);
        rbl->rule = rule;
        rbl->kind = kinds[i].kind;
        rbl->type = kinds[i].type;
        rbl->set = set;
        rbl->zone = net_zone(zone);
        rbl->subtest = subtest;
        rbl->accreditor = kinds[i].kind == RBL_ACCREDITOR ? net_argument(rule, 3) : NULL;
        rbl->headers = kinds[i].kind == RBL_HEADERS ? net_argument(rule, 3) : NULL;
        g_ptr_array_add(rules->rbls, rbl);
    }
}

/* ---- answers ---- */

static void
on_listing(gpointer context, gconstpointer subject, struct net_question *question)
{
    struct net_check *check = context;
    const struct rbl_rule *rbl = subject;
    const struct dnsbl_answer *judged = net_question_judge(question, rbl->list);

    for (guint i = 0; i < question->answer->records->len; i++) {
        const struct dns_record *record = &g_array_index(question->answer->records, struct dns_record, i);
        struct net_datum datum = net_datum_of(rbl->type, record, check->datum);

        if (datum.has_number && datum.number >> 24 != 127)
            continue;
        if (net_subtest_matches_list(rbl->subtest, check->matcher, &datum, judged) && net_check_hits(check, rbl->rule) == 0)
            net_check_hit(check, rbl->rule);
        for (guint s = 0; s < rbl->subs->len; s++) {
            const struct rbl_sub *sub = g_ptr_array_index(rbl->subs, s);
            if (net_check_runs(check, sub->rule) && net_check_hits(check, sub->rule) == 0 &&
                net_subtest_matches_list(sub->subtest, check->matcher, &datum, judged))
                net_check_hit(check, sub->rule);
        }
    }
}

void
rbl_ask(struct net_check *check, const struct rbl_rule *rbl, const char *subject)
{
    g_autofree char *name = g_strconcat(subject, ".", rbl->zone, NULL);

    net_questions_ask(check->questions, name, rbl->type, on_listing, check, rbl);
}

void
rbl_ask_host(struct net_check *check, const struct rbl_rule *rbl, const char *host)
{
    if (registry_is_ip(host, strlen(host))) {
        g_autofree char *reversed = net_reversed(host);
        if (reversed != NULL && (rbl->rule->flags & SPAM_TFLAG_DOMAINS_ONLY) == 0)
            rbl_ask(check, rbl, reversed);
    } else if ((rbl->rule->flags & SPAM_TFLAG_IPS_ONLY) == 0 && net_check_is_host(check, host)) {
        rbl_ask(check, rbl, host);
    }
}

/* ---- relays ---- */

/* char *, borrowed; each once, without private ones, in the order of the Received fields, newest first. Made once for all rules: a
 * message can have thousands of hops. */
struct addresses {
    GPtrArray *external;
    GPtrArray *all;                          /* the untrusted, and those of originating_ip_headers that aren't trusted */
    gboolean has_untrusted, has_originating; /* trusted ones of these headers, too */
    GPtrArray *kept;                         /* what is not the relays' own */
};

/* Adds it when it is new. */
static void
add_public(GPtrArray *addresses, GHashTable *seen, char *ip)
{
    if (*ip == '\0' || g_hash_table_contains(seen, ip) || ip_text_is_private(ip))
        return;
    g_hash_table_add(seen, ip);
    g_ptr_array_add(addresses, ip);
}

static gboolean
is_trusted(const struct net_check *check, const char *ip)
{
    const struct spam_setting *networks = rules_setting(check->rules->ruleset, "trusted_networks");

    return networks != NULL && rules_networks_hold(networks, ip);
}

static void
find_originating(const struct net_check *check, struct addresses *addresses, GHashTable *seen)
{
    const GPtrArray *headers = rules_list(check->rules->ruleset, "originating_ip_headers");

    for (guint i = 0; headers != NULL && i < headers->len; i++) {
        g_autofree char *text = net_check_text(check, g_ptr_array_index(headers, i));
        gsize length = text != NULL ? strlen(text) : 0;
        for (gsize at = 0; at < length;) {
            gsize ends[IP_TEXT_ENDS];
            if (ip_text_ends(text, length, at, ends) == 0) {
                at++;
                continue;
            }
            char *ip = g_strndup(text + at, ends[0] - at);
            g_ptr_array_add(addresses->kept, ip);
            addresses->has_originating = TRUE;
            if (!is_trusted(check, ip))
                add_public(addresses->all, seen, ip);
            at = ends[0];
        }
    }
}

static struct addresses
find_addresses(const struct net_check *check)
{
    const struct spam_relays *relays = check->message->relays;
    struct addresses found = {g_ptr_array_new(), g_ptr_array_new(), FALSE, FALSE, g_ptr_array_new_with_free_func(g_free)};
    g_autoptr(GHashTable) external = g_hash_table_new(g_str_hash, g_str_equal), all = g_hash_table_new(g_str_hash, g_str_equal);

    for (guint i = 0; i < relays->trusted->len; i++) {
        const struct spam_relay *relay = g_ptr_array_index(relays->trusted, i);
        if (!relay->internal)
            add_public(found.external, external, relay->ip);
    }
    for (guint i = 0; i < relays->untrusted->len; i++) {
        const struct spam_relay *relay = g_ptr_array_index(relays->untrusted, i);
        add_public(found.external, external, relay->ip);
        add_public(found.all, all, relay->ip);
    }
    found.has_untrusted = found.all->len > 0;
    find_originating(check, &found, all);
    return found;
}

static void
addresses_clear(struct addresses *addresses)
{
    g_ptr_array_unref(addresses->external);
    g_ptr_array_unref(addresses->all);
    g_ptr_array_unref(addresses->kept);
}

/* Up to RELAYS_MAX of those that the set's name asks for: -lastexternal, -notfirsthop, -firsttrusted, -untrusted, or all, oldest
 * first. */
static GPtrArray *
addresses_of_set(const char *set, const struct addresses *addresses)
{
    gboolean is_last = g_str_has_suffix(set, "-lastexternal"), not_first = g_str_has_suffix(set, "-notfirsthop");
    gboolean untrusted = g_str_has_suffix(set, "-untrusted"), trusted = g_str_has_suffix(set, "-firsttrusted");
    const GPtrArray *from = is_last || not_first ? addresses->external : addresses->all;
    guint begin = untrusted ? 1 : 0, end = from->len;
    GPtrArray *found = g_ptr_array_new();

    if (is_last || trusted)
        end = MIN(end, 1);
    else if (not_first && end > 1)
        end--;
    for (guint i = begin; i < end && found->len < RELAYS_MAX; i++)
        g_ptr_array_add(found, from->pdata[is_last || not_first || untrusted || trusted ? i : end - 1 - i]);
    return found;
}

static void
ask_relays(struct net_check *check, const struct rbl_rule *rbl, const struct addresses *addresses)
{
    /* None: all the way is trusted. */
    if (!addresses->has_untrusted && !addresses->has_originating)
        return;
    g_autoptr(GPtrArray) ips = addresses_of_set(rbl->set, addresses);
    /* Only welcome lists are asked about trusted hosts. */
    while ((rbl->rule->flags & SPAM_TFLAG_NICE) == 0 && ips->len > 0 && is_trusted(check, g_ptr_array_index(ips, 0)))
        g_ptr_array_remove_index(ips, 0);
    for (guint i = 0; i < ips->len; i++) {
        g_autofree char *reversed = net_reversed(g_ptr_array_index(ips, i));
        if (reversed != NULL)
            rbl_ask(check, rbl, reversed);
    }
}

/* The oldest untrusted hop, with all its names. */
static void
ask_received(struct net_check *check, const struct rbl_rule *rbl)
{
    const GPtrArray *untrusted = check->message->relays->untrusted;
    const struct spam_relay *relay = untrusted->len > 0 ? g_ptr_array_index(untrusted, untrusted->len - 1) : NULL;

    if (relay == NULL)
        return;
    const char *const names[] = {relay->ip, relay->by, relay->helo, relay->rdns};
    for (guint i = 0; i < G_N_ELEMENTS(names); i++) {
        g_autofree char *name = g_strdup(names[i]);
        gsize length = strlen(name);
        gboolean again = FALSE;
        for (guint before = 0; before < i; before++)
            again = again || strcmp(names[before], name) == 0;
        if (length > 0 && name[length - 1] == '.' && !registry_is_ip(name, length))
            name[length - 1] = '\0';
        if (!again && *name != '\0')
            rbl_ask_host(check, rbl, name);
    }
}

/* ---- */

static void
start(struct net_check *check, const struct rbl_rule *rbl, const struct addresses *addresses)
{
    if (rbl->kind == RBL_RELAYS || (rbl->kind == RBL_ACCREDITOR && rbl_names_accreditor(check, rbl->accreditor)))
        ask_relays(check, rbl, addresses);
    else if (rbl->kind == RBL_RECEIVED)
        ask_received(check, rbl);
    else if (rbl->kind != RBL_ACCREDITOR)
        rbl_ask_senders(check, rbl);
}

void
net_rbl_start(struct net_check *check)
{
    struct addresses addresses;

    if (rules_number(check->rules->ruleset, "skip_rbl_checks") != 0)
        return;
    addresses = find_addresses(check);
    for (guint i = 0; i < check->rules->rbls->len; i++) {
        const struct rbl_rule *rbl = g_ptr_array_index(check->rules->rbls, i);
        if (rbl->list != NULL && net_check_runs(check, rbl->rule))
            start(check, rbl, &addresses);
    }
    addresses_clear(&addresses);
}
