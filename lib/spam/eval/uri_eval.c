/* uri_eval.c: what links say and where they lead. */
#include "lib/spam/eval/uri_eval.h"
#include <math.h>
#include <string.h>

static gboolean
starts_at(struct perl_text text, gsize at, const char *word)
{
    return text.length - at >= strlen(word) && g_ascii_strncasecmp(text.at + at, word, strlen(word)) == 0;
}

/* Length of "http:" or "https:" and up to two slashes at `at`, when a host follows; 0 otherwise. */
static gsize
inner_scheme(struct perl_text uri, gsize at)
{
    gsize length = starts_at(uri, at, "http:") ? 5 : starts_at(uri, at, "https:") ? 6 : 0;

    if (length == 0)
        return 0;
    for (guint slashes = 0; slashes < 2 && at + length < uri.length && uri.at[at + length] == '/'; slashes++)
        length++;
    return at + length < uri.length && perl_text_find(uri, at + length, "/:?") > at + length ? length : 0;
}

/* Where in the URI another begins that it redirects to: the first behind the host and a character, or, with none there, the last
 * one that leaves the host a character. *host_end_r is where the host ends then. 0 where there is none. */
static gsize
inner_uri(struct perl_text uri, gsize host, gsize *host_end_r)
{
    const gsize host_end = perl_text_find(uri, host, "/:?");

    *host_end_r = host_end;
    if (host_end == host)
        return 0;
    for (gsize i = host_end + 1; i < uri.length; i++)
        if (inner_scheme(uri, i) > 0)
            return i;
    for (gsize i = MIN(host_end, uri.length); i >= host + 2; i--)
        if (i < uri.length && inner_scheme(uri, i) > 0) {
            *host_end_r = i - 1;
            return i;
        }
    return 0;
}

/* The URI's domain, or the text itself. */
static char *
domain_or_text(const struct registry *registry, struct perl_text text)
{
    char *domain;

    return registry_uri_domain(registry, text, &domain, NULL) ? domain : g_strndup(text.at, text.length);
}

static gboolean
redirects(const struct registry *registry, struct perl_text uri)
{
    for (;;) {
        gsize host = starts_at(uri, 0, "http://") ? 7 : starts_at(uri, 0, "https://") ? 8 : 0, host_end, inner, target;

        if (host == 0 || (inner = inner_uri(uri, host, &host_end)) == 0)
            return FALSE;
        target = inner + inner_scheme(uri, inner);
        g_autofree char *from = domain_or_text(registry, perl_text_slice(uri, host, host_end));
        g_autofree char *to = domain_or_text(registry, perl_text_slice(uri, target, perl_text_find(uri, target, "/:?")));
        if (strcmp(from, to) != 0)
            return TRUE;
        uri = perl_text_slice(uri, inner, uri.length);
    }
}

gboolean
uri_eval_http_redirector(const struct registry *registry, const GPtrArray *all)
{
    for (guint i = 0; i < all->len; i++)
        if (redirects(registry, uri_text_view(g_ptr_array_index(all, i))))
            return TRUE;
    return FALSE;
}

/* Whether the text begins as scheme:///user@1.2.3.4, with `scheme` (and colon) as given. */
static gboolean
starts_with_ip(struct perl_text text, const char *scheme)
{
    gsize i = strlen(scheme), at, size;

    if (!starts_at(text, 0, scheme))
        return FALSE;
    while (i < text.length && text.at[i] == '/')
        i++;
    at = perl_text_find(text, i, "@/");
    if (at > i && at < text.length && text.at[at] == '@')
        i = at + 1;
    for (guint octet = 0; octet < 4; octet++) {
        gsize start = i;

        while (i < text.length && perl_is_digit(perl_text_char(text, i, &size), text.is_chars))
            i += size;
        if (i == start || (octet < 3 && (i == text.length || text.at[i] != '.')))
            return FALSE;
        i += octet < 3;
    }
    return TRUE;
}

static gboolean
contains(struct perl_text text, const char *word)
{
    for (gsize i = 0; i < text.length; i++)
        if (starts_at(text, i, word))
            return TRUE;
    return FALSE;
}

static gboolean
has_ip_mismatch(const struct uris_link *link)
{
    if (!starts_with_ip(link->uri, "http:") && !starts_with_ip(link->uri, "https:"))
        return FALSE;
    for (gsize i = 0; i < link->text_count; i++)
        if (!starts_with_ip(link->texts[i], "https:") && contains(link->texts[i], "https:"))
            return TRUE;
    return FALSE;
}

gboolean
uri_eval_https_ip_mismatch(const struct uris_html *html, gsize count)
{
    for (gsize i = 0; i < count; i++)
        for (gsize j = 0; j < html[i].count; j++)
            if (has_ip_mismatch(&html[i].links[j]))
                return TRUE;
    return FALSE;
}

/* The domain that an http(s) link with text leads to; NULL for addresses and what has no valid domain. */
static char *
linked_domain(const struct registry *registry, const struct uris_link *link)
{
    const struct perl_text uri = link->uri;
    gsize host = starts_at(uri, 0, "http://") ? 7 : starts_at(uri, 0, "https://") ? 8 : 0, end = perl_text_find(uri, host, "/:?#");
    g_autofree char *domain = NULL, *again = NULL;

    if (link->text_count == 0 || host == 0 || end == host || registry_is_ip(uri.at + host, end - host))
        return NULL;
    domain = registry_trim(registry, uri.at + host, end - host);
    if (!registry_uri_domain(registry, (struct perl_text){domain, strlen(domain), FALSE}, &again, NULL) ||
        !registry_domain_is_valid(registry, again, strlen(again)))
        return NULL;
    return g_steal_pointer(&domain);
}

/* The domain of the first https:// in a link's text, or its address; NULL where there is no valid one. */
static char *
named_domain(const struct registry *registry, struct perl_text text)
{
    for (gsize i = 0; i < text.length; i++) {
        gsize host = i + strlen("https://"), end = host, size;

        if (!starts_at(text, i, "https://"))
            continue;
        while (end < text.length && memchr("/:?#", text.at[end], 4) == NULL &&
               !perl_is_space(perl_text_char(text, end, &size), text.is_chars))
            end += size;
        if (end == host)
            continue;
        if (registry_is_ip(text.at + host, end - host))
            return g_strndup(text.at + host, end - host);
        g_autofree char *domain = registry_trim(registry, text.at + host, end - host);
        return registry_domain_is_valid(registry, domain, strlen(domain)) ? g_steal_pointer(&domain) : NULL;
    }
    return NULL;
}

/* Whether a link's text has an https:// at all: in few parts any has. */
static gboolean
has_named(const struct uris_html *html)
{
    for (gsize j = 0; j < html->count; j++)
        for (gsize i = 0; i < html->links[j].text_count; i++) {
            const struct perl_text text = html->links[j].texts[i];
            const char *end = text.at + text.length;

            for (const char *colon = text.at; (colon = memchr(colon, ':', (gsize)(end - colon))) != NULL; colon++)
                if (colon - text.at >= 5 && starts_at(text, (gsize)(colon - text.at) - 5, "https://"))
                    return TRUE;
        }
    return FALSE;
}

static gboolean
names_another(const struct registry *registry, const struct uris_link *link, const char *domain)
{
    for (gsize i = 0; i < link->text_count; i++) {
        g_autofree char *named = named_domain(registry, link->texts[i]);

        if (named != NULL && *named != '\0' && strcmp(named, domain) != 0)
            return TRUE;
    }
    return FALSE;
}

gboolean
uri_eval_https_http_mismatch(const struct registry *registry, const struct uris_html *html, gsize count, double min_anchors,
                             double max_anchors)
{
    for (gsize i = 0; i < count; i++) {
        gboolean hit = FALSE;
        guint anchors = 0;

        if (!has_named(&html[i]))
            continue;
        for (gsize j = 0; j < html[i].count; j++) {
            g_autofree char *domain = linked_domain(registry, &html[i].links[j]);

            if (domain == NULL)
                continue;
            anchors++;
            hit = hit || names_another(registry, &html[i].links[j], domain);
        }
        if (hit && anchors >= (isnan(min_anchors) || min_anchors == 0 ? 1 : min_anchors) &&
            (isnan(max_anchors) || anchors < max_anchors))
            return TRUE;
    }
    return FALSE;
}
