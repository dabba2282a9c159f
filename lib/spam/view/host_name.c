/* host_name.c: a host is any run without white space that ends in ".tld" at a fit place; whether it is a valid name is asked
 * afterwards. */
#include "lib/spam/view/host_name.h"
#include <arpa/inet.h>
#include <string.h>
#include "lib/spam/view/bytes.h"
#include "lib/spam/view/registry.h"

struct line {
    const char *s;
    gsize length;
    host_name_tld_fn is_tld;
    gpointer data;
};

/* Behind the top level domain whose dot is at dot, or 0 when there is none. */
static gsize
tld_end(const struct line *l, gsize dot)
{
    gsize end = dot + 1;

    while (end < l->length && (g_ascii_isalnum(l->s[end]) || l->s[end] == '-'))
        end++;
    if (end == dot + 1 || (end < l->length && (l->s[end] == '.' || l->s[end] == '_')))
        return 0;
    return l->is_tld(l->data, l->s + dot + 1, end - dot - 1) ? end : 0;
}

/* The end of the longest host that starts at i, or 0. */
static gsize
host_end(const struct line *l, gsize i)
{
    gsize run = i;

    while (run < l->length && run - i <= HOST_NAME_RUN_MAX && !byte_is_space(l->s[run]))
        run++;
    for (gsize dot = run; dot > i + 1; dot--) {
        gsize end = l->s[dot - 1] == '.' ? tld_end(l, dot - 1) : 0;
        if (end > 0)
            return end;
    }
    return 0;
}

/* Behind the last "@" that a host follows; end = 0 when there is none. */
static gsize
host_behind_at(const struct line *l, gsize *end)
{
    for (gsize i = l->length; i > 0; i--)
        if (l->s[i - 1] == '@' && (*end = host_end(l, i)) > 0)
            return i;
    *end = 0;
    return 0;
}

GString *
host_name_find(const char *s, gsize length, host_name_tld_fn is_tld, gpointer data)
{
    const struct line l = { s, length, is_tld, data };
    gsize end, start = host_behind_at(&l, &end);

    if (end > 0 && registry_host_is_valid(s + start, end - start))
        return g_string_new_len(s + start, (gssize)(end - start));
    for (gsize i = 0; i < length;) {
        end = !byte_is_space(s[i]) && (i == 0 || !byte_in(s[i - 1], "._-")) ? host_end(&l, i) : 0;
        if (end > 0 && registry_host_is_valid(s + i, end - i))
            return g_string_new_len(s + i, (gssize)(end - i));
        i = end > 0 ? end : i + 1;
    }
    return NULL;
}

/* Behind the dotted quad at i (no leading zeros, each below 256), or 0. */
static gsize
ipv4_end(const char *s, gsize length, gsize i)
{
    for (int part = 0; part < 4; part++) {
        guint value = 0;
        gsize start = i;
        while (i < length && g_ascii_isdigit(s[i]) && i - start < 4)
            value = value * 10 + (guint)(s[i++] - '0');
        if (i == start || i - start > 3 || value > 255 || (s[start] == '0' && i - start > 1))
            return 0;
        if (part < 3 && (i >= length || s[i++] != '.'))
            return 0;
    }
    return i;
}

/* Behind the IPv6 address at i, or 0; it must be all of a run of its characters. */
static gsize
ipv6_end(const char *s, gsize length, gsize i)
{
    gsize end = i;
    struct in6_addr address;
    char text[INET6_ADDRSTRLEN];

    while (end < length && end - i < sizeof text && (g_ascii_isxdigit(s[end]) || s[end] == ':' || s[end] == '.'))
        end++;
    if (end - i >= sizeof text || memchr(s + i, ':', end - i) == NULL)
        return 0;
    memcpy(text, s + i, end - i);
    text[end - i] = '\0';
    return inet_pton(AF_INET6, text, &address) == 1 ? end : 0;
}

static gboolean
word_boundary(const char *s, gsize length, gsize i)
{
    gboolean before = i > 0 && byte_is_word(s[i - 1]), behind = i < length && byte_is_word(s[i]);

    return before != behind;
}

GString *
host_name_find_ip(const char *s, gsize length)
{
    for (gsize i = 0; i < length; i++) {
        gsize end = 0, prefix = length - i > 5 && g_ascii_strncasecmp(s + i, "IPv6:", 5) == 0 ? 5 : 0;
        if (!word_boundary(s, length, i) || (i > 0 && s[i - 1] == '.'))
            continue;
        if (g_ascii_isdigit(s[i]) && (i == 0 || s[i - 1] != ':'))
            end = ipv4_end(s, length, i);
        if (end == 0 && (prefix > 0 || i == 0 || !(g_ascii_isxdigit(s[i - 1]) || s[i - 1] == ':')))
            end = ipv6_end(s, length, i + prefix);
        if (end > 0 && word_boundary(s, length, end) && (end == length || s[end] != '.'))
            return g_string_new_len(s + i, (gssize)(end - i));
    }
    return NULL;
}

GString *
host_name_reversed_ip(const GString *ip)
{
    guint8 bytes[16];
    GString *out = g_string_new(NULL);

    if (inet_pton(AF_INET, ip->str, bytes) == 1) {
        g_string_printf(out, "%u.%u.%u.%u", bytes[3], bytes[2], bytes[1], bytes[0]);
        return out;
    }
    if (inet_pton(AF_INET6, ip->str, bytes) != 1) { /* also "IPv6:..", as SpamAssassin leaves it */
        g_string_free(out, TRUE);
        return NULL;
    }
    for (int i = 15; i >= 0; i--)
        g_string_append_printf(out, "%s%x.%x", i == 15 ? "" : ".", bytes[i] & 15, bytes[i] >> 4);
    return out;
}
