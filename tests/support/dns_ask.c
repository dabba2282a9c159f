/* dns_ask.c: drives dns_unbound from tests: settings as arguments, questions "NAME TYPE" as lines of standard input.
 *
 * Prints "ready" when the resolver has started (or the error, and exits 1); then one JSON object per question: name, type,
 * outcome, secure, bogus, truncated, ttl, why, seconds, records ([preference, text]; octets as Latin-1, addresses as text).
 * Only for tests, never installed. */
#include "lib/base/dns_unbound.h"
#include "lib/base/log.h"
#include <arpa/inet.h>
#include <jansson.h>
#include <stdio.h>
#include <string.h>

static const struct {
    const char *name;
    enum dns_type type;
} types[] = {{"A", DNS_A}, {"NS", DNS_NS}, {"PTR", DNS_PTR}, {"MX", DNS_MX}, {"TXT", DNS_TXT}, {"AAAA", DNS_AAAA}};

static enum dns_type
type_named(const char *name)
{
    for (guint i = 0; i < G_N_ELEMENTS(types); i++)
        if (g_strcmp0(types[i].name, name) == 0)
            return types[i].type;
    g_error("no type %s", name);
}

static char *
record_text(const struct dns_record *record, enum dns_type type, gsize *length)
{
    char address[INET6_ADDRSTRLEN];

    if (type != DNS_A && type != DNS_AAAA)
        return g_convert((const char *)record->data, record->length, "UTF-8", "ISO-8859-1", NULL, length, NULL);
    inet_ntop(type == DNS_A ? AF_INET : AF_INET6, record->data, address, sizeof address);
    *length = strlen(address);
    return g_strdup(address);
}

static json_t *
records_json(const struct dns_answer *answer, enum dns_type type)
{
    json_t *list = json_array();

    for (guint i = 0; i < answer->records->len; i++) {
        const struct dns_record *record = &g_array_index(answer->records, struct dns_record, i);
        gsize length;
        g_autofree char *text = record_text(record, type, &length);

        json_array_append_new(list, json_pack("[i,s%]", record->preference, text, length));
    }
    return list;
}

static void
ask(struct dns *dns, const char *line)
{
    g_auto(GStrv) words = g_strsplit(line, " ", 2);
    enum dns_type type = type_named(words[0] != NULL ? words[1] : NULL);
    gint64 begun = g_get_monotonic_time();
    struct dns_lookup *lookup = dns_start(dns, words[0], type);
    const struct dns_answer *answer = dns_wait(lookup, begun + 60 * G_USEC_PER_SEC);
    json_t *out = json_pack("{s:s,s:s,s:s,s:b,s:b,s:b,s:i,s:s?,s:f,s:o}", "name", dns_lookup_name(lookup), "type", words[1],
                            "outcome", dns_outcome_name(answer->outcome), "secure", answer->secure, "bogus", answer->bogus,
                            "truncated", answer->truncated, "ttl", (int)answer->ttl, "why", answer->why, "seconds",
                            (double)(g_get_monotonic_time() - begun) / G_USEC_PER_SEC, "records", records_json(answer, type));

    json_dumpf(out, stdout, JSON_COMPACT);
    putchar('\n');
    fflush(stdout);
    json_decref(out);
    dns_lookup_free(&lookup);
}

static guint
choice(const char *value, const char *const *choices)
{
    for (guint i = 0; choices[i] != NULL; i++)
        if (g_strcmp0(value, choices[i]) == 0)
            return i;
    g_error("\"%s\" is no choice", value);
}

/* mode=, dnssec=, forwarder= (repeatable), resolv_conf=, root_hints=, trust_anchor=, timeout_ms=, check_ms= */
static void
take_argument(struct dns_unbound_options *options, GPtrArray *forwarders, char *argument)
{
    static const char *const modes[] = {"system", "forward", "recursive", NULL};
    static const char *const dnssec[] = {"auto", "strict", "off", NULL};
    char *value = strchr(argument, '=');

    if (value == NULL)
        g_error("%s: not NAME=VALUE", argument);
    *value++ = '\0';
    if (strcmp(argument, "mode") == 0)
        options->mode = choice(value, modes);
    else if (strcmp(argument, "dnssec") == 0)
        options->dnssec = choice(value, dnssec);
    else if (strcmp(argument, "forwarder") == 0)
        g_ptr_array_add(forwarders, value);
    else if (strcmp(argument, "resolv_conf") == 0)
        options->resolv_conf = value;
    else if (strcmp(argument, "root_hints") == 0)
        options->root_hints = value;
    else if (strcmp(argument, "trust_anchor") == 0)
        options->trust_anchor = value;
    else if (strcmp(argument, "timeout_ms") == 0)
        options->timeout_ms = g_ascii_strtoll(value, NULL, 10);
    else if (strcmp(argument, "check_ms") == 0)
        options->check_ms = g_ascii_strtoll(value, NULL, 10);
    else
        g_error("%s: unknown", argument);
}

int
main(int argc, char **argv)
{
    struct dns_unbound_options options = {0};
    g_autoptr(GPtrArray) forwarders = g_ptr_array_new();
    g_autoptr(GError) error = NULL;
    char line[1024];

    log_open("dns_ask", LOG_TO_STDERR, LOG_AS_TEXT, LOG_SEV_DEBUG);
    for (int i = 1; i < argc; i++)
        take_argument(&options, forwarders, argv[i]);
    g_ptr_array_add(forwarders, NULL);
    options.forwarders = (char *const *)forwarders->pdata;
    struct dns *dns = dns_unbound_new(&options, &error);
    puts(dns != NULL ? "ready" : error->message);
    fflush(stdout);
    while (dns != NULL && fgets(line, sizeof line, stdin) != NULL)
        ask(dns, g_strchomp(line));
    dns_unref(dns);
    return dns != NULL ? 0 : 1;
}
