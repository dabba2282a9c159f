/* html_uris.c: which URIs a document has. */
#include "lib/spam/view/html_uris.h"
#include <string.h>

struct html_uris {
    GHashTable *by_key; /* GBytes (as characters) -> struct html_uri *, in list */
    GPtrArray *list;
    gsize bytes; /* of all that were asked for, also again and again: each costs time to resolve */
    struct spam_string *base;
};

static void
uri_free(gpointer data)
{
    struct html_uri *uri = data;

    spam_string_free(uri->uri);
    g_ptr_array_unref(uri->anchor_texts);
    g_ptr_array_unref(uri->types);
    g_free(uri);
}

struct html_uris *
html_uris_new(void)
{
    struct html_uris *uris = g_new0(struct html_uris, 1);

    uris->by_key = g_hash_table_new_full(g_bytes_hash, g_bytes_equal, (GDestroyNotify)(void (*)(void))g_bytes_unref, NULL);
    uris->list = g_ptr_array_new_with_free_func(uri_free);
    return uris;
}

void
html_uris_free(struct html_uris **uris)
{
    if (*uris == NULL)
        return;
    g_hash_table_unref((*uris)->by_key);
    g_ptr_array_unref((*uris)->list);
    spam_string_free((*uris)->base);
    g_clear_pointer(uris, g_free);
}

static struct html_uri *
uri_new(struct spam_slice uri)
{
    struct html_uri *made = g_new0(struct html_uri, 1);

    made->uri = spam_string_new(uri);
    made->anchor_texts = g_ptr_array_new_with_free_func(spam_string_free);
    made->types = g_ptr_array_new();
    return made;
}

struct html_uri *
html_uris_at(struct html_uris *uris, struct spam_slice uri)
{
    g_autoptr(GString) wide = NULL;
    g_autoptr(GBytes) key = NULL;
    struct html_uri *found;

    uris->bytes += uri.length;
    if (uris->bytes > HTML_URIS_MAX_BYTES)
        return NULL;
    if (uri.is_chars) {
        key = g_bytes_new(uri.data, uri.length);
    } else {
        wide = g_string_sized_new(uri.length);
        spam_latin1_append(wide, uri.data, uri.length);
        key = g_bytes_new(wide->str, wide->len);
    }
    found = g_hash_table_lookup(uris->by_key, key);
    if (found != NULL) {
        /* bytes or characters: the last one who writes decides, as with the keys of a Perl hash */
        if (uri.is_chars)
            spam_string_to_chars(found->uri);
        else
            spam_string_to_bytes(found->uri);
        return found;
    }
    if (uris->list->len >= HTML_URIS_MAX)
        return NULL;
    found = uri_new(uri);
    g_ptr_array_add(uris->list, found);
    g_hash_table_insert(uris->by_key, g_steal_pointer(&key), found);
    return found;
}

GPtrArray *
html_uris_steal(struct html_uris *uris)
{
    GPtrArray *list = uris->list;

    uris->list = g_ptr_array_new_with_free_func(uri_free);
    g_hash_table_remove_all(uris->by_key);
    return list;
}

static gboolean
is_margin(struct spam_slice uri, const char *p)
{
    gsize size;
    guint32 c = spam_char_next(p, uri.data + uri.length, uri.is_chars, &size);

    return c == 0xa0 || spam_char_is_space(c, uri.is_chars);
}

struct spam_slice
html_uri_clean(struct spam_slice uri, gboolean *truncated)
{
    gsize chars = 0;
    gsize size;

    while (uri.length > 0 && is_margin(uri, uri.data)) {
        spam_char_next(uri.data, uri.data + uri.length, uri.is_chars, &size);
        uri.data += size;
        uri.length -= size;
    }
    while (uri.length > 0) {
        const char *last = spam_char_before(uri.data, uri.data + uri.length, uri.is_chars);

        if (!is_margin(uri, last))
            break;
        uri.length = (gsize)(last - uri.data);
    }
    if (uri.length <= HTML_URI_MAX_CHARS)
        return uri;
    for (gsize at = 0; at < uri.length; at += size) {
        if (chars++ == HTML_URI_MAX_CHARS) {
            *truncated = TRUE;
            uri.length = at;
            break;
        }
        spam_char_next(uri.data + at, uri.data + uri.length, uri.is_chars, &size);
    }
    return uri;
}

/* URIs that are kept as they are. */
static gboolean
is_final(struct spam_slice uri)
{
    static const char *const SCHEMES[] = {"data:", "mailto:", "file:", "cid:", "tel:"};
    const char *end = uri.data + uri.length;

    for (guint i = 0; i < G_N_ELEMENTS(SCHEMES); i++)
        if (spam_slice_folds(uri.data, end, uri.is_chars, SCHEMES[i]) > 0)
            return TRUE;
    return uri.is_chars && uri.length > 3 && memcmp(uri.data, "\xef\xac\x81", 3) == 0 && /* the ligature of "fi" */
           spam_slice_folds(uri.data + 3, end, TRUE, "le:") > 0;
}

static void
type_add(struct html_uri *uri, const char *element)
{
    for (guint i = 0; i < uri->types->len; i++)
        if (strcmp(g_ptr_array_index(uri->types, i), element) == 0)
            return;
    g_ptr_array_add(uri->types, (gpointer)(guintptr)element);
}

void
html_uris_add(struct html_uris *uris, const char *element, struct spam_slice uri, gboolean *truncated)
{
    struct spam_string *target = NULL;
    struct html_uri *entry = NULL;

    uri = html_uri_clean(uri, truncated);
    if (uri.length == 0 || uris->bytes > HTML_URIS_MAX_BYTES)
        return;
    if (is_final(uri)) {
        entry = html_uris_at(uris, uri);
    } else {
        uris->bytes += uris->base != NULL ? uris->base->text->len : 0;
        target = html_uri_resolve(uris->base != NULL ? spam_string_slice(uris->base) : (struct spam_slice){"", 0, FALSE}, uri);
        if (target->text->len > 0)
            entry = html_uris_at(uris, spam_string_slice(target));
    }
    if (entry != NULL)
        type_add(entry, element);
    spam_string_free(target);
}

/* Length of base's beginning up to its file name (name.ext with 2 to 4 characters of ext); all of it when there is none. */
static gsize
base_without_file(struct spam_slice uri, gsize scheme)
{
    const char *end = uri.data + uri.length;
    const char *host = uri.data + scheme;
    const char *path, *name, *dot, *part;
    gsize ext;

    for (guint i = 0; i < 2 && host < end && *host == '/'; i++)
        host++;
    path = host < end && *host != '/' ? memchr(host, '/', (gsize)(end - host)) : NULL;
    if (path == NULL)
        return uri.length;
    name = (const char *)memrchr(path, '/', (gsize)(end - path)) + 1;
    dot = memrchr(name, '.', (gsize)(end - name));
    if (dot == NULL)
        return uri.length;
    ext = spam_slice_chars((struct spam_slice){dot + 1, (gsize)(end - dot) - 1, uri.is_chars});
    part = memrchr(name, '.', (gsize)(dot - name));
    part = part != NULL ? part + 1 : name;
    if (ext < 2 || ext > 4 || part == dot || memchr(path + 1, '\n', (gsize)(part - path) - 1) != NULL)
        return uri.length;
    return (gsize)(part - uri.data);
}

void
html_uris_set_base(struct html_uris *uris, struct spam_slice uri, gboolean *truncated)
{
    static const char *const SCHEMES[] = {"https:", "http:", "ftp:"};
    gsize scheme = 0;

    uri = html_uri_clean(uri, truncated);
    html_uris_add(uris, "base", uri, truncated);
    for (guint i = 0; i < G_N_ELEMENTS(SCHEMES) && scheme == 0; i++)
        scheme = spam_slice_folds(uri.data, uri.data + uri.length, uri.is_chars, SCHEMES[i]);
    if (scheme == 0)
        return;
    uri.length = base_without_file(uri, scheme);
    spam_string_free(uris->base);
    uris->base = spam_string_new(uri);
    if (uri.data[uri.length - 1] != '/')
        g_string_append_c(uris->base->text, '/');
}

/* \burl\s*= at p: what follows it; else NULL. */
static const char *
refresh_url(struct spam_slice content, const char *p)
{
    const char *end = content.data + content.length;
    gsize n = spam_slice_folds(p, end, content.is_chars, "url");
    gsize size;

    if (n == 0)
        return NULL;
    if (p > content.data) {
        const char *before = spam_char_before(content.data, p, content.is_chars);

        if (spam_char_is_word(spam_char_next(before, end, content.is_chars, &size), content.is_chars))
            return NULL;
    }
    for (p += n; p < end && spam_char_is_space(spam_char_next(p, end, content.is_chars, &size), content.is_chars);)
        p += size;
    return p < end && *p == '=' ? p + 1 : NULL;
}

gboolean
html_uri_of_refresh(struct spam_slice content, struct spam_string **url)
{
    const char *end = content.data + content.length;
    const char *line_end = memchr(content.data, '\n', content.length);
    const char *start = NULL; /* of the URL: after the last "url=" of the first line */
    const char *semicolon;
    gboolean found = FALSE;
    gsize size;

    for (const char *p = content.data; p < end; p++) {
        const char *after = refresh_url(content, p);

        found = found || after != NULL;
        if (line_end != NULL && p > line_end) {
            if (found)
                break;
        } else if (after != NULL) {
            start = after;
        }
    }
    if (!found)
        return FALSE;
    if (start == NULL)
        start = content.data;
    else
        while (start < end && spam_char_is_space(spam_char_next(start, end, content.is_chars, &size), content.is_chars))
            start += size;
    *url = spam_string_new((struct spam_slice){start, 0, content.is_chars});
    semicolon = memchr(start, ';', (gsize)(end - start));
    g_string_append_len((*url)->text, start, semicolon != NULL ? semicolon - start : end - start);
    if (semicolon != NULL) {
        struct spam_slice head = spam_string_slice(*url);
        const char *rest = memchr(semicolon, '\n', (gsize)(end - semicolon));

        while (head.length > 0) {
            const char *last = spam_char_before(head.data, head.data + head.length, head.is_chars);

            if (!spam_char_is_space(spam_char_next(last, head.data + head.length, head.is_chars, &size), head.is_chars))
                break;
            head.length = (gsize)(last - head.data);
        }
        g_string_truncate((*url)->text, head.length);
        if (rest != NULL)
            g_string_append_len((*url)->text, rest, end - rest);
    }
    return TRUE;
}
