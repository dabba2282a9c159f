/* uri_found.c: what is made of the links found in a text: their end trimmed, their scheme supplied, false finds left out. */
#include "lib/spam/view/uri_scan.h"
#include "lib/spam/view/uris.h"
#include <string.h>

/* Texts are bytes. */
static struct perl_text
bytes(const char *at, gsize length)
{
    return (struct perl_text){at, length, FALSE};
}

static gboolean
starts(struct perl_text text, const char *word)
{
    return text.length >= strlen(word) && g_ascii_strncasecmp(text.at, word, strlen(word)) == 0;
}

/* Takes off what follows the last ')' before any '(', and then the punctuation that Thunderbird takes off. */
static struct perl_text
trim_end(struct perl_text uri)
{
    const char *open = memchr(uri.at, '(', uri.length),
               *close = memrchr(uri.at, ')', open != NULL ? (gsize)(open - uri.at) : uri.length);

    if (close != NULL)
        uri.length = (gsize)(close - uri.at);
    while (uri.length > 0 && uri.at[uri.length - 1] != '\0' && strchr("-~!@#^&*()_+=:;'?,.", uri.at[uri.length - 1]) != NULL)
        uri.length--;
    return uri;
}

/* Whether nothing follows the scheme: "http://". */
static gboolean
is_only_scheme(struct perl_text uri)
{
    gsize i = 0, slashes = 0;

    while (i < uri.length && perl_is_word((guint8)uri.at[i], FALSE))
        i++;
    if (i == 0 || i == uri.length || uri.at[i] != ':')
        return FALSE;
    for (i++; i < uri.length && uri.at[i] == '/'; i++)
        slashes++;
    return i == uri.length && slashes <= 2;
}

/* www., www1., www12. */
static gboolean
starts_www(struct perl_text uri)
{
    gsize i = 3;

    if (!starts(uri, "www"))
        return FALSE;
    while (i < 5 && i < uri.length && g_ascii_isdigit(uri.at[i]))
        i++;
    return i < uri.length && uri.at[i] == '.';
}

/* Whether a '.' follows some '@' with something between. */
static gboolean
has_dot_after_at(struct perl_text uri)
{
    const char *at = memchr(uri.at, '@', uri.length);

    return at != NULL && uri.length - (gsize)(at - uri.at) > 2 &&
           memchr(at + 2, '.', uri.length - (gsize)(at + 2 - uri.at)) != NULL;
}

/* Whether a '/' comes before an '@', with something between: no address looks like that. */
static gboolean
has_slash_before_at(struct perl_text uri)
{
    const char *slash = memchr(uri.at, '/', uri.length), *at = memrchr(uri.at, '@', uri.length);

    return slash != NULL && at != NULL && at > slash + 1;
}

/* Length of "skype:", "mail:", "e-mail::", "::" and the like at an address' start. */
static gsize
misparsed_prefix(struct perl_text uri)
{
    static const char *const words[] = {"skype", "email", "e-mail", "-mail", "mail", ""};

    for (guint i = 0; i < G_N_ELEMENTS(words); i++) {
        gsize word = strlen(words[i]), end = word;

        if (!starts(uri, words[i]))
            continue;
        while (end < uri.length && uri.at[end] == ':')
            end++;
        if (end > word)
            return end;
    }
    return 0;
}

/* The URI that an address means, as a new string; NULL where it is none. */
static GString *
mail_uri(struct perl_text uri)
{
    gsize prefix;
    GString *text;

    if (!has_dot_after_at(uri) || memmem(uri.at, uri.length, "&nbsp;", strlen("&nbsp;")) != NULL)
        return NULL;
    prefix = misparsed_prefix(uri);
    text = g_string_new("mailto:");
    g_string_append_len(text, uri.at + prefix, (gssize)(uri.length - prefix));
    return text;
}

/* The URI with its scheme; NULL where it is none. A type is added where the scheme was missing. */
static GString *
with_scheme(struct perl_text uri, const char **types)
{
    const char *scheme = "http://";
    GString *text;

    if (starts(uri, "http:") || starts(uri, "https:") || starts(uri, "ftp:") || starts(uri, "mailto:"))
        return g_string_new_len(uri.at, (gssize)uri.length);
    *types++ = "schemeless";
    if (starts(uri, "ftp.")) {
        scheme = "ftp://";
    } else if (!starts_www(uri) && !has_slash_before_at(uri)) {
        if (memchr(uri.at, '@', uri.length) != NULL)
            return mail_uri(uri);
        if (memchr(uri.at, '.', uri.length) == NULL)
            return NULL;
        *types = "unlinked";
    }
    text = g_string_new(scheme);
    g_string_append_len(text, uri.at, (gssize)uri.length);
    return text;
}

/* Decodes a mailto: URI in place; whether its host is under a known top-level domain. */
static gboolean
is_mail_host_known(const struct registry *registry, GString **uri)
{
    const char *at;
    gsize length = 0;

    if (uri_canon_is_encoded(bytes((*uri)->str, (*uri)->len))) {
        GString *recoded = g_string_sized_new((*uri)->len);

        uri_canon_append_recoded(recoded, bytes((*uri)->str, (*uri)->len));
        g_string_free(*uri, TRUE);
        *uri = recoded;
    }
    if ((at = memchr((*uri)->str, '@', (*uri)->len)) == NULL)
        return FALSE;
    for (at++; at[length] != '?' && at[length] != '&' && at[length] != '>' && at + length < (*uri)->str + (*uri)->len; length++)
        ;
    while (length >= 3 && memcmp(at + length - 3, "%20", 3) == 0)
        length -= 3;
    return registry_domain_is_valid(registry, at, length);
}

static void
add_found(struct uris *uris, const struct uris_settings *settings, struct perl_text raw)
{
    const char *types[4] = {"parsed", NULL};
    GString *uri;

    if (starts(raw, "cid:") || starts(raw, "mid:") || is_only_scheme(raw))
        return;
    uri = with_scheme(raw, types + 1);
    if (uri == NULL)
        return;
    if (!starts(bytes(uri->str, uri->len), "mailto:") || is_mail_host_known(settings->registry, &uri))
        uris_add(uris, settings, bytes(uri->str, uri->len), types, TRUE);
    g_string_free(uri, TRUE);
}

void
uris_add_texts(struct uris *uris, const struct uris_settings *settings, const struct perl_text *texts, gsize count)
{
    g_autoptr(GHashTable) seen = g_hash_table_new_full(g_bytes_hash, g_bytes_equal, (GDestroyNotify)g_bytes_unref, NULL);
    guint found = 0;

    for (gsize i = 0; i < count; i++) {
        struct uri_scan scan = {.text = texts[i].at, .length = texts[i].length, .registry = settings->registry};
        struct uri_scan_match match;

        while (found < URIS_FOUND_MAX && uri_scan_next(&scan, &match)) {
            struct perl_text raw = trim_end(bytes(scan.text + match.start, match.length));

            found++;
            if (!g_hash_table_add(seen, g_bytes_new_static(raw.at, raw.length)))
                continue;
            if (match.kind == URI_SCAN_MAIL && memchr(raw.at, '@', raw.length) == NULL)
                continue;
            if (match.kind == URI_SCAN_SCHEMELESS && !registry_host_is_valid(scan.text + match.start, match.host_length))
                continue;
            add_found(uris, settings, raw);
        }
    }
}
