/* rbl_senders.c: DNSEval: the names that a message says it comes from, and who vouches for them. */
#include <string.h>
#include "lib/spam/net/rbl.h"

/* ---- addresses ---- */

/* What follows the first "@" that something other than "@" and blanks follows; without dots at its ends, dots squeezed. NULL: that
 * has no dot, or there is none. */
static char *
host_of(const char *address)
{
    const char *at = strchr(address, '@');

    while (at != NULL && strcspn(at + 1, "@ \t\r\n\f\v") == 0)
        at = strchr(at + 1, '@');
    if (at == NULL)
        return NULL;
    at++;
    gsize length = strcspn(at, "@ \t\r\n\f\v");
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
        rbl_ask_host(check, rbl, host);
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

    while (at != NULL && strcspn(at + 1, "@ \t\r\n\f\v") == 0)
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
            rbl_ask_host(check, rbl, *line);
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
            rbl_ask(check, rbl, host);
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

gboolean
rbl_names_accreditor(const struct net_check *check, const char *accreditor)
{
    if (accreditor == NULL)
        return FALSE;
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

void
rbl_ask_senders(struct net_check *check, const struct rbl_rule *rbl)
{
    g_autoptr(GPtrArray) list = NULL;

    if (rbl->kind == RBL_FROM_HOST) {
        ask_addresses(check, rbl, net_check_senders(check));
    } else if (rbl->kind == RBL_FROM_DOMAIN) {
        list = sender_domains(check);
        ask_addresses(check, rbl, list);
    } else if (rbl->kind == RBL_ENVELOPE_FROM) {
        list = strings_of(net_check_values(check, "EnvelopeFrom:addr"));
        ask_addresses(check, rbl, list);
    } else if (rbl->kind == RBL_NAME_SERVER) {
        ask_name_server(check, rbl);
    } else if (rbl->kind == RBL_HEADERS) {
        ask_headers(check, rbl);
    }
}
