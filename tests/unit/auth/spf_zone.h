/* spf_zone.h: what the SPF tests share: DNS data written as lines, and a check against them. */
#pragma once
#include <arpa/inet.h>
#include "lib/mail/auth/spf.h"
#include "tests/support/dns_table.h"
#include "tests/unit/base/test.h"

struct zone {
    struct dns_table *table;
    struct dns *dns;
    struct spf_result result; /* of the last check */
};

static inline void
zone_line(struct dns_table *table, const char *line)
{
    static const struct {
        const char *name;
        enum dns_type type;
    } types[] = {{"A", DNS_A}, {"AAAA", DNS_AAAA}, {"MX", DNS_MX}, {"PTR", DNS_PTR}, {"TXT", DNS_TXT}};
    g_auto(GStrv) words = g_strsplit(line, " ", 3);
    const char *data = words[1] != NULL && words[2] != NULL ? words[2] : "";

    if (g_str_equal(words[1], "FAIL"))
        dns_table_fail(table, words[0], 0);
    else if (g_str_equal(words[1], "SILENT"))
        dns_table_silence(table, words[0]);
    for (guint i = 0; i < G_N_ELEMENTS(types); i++)
        if (g_str_equal(words[1], types[i].name))
            dns_table_add(table, words[0], types[i].type, 10, data, -1);
}

/* Lines "NAME TYPE DATA" (A, AAAA, MX without preference, PTR, TXT), "NAME FAIL", "NAME SILENT". */
static inline void
zone_add(struct zone *zone, const char *lines)
{
    g_auto(GStrv) split = g_strsplit(lines, "\n", -1);

    for (guint i = 0; split[i] != NULL; i++)
        if (*split[i] != '\0')
            zone_line(zone->table, split[i]);
}

static inline struct zone *
zone_new(const char *lines)
{
    struct zone *zone = g_new0(struct zone, 1);

    zone->table = dns_table_new();
    zone->dns = dns_table_dns(zone->table);
    zone_add(zone, lines);
    return zone;
}

static inline void
zone_free(struct zone *zone)
{
    spf_result_clear(&zone->result);
    dns_unref(zone->dns);
    g_free(zone);
}

/* deadline_us: 0 = a minute from now */
static inline enum auth_result
zone_check_until(struct zone *zone, enum spf_identity identity, const char *ip, const char *helo, const char *mail_from,
                 gint64 deadline_us)
{
    guint8 client[16];
    gsize length = strchr(ip, ':') != NULL ? 16 : 4;
    struct spf_query query = {.dns = zone->dns,
                              .client = client,
                              .client_length = length,
                              .helo = helo,
                              .mail_from = mail_from,
                              .deadline_us =
                                  deadline_us != 0 ? deadline_us : g_get_monotonic_time() + 60 * G_USEC_PER_SEC};

    assert_int_equal(inet_pton(length == 16 ? AF_INET6 : AF_INET, ip, client), 1);
    spf_result_clear(&zone->result);
    spf_check(&query, identity, &zone->result);
    return zone->result.result;
}

static inline enum auth_result
zone_check(struct zone *zone, const char *ip, const char *mail_from)
{
    return zone_check_until(zone, SPF_MAIL_FROM, ip, "helo.test", mail_from, 0);
}
