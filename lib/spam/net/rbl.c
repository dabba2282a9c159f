/* rbl.c: DNSEval: lists of the addresses that a message has come through, and of the names it says it comes from. */
#include <string.h>
#include "lib/spam/net/net_private.h"
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

/* Asks the list for a reversed address or a name. */
static void
ask(struct net_check *check, const struct rbl_rule *rbl, const char *subject)
{
    g_autofree char *name = g_strconcat(subject, ".", rbl->zone, NULL);

    net_questions_ask(check->questions, name, rbl->type, on_listing, check, rbl);
}

/* An address, or a host name, as the rule's flags will have it. */
static void
ask_host(struct net_check *check, const struct rbl_rule *rbl, const char *host)
{
    if (registry_is_ip(host, strlen(host))) {
        g_autofree char *reversed = net_reversed(host);
        if (reversed != NULL && (rbl->rule->flags & SPAM_TFLAG_DOMAINS_ONLY) == 0)
            ask(check, rbl, reversed);
    } else if ((rbl->rule->flags & SPAM_TFLAG_IPS_ONLY) == 0 && net_check_is_host(check, host)) {
        ask(check, rbl, host);
    }
}

/* ---- relays ---- */

/* char *, borrowed; in the order of the Received fields, newest first. */
struct addresses {
    GPtrArray *external, *untrusted, *originating;
    GPtrArray *kept; /* what is not the relays' own */
};

/* Each once, without private ones. */
static GPtrArray *
public_ones(const GPtrArray *addresses, const GPtrArray *more)
{
    GPtrArray *found = g_ptr_array_new();

    for (guint i = 0; i < addresses->len + (more != NULL ? more->len : 0); i++) {
        char *ip = g_ptr_array_index(i < addresses->len ? addresses : more, i < addresses->len ? i : i - addresses->len);
        if (*ip != '\0' && !g_ptr_array_find_with_equal_func(found, ip, g_str_equal, NULL) && !ip_text_is_private(ip))
            g_ptr_array_add(found, ip);
    }
    return found;
}

static void
find_originating(const struct net_check *check, struct addresses *addresses)
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
            g_ptr_array_add(addresses->originating, ip);
            at = ends[0];
        }
    }
}

static struct addresses
find_addresses(const struct net_check *check)
{
    const struct spam_relays *relays = check->message->relays;
    struct addresses found = {g_ptr_array_new(), g_ptr_array_new(), g_ptr_array_new(), g_ptr_array_new_with_free_func(g_free)};

    for (guint i = 0; i < relays->trusted->len; i++) {
        const struct spam_relay *relay = g_ptr_array_index(relays->trusted, i);
        if (!relay->internal)
            g_ptr_array_add(found.external, relay->ip);
    }
    for (guint i = 0; i < relays->untrusted->len; i++) {
        const struct spam_relay *relay = g_ptr_array_index(relays->untrusted, i);
        g_ptr_array_add(found.external, relay->ip);
        g_ptr_array_add(found.untrusted, relay->ip);
    }
    find_originating(check, &found);
    return found;
}

static void
addresses_clear(struct addresses *addresses)
{
    g_ptr_array_unref(addresses->external);
    g_ptr_array_unref(addresses->untrusted);
    g_ptr_array_unref(addresses->originating);
    g_ptr_array_unref(addresses->kept);
}

static gboolean
is_trusted(const struct net_check *check, const char *ip)
{
    const struct spam_setting *networks = rules_setting(check->rules->ruleset, "trusted_networks");

    return networks != NULL && rules_networks_hold(networks, ip);
}

static void
keep_first(GPtrArray *list, guint n)
{
    if (list->len > n)
        g_ptr_array_set_size(list, (gint)n);
}

/* Those that the set's name asks for: -lastexternal, -notfirsthop, -firsttrusted, -untrusted, or all, oldest first. */
static GPtrArray *
addresses_of_set(const struct net_check *check, const char *set, const struct addresses *addresses)
{
    GPtrArray *found;

    if (g_str_has_suffix(set, "-notfirsthop") || g_str_has_suffix(set, "-lastexternal")) {
        found = public_ones(addresses->external, NULL);
        if (g_str_has_suffix(set, "-lastexternal"))
            keep_first(found, 1);
        else if (found->len > 1)
            keep_first(found, found->len - 1);
        return found;
    }
    g_autoptr(GPtrArray) strangers = g_ptr_array_new(), untrusted = public_ones(addresses->untrusted, NULL);
    for (guint i = 0; i < addresses->originating->len; i++) {
        char *ip = g_ptr_array_index(addresses->originating, i);
        if (!is_trusted(check, ip))
            g_ptr_array_add(strangers, ip);
    }
    found = public_ones(untrusted, strangers);
    if (g_str_has_suffix(set, "-firsttrusted"))
        keep_first(found, 1);
    else if (g_str_has_suffix(set, "-untrusted") && found->len > 0)
        g_ptr_array_remove_index(found, 0);
    else if (!g_str_has_suffix(set, "-untrusted"))
        for (guint i = 0; i < found->len / 2; i++) {
            gpointer swapped = found->pdata[i];
            found->pdata[i] = found->pdata[found->len - 1 - i];
            found->pdata[found->len - 1 - i] = swapped;
        }
    return found;
}

static void
ask_relays(struct net_check *check, const struct rbl_rule *rbl, const struct addresses *addresses)
{
    g_autoptr(GPtrArray) public_untrusted = public_ones(addresses->untrusted, NULL);

    /* None: all the way is trusted. */
    if (public_untrusted->len + addresses->originating->len == 0)
        return;
    g_autoptr(GPtrArray) ips = addresses_of_set(check, rbl->set, addresses);
    keep_first(ips, RELAYS_MAX);
    /* Only welcome lists are asked about trusted hosts. */
    while ((rbl->rule->flags & SPAM_TFLAG_NICE) == 0 && ips->len > 0 && is_trusted(check, g_ptr_array_index(ips, 0)))
        g_ptr_array_remove_index(ips, 0);
    for (guint i = 0; i < ips->len; i++) {
        g_autofree char *reversed = net_reversed(g_ptr_array_index(ips, i));
        if (reversed != NULL)
            ask(check, rbl, reversed);
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
            ask_host(check, rbl, name);
    }
}

/* ---- senders ---- */

/* What follows the first "@" that something other than "@" and blanks follows; without dots at its ends, dots squeezed. NULL: that
 * has no dot, or there is none. */
static char *
host_of(const char *address)
{
    gsize length = 0;
    const char *at = address;

    while ((at = strchr(at, '@')) != NULL && length == 0) {
        at++;
        length = strcspn(at, "@ \t\r\n\f\v");
        if (length > 0)
            break;
    }
    if (at == NULL || length == 0)
        return NULL;
    g_autoptr(GString) host = g_string_new(NULL);
    for (gsize i = 0; i < length; i++)
        if (at[i] != '.' || (host->len > 0 && host->str[host->len - 1] != '.'))
            g_string_append_c(host, g_ascii_tolower(at[i]));
    if (host->len > 0 && host->str[host->len - 1] == '.')
        g_string_truncate(host, host->len - 1);
    return strchr(host->str, '.') != NULL ? g_string_free(g_steal_pointer(&host), FALSE) : NULL;
}

/* The hosts of addresses, each once. */
static void
ask_addresses(struct net_check *check, const struct rbl_rule *rbl, const GPtrArray *addresses)
{
    g_autoptr(GPtrArray) hosts = g_ptr_array_new_with_free_func(g_free);

    for (guint i = 0; i < MIN(addresses->len, NET_ADDRESSES_MAX); i++) {
        char *host = host_of(g_ptr_array_index(addresses, i));
        if (host == NULL || g_ptr_array_find_with_equal_func(hosts, host, g_str_equal, NULL)) {
            g_free(host);
            continue;
        }
        g_ptr_array_add(hosts, host);
        ask_host(check, rbl, host);
    }
}

/* The registered domains of the senders, as addresses. */
static GPtrArray *
sender_domains(struct net_check *check)
{
    const GPtrArray *senders = net_check_senders(check);
    GPtrArray *domains = g_ptr_array_new_with_free_func(g_free);

    for (guint i = 0; i < MIN(senders->len, NET_ADDRESSES_MAX); i++) {
        const char *sender = g_ptr_array_index(senders, i);
        struct perl_text text = {sender, strlen(sender), FALSE};
        char *domain;
        if (registry_uri_domain(check->message->registry, text, &domain, NULL))
            g_ptr_array_add(domains, g_strconcat("dummy@", domain, NULL));
        g_free(domain);
    }
    return domains;
}

static GPtrArray *
strings_of(const GPtrArray *values)
{
    GPtrArray *strings = g_ptr_array_new_with_free_func(g_free);

    for (guint i = 0; i < values->len; i++) {
        gsize length;
        const char *value = g_bytes_get_data(g_ptr_array_index(values, i), &length);
        g_ptr_array_add(strings, g_strndup(value != NULL ? value : "", length));
    }
    return strings;
}

static void
ask_header(struct net_check *check, const struct rbl_rule *rbl, const char *name)
{
    g_autofree char *request = g_strconcat(name, ":addr", NULL), *address = net_check_text(check, request);
    const char *at = address != NULL ? strchr(address, '@') : NULL;

    while (at != NULL && (at[1] == '\0' || strchr("@ \t\r\n\f\v", at[1]) != NULL))
        at = strchr(at + 1, '@');
    if (at != NULL) {
        g_autoptr(GPtrArray) one = g_ptr_array_new();
        g_ptr_array_add(one, address);
        ask_addresses(check, rbl, one);
        return;
    }
    g_autofree char *text = net_check_text(check, name);
    g_auto(GStrv) lines = g_strsplit(text != NULL ? text : "", "\n", NET_ADDRESSES_MAX);
    for (char **line = lines; *line != NULL; line++)
        if (**line != '\0')
            ask_host(check, rbl, *line);
}

static void
ask_headers(struct net_check *check, const struct rbl_rule *rbl)
{
    const char *names = rbl->headers != NULL ? rbl->headers : rules_text(check->rules->ruleset, "rbl_headers");
    g_auto(GStrv) list = g_strsplit(names != NULL ? names : "", ",", -1);

    for (char **name = list; *name != NULL; name++)
        ask_header(check, rbl, *name);
}

/* ---- name servers ---- */

/* What SpamAssassin looks at is the primary server in the authority section of an answer without NS records. It is in the SOA record
 * of the zone, which is asked for upwards from the name. */
static void
on_soa(gpointer context, gconstpointer subject, struct net_question *question)
{
    struct net_check *check = context;
    const struct rbl_rule *rbl = subject;
    const char *parent = strchr(question->name, '.');

    if (question->answer->outcome == DNS_FOUND) {
        const struct dns_record *record = &g_array_index(question->answer->records, struct dns_record, 0);
        const char *host = (const char *)record->data;
        if (registry_host_is_valid(host, strlen(host)))
            ask(check, rbl, host);
    } else if (question->answer->outcome != DNS_FAILED && parent != NULL && strchr(parent + 1, '.') != NULL) {
        net_questions_ask(check->questions, parent + 1, DNS_SOA, on_soa, check, rbl);
    }
}

static void
on_name_servers(gpointer context, gconstpointer subject, struct net_question *question)
{
    struct net_check *check = context;

    if (question->answer->outcome == DNS_NO_DATA || question->answer->outcome == DNS_NO_NAME)
        net_questions_ask(check->questions, question->name, DNS_SOA, on_soa, check, subject);
}

static void
ask_name_server(struct net_check *check, const struct rbl_rule *rbl)
{
    g_autoptr(GPtrArray) froms = strings_of(net_check_values(check, "EnvelopeFrom:addr"));

    for (guint i = 0; i < froms->len; i++) {
        g_autofree char *host = host_of(g_ptr_array_index(froms, i));
        if (host == NULL)
            continue;
        net_questions_ask(check->questions, host, DNS_NS, on_name_servers, check, rbl);
        return;
    }
}

/* ---- accreditors ---- */

/* Whether the sender says that this one vouches for him: "x@a--NAME.example.com", or in a field Accreditor. */
static gboolean
names_accreditor(const struct net_check *check, const char *accreditor)
{
    g_autofree char *from = net_check_text(check, "EnvelopeFrom:addr"), *field = net_check_text(check, "Accreditor");
    g_auto(GStrv) entries = g_strsplit(field != NULL ? field : "", ",", -1);
    gsize length = strlen(accreditor);

    for (const char *at = from != NULL ? strpbrk(from, "@.") : NULL; at != NULL; at = strpbrk(at + 1, "@.")) {
        gsize run = strspn(at + 4 <= from + strlen(from) ? at + 4 : "", G_CSET_a_2_z G_CSET_A_2_Z G_CSET_DIGITS);
        if (g_ascii_strncasecmp(at + 1, "a--", 3) != 0 || run < 3 || at[4 + run] != '.')
            continue;
        g_autofree char *name = g_ascii_strdown(at + 4, (gssize)run);
        if (run == length && strcmp(name, accreditor) == 0)
            return TRUE;
        break; /* only the first counts */
    }
    for (char **entry = entries; *entry != NULL; entry++) {
        g_autofree char *low = g_ascii_strdown(g_strchug(*entry), -1);
        gsize word = strcspn(low, " \t\r\n\f\v");
        if (word == length && word > 0 && strncmp(low, accreditor, word) == 0)
            return TRUE;
    }
    return FALSE;
}

/* ---- */

static void
start(struct net_check *check, const struct rbl_rule *rbl, const struct addresses *addresses)
{
    g_autoptr(GPtrArray) list = NULL;

    switch (rbl->kind) {
    case RBL_ACCREDITOR:
        if (rbl->accreditor == NULL || !names_accreditor(check, rbl->accreditor))
            return;
        ask_relays(check, rbl, addresses);
        return;
    case RBL_RELAYS:
        ask_relays(check, rbl, addresses);
        return;
    case RBL_FROM_HOST:
        ask_addresses(check, rbl, net_check_senders(check));
        return;
    case RBL_FROM_DOMAIN:
        list = sender_domains(check);
        ask_addresses(check, rbl, list);
        return;
    case RBL_ENVELOPE_FROM:
        list = strings_of(net_check_values(check, "EnvelopeFrom:addr"));
        ask_addresses(check, rbl, list);
        return;
    case RBL_NAME_SERVER:
        ask_name_server(check, rbl);
        return;
    case RBL_RECEIVED:
        ask_received(check, rbl);
        return;
    case RBL_HEADERS:
        ask_headers(check, rbl);
        return;
    }
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
