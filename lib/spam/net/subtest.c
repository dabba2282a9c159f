/* subtest.c: reads and applies the subtests of rules about DNS answers. */
#include "lib/spam/net/subtest.h"
#include <arpa/inet.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define RCODES 64u

/* ---- reading ---- */

static gboolean
is_digits(const char *text)
{
    return *text != '\0' && text[strspn(text, G_CSET_DIGITS)] == '\0';
}

/* "1.2.3.4" in digits, whatever their number, as SpamAssassin tells addresses from patterns. */
static gboolean
is_dotted(const char *text)
{
    guint dots = 0;

    for (const char *c = text; *c != '\0'; c++) {
        if (*c == '.' && (c == text || c[-1] == '.' || c[1] == '\0'))
            return FALSE;
        if (*c != '.' && !g_ascii_isdigit(*c))
            return FALSE;
        dots += *c == '.';
    }
    return dots == 3;
}

static void
probe(struct net_subtest *subtest)
{
    static const char *const probes[] = {NET_LISTING_PROBES};
    struct matcher *matcher = matcher_new();

    for (guint i = 0; i < G_N_ELEMENTS(probes); i++)
        if (pattern_match(subtest->pattern, matcher, probes[i], strlen(probes[i]), 0, NULL, NULL) != MATCH_NO)
            subtest->wants_listings = TRUE;
    matcher_free(matcher);
}

static gboolean
set_pattern(struct net_subtest *subtest, const char *text)
{
    subtest->pattern = pattern_new(text, strlen(text), NULL, NULL);
    if (subtest->pattern != NULL)
        probe(subtest);
    return subtest->pattern != NULL;
}

struct net_subtest *
net_subtest_of_list(const char *text)
{
    struct net_subtest *subtest = g_new0(struct net_subtest, 1);

    if (text == NULL)
        subtest->any = TRUE;
    else if (is_digits(text)) {
        subtest->kind = NET_MASK;
        subtest->first = (guint32)g_ascii_strtoull(text, NULL, 10);
    } else if (is_dotted(text))
        subtest->text = g_strdup(text);
    else if (!set_pattern(subtest, text))
        net_subtest_free(&subtest);
    return subtest;
}

struct net_subtest *
net_subtest_of_pattern(const char *text)
{
    struct net_subtest *subtest = g_new0(struct net_subtest, 1);

    if (!set_pattern(subtest, text))
        net_subtest_free(&subtest);
    return subtest;
}

/* "n", "n-m" or "n/m" in decimal; anything else is only text. */
static void
read_number(struct net_subtest *subtest, const char *text)
{
    char *end;
    guint64 first = g_ascii_strtoull(text, &end, 10);

    if (!g_ascii_isdigit(*text) || (*end != '\0' && !is_digits(end + 1)) || (*end != '\0' && *end != '-' && *end != '/'))
        return;
    subtest->kind = *end == '\0' ? NET_MASK : *end == '-' ? NET_RANGE : NET_MASKED;
    subtest->first = (guint32)MIN(first, G_MAXUINT32);
    subtest->second = *end == '\0' ? 0 : (guint32)MIN(g_ascii_strtoull(end + 1, NULL, 10), G_MAXUINT32);
}

struct net_subtest *
net_subtest_of_number(const char *text)
{
    struct net_subtest *subtest = g_new0(struct net_subtest, 1);

    subtest->any = text == NULL;
    subtest->text = g_strdup(text);
    if (text != NULL)
        read_number(subtest, text);
    return subtest;
}

static void
read_rcodes(struct net_subtest *subtest, const char *text)
{
    g_auto(GStrv) words = g_strsplit(text, ",", -1);

    subtest->is_rcodes = TRUE;
    for (char **word = words; *word != NULL; word++) {
        guint64 code = g_ascii_strtoull(*word, NULL, 10);
        if (code < RCODES)
            subtest->rcodes |= G_GUINT64_CONSTANT(1) << code;
    }
}

struct net_subtest *
net_subtest_of_ask(const struct spam_askdns *ask)
{
    struct net_subtest *subtest;

    if (ask->kind != SPAM_SUBTEST_PATTERN && ask->kind != SPAM_SUBTEST_RCODES)
        return net_subtest_of_number(ask->kind == SPAM_SUBTEST_ANY ? NULL : ask->text);
    subtest = g_new0(struct net_subtest, 1);
    if (ask->kind == SPAM_SUBTEST_RCODES)
        read_rcodes(subtest, ask->text);
    else if (!set_pattern(subtest, ask->pattern.text))
        net_subtest_free(&subtest);
    return subtest;
}

void
net_subtest_free(struct net_subtest **subtest)
{
    if (*subtest == NULL)
        return;
    pattern_free((*subtest)->pattern);
    g_free((*subtest)->text);
    g_clear_pointer(subtest, g_free);
}

/* ---- applying ---- */

static gboolean
number_matches(const struct net_subtest *subtest, guint32 number)
{
    switch (subtest->kind) {
    case NET_MASK:
        return (number & subtest->first) != 0 && number >> 24 == 127;
    case NET_RANGE:
        return number >= subtest->first && number <= subtest->second;
    case NET_MASKED:
        return (number & subtest->second) == (subtest->first & subtest->second);
    case NET_NO_NUMBER:
        break;
    }
    return FALSE;
}

gboolean
net_subtest_matches(const struct net_subtest *subtest, struct matcher *matcher, const struct net_datum *datum)
{
    if (subtest->any)
        return TRUE;
    if (subtest->pattern != NULL)
        return pattern_match(subtest->pattern, matcher, datum->text, datum->length, 0, NULL, NULL) == MATCH_YES;
    if (subtest->text != NULL && strlen(subtest->text) == datum->length &&
        memcmp(subtest->text, datum->text, datum->length) == 0)
        return TRUE;
    return datum->has_number && number_matches(subtest, datum->number);
}

static gboolean
is_code(const char *text, guint32 code)
{
    struct in_addr address;

    return inet_pton(AF_INET, text, &address) == 1 && g_ntohl(address.s_addr) == code;
}

gboolean
net_subtest_names(const struct net_subtest *subtest, guint32 code)
{
    if (subtest->any || subtest->is_rcodes)
        return FALSE;
    if (subtest->pattern != NULL)
        return !subtest->wants_listings;
    if (subtest->text != NULL && is_code(subtest->text, code))
        return TRUE;
    return (subtest->kind == NET_RANGE && subtest->first == code && subtest->second == code) ||
           (subtest->kind == NET_MASKED && subtest->first == code && subtest->second == G_MAXUINT32) ||
           (subtest->kind == NET_MASK && code == 0x7f000001 && subtest->first == 1);
}

static gboolean
has_code(const GArray *codes, guint32 code)
{
    for (guint i = 0; i < codes->len; i++)
        if (g_array_index(codes, guint32, i) == code)
            return TRUE;
    return FALSE;
}

gboolean
net_subtest_matches_list(const struct net_subtest *subtest, struct matcher *matcher, const struct net_datum *datum,
                         const struct dnsbl_answer *judged)
{
    if (datum->has_number && !has_code(judged->codes, datum->number) && !net_subtest_names(subtest, datum->number))
        return FALSE;
    return net_subtest_matches(subtest, matcher, datum);
}

/* As Net::DNS writes an IPv6 address: without the dotted form that inet_ntop has for some. */
static void
append_ipv6(GString *out, const guint8 *octets)
{
    guint best = 8, best_length = 1;

    for (guint i = 0; i < 8; i++) {
        guint length = 0;
        while (i + length < 8 && octets[2 * (i + length)] == 0 && octets[2 * (i + length) + 1] == 0)
            length++;
        if (length > best_length) {
            best = i;
            best_length = length;
        }
    }
    for (guint i = 0; i < 8; i++) {
        if (i == best) {
            g_string_append(out, i == 0 ? "::" : ":");
            i += best_length - 1;
            continue;
        }
        g_string_append_printf(out, "%x%s", (guint)octets[2 * i] << 8 | octets[2 * i + 1], i < 7 ? ":" : "");
    }
}

struct net_datum
net_datum_of(enum dns_type type, const struct dns_record *record, GString *kept)
{
    struct net_datum datum = {(const char *)record->data, record->length, FALSE, 0};

    if (type == DNS_TXT)
        return datum;
    g_string_truncate(kept, 0);
    if (type == DNS_A && record->length == 4) {
        datum.has_number = TRUE;
        memcpy(&datum.number, record->data, 4);
        datum.number = g_ntohl(datum.number);
        g_string_printf(kept, "%u.%u.%u.%u", record->data[0], record->data[1], record->data[2], record->data[3]);
    } else if (type == DNS_AAAA && record->length == 16)
        append_ipv6(kept, record->data);
    else if (type == DNS_MX)
        g_string_printf(kept, "%u %s.", record->preference, (const char *)record->data);
    else
        g_string_printf(kept, "%s.", (const char *)record->data);
    datum.text = kept->str;
    datum.length = kept->len;
    return datum;
}
