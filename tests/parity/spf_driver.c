/* spf_driver.c: SPF checks against given DNS data, for the parity suites.
 *
 * A line of stdin is one case, a line of stdout its result; both are JSON objects. Octets are given in hexadecimal, as
 * JSON can't hold all of them.
 *   {"records": [["name", TYPE, PREFERENCE, "hex of the data: address octets, host name, text"], ..], "cnames":
 * [["name", "target"], ..], "fail": [["name", TYPE], ..], "client": "hex", "helo": "..", "mail_from": "..", "identity":
 * "mailfrom" or "helo"}
 *   {"result": "..", "explanation": "..", "mechanism": "..", "why": "..", "lookups": N, "voids": N, "questions": N} */
#include <arpa/inet.h>
#include <jansson.h>
#include <stdio.h>
#include <string.h>
#include "lib/mail/auth/spf.h"
#include "tests/support/dns_table.h"

#define PATIENCE (10 * G_USEC_PER_SEC) /* nothing in a table takes time */

static GByteArray *
octets(const char *hex)
{
    GByteArray *out = g_byte_array_new();

    for (gsize i = 0; hex[i] != '\0' && hex[i + 1] != '\0'; i += 2) {
        guint8 octet = (guint8)(g_ascii_xdigit_value(hex[i]) * 16 + g_ascii_xdigit_value(hex[i + 1]));
        g_byte_array_append(out, &octet, 1);
    }
    g_byte_array_append(out, (const guint8 *)"", 1);
    return out;
}

static void
add_record(struct dns_table *table, const json_t *entry)
{
    enum dns_type type = (enum dns_type)json_integer_value(json_array_get(entry, 1));
    g_autoptr(GByteArray) data = octets(json_string_value(json_array_get(entry, 3)));
    char address[INET6_ADDRSTRLEN];
    const char *text = (const char *)data->data;

    if (type == DNS_A || type == DNS_AAAA)
        text = inet_ntop(type == DNS_A ? AF_INET : AF_INET6, data->data, address, sizeof address);
    dns_table_add(table, json_string_value(json_array_get(entry, 0)), type,
                  (guint16)json_integer_value(json_array_get(entry, 2)), text,
                  type == DNS_TXT ? (gssize)data->len - 1 : -1);
}

static struct dns *
make_dns(const json_t *item)
{
    struct dns_table *table = dns_table_new();
    const json_t *entry;
    size_t i;

    json_array_foreach(json_object_get(item, "records"), i, entry) add_record(table, entry);
    json_array_foreach(json_object_get(item, "cnames"), i, entry) dns_table_cname(
        table, json_string_value(json_array_get(entry, 0)), json_string_value(json_array_get(entry, 1)));
    json_array_foreach(json_object_get(item, "fail"), i, entry) dns_table_fail(
        table, json_string_value(json_array_get(entry, 0)), (guint)json_integer_value(json_array_get(entry, 1)));
    return dns_table_dns(table);
}

static void
check(const json_t *item)
{
    g_autoptr(GByteArray) client = octets(json_string_value(json_object_get(item, "client")));
    struct dns *dns = make_dns(item);
    struct spf_query query = {
        .dns = dns,
        .client = client->data,
        .client_length = client->len - 1,
        .helo = json_string_value(json_object_get(item, "helo")),
        .mail_from = json_string_value(json_object_get(item, "mail_from")),
        .receiver = "receiver.test",
        .deadline_us = g_get_monotonic_time() + PATIENCE,
    };
    const char *identity = json_string_value(json_object_get(item, "identity"));
    struct spf_result result;

    spf_check(&query, strcmp(identity, "helo") == 0 ? SPF_HELO : SPF_MAIL_FROM, &result);
    json_t *out =
        json_pack("{s:s, s:s?, s:s?, s:s?, s:i, s:i, s:i}", "result", auth_result_name(result.result), "explanation",
                  result.explanation, "mechanism", result.mechanism, "why", result.why, "lookups", (int)result.lookups,
                  "voids", (int)result.voids, "questions", (int)result.questions);
    json_dumpf(out, stdout, JSON_COMPACT);
    putchar('\n');
    json_decref(out);
    spf_result_clear(&result);
    dns_unref(dns);
}

int
main(void)
{
    g_autofree char *line = NULL;
    size_t size = 0;

    while (getline(&line, &size, stdin) > 0) {
        json_error_t error;
        json_t *item = json_loads(line, 0, &error);

        if (item == NULL) {
            fprintf(stderr, "spf_driver: %s\n", error.text);
            return 2;
        }
        check(item);
        json_decref(item);
        fflush(stdout);
    }
    return 0;
}
