/* html_uri_resolve.c: a URI reference seen from a base, by the steps of RFC 2396, section 5.2, with SpamAssassin's liberties:
 * a reference with the base's own scheme is relative, and a path of "0" counts as none. */
#include "lib/spam/view/html_uris.h"
#include <string.h>

/* data NULL: the part is not there, which differs from being empty. */
struct parts {
    struct spam_slice scheme, authority, path, query, fragment;
};

static struct spam_slice
part_until(struct spam_slice *rest, const char *stops)
{
    struct spam_slice part = {rest->data, 0, rest->is_chars};

    while (part.length < rest->length && (rest->data[part.length] == '\0' || strchr(stops, rest->data[part.length]) == NULL))
        part.length++;
    rest->data += part.length;
    rest->length -= part.length;
    return part;
}

static void
skip(struct spam_slice *rest, gsize n)
{
    rest->data += n;
    rest->length -= n;
}

static struct parts
uri_split(struct spam_slice uri)
{
    struct parts parts = {0};
    struct spam_slice rest = uri;
    struct spam_slice scheme = part_until(&rest, ":/?#");

    if (scheme.length > 0 && rest.length > 0 && rest.data[0] == ':') {
        parts.scheme = scheme;
        skip(&rest, 1);
    } else {
        rest = uri;
    }
    if (rest.length >= 2 && rest.data[0] == '/' && rest.data[1] == '/') {
        skip(&rest, 2);
        parts.authority = part_until(&rest, "/?#");
    }
    parts.path = part_until(&rest, "?#");
    if (rest.length > 0 && rest.data[0] == '?') {
        skip(&rest, 1);
        parts.query = part_until(&rest, "#");
    }
    if (rest.length > 0 && rest.data[0] == '#') {
        skip(&rest, 1);
        parts.fragment = part_until(&rest, "\n");
    }
    return parts;
}

static void
last_segment_remove(GString *path)
{
    const char *slash = memrchr(path->str, '/', path->len);

    g_string_truncate(path, slash != NULL ? (gsize)(slash - path->str) : 0);
}

/* Perl's $: the end, or before a newline that is the end. */
static gboolean
at_end(const char *p, const char *end)
{
    return p == end || (p + 1 == end && *p == '\n');
}

static gboolean
is_zero(const char *p, gsize length)
{
    return length == 0 || (length == 1 && *p == '0');
}

/* Dots at p, which has a slash before them: a whole segment? */
static gboolean
is_segment(const char *p, const char *end, gsize dots)
{
    for (gsize i = 0; i < dots; i++)
        if (p + i >= end || p[i] != '.')
            return FALSE;
    return at_end(p + dots, end) || (p + dots < end && p[dots] == '/');
}

/* Appends path to out (which is empty) without its "." and ".." segments. */
static void
dots_remove(const char *p, gsize length, GString *out)
{
    const char *end = p + length;

    if (length >= 2 && p[0] == '.' && p[1] == '/')
        p++;
    else if (length >= 3 && p[0] == '.' && p[1] == '.' && p[2] == '/')
        p += 2;
    while (!is_zero(p, (gsize)(end - p))) {
        gsize dots = *p != '/' ? 0 : is_segment(p + 1, end, 1) ? 1 : is_segment(p + 1, end, 2) ? 2 : 0;
        const char *next;

        if (dots == 2)
            last_segment_remove(out);
        if (dots > 0 && p + dots + 1 < end && p[dots + 1] == '/') {
            p += dots + 1;
            continue;
        }
        if (dots > 0) {
            g_string_append_c(out, '/');
            g_string_append_len(out, p + dots + 1, end - p - (gssize)dots - 1);
            return;
        }
        next = memchr(p + 1, '/', (gsize)(end - p) - 1);
        next = next != NULL ? next : end;
        g_string_append_len(out, p, next - p);
        p = next;
    }
}

static struct spam_string *
path_plain(struct spam_slice path)
{
    struct spam_string *out = spam_string_new((struct spam_slice){"", 0, path.is_chars});

    dots_remove(path.data, path.length, out->text);
    return out;
}

static struct spam_string *
path_merge(const struct parts *base, struct spam_slice path)
{
    struct spam_string *merged = spam_string_new((struct spam_slice){"", 0, FALSE});
    struct spam_string *out;

    if (base->authority.data != NULL && is_zero(base->path.data, base->path.length)) {
        spam_string_append(merged, (struct spam_slice){"/", 1, FALSE});
    } else {
        const char *slash = memrchr(base->path.data, '/', base->path.length);

        if (slash != NULL)
            spam_string_append(merged, (struct spam_slice){base->path.data, (gsize)(slash - base->path.data) + 1, base->path.is_chars});
    }
    spam_string_append(merged, path);
    out = path_plain(spam_string_slice(merged));
    spam_string_free(merged);
    return out;
}

/* "www." or "www2.", ... */
static gboolean
host_begins(struct spam_slice host, const char *name)
{
    const char *end = host.data + host.length;
    const char *p = host.data + spam_slice_folds(host.data, end, host.is_chars, name);
    gsize size;

    if (p == host.data)
        return FALSE;
    while (p < end && spam_char_is_digit(spam_char_next(p, end, host.is_chars, &size), host.is_chars))
        p += size;
    return p < end && *p == '.';
}

static void
put(struct spam_string *out, const char *delimiter, struct spam_slice part, const char *after)
{
    if (part.data == NULL)
        return;
    g_string_append(out->text, delimiter);
    spam_string_append(out, part);
    g_string_append(out->text, after);
}

static struct spam_string *
uri_join(const struct parts *parts, const struct spam_string *path)
{
    struct spam_string *out = spam_string_new((struct spam_slice){"", 0, FALSE});

    if (parts->scheme.data != NULL && !is_zero(parts->scheme.data, parts->scheme.length))
        put(out, "", parts->scheme, ":");
    else if (parts->authority.data != NULL && host_begins(parts->authority, "www"))
        g_string_append(out->text, "http:");
    else if (parts->authority.data != NULL && host_begins(parts->authority, "ftp"))
        g_string_append(out->text, "ftp:");
    put(out, "//", parts->authority, "");
    spam_string_append(out, spam_string_slice(path));
    put(out, "?", parts->query, "");
    put(out, "#", parts->fragment, "");
    return out;
}

static gboolean
same_scheme(struct spam_slice a, struct spam_slice b)
{
    struct spam_string *wide_a, *wide_b;
    gboolean same;

    if (a.data == NULL || b.data == NULL)
        return FALSE;
    wide_a = spam_string_new(a);
    wide_b = spam_string_new(b);
    spam_string_to_chars(wide_a);
    spam_string_to_chars(wide_b);
    same = g_string_equal(wide_a->text, wide_b->text);
    spam_string_free(wide_a);
    spam_string_free(wide_b);
    return same;
}

struct spam_string *
html_uri_resolve(struct spam_slice base_uri, struct spam_slice reference)
{
    struct parts parts = uri_split(reference);
    struct parts base = uri_split(base_uri);
    struct spam_string *path, *out;

    if (same_scheme(parts.scheme, base.scheme))
        parts.scheme.data = NULL;
    if (parts.scheme.data != NULL || parts.authority.data != NULL) {
        path = path_plain(parts.path);
    } else if (parts.path.length == 0) {
        path = spam_string_new(base.path);
        if (parts.query.data == NULL)
            parts.query = base.query;
    } else if (parts.path.data[0] == '/') {
        path = path_plain(parts.path);
    } else {
        path = path_merge(&base, parts.path);
    }
    if (parts.scheme.data == NULL) {
        parts.scheme = base.scheme;
        if (parts.authority.data == NULL)
            parts.authority = base.authority;
    }
    out = uri_join(&parts, path);
    spam_string_free(path);
    return out;
}
