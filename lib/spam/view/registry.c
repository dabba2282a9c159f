/* registry.c: hosts, domains and addresses in URIs, as SpamAssassin reads them. */
#include "lib/spam/view/registry.h"
#include <string.h>
#include "lib/spam/view/bytes.h"
#include "lib/spam/view/ip_text.h"

#define LABEL_MAX 63
#define PARTS_MAX 4  /* labels from the end that decide on the domain */

struct registry {
    GHashTable *tlds, *twos, *threes;
};

/* Where names of .us are given out below the state: RFC 1480. */
static const char us_states[] =
    " ak al ar az ca co ct dc de fl ga gu hi ia id il in ks ky la ma md me mi mn mo ms mt nc nd ne nh nj nm nv"
    " ny oh ok or pa pr ri sc sd tn tx ut va vi vt wa wi wv wy ";

static GHashTable *
set_of(const char *const *names)
{
    GHashTable *set = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);

    for (; *names != NULL; names++)
        g_hash_table_add(set, g_ascii_strdown(*names, -1));
    return set;
}

struct registry *
registry_new(const char *const *tlds, const char *const *twos, const char *const *threes)
{
    struct registry *registry = g_new0(struct registry, 1);

    registry->tlds = set_of(tlds);
    registry->twos = set_of(twos);
    registry->threes = set_of(threes);
    return registry;
}

void
registry_free(struct registry **registry)
{
    if (*registry == NULL)
        return;
    g_hash_table_unref((*registry)->tlds);
    g_hash_table_unref((*registry)->twos);
    g_hash_table_unref((*registry)->threes);
    g_clear_pointer(registry, g_free);
}

/* Whether the set has the name, in any case. */
static gboolean
has(GHashTable *set, const char *name, gsize length)
{
    char lower[REGISTRY_NAME_MAX + 1];

    if (length == 0 || length > REGISTRY_NAME_MAX || memchr(name, '\0', length) != NULL)
        return FALSE;
    for (gsize i = 0; i < length; i++)
        lower[i] = byte_lower(name[i]);
    lower[length] = '\0';
    return g_hash_table_contains(set, lower);
}

gboolean
registry_has_tld(const struct registry *registry, const char *label, gsize length)
{
    return has(registry->tlds, label, length);
}

gboolean
registry_domain_is_valid(const struct registry *registry, const char *name, gsize length)
{
    gsize label = length;

    for (gsize i = 0; i < length; i++)
        if (byte_is_space(name[i]))
            return FALSE;
    while (label > 0 && name[label - 1] != '.')
        label--;
    return label > 0 && registry_has_tld(registry, name + label, length - label);
}

/* Whether the label is one of host names; underscores are for labels below the second level. */
static gboolean
label_is_valid(const char *label, gsize length, gboolean may_have_underscore)
{
    if (length < 1 || length > LABEL_MAX || label[0] == '-' || label[length - 1] == '-')
        return FALSE;
    for (gsize i = 0; i < length; i++)
        if (!g_ascii_isalnum(label[i]) && label[i] != '-' && (label[i] != '_' || !may_have_underscore))
            return FALSE;
    return TRUE;
}

gboolean
registry_host_is_valid(const char *host, gsize length)
{
    guint labels = 0;

    while (length > 0 && host[length - 1] == '.')
        length--;
    if (length > REGISTRY_NAME_MAX)
        return FALSE;
    for (gsize end = length, start;; end = start - 1) { /* from the last label on */
        for (start = end; start > 0 && host[start - 1] != '.'; start--)
            ;
        if (!label_is_valid(host + start, end - start, labels >= 2))
            return FALSE;
        labels++;
        if (start == 0)
            return labels >= 2;
    }
}

/* Whether text is one of the states, which are two letters long. */
static gboolean
is_us_state(const char *text, gsize length)
{
    char padded[] = {' ', text[0], length == 2 ? text[1] : ' ', ' ', '\0'};

    return length == 2 && strstr(us_states, padded) != NULL;
}

static gboolean
is(const char *text, gsize length, const char *word)
{
    return length == strlen(word) && memcmp(text, word, length) == 0;
}

/* Whether the last `count` labels, which start at label[0..count-1], are given out as one by a registry. label[count]: where one more
 * would start. */
static gboolean
is_delegated(const struct registry *registry, const char *const *label, guint count)
{
#define SIZE(i) ((gsize)(label[(i) + 1] - 1 - label[i]))
    const char *end = label[count] - 1;

    if (count == 2)
        return has(registry->twos, label[0], (gsize)(end - label[0]));
    if (count == 3)
        return is(label[2], SIZE(2), "us") ? is_us_state(label[1], SIZE(1))
                                           : has(registry->threes, label[0], (gsize)(end - label[0]));
    return is(label[3], SIZE(3), "us") && is_us_state(label[2], SIZE(2)) &&
           ((is(label[0], SIZE(0), "pvt") && is(label[1], SIZE(1), "k12")) || is(label[0], SIZE(0), "ci") ||
            is(label[0], SIZE(0), "co"));
#undef SIZE
}

/* The name in lower case, without empty labels. */
static GString *
squeezed(const char *host, gsize length)
{
    GString *name = g_string_sized_new(length + 1);
    char *to = name->str;

    for (gsize i = 0; i < length; i++)
        if (host[i] != '.' || (to > name->str && to[-1] != '.'))
            *to++ = byte_lower(host[i]);
    if (to > name->str && to[-1] == '.')
        to--;
    name->len = (gsize)(to - name->str);
    *to = '\0';
    return name;
}

char *
registry_trim(const struct registry *registry, const char *host, gsize length)
{
    g_autoptr(GString) name = squeezed(host, length);
    const char *end = name->str + name->len, *label[PARTS_MAX + 2];
    guint count = 0;

    for (const char *p = end; p > name->str && count <= PARTS_MAX; p = label[PARTS_MAX + 1 - count] - 1) {
        while (p > name->str && p[-1] != '.')
            p--;
        label[PARTS_MAX - count++] = p;
        if (p == name->str)
            break;
    }
    if (count == 0)
        return g_strdup("");
    label[PARTS_MAX + 1] = end + 1;
    for (guint first = count > PARTS_MAX ? 1 : PARTS_MAX + 1 - count;; first++) {
        if (first == PARTS_MAX || is_delegated(registry, label + first, PARTS_MAX + 1 - first)) {
            guint start = first > PARTS_MAX + 1 - count ? first - 1 : first;
            return g_strndup(label[start], (gsize)(end - label[start]));
        }
    }
}

gboolean
registry_is_ip(const char *text, gsize length)
{
    if (length > 0 && text[length - 1] == '\n') /* Perl's $ */
        length--;
    return ip_text_is_whole(text, length);
}

/* In any case; word is in lower case. */
static gboolean
starts(struct perl_text text, const char *word)
{
    gsize length = strlen(word);

    return text.length >= length && byte_lower(*text.at) == *word && g_ascii_strncasecmp(text.at, word, length) == 0;
}

static void
skip(struct perl_text *text, gsize count)
{
    text->at += count;
    text->length -= count;
}

/* Leaves what follows the one '@' of an address. */
static gboolean
keep_mail_host(struct perl_text *uri)
{
    const char *found;

    skip(uri, strlen("mailto:"));
    if ((found = memchr(uri->at, '?', uri->length)) != NULL)
        uri->length = (gsize)(found - uri->at);
    if ((found = memchr(uri->at, '@', uri->length)) == NULL)
        return FALSE;
    skip(uri, (gsize)(found + 1 - uri->at));
    return memchr(uri->at, '@', uri->length) == NULL;
}

/* Takes ":digits" off the end. */
static void
drop_port(struct perl_text *uri)
{
    gsize from = uri->length;

    while (from > 0 && uri->at[from - 1] != ':')
        from--;
    if (from == 0)
        return;
    for (gsize i = from, size; i < uri->length; i += size)
        if (!perl_is_digit(perl_text_char(*uri, i, &size), uri->is_chars))
            return;
    uri->length = from - 1;
}

/* Leaves the host of scheme://user@host:port/path. */
static void
keep_host(struct perl_text *uri)
{
    gsize i = 0;

    while (i < uri->length && g_ascii_isalpha(uri->at[i]))
        i++;
    if (i > 0 && i < uri->length && uri->at[i] == ':') {
        i++;
        for (guint slashes = 0; slashes < 2 && i < uri->length && uri->at[i] == '/'; slashes++)
            i++;
        skip(uri, i);
    }
    for (i = 0; i < uri->length && uri->at[i] != '/' && uri->at[i] != '?' && uri->at[i] != '#'; i++)
        ;
    uri->length = i;
    while (i > 0 && uri->at[i - 1] != '@')
        i--;
    skip(uri, i);
    drop_port(uri);
}

/* Whether a printable character is %-encoded: the decoded URI is looked at instead. */
static gboolean
has_encoded_printable(struct perl_text uri)
{
    const char *end = uri.at + uri.length;

    for (const char *mark = uri.at; (mark = memchr(mark, '%', (gsize)(end - mark))) != NULL && end - mark > 2; mark++) {
        int high = g_ascii_xdigit_value(mark[1]), low = g_ascii_xdigit_value(mark[2]);

        if (low >= 0 && high >= 2 && high <= 7 && high * 16 + low > 0x20 && high * 16 + low < 0x7f)
            return TRUE;
    }
    return FALSE;
}

/* Lower-cased as Perl lower-cases characters, as far as it matters: the Kelvin sign is the one that becomes ASCII. */
static char *
lowered(struct perl_text host)
{
    GString *out = g_string_sized_new(host.length + 1);

    for (gsize i = 0; i < host.length; i++) {
        if (host.is_chars && host.length - i >= 3 && memcmp(host.at + i, "\xe2\x84\xaa", 3) == 0) {
            g_string_append_c(out, 'k');
            i += 2;
        } else {
            g_string_append_c(out, byte_lower(host.at[i]));
        }
    }
    return g_string_free(out, FALSE);
}

gboolean
registry_uri_domain(const struct registry *registry, struct perl_text uri, char **domain_r, char **host_r)
{
    if (domain_r != NULL)
        *domain_r = NULL;
    if (host_r != NULL)
        *host_r = NULL;
    if (starts(uri, "javascript:") || starts(uri, "cid:") || starts(uri, "file:"))
        return FALSE;
    if (!starts(uri, "mailto:"))
        keep_host(&uri);
    else if (!keep_mail_host(&uri))
        return FALSE;
    if (uri.length > 4 * REGISTRY_NAME_MAX || memchr(uri.at, '\0', uri.length) != NULL || has_encoded_printable(uri))
        return FALSE; /* too long to be valid in any case */
    g_autofree char *host = lowered(uri);
    gsize length = strlen(host);
    gboolean is_ip = registry_is_ip(host, length);
    if (!is_ip && (!registry_host_is_valid(host, length) || !registry_domain_is_valid(registry, host, length)))
        return FALSE;
    if (domain_r != NULL)
        *domain_r = is_ip ? g_strdup(host) : registry_trim(registry, host, length);
    if (host_r != NULL)
        *host_r = g_steal_pointer(&host);
    return TRUE;
}
