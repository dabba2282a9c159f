/* spam_relays_driver.c: reads spam_relays.pl's lines and prints what our reader makes of the same Received
 * values, one line of JSON with a list of results, one for each of the settings in the first line. */
#include <stdio.h>
#include "lib/spam/view/relays.h"
#include "tests/parity/spam_bytes.h"

static struct relay_networks *
networks_of(const json_t *entries, gboolean loopback)
{
    struct relay_networks *networks = relay_networks_new();
    g_autoptr(GError) error = NULL;
    const json_t *entry;
    size_t i;

    if (loopback && (!relay_networks_add(networks, "127.0.0.0/8", &error) ||
                     !relay_networks_add(networks, "::1", &error)))
        g_error("%s", error->message);
    json_array_foreach(entries, i, entry) if (!relay_networks_add(networks, json_string_value(entry), &error))
        g_error("%s", error->message);
    return networks;
}

static void
add_flags(GString *flags, const GPtrArray *relays)
{
    for (guint i = 0; i < relays->len; i++) {
        const struct spam_relay *relay = g_ptr_array_index(relays, i);
        g_string_append_printf(flags, "%s%s,", relay->no_reverse_dns ? "n" : "",
                               relay->ip_private ? "p" : "");
    }
}

static void
set_text(json_t *result, const char *name, const GString *text)
{
    json_object_set_new(result, name, json_of(text->str, text->len));
}

static void
set_range(json_t *result, const char *name, const struct spam_relays *relays, enum relays_range range,
          const GPtrArray *lines)
{
    g_autoptr(GPtrArray) found = relays_headers(relays, range, lines);
    g_autoptr(GString) text = g_string_new(NULL);

    for (guint i = 0; i < found->len; i++) {
        gsize len;
        const char *data = g_bytes_get_data(g_ptr_array_index(found, i), &len);
        g_string_append_len(text, data, (gssize)len);
    }
    set_text(result, name, text);
}

static json_t *
describe(const struct spam_relays *relays, const struct spam_headers *headers, const json_t *settings,
         const GPtrArray *lines)
{
    json_t *result = json_object();
    g_autoptr(GString) flags = g_string_new(NULL);
    g_autofree char *from =
        relays_envelope_from(relays, headers, json_string_value(json_object_get(settings, "sender_header")));

    add_flags(flags, relays->trusted);
    add_flags(flags, relays->untrusted);
    if (flags->len > 0)
        g_string_truncate(flags, flags->len - 1);
    json_object_set_new(result, "flags", json_string(flags->str));
    json_object_set_new(result, "unparseable", json_integer(relays->unparseable));
    json_object_set_new(result, "trusted_index", json_integer(relays->last_trusted_index));
    json_object_set_new(result, "internal_index", json_integer(relays->last_internal_index));
    set_text(result, "trusted", relays->trusted_text);
    set_text(result, "untrusted", relays->untrusted_text);
    set_text(result, "internal", relays->internal_text);
    set_text(result, "external", relays->external_text);
    json_object_set_new(result, "envelope_from", from != NULL ? json_of(from, strlen(from)) : json_null());
    set_range(result, "ALL-TRUSTED", relays, RELAYS_ALL_TRUSTED, lines);
    set_range(result, "ALL-INTERNAL", relays, RELAYS_ALL_INTERNAL, lines);
    set_range(result, "ALL-UNTRUSTED", relays, RELAYS_ALL_UNTRUSTED, lines);
    set_range(result, "ALL-EXTERNAL", relays, RELAYS_ALL_EXTERNAL, lines);
    return result;
}

static json_t *
run(const json_t *item, const json_t *settings)
{
    struct relay_networks *trusted = networks_of(json_object_get(settings, "trusted"), TRUE);
    struct relay_networks *internal = networks_of(json_object_get(settings, "internal"), TRUE);
    struct relay_networks *msa = networks_of(json_object_get(settings, "msa"), FALSE);
    struct relays_options options = {.trusted = trusted,
                                     .internal = internal,
                                     .msa = msa,
                                     .trusted_configured = json_object_get(settings, "trusted") != NULL,
                                     .internal_configured = json_object_get(settings, "internal") != NULL,
                                     .originating_known = json_object_get(settings, "originating") != NULL,
                                     .originating = TRUE};
    g_autoptr(GPtrArray) received = list_of(json_object_get(item, "received"));
    g_autoptr(GPtrArray) originating = list_of(json_object_get(item, "originating"));
    g_autoptr(GPtrArray) lines = list_of(json_object_get(item, "lines"));
    g_autoptr(GHashTable) values = headers_of(json_object_get(item, "headers"));
    struct spam_headers headers = {.get = headers_get, .message = values};
    struct spam_relays *relays = relays_parse(received, originating, &options);
    json_t *result = describe(relays, &headers, settings, lines);

    spam_relays_free(relays);
    relay_networks_free(trusted);
    relay_networks_free(internal);
    relay_networks_free(msa);
    return result;
}

int
main(void)
{
    json_t *settings = NULL;
    char *line = NULL;
    size_t size = 0;

    while (getline(&line, &size, stdin) > 0) {
        json_error_t error;
        json_t *item = json_loads(line, 0, &error), *results = json_array(), *setting;
        size_t i;

        if (item == NULL)
            g_error("%s", error.text);
        if (settings == NULL) {
            settings = json_incref(json_object_get(item, "settings"));
        } else {
            json_array_foreach(settings, i, setting) json_array_append_new(results, run(item, setting));
            json_dumpf(results, stdout, JSON_COMPACT);
            putchar('\n');
        }
        json_decref(results);
        json_decref(item);
    }
    json_decref(settings);
    free(line);
    return 0;
}
