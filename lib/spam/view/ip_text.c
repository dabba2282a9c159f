/* ip_text.c: see ip_text.h. */
#include "lib/spam/view/ip_text.h"
#include <string.h>

#define V6_MAX                                                                                               \
    40 /* no address has more hexadecimal digits and colons: 8 groups of 4, 7 colons and a pair's second */

/* The groups of an IPv6 address, or of its part before an embedded IPv4 address. */
struct groups {
    guint before, after; /* the gap "::" */
    gboolean gap;
    const char *last; /* the last group, last_len digits of it */
    gsize last_len;
    gboolean zeros;      /* all groups but the last one */
    gsize after_gap_len; /* digits of the first group after the gap */
};

static gboolean
is_word(char c)
{
    return g_ascii_isalnum(c) || c == '_';
}

static gboolean
is_v6_char(char c)
{
    return g_ascii_isxdigit(c) || c == ':';
}

/* One number of an IPv4 address at text[at]: its end, 0 when there is none. */
static gsize
octet_end(const char *text, gsize len, gsize at)
{
    gsize end = at;
    guint value = 0;

    for (; end < len && end - at < 4 && g_ascii_isdigit(text[end]); end++)
        value = value * 10 + (guint)(text[end] - '0');
    if (end == at || end - at > 3 || value > 255 || (text[at] == '0' && end - at > 1))
        return 0;
    return end;
}

/* The end of four dotted numbers, without a look at what follows them. */
static gsize
dotted_end(const char *text, gsize len, gsize at)
{
    gsize end = octet_end(text, len, at);

    for (guint i = 0; i < 3 && end > 0; i++)
        end = end < len && text[end] == '.' ? octet_end(text, len, end + 1) : 0;
    return end;
}

gsize
ip_text_v4_end(const char *text, gsize len, gsize at)
{
    gsize end = 0;

    if (at == 0 || (!is_word(text[at - 1]) && text[at - 1] != ':'))
        end = dotted_end(text, len, at);
    return end > 0 && end < len && is_word(text[end]) ? 0 : end;
}

/* Takes the group at text[*at] in. FALSE when there is none of 1 to 4 digits. */
static gboolean
take_group(struct groups *g, const char *text, gsize len, gsize *at)
{
    gsize end = *at;

    while (end < len && end - *at < 5 && g_ascii_isxdigit(text[end]))
        end++;
    if (end == *at || end - *at > 4)
        return FALSE;
    for (gsize i = 0; i < g->last_len; i++)
        g->zeros = g->zeros && g->last[i] == '0';
    g->last = text + *at;
    g->last_len = end - *at;
    if (g->gap && g->after == 0)
        g->after_gap_len = g->last_len;
    *(g->gap ? &g->after : &g->before) += 1;
    *at = end;
    return TRUE;
}

/* Reads all of text; open: it ends with the colon before an IPv4 address. */
static gboolean
read_groups(const char *text, gsize len, gboolean open, struct groups *g)
{
    gsize at = 0;

    *g = (struct groups){.zeros = TRUE};
    while (at < len) {
        if (len - at >= 2 && text[at] == ':' && text[at + 1] == ':') {
            if (g->gap)
                return FALSE;
            g->gap = TRUE;
            at += 2;
            if (at == len)
                return TRUE;
        } else if (at > 0) {
            if (text[at] != ':')
                return FALSE;
            at++;
            if (at == len)
                return open;
        }
        if (!take_group(g, text, len, &at))
            return FALSE;
    }
    return len > 0 && !open;
}

/* The part of the address at text[at] before its digits and colons ("IPv6:"), and where these end: FALSE when
 * none are there. */
static gboolean
v6_run(const char *text, gsize len, gsize at, gsize *start_r, gsize *end_r)
{
    gsize end;

    if (len - at > 5 && g_ascii_strncasecmp(text + at, "ipv6:", 5) == 0)
        at += 5;
    else if (at > 0 && is_v6_char(text[at - 1]))
        return FALSE;
    for (end = at; end < len && end - at <= V6_MAX && is_v6_char(text[end]);)
        end++;
    *start_r = at;
    *end_r = end;
    return end > at && end - at <= V6_MAX;
}

/* The start of the IPv4 address that ends the IPv6 one of [start, end) and more: 0 when there is none. */
static gsize
embedded_v4(const char *text, gsize len, gsize start, gsize end)
{
    const char *colon = memrchr(text + start, ':', end - start);

    return colon == NULL || end >= len || text[end] != '.' ? 0 : (gsize)(colon - text) + 1;
}

guint
ip_text_ends(const char *text, gsize len, gsize at, gsize ends_r[IP_TEXT_ENDS])
{
    gsize start, end, v4;
    struct groups g;
    guint n = 0;

    if (at >= len)
        return 0;
    if ((ends_r[0] = ip_text_v4_end(text, len, at)) > 0)
        return 1;
    if (!v6_run(text, len, at, &start, &end))
        return 0;
    v4 = embedded_v4(text, len, start, end);
    if (v4 > 0 && read_groups(text + start, v4 - start, TRUE, &g) &&
        (g.gap ? g.before + g.after <= 5 : g.before == 6)) {
        ends_r[n] = dotted_end(text, len, v4);
        n += ends_r[n] > 0 && (ends_r[n] == len || !is_v6_char(text[ends_r[n]]));
    }
    if (read_groups(text + start, end - start, FALSE, &g) &&
        (g.gap ? g.before + g.after <= 7 : g.before == 8))
        ends_r[n++] = end;
    return n;
}

/* Whether the groups before an IPv4 address make it a mapped one (::ffff:), in the spellings that
 * SpamAssassin knows. */
static gboolean
is_mapped(const struct groups *g)
{
    static const guint after_max[] = {4, 3, 1, 1, 0}; /* by groups before the gap */
    static const gsize after_len_max[] = {4, 4, 2, 1, 0};
    guint before = g->before, after = g->after;

    if (!g->zeros || g->last_len != 4 || g_ascii_strncasecmp(g->last, "ffff", 4) != 0)
        return FALSE;
    if (!g->gap)
        return before == 6;
    return before < G_N_ELEMENTS(after_max) && after > 0 && after - 1 <= after_max[before] &&
           (after == 1 || g->after_gap_len <= after_len_max[before]);
}

/* Whether they are those of ::1. */
static gboolean
is_loopback(const struct groups *g)
{
    if (!g->zeros || g->last_len == 0 || g->last[g->last_len - 1] != '1')
        return FALSE;
    for (gsize i = 0; i + 1 < g->last_len; i++)
        if (g->last[i] != '0')
            return FALSE;
    return g->gap ? g->after > 0 && g->before + g->after <= 7 : g->before == 8;
}

guint
ip_text_localhost_ends(const char *text, gsize len, gsize at, gsize ends_r[IP_TEXT_ENDS])
{
    static const char name[] = "localhost.localdomain", own[] = "127.0.0.1";
    gsize start, end, v4;
    struct groups g;
    guint n = 0;

    if (at >= len)
        return 0;
    if (len - at >= 21 && g_ascii_strncasecmp(text + at, name, 21) == 0)
        ends_r[n++] = at + 21;
    if (len - at >= 9 && g_ascii_strncasecmp(text + at, name, 9) == 0)
        ends_r[n++] = at + 9;
    if (n > 0)
        return n;
    end = ip_text_v4_end(text, len, at);
    if (end - at == 9 && memcmp(text + at, own, 9) == 0)
        ends_r[n++] = end;
    if (end > 0 || !v6_run(text, len, at, &start, &end))
        return n;
    v4 = embedded_v4(text, len, start, end);
    if (v4 > 0 && len - v4 >= 9 && memcmp(text + v4, own, 9) == 0 &&
        (len - v4 == 9 || !is_v6_char(text[v4 + 9])) && read_groups(text + start, v4 - start, TRUE, &g) &&
        is_mapped(&g))
        ends_r[n++] = v4 + 9;
    if (read_groups(text + start, end - start, FALSE, &g) && is_loopback(&g))
        ends_r[n++] = end;
    return n;
}

gboolean
ip_text_find(const char *text, gsize len, gsize *start_r, gsize *end_r)
{
    gsize ends[IP_TEXT_ENDS];

    for (gsize at = 0; at < len; at++) {
        if (ip_text_ends(text, len, at, ends) > 0) {
            *start_r = at;
            *end_r = ends[0];
            return TRUE;
        }
    }
    return FALSE;
}

gboolean
ip_text_is_whole(const char *text, gsize len)
{
    gsize ends[IP_TEXT_ENDS];
    guint n = ip_text_ends(text, len, 0, ends);

    return n > 0 && (ends[0] == len || ends[n - 1] == len);
}

gboolean
ip_text_is_v4(const char *text)
{
    gsize len = strlen(text);

    return len > 0 && ip_text_v4_end(text, len, 0) == len;
}

/* Whether text begins with a number from low to high and a dot, written without leading zeros. */
static gboolean
has_octet(const char **text, guint low, guint high)
{
    gsize len = strlen(*text), end = octet_end(*text, MIN(len, 4), 0);
    guint64 value = end > 0 ? g_ascii_strtoull(*text, NULL, 10) : 0;

    if (end == 0 || (*text)[end] != '.' || value < low || value > high)
        return FALSE;
    *text += end + 1;
    return TRUE;
}

static gboolean
has_octets(const char *text, guint first, guint low, guint high)
{
    return has_octet(&text, first, first) && has_octet(&text, low, high);
}

gboolean
ip_text_is_private(const char *text)
{
    const char *rest = text;
    gsize len, start, end;
    struct groups g;

    if (has_octet(&rest, 10, 10) || has_octet(&rest, 127, 127) || has_octets(text, 169, 254, 254) ||
        has_octets(text, 172, 16, 31) || has_octets(text, 192, 168, 168) || has_octets(text, 100, 64, 127))
        return TRUE;
    rest = g_ascii_strncasecmp(text, "ipv6:", 5) == 0 ? text + 5 : text;
    if (g_ascii_strncasecmp(rest, "fe", 2) == 0 && rest[2] != '\0' && strchr("89abAB", rest[2]) != NULL &&
        g_ascii_isxdigit(rest[3]) && rest[4] == ':')
        return TRUE;
    len = strlen(text);
    return len > 0 && v6_run(text, len, 0, &start, &end) &&
           read_groups(text + start, end - start, FALSE, &g) && is_loopback(&g);
}
