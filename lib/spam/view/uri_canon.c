/* uri_canon.c: the readings of a URI, step by step as SpamAssassin finds them.
 *
 * A string that mixes the host's bytes with the characters around it turns those bytes into characters (Perl upgrades them as
 * Latin-1): a host that isn't ASCII is read twice encoded from there on. The rules were written against such URIs, so it stays.
 */
#include "lib/spam/view/uri_canon.h"
#include "lib/spam/view/bytes.h"
#include "lib/spam/view/uri_number.h"
#include "lib/spam/view/uri_redirect.h"
#include <string.h>

#define READINGS_FEW 8u

/* What is known of a list while it is made. */
struct canon {
    const struct uri_redirectors *redirectors;
    const struct registry *registry;
    GPtrArray *uris;     /* struct uri_text: the URI, and those found in it */
    GPtrArray *readings; /* struct uri_text */
    GHashTable *seen;    /* the readings; NULL as long as they are few */
    gsize bytes;         /* of all */
};

/* scheme://user@host:port/rest of a web URI. */
struct web {
    struct perl_text scheme; /* with "://" */
    gboolean has_user;
    GString *host;         /* as it comes to be */
    GString *ascii_host;   /* lower-cased */
    struct perl_text rest; /* from the port on */
    struct perl_text port; /* digits */
};

static struct perl_text
view(const GString *text, gboolean is_chars)
{
    return (struct perl_text){text->str, text->len, is_chars};
}

/* In any case; word is in lower case. */
static gboolean
starts(struct perl_text text, const char *word)
{
    gsize length = strlen(word);

    return text.length >= length && byte_lower(*text.at) == *word && g_ascii_strncasecmp(text.at, word, length) == 0;
}

static gboolean
is_known(struct canon *canon, const struct uri_text *reading)
{
    if (canon->readings->len < READINGS_FEW)
        return g_ptr_array_find_with_equal_func(canon->readings, reading, uri_text_equal, NULL);
    if (canon->seen == NULL) {
        canon->seen = g_hash_table_new(uri_text_hash, uri_text_equal);
        for (guint i = 0; i < canon->readings->len; i++)
            g_hash_table_add(canon->seen, canon->readings->pdata[i]);
    }
    return g_hash_table_contains(canon->seen, reading);
}

/* Adds a reading, unless it is there or there are too many. */
static void
add(struct canon *canon, struct perl_text text)
{
    struct uri_text *reading;

    if (canon->bytes + text.length > URI_READINGS_MAX)
        return;
    reading = uri_text_new(text);
    if (is_known(canon, reading)) {
        uri_text_free(reading);
        return;
    }
    canon->bytes += text.length;
    g_ptr_array_add(canon->readings, reading);
    if (canon->seen != NULL)
        g_hash_table_add(canon->seen, reading);
}

/* Adds the reading that the parts make together. */
static void
add_joined(struct canon *canon, const struct web *web, const char *before, const char *host, gsize host_length, const char *after,
           struct perl_text rest)
{
    g_autoptr(GString) text = g_string_sized_new(web->scheme.length + host_length + rest.length + 16);

    g_string_append_len(text, web->scheme.at, (gssize)web->scheme.length);
    g_string_append(text, before);
    g_string_append_len(text, host, (gssize)host_length);
    g_string_append(text, after);
    g_string_append_len(text, rest.at, (gssize)rest.length);
    add(canon, view(text, rest.is_chars));
}

static void
add_host(struct canon *canon, const struct web *web, struct perl_text rest)
{
    add_joined(canon, web, "", web->host->str, web->host->len, "", rest);
}

/* A URI found in another joins those to be read. */
static void
add_target(struct canon *canon, struct perl_text target)
{
    if (canon->uris->len > URI_REDIRECTS_MAX || canon->bytes + target.length > URI_READINGS_MAX)
        return;
    canon->bytes += target.length;
    g_ptr_array_add(canon->uris, uri_text_new(target));
}

gboolean
uri_canon_is_encoded(struct perl_text uri)
{
    for (gsize i = 0; i + 2 < uri.length; i++)
        if (uri.at[i] == '%' && g_ascii_isxdigit(uri.at[i + 1]) && g_ascii_isxdigit(uri.at[i + 2]))
            return TRUE;
    return FALSE;
}

void
uri_canon_append_recoded(GString *out, struct perl_text uri)
{
    for (gsize i = 0, size; i < uri.length; i += size) {
        gunichar c = perl_text_char(uri, i, &size);

        if (c == '%' && uri.length - i > 2 && g_ascii_isxdigit(uri.at[i + 1]) && g_ascii_isxdigit(uri.at[i + 2])) {
            int value = g_ascii_xdigit_value(uri.at[i + 1]) * 16 + g_ascii_xdigit_value(uri.at[i + 2]);

            size = 3;
            if (value > 0x20 && value < 0x7f)
                g_string_append_c(out, (char)value);
            else
                g_string_append_len(out, uri.at + i, 3);
        } else if (c <= 0x20 || (c >= 0x7f && c <= 0xff) || c == '"' || c == '%' || c == '<' || c == '>') {
            g_string_append_printf(out, "%%%02x", c);
        } else {
            g_string_append_len(out, uri.at + i, (gssize)size);
        }
    }
}

/* Adds, with "mailto:" before it, the address at `at`, which ends before a byte of `ends`; both sides of '@' must have text. */
static gboolean
add_address(struct canon *canon, struct perl_text uri, gsize from, gsize at, const char *ends)
{
    g_autoptr(GString) text = g_string_new("mailto:");
    gsize end = perl_text_find(uri, at + 1, ends);

    if (from >= at || end == at + 1)
        return FALSE;
    g_string_append_len(text, uri.at + from, (gssize)(end - from));
    add(canon, view(text, uri.is_chars));
    return TRUE;
}

/* mailto:"Foo%20Bar"%20<foo@example.com>: the last <..@..> that begins before any '?' or '&'. */
static void
add_angle_address(struct canon *canon, struct perl_text uri)
{
    gsize prefix = perl_text_find(uri, 0, "?&"), next_at = uri.length, next_end = uri.length, end_after_at = uri.length;

    for (gsize i = uri.length; i > 0; i--) {
        switch (uri.at[i - 1]) {
        case '@':
            next_at = i - 1;
            end_after_at = next_end;
            break;
        case '>':
            next_end = i - 1;
            break;
        case '<':
            if (i > prefix || next_at > next_end || next_at == uri.length || next_at == i || end_after_at == uri.length)
                break;
            if (end_after_at > next_at + 1 && add_address(canon, uri, i, next_at, ">"))
                return;
            break;
        default:
            break;
        }
    }
}

static void
read_mail(struct canon *canon, struct perl_text uri)
{
    gsize at = perl_text_find(uri, 0, "@"), start = starts(uri, "mailto:") && memcmp(uri.at, "mailto:", 7) == 0 ? 7 : 0, spaces = 0, end;
    gboolean has_space = FALSE;

    if (at > 0 && at < uri.length) {
        end = perl_text_find(uri, at + 1, "?");
        if (end > at + 1 && end < uri.length)
            add(canon, perl_text_slice(uri, 0, end));
        end = perl_text_find(uri, at + 1, "?&");
        if (end > at + 1 && end < uri.length && uri.at[end] == '&')
            add(canon, perl_text_slice(uri, 0, end));
    }
    for (gsize i = 0; i + 2 < uri.length && !has_space; i++)
        has_space = memcmp(uri.at + i, "%20", 3) == 0;
    if (has_space && at < uri.length) {
        while (uri.length - start - spaces >= 3 && memcmp(uri.at + start + spaces, "%20", 3) == 0)
            spaces += 3;
        if (start + spaces == at && spaces > 0)
            spaces -= 3; /* "%20@x" keeps one, as something must be before '@' */
        if (start + spaces == at)
            start = 0;
        add_address(canon, uri, start + spaces, at, "?&%");
    }
    add_angle_address(canon, uri);
}

/* http:www.foo.biz -> http://www.foo.biz, in place. Back slashes count as slashes. */
static void
mend_slashes(GString *uri, gboolean is_chars)
{
    gsize scheme = starts(view(uri, is_chars), "http:") ? 5 : starts(view(uri, is_chars), "https:") ? 6 : 0, slashes = 0;

    for (gsize i = 0; i < uri->len; i++)
        if (uri->str[i] == '\\')
            uri->str[i] = '/';
    if (scheme == 0)
        return;
    while (slashes < 2 && uri->str[scheme + slashes] == '/')
        slashes++;
    g_string_erase(uri, (gssize)scheme, (gssize)slashes);
    g_string_insert(uri, (gssize)scheme, "//");
}

static gboolean
has_scheme(const GString *uri)
{
    gsize i = 0;

    while (i < uri->len && (g_ascii_isalnum(uri->str[i]) || uri->str[i] == '-' || uri->str[i] == '_'))
        i++;
    return i > 0 && i < uri->len && uri->str[i] == ':';
}

/* http://www.foo.biz?id=3 -> http://www.foo.biz/?id=3 */
static void
mend_path(GString *uri, gboolean is_chars)
{
    struct perl_text text = view(uri, is_chars);
    gsize scheme = starts(text, "http://") ? 7 : starts(text, "https://") ? 8 : 0, end = perl_text_find(text, scheme, "/?#");

    if (scheme > 0 && end > scheme && end < uri->len && uri->str[end] != '/')
        g_string_insert_c(uri, (gssize)end, '/');
}

/* What a mail program makes of the URI, in a new string. */
static GString *
mended(struct perl_text uri)
{
    g_autoptr(GString) text = g_string_new_len(uri.at, (gssize)uri.length);

    mend_slashes(text, uri.is_chars);
    if (uri_canon_is_encoded(view(text, uri.is_chars))) {
        GString *recoded = g_string_sized_new(text->len);

        uri_canon_append_recoded(recoded, view(text, uri.is_chars));
        g_string_free(text, TRUE);
        text = recoded;
    }
    if (!has_scheme(text))
        g_string_prepend(text, text->len >= 4 && memcmp(text->str, "ftp.", 4) == 0 ? "ftp://" : "http://");
    mend_path(text, uri.is_chars);
    uri_decode_references(text);
    return g_steal_pointer(&text);
}

/* Splits a web URI; FALSE where it is none. */
static gboolean
web_split(struct web *web, struct perl_text uri)
{
    gsize start = starts(uri, "http://") ? 7 : starts(uri, "https://") ? 8 : 0, at = perl_text_find(uri, start, "@/?#"), host = start, end;

    if (start == 0)
        return FALSE;
    if (at < uri.length && uri.at[at] == '@')
        host = at + 1;
    end = perl_text_find(uri, host, "/?#:");
    if (end == host) { /* then what looked like a user is the host */
        host = start;
        end = perl_text_find(uri, host, "/?#:");
    }
    if (end == host)
        return FALSE;
    web->scheme = perl_text_slice(uri, 0, start);
    web->has_user = host > start;
    web->host = g_string_new_len(uri.at + host, (gssize)(end - host));
    web->rest = perl_text_slice(uri, end, uri.length);
    web->port = perl_text_slice(uri, end, end);
    if (end < uri.length && uri.at[end] == ':') {
        gsize digits = end + 1, size;

        while (digits < uri.length && perl_is_digit(perl_text_char(uri, digits, &size), uri.is_chars))
            digits += size;
        web->port = perl_text_slice(uri, end + 1, digits);
    }
    return TRUE;
}

static gboolean
is(struct perl_text text, const char *word)
{
    return text.length == strlen(word) && memcmp(text.at, word, text.length) == 0;
}

/* Adds the reading without the scheme's default port; *rest_r is what follows the host then. */
static void
read_port(struct canon *canon, const struct web *web, struct perl_text *rest_r)
{
    const char *port = is(web->scheme, "http://") ? ":80" : ":443";
    gsize length = strlen(port), size;

    *rest_r = web->rest;
    if (web->rest.length < length || memcmp(web->rest.at, port, length) != 0 ||
        (web->rest.length > length && perl_is_word(perl_text_char(web->rest, length, &size), web->rest.is_chars)))
        return;
    *rest_r = perl_text_slice(web->rest, length, web->rest.length);
    add_host(canon, web, *rest_r);
}

/* A host that isn't ASCII becomes what it is in lower case, byte by byte. */
static void
read_ascii_host(struct canon *canon, struct web *web, struct perl_text rest_without_port)
{
    struct perl_text bytes = view(web->ascii_host, FALSE);

    if (!web->rest.is_chars || perl_text_is_ascii(bytes))
        return;
    g_string_truncate(web->host, 0);
    perl_text_append_key(web->host, bytes);
    add_host(canon, web, web->rest);
    if (web->port.length > 0 && rest_without_port.length > 0 && !is(rest_without_port, "0"))
        add_host(canon, web, rest_without_port);
}

static void
read_redirect(struct canon *canon, const struct web *web)
{
    g_autoptr(GString) whole = g_string_new_len(web->scheme.at, (gssize)web->scheme.length);
    struct perl_text target;

    g_string_append_len(whole, web->host->str, (gssize)web->host->len);
    g_string_append_len(whole, web->rest.at, (gssize)web->rest.length);
    if (uri_redirect_by_pattern(canon->redirectors, view(whole, web->rest.is_chars), &target) ||
        uri_redirect_within(web->rest, &target))
        add_target(canon, target);
}

/* Takes control characters, a user and punctuation off the host, adding each reading. */
static void
read_clean_host(struct canon *canon, struct web *web)
{
    GString *host = web->host;
    gsize kept = 0;
    char *at;

    if ((at = memchr(host->str, '@', host->len)) != NULL && at > host->str) {
        g_string_erase(host, 0, at + 1 - host->str);
        add_host(canon, web, web->rest);
    }
    for (kept = host->len; kept > 0 && !g_ascii_isalnum(host->str[kept - 1]); kept--)
        ;
    if (kept < host->len) {
        g_string_truncate(host, kept);
        add_host(canon, web, web->rest);
    }
}

static void
drop_controls(struct canon *canon, struct web *web)
{
    gsize kept = 0;

    for (gsize i = 0; i < web->host->len; i++)
        if ((guint8)web->host->str[i] > 0x20)
            web->host->str[kept++] = web->host->str[i];
    if (kept == web->host->len)
        return;
    g_string_truncate(web->host, kept);
    add_host(canon, web, web->rest);
}

/* http://foobar -> http://www.foobar.com, as Firefox does. */
static void
read_bare_name(struct canon *canon, const struct web *web)
{
    struct perl_text name = view(web->ascii_host, FALSE);

    if (!is(web->scheme, "http://") || web->has_user || is(name, "localhost") || (web->port.length > 0 && !is(web->port, "80")) ||
        registry_domain_is_valid(canon->registry, name.at, name.length))
        return;
    if (starts(name, "www.") && name.length > 4)
        name = perl_text_slice(name, 4, name.length);
    if (memchr(name.at, '.', name.length) != NULL)
        return;
    g_autoptr(GString) text = g_string_new(NULL);
    if (web->rest.is_chars)
        perl_text_append_key(text, name);
    else
        g_string_append_len(text, name.at, (gssize)name.length);
    add_joined(canon, web, "www.", text->str, text->len, ".com", web->rest);
}

static void
read_web(struct canon *canon, struct web *web)
{
    struct perl_text rest_without_port = web->rest;
    g_autofree char *address = NULL;

    web->ascii_host = g_string_ascii_down(g_string_new_len(web->host->str, (gssize)web->host->len));
    if (web->port.length > 0)
        read_port(canon, web, &rest_without_port);
    read_ascii_host(canon, web, rest_without_port);
    drop_controls(canon, web);
    read_redirect(canon, web);
    read_clean_host(canon, web);
    if ((address = uri_number_address(web->host->str, web->host->len)) != NULL)
        add_joined(canon, web, "", address, strlen(address), "", web->rest);
    else
        read_bare_name(canon, web);
}

/* "#abc", "?abc", "&abc" and "/image.gif" (not //foo.com) are no URIs. */
static gboolean
is_worth_reading(struct perl_text uri)
{
    return perl_text_count(uri) > 1 && perl_text_find(uri, 0, "#?&") > 0 && (uri.at[0] != '/' || uri.at[1] == '/');
}

/* Whether the URI is an address: mailto:, or '@' with no ':' before it. */
static gboolean
is_mail(struct perl_text uri)
{
    gsize first = perl_text_find(uri, 0, ":@");

    return starts(uri, "mailto:") || (first < uri.length && uri.at[first] == '@');
}

static void
read_uri(struct canon *canon, struct perl_text uri)
{
    struct web web = {0};

    if (!is_worth_reading(uri))
        return;
    if (is_mail(uri)) {
        read_mail(canon, uri);
        return;
    }
    g_autoptr(GString) text = mended(uri);
    if (text->len != uri.length || memcmp(text->str, uri.at, uri.length) != 0)
        add(canon, view(text, uri.is_chars));
    if (!web_split(&web, view(text, uri.is_chars)))
        return;
    read_web(canon, &web);
    g_string_free(web.host, TRUE);
    g_string_free(web.ascii_host, TRUE);
}

/* The URI without line breaks and without white space at its ends. */
static struct uri_text *
trimmed(struct perl_text uri)
{
    g_autoptr(GString) text = g_string_sized_new(uri.length);

    for (gsize i = 0; i < uri.length; i++)
        if (uri.at[i] != '\n')
            g_string_append_c(text, uri.at[i]);
    struct perl_text inner = perl_text_strip(view(text, uri.is_chars));
    g_autoptr(GString) kept = g_string_sized_new(inner.length);
    for (gsize i = 0; i < inner.length; i++)
        if (inner.at[i] != '\r')
            g_string_append_c(kept, inner.at[i]);
    return uri_text_new(view(kept, uri.is_chars));
}

static gsize
web_scheme(struct perl_text uri)
{
    return starts(uri, "http://") ? 7 : starts(uri, "https://") ? 8 : 0;
}

/* Whether the URI has no other reading, as most haven't: a web URI of printable ASCII, a known host of letters, digits, "." and "-" alone
 * between scheme and path, nothing encoded, no other URI in it. */
static gboolean
is_plain(const struct uri_redirectors *redirectors, const struct registry *registry, struct perl_text uri)
{
    gsize scheme = web_scheme(uri), host = scheme;
    struct perl_text target;

    if (scheme == 0 || uri.length > URI_READINGS_MAX)
        return FALSE;
    while (host < uri.length && (g_ascii_isalnum(uri.at[host]) || uri.at[host] == '.' || uri.at[host] == '-'))
        host++;
    if (host == scheme || g_ascii_isdigit(uri.at[scheme]) || !g_ascii_isalnum(uri.at[host - 1]) ||
        (host < uri.length && uri.at[host] != '/'))
        return FALSE;
    for (gsize i = host; i < uri.length; i++)
        if (uri.at[i] <= ' ' || uri.at[i] >= 0x7f || uri.at[i] == '%' || uri.at[i] == '\\' ||
            (uri.at[i] == '&' && i + 1 < uri.length && uri.at[i + 1] == '#'))
            return FALSE;
    uri.is_chars = FALSE;
    return registry_domain_is_valid(registry, uri.at + scheme, host - scheme) &&
           !uri_redirect_within(perl_text_slice(uri, host, uri.length), &target) &&
           !uri_redirect_by_pattern(redirectors, uri, &target);
}

GPtrArray *
uri_canon_list(const struct uri_redirectors *redirectors, const struct registry *registry, struct perl_text uri)
{
    struct canon canon = {.redirectors = redirectors, .registry = registry};

    canon.readings = g_ptr_array_new_with_free_func((GDestroyNotify)uri_text_free);
    if (is_plain(redirectors, registry, uri)) {
        add(&canon, uri);
        return canon.readings;
    }
    canon.uris = g_ptr_array_new_with_free_func((GDestroyNotify)uri_text_free);
    g_ptr_array_add(canon.uris, uri_text_new(uri));
    for (guint i = 0; i < canon.uris->len; i++) {
        struct uri_text *clean = trimmed(uri_text_view(g_ptr_array_index(canon.uris, i)));

        add(&canon, uri_text_view(clean));
        read_uri(&canon, uri_text_view(clean));
        uri_text_free(clean);
    }
    g_ptr_array_unref(canon.uris);
    g_clear_pointer(&canon.seen, g_hash_table_unref);
    return canon.readings;
}
