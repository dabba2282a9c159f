/* uris.c: collects a message's URIs. */
#include "lib/spam/view/uris.h"
#include "lib/spam/view/uri_scan.h"
#include <string.h>

static void
detail_free(struct uri_detail *detail)
{
    uri_text_free(detail->raw);
    g_ptr_array_unref(detail->types);
    g_clear_pointer(&detail->cleaned, g_ptr_array_unref);
    g_clear_pointer(&detail->anchor_texts, g_ptr_array_unref);
    g_ptr_array_unref(detail->domains);
    g_ptr_array_unref(detail->hosts);
    g_free(detail);
}

static void
host_free(struct uri_host *host)
{
    g_free(host->host);
    g_free(host->domain);
    g_free(host);
}

struct uris *
uris_new(void)
{
    struct uris *uris = g_new0(struct uris, 1);

    uris->details = g_ptr_array_new_with_free_func((GDestroyNotify)detail_free);
    uris->by_key = g_hash_table_new(uri_text_hash, uri_text_equal);
    return uris;
}

void
uris_free(struct uris **uris)
{
    if (*uris == NULL)
        return;
    g_hash_table_unref((*uris)->by_key);
    g_ptr_array_unref((*uris)->details);
    g_clear_pointer(uris, g_free);
}

static gboolean
strings_are_equal(gconstpointer a, gconstpointer b)
{
    return strcmp(a, b) == 0;
}

static void
add_string(GPtrArray *strings, const char *text)
{
    if (!g_ptr_array_find_with_equal_func(strings, text, strings_are_equal, NULL))
        g_ptr_array_add(strings, g_strdup(text));
}

static gboolean
texts_are_equal(gconstpointer a, gconstpointer b)
{
    const struct uri_text *one = a, *other = b;

    if (one->is_chars == other->is_chars)
        return one->length == other->length && memcmp(one->bytes, other->bytes, one->length) == 0;
    return uri_text_equal(one, other);
}

static gboolean
host_is(gconstpointer host, gconstpointer name)
{
    return strcmp(((const struct uri_host *)host)->host, name) == 0;
}

/* Takes the host over. */
static void
add_host(struct uri_detail *detail, struct uri_host *host)
{
    add_string(detail->domains, host->domain);
    if (g_ptr_array_find_with_equal_func(detail->hosts, host->host, host_is, NULL))
        host_free(host);
    else
        g_ptr_array_add(detail->hosts, host);
}

static struct uri_detail *
detail_new(struct perl_text uri)
{
    struct uri_detail *detail = g_new0(struct uri_detail, 1);

    detail->raw = uri_text_new(uri);
    detail->types = g_ptr_array_new_with_free_func(g_free);
    detail->domains = g_ptr_array_new_with_free_func(g_free);
    detail->hosts = g_ptr_array_new_with_free_func((GDestroyNotify)host_free);
    return detail;
}

static gboolean
has_type(const char *const *types, const char *type)
{
    return g_strv_contains(types, type);
}

/* Cuts readings that are too long; whether there were any. */
static gboolean
cut_readings(GPtrArray *readings)
{
    gboolean cut = FALSE;

    for (guint i = 0; i < readings->len; i++) {
        struct uri_text *reading = g_ptr_array_index(readings, i);
        struct perl_text text = uri_text_view(reading);

        if (reading->length <= URIS_LENGTH_MAX || perl_text_count(text) <= URIS_LENGTH_MAX)
            continue;
        cut = TRUE;
        reading->length = perl_text_prefix(text, URIS_LENGTH_MAX);
        reading->bytes[reading->length] = '\0';
    }
    return cut;
}

/* The entry of the URI, or NULL. */
static struct uri_detail *
known_entry(const struct uris *uris, struct perl_text uri)
{
    const struct uri_text key = {.bytes = (char *)(guintptr)uri.at, .length = uri.length, .is_chars = uri.is_chars};

    return g_hash_table_lookup(uris->by_key, &key);
}

/* An entry of the URI joins the list. */
static struct uri_detail *
new_entry(struct uris *uris, struct perl_text uri)
{
    struct uri_detail *detail = detail_new(uri);

    g_ptr_array_add(uris->details, detail);
    g_hash_table_insert(uris->by_key, detail->raw, detail);
    return detail;
}

/* Takes the readings over. are_different: no two are the same. */
static void
add_cleaned(struct uris *uris, struct uri_detail *detail, GPtrArray *readings, gboolean are_different)
{
    GPtrArray *known = detail->cleaned;

    detail->cleaned = known != NULL ? known : g_ptr_array_new_with_free_func((GDestroyNotify)uri_text_free);
    for (guint i = 0; i < readings->len; i++) {
        struct uri_text *reading = g_ptr_array_index(readings, i);

        if ((known != NULL || !are_different) && g_ptr_array_find_with_equal_func(detail->cleaned, reading, texts_are_equal, NULL)) {
            uri_text_free(reading);
            continue;
        }
        uris->bytes += reading->length;
        g_ptr_array_add(detail->cleaned, reading);
    }
    g_ptr_array_set_free_func(readings, NULL);
    g_ptr_array_unref(readings);
}

static GPtrArray *
readings_of(const struct uris_settings *settings, struct perl_text uri, gboolean as_it_is)
{
    GPtrArray *readings;

    if (!as_it_is)
        return uri_canon_list(settings->redirectors, settings->registry, uri);
    readings = g_ptr_array_new_with_free_func((GDestroyNotify)uri_text_free);
    g_ptr_array_add(readings, uri_text_new(uri));
    return readings;
}

/* Whether the entry was made for the very string: bytes and characters of one text may have other readings. */
static gboolean
is_same_text(const struct uri_detail *detail, struct perl_text uri)
{
    return detail->raw->length == uri.length && memcmp(detail->raw->bytes, uri.at, uri.length) == 0 &&
           detail->raw->is_chars == (uri.is_chars && !perl_text_is_ascii(uri));
}

/* The entry (known, or a new one) with the URI's readings and their hosts; NULL when it must have a valid domain and has none. */
static struct uri_detail *
entry_with_readings(struct uris *uris, const struct uris_settings *settings, struct perl_text uri, const char *const *types,
                    gboolean must_have_domain, struct uri_detail *known)
{
    g_autoptr(GPtrArray) readings = readings_of(settings, uri, has_type(types, "nocanon"));
    g_autoptr(GPtrArray) found = g_ptr_array_new();
    gboolean cut = cut_readings(readings);
    struct uri_detail *detail;

    uris->truncated = uris->truncated || cut;
    for (guint i = 0; i < readings->len; i++) {
        struct uri_host host;

        if (registry_uri_domain(settings->registry, uri_text_view(g_ptr_array_index(readings, i)), &host.domain, &host.host))
            g_ptr_array_add(found, g_memdup2(&host, sizeof host));
    }
    if (must_have_domain && found->len == 0)
        return NULL;
    detail = known != NULL ? known : new_entry(uris, uri);
    if (!has_type(types, "noclean"))
        add_cleaned(uris, detail, g_steal_pointer(&readings), !cut);
    for (guint i = 0; i < found->len; i++)
        add_host(detail, g_ptr_array_index(found, i));
    if (!has_type(types, "nocanon") && !has_type(types, "noclean") && is_same_text(detail, uri)) {
        detail->is_read = TRUE;
        detail->has_host = found->len > 0;
    }
    return detail;
}

struct uri_detail *
uris_add(struct uris *uris, const struct uris_settings *settings, struct perl_text uri, const char *const *types,
         gboolean must_have_domain)
{
    struct uri_detail *detail;

    if (uris->details->len >= URIS_MAX || uris->bytes >= URIS_BYTES_MAX)
        return NULL;
    detail = known_entry(uris, uri);
    if (detail == NULL || !detail->is_read || has_type(types, "nocanon") || has_type(types, "noclean") || !is_same_text(detail, uri))
        detail = entry_with_readings(uris, settings, uri, types, must_have_domain, detail);
    else if (must_have_domain && !detail->has_host) /* its readings are all there */
        return NULL;
    if (detail == NULL)
        return NULL;
    for (; *types != NULL; types++)
        add_string(detail->types, *types);
    return detail;
}

/* Adds the link's texts, each once. */
static void
add_anchor_texts(struct uri_detail *detail, const struct uris_link *link)
{
    g_autoptr(GHashTable) seen = NULL;

    if (detail->anchor_texts == NULL && link->text_count > 0)
        detail->anchor_texts = g_ptr_array_new_with_free_func((GDestroyNotify)uri_text_free);
    if (link->text_count == 1) {
        g_ptr_array_add(detail->anchor_texts, uri_text_new(link->texts[0]));
        return;
    }
    seen = g_hash_table_new_full(g_bytes_hash, g_bytes_equal, (GDestroyNotify)g_bytes_unref, NULL);
    for (gsize i = 0; i < link->text_count; i++)
        if (g_hash_table_add(seen, g_string_free_to_bytes(perl_text_key(link->texts[i]))))
            g_ptr_array_add(detail->anchor_texts, uri_text_new(link->texts[i]));
}

void
uris_add_html(struct uris *uris, const struct uris_settings *settings, const struct uris_html *html)
{
    static const char *const parsed[] = {"parsed", NULL};

    uris->truncated = uris->truncated || html->truncated;
    for (gsize i = 0; i < html->count; i++) {
        const struct uris_link *link = &html->links[i];
        struct uri_detail *detail = uris_add(uris, settings, link->uri, *link->types != NULL ? link->types : parsed, FALSE);

        if (detail != NULL)
            add_anchor_texts(detail, link);
    }
}

/* Adds the value of "d=" that stands at offset, white space taken out. */
static void
add_signing_domain(struct uris *uris, const struct uris_settings *settings, struct perl_text signature, gsize offset)
{
    static const char *const types[] = {"domainkeys", "nocanon", "noclean", NULL};
    g_autoptr(GString) uri = g_string_new("domainkeys:");

    for (gsize i = offset, size; i < signature.length && signature.at[i] != ';'; i += size)
        if (!perl_is_space(perl_text_char(signature, i, &size), signature.is_chars))
            g_string_append_len(uri, signature.at + i, (gssize)size);
    uris_add(uris, settings, (struct perl_text){uri->str, uri->len, signature.is_chars}, types, TRUE);
}

void
uris_add_dkim(struct uris *uris, const struct uris_settings *settings, struct perl_text signature)
{
    for (gsize i = 0, size; i < signature.length; i++) {
        gsize at = i + 1;

        if (signature.at[i] != 'd' || (i > 0 && perl_is_word((guint8)signature.at[i - 1], FALSE)))
            continue;
        while (at < signature.length && perl_is_space(perl_text_char(signature, at, &size), signature.is_chars))
            at += size;
        if (at >= signature.length || signature.at[at] != '=')
            continue;
        at++;
        if (at < signature.length && signature.at[at] != ';')
            add_signing_domain(uris, settings, signature, at);
        while (at < signature.length && signature.at[at] != ';')
            at++;
        i = at - 1;
    }
}

GPtrArray *
uris_all(const struct uris *uris)
{
    g_autoptr(GHashTable) seen = g_hash_table_new(uri_text_hash, uri_text_equal);
    GPtrArray *all = g_ptr_array_new();

    for (guint i = 0; i < uris->details->len; i++) {
        const struct uri_detail *detail = g_ptr_array_index(uris->details, i);

        for (guint j = 0; detail->cleaned != NULL && j < detail->cleaned->len; j++) {
            struct uri_text *reading = g_ptr_array_index(detail->cleaned, j);

            if (g_hash_table_add(seen, reading))
                g_ptr_array_add(all, reading);
        }
    }
    return all;
}
