/* uribl.c: URIDNSBL: lists of the hosts that a message links to, of their addresses and of their name servers. */
#include <string.h>
#include "lib/spam/net/net_private.h"
#include "lib/spam/view/ip_text.h"

void
uri_rule_free(gpointer data)
{
    struct uri_rule *uri = data;

    net_subtest_free(&uri->subtest);
    g_free(uri);
}

void
net_rules_add_uri(struct net_rules *rules, const struct spam_rule *rule, const struct spam_uridnsbl *what)
{
    enum dns_type type;

    g_hash_table_add(rules->known, (gpointer)rule);
    if (!net_type_of(what->type, &type) || (type != DNS_A && type != DNS_TXT)) {
        net_rules_warn(rules, rule, "answers of type %s are not looked at", what->type);
        return;
    }
    struct uri_rule *uri = g_new0(struct uri_rule, 1);
    uri->rule = rule;
    uri->what = what;
    uri->type = type;
    uri->subtest = net_subtest_of_number(what->subtest);
    g_ptr_array_add(rules->uris, uri);
}

/* Which of the rules: all kinds but SPAM_URIDNSBL_IP stand for themselves. */
enum use { USE_NAMES, USE_NAMES_OF_SERVERS, USE_FULL_NAMES_OF_SERVERS, USE_ADDRESSES, USE_ADDRESSES_OF_SERVERS };

static gboolean
is_used(const struct uri_rule *uri, enum use use)
{
    guint flags = uri->rule->flags;

    switch (uri->what->kind) {
    case SPAM_URIDNSBL_DOMAIN:
        return use == USE_NAMES;
    case SPAM_URIDNSBL_NS:
        return use == USE_NAMES_OF_SERVERS;
    case SPAM_URIDNSBL_FULL_NS:
        return use == USE_FULL_NAMES_OF_SERVERS;
    case SPAM_URIDNSBL_IP:
        return use == USE_ADDRESSES ? (flags & SPAM_TFLAG_A) != 0
                                    : use == USE_ADDRESSES_OF_SERVERS && ((flags & SPAM_TFLAG_NS) != 0 || (flags & SPAM_TFLAG_A) == 0);
    }
    return FALSE;
}

static gboolean
any_used(const struct net_check *check, enum use use)
{
    for (guint i = 0; i < check->uri_rules->len; i++)
        if (is_used(g_ptr_array_index(check->uri_rules, i), use))
            return TRUE;
    return FALSE;
}

/* Whether this is the first time. Takes key. */
static gboolean
is_new(struct net_check *check, char *key)
{
    return g_hash_table_add(check->seen, key);
}

/* ---- answers of lists ---- */

static void
on_listing(gpointer context, gconstpointer subject, struct net_question *question)
{
    struct net_check *check = context;
    const struct uri_rule *uri = subject;
    const struct dnsbl_answer *judged = net_question_judge(question, uri->list);

    for (guint i = 0; i < question->answer->records->len; i++) {
        const struct dns_record *record = &g_array_index(question->answer->records, struct dns_record, i);
        struct net_datum datum = net_datum_of(uri->type, record, check->datum);

        if (net_subtest_matches_list(uri->subtest, check->matcher, &datum, judged))
            net_check_hit(check, uri->rule);
    }
}

/* subject: a name, or an IPv4 address. */
static void
ask(struct net_check *check, const struct uri_rule *uri, const char *subject)
{
    g_autofree char *low = g_ascii_strdown(subject, -1);

    if (uri->list == NULL ||
        !is_new(check, g_strdup_printf("%u:%s", uri->rule->index, low)))
        return;
    g_autofree char *reversed = ip_text_is_v4(low) ? net_reversed(low) : NULL;
    g_autofree char *name = g_strconcat(reversed != NULL ? reversed : low, ".", uri->what->zone, NULL);
    net_questions_ask(check->questions, name, uri->type, on_listing, check, uri);
}

static void
ask_all(struct net_check *check, enum use use, const char *subject)
{
    for (guint i = 0; i < check->uri_rules->len; i++) {
        const struct uri_rule *uri = g_ptr_array_index(check->uri_rules, i);
        if (is_used(uri, use))
            ask(check, uri, subject);
    }
}

/* ---- addresses and name servers ---- */

static void
on_addresses(gpointer context, gconstpointer subject, struct net_question *question)
{
    struct net_check *check = context;
    g_autoptr(GString) text = g_string_new(NULL);

    (void)subject;
    for (guint i = 0; i < question->answer->records->len; i++) {
        net_datum_of(DNS_A, &g_array_index(question->answer->records, struct dns_record, i), text);
        ask_all(check, USE_ADDRESSES, text->str);
    }
}

static void
ask_addresses(struct net_check *check, const char *host)
{
    if (any_used(check, USE_ADDRESSES) && is_new(check, g_strconcat("A:", host, NULL)))
        net_questions_ask(check->questions, host, DNS_A, on_addresses, check, NULL);
}

/* Addresses of name servers are looked up for the rules on addresses of hosts alone: so SpamAssassin 4.0 does, whose rules with tflags
 * ns (or none) never hit. */
static void
on_name_servers(gpointer context, gconstpointer subject, struct net_question *question)
{
    struct net_check *check = context;

    (void)subject;
    for (guint i = 0; i < question->answer->records->len; i++) {
        const char *host = (const char *)g_array_index(question->answer->records, struct dns_record, i).data;
        gsize length = strlen(host);
        gboolean looks_numeric = length > 0 && host[strspn(host, G_CSET_DIGITS ".")] == '\0';

        if (looks_numeric && (!ip_text_is_v4(host) || ip_text_is_private(host)))
            continue;
        if (!looks_numeric)
            ask_addresses(check, host);
        g_autofree char *domain = looks_numeric ? g_strdup(host) : registry_trim(check->message->registry, host, length);
        ask_all(check, USE_NAMES_OF_SERVERS, domain);
        ask_all(check, USE_FULL_NAMES_OF_SERVERS, host);
    }
}

static void
ask_name_servers(struct net_check *check, const char *domain)
{
    if ((any_used(check, USE_NAMES_OF_SERVERS) || any_used(check, USE_FULL_NAMES_OF_SERVERS) ||
         any_used(check, USE_ADDRESSES_OF_SERVERS)) &&
        is_new(check, g_strconcat("NS:", domain, NULL)))
        net_questions_ask(check->questions, domain, DNS_NS, on_name_servers, check, NULL);
}

/* ---- hosts ---- */

#define RANKS 6u /* of links: what people see comes first */

static gboolean
has_type(const struct uri_detail *detail, const char *type)
{
    return g_ptr_array_find_with_equal_func(detail->types, type, g_str_equal, NULL);
}

static guint
rank_of(const struct uri_detail *detail)
{
    if (has_type(detail, "a")) {
        for (guint i = 0; detail->anchor_texts != NULL && i < detail->anchor_texts->len; i++) {
            const struct uri_text *text = g_ptr_array_index(detail->anchor_texts, i);
            if (text != NULL && text->length > 0)
                return 0;
        }
        return 5;
    }
    return has_type(detail, "form")                                  ? 1
           : has_type(detail, "img")                                 ? 2
           : has_type(detail, "parsed") && detail->types->len == 1   ? 4
                                                                     : 3;
}

static gboolean
is_skipped(const struct net_check *check, const struct uri_host *host)
{
    GHashTable *skipped = rules_map(check->rules->ruleset, "uridnsbl_skip_domain");

    return skipped != NULL && (g_hash_table_contains(skipped, host->domain) || g_hash_table_contains(skipped, host->host));
}

/* The hosts to ask for, struct uri_host *, borrowed: each once, at most uridnsbl_max_domains. */
static GPtrArray *
choose_hosts(const struct net_check *check)
{
    const GPtrArray *details = check->message->uris->details;
    g_autoptr(GHashTable) seen = g_hash_table_new(g_str_hash, g_str_equal);
    guint max = (guint)CLAMP(rules_number(check->rules->ruleset, "uridnsbl_max_domains"), 0, 1000);
    gboolean skip_mailto = rules_number(check->rules->ruleset, "uridnsbl_skip_mailto") != 0;
    GPtrArray *hosts = g_ptr_array_new();

    for (guint rank = 0; rank < RANKS; rank++)
        for (guint i = 0; i < details->len && hosts->len < max; i++) {
            const struct uri_detail *detail = g_ptr_array_index(details, i);
            if (detail->hosts->len == 0 || rank_of(detail) != rank ||
                (skip_mailto && detail->raw->length >= 7 && g_ascii_strncasecmp(detail->raw->bytes, "mailto:", 7) == 0))
                continue;
            for (guint h = 0; h < detail->hosts->len && hosts->len < max; h++) {
                struct uri_host *host = g_ptr_array_index(detail->hosts, h);
                if (!is_skipped(check, host) && g_hash_table_add(seen, host->host))
                    g_ptr_array_add(hosts, host);
            }
        }
    return hosts;
}

static void
ask_host(struct net_check *check, const struct uri_host *host)
{
    g_autofree char *name = g_ascii_strdown(host->host, -1), *domain = g_ascii_strdown(host->domain, -1);
    gboolean numeric = ip_text_is_v4(name), odd = FALSE;

    if (*name == '[' || (*name != '\0' && name[strspn(name, G_CSET_DIGITS ".")] == '\0'))
        odd = !numeric || ip_text_is_private(name);
    if (odd)
        return;
    if (!numeric) {
        ask_name_servers(check, domain);
        ask_addresses(check, name);
    }
    for (guint i = 0; i < check->uri_rules->len; i++) {
        const struct uri_rule *uri = g_ptr_array_index(check->uri_rules, i);
        guint flags = uri->rule->flags;
        gboolean ips = (flags & SPAM_TFLAG_IPS_ONLY) != 0, domains = !ips && (flags & SPAM_TFLAG_DOMAINS_ONLY) != 0;
        if (is_used(uri, USE_NAMES) && !(numeric ? domains : ips))
            ask(check, uri, numeric || (flags & SPAM_TFLAG_NOTRIM) != 0 ? name : domain);
    }
}

static gint
compare(gconstpointer a, gconstpointer b)
{
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

/* _URIHOSTS_ and _URIDOMAINS_ */
static void
set_tags(struct net_check *check, const GPtrArray *hosts)
{
    GPtrArray *names = g_ptr_array_new_with_free_func(g_free), *domains = g_ptr_array_new_with_free_func(g_free);

    for (guint i = 0; i < hosts->len; i++) {
        const struct uri_host *host = g_ptr_array_index(hosts, i);
        g_ptr_array_add(names, g_strdup(host->host));
        if (!g_ptr_array_find_with_equal_func(domains, host->domain, g_str_equal, NULL))
            g_ptr_array_add(domains, g_strdup(host->domain));
    }
    g_ptr_array_sort(names, compare);
    g_ptr_array_sort(domains, compare);
    net_check_set_tag(check, "URIHOSTS", names);
    net_check_set_tag(check, "URIDOMAINS", domains);
}

void
net_uri_start(struct net_check *check)
{
    if (!rules_plugin_loaded(check->rules->ruleset, "URIDNSBL") || rules_number(check->rules->ruleset, "skip_uribl_checks") != 0)
        return;
    g_autoptr(GPtrArray) hosts = choose_hosts(check);
    for (guint i = 0; i < check->rules->uris->len; i++) {
        struct uri_rule *uri = g_ptr_array_index(check->rules->uris, i);
        if (net_check_runs(check, uri->rule))
            g_ptr_array_add(check->uri_rules, uri);
    }
    set_tags(check, hosts);
    for (guint i = 0; i < hosts->len; i++)
        ask_host(check, g_ptr_array_index(hosts, i));
}
