/* message_view.c: a message's texts and headers, and what hangs on them: hops, URIs. */
#include "lib/spam/scan/message_view_private.h"
#include <string.h>

/* ---- headers ---- */

static gboolean
relay_text(struct message_view *view, const char *name, GPtrArray *values)
{
    static const char *const names[] = {"X-Spam-Relays-Trusted", "X-Spam-Relays-Untrusted", "X-Spam-Relays-Internal",
                                        "X-Spam-Relays-External"};
    const struct spam_relays *relays = message_view_relays(view);
    const GString *const texts[] = {relays->trusted_text, relays->untrusted_text, relays->internal_text, relays->external_text};

    for (guint i = 0; i < G_N_ELEMENTS(names); i++)
        if (g_ascii_strcasecmp(name, names[i]) == 0) {
            g_ptr_array_add(values, g_bytes_new_static(texts[i]->str, texts[i]->len));
            return TRUE;
        }
    return FALSE;
}

static gboolean
relay_lines(struct message_view *view, const char *name, GPtrArray *values)
{
    static const char *const names[] = {
        [RELAYS_ALL_TRUSTED] = "ALL-TRUSTED", [RELAYS_ALL_INTERNAL] = "ALL-INTERNAL",
        [RELAYS_ALL_UNTRUSTED] = "ALL-UNTRUSTED", [RELAYS_ALL_EXTERNAL] = "ALL-EXTERNAL"};

    for (guint i = 0; i < G_N_ELEMENTS(names); i++) {
        if (strcmp(name, names[i]) != 0)
            continue;
        g_autoptr(GPtrArray) lines =
            relays_headers(message_view_relays(view), (enum relays_range)i, message_view_header(view, "ALL"));
        for (guint n = 0; n < lines->len; n++)
            g_ptr_array_add(values, g_bytes_ref(lines->pdata[n]));
        return TRUE;
    }
    return FALSE;
}

/* X-SenderDomain and X-AuthorDomain: hosts of another header's addresses, each once, between blanks. */
static gboolean
domain_text(struct message_view *view, const char *name, GPtrArray *values)
{
    gboolean sender = g_ascii_strcasecmp(name, "X-SenderDomain") == 0;
    g_autoptr(GHashTable) seen = NULL;
    g_autoptr(GString) text = NULL;
    const GPtrArray *hosts;

    if (!sender && g_ascii_strcasecmp(name, "X-AuthorDomain") != 0)
        return FALSE;
    seen = g_hash_table_new(g_bytes_hash, g_bytes_equal);
    text = g_string_new(NULL);
    hosts = message_view_header(view, sender ? "EnvelopeFrom:first:addr:host" : "From:addr:host");
    for (guint i = 0; i < hosts->len; i++) {
        gsize length;
        const char *host = g_bytes_get_data(hosts->pdata[i], &length);
        if (!g_hash_table_add(seen, hosts->pdata[i]))
            continue;
        if (i > 0)
            g_string_append_c(text, ' ');
        g_string_append_len(text, host, (gssize)length);
    }
    if (hosts->len > 0)
        g_ptr_array_add(values, g_string_free_to_bytes(g_steal_pointer(&text)));
    return TRUE;
}

static gboolean
header_more(gpointer data, const char *name, gboolean raw, GPtrArray *values)
{
    struct message_view *view = data;

    (void)raw;
    if (view->reading_relays)
        return FALSE;
    if (g_ascii_strncasecmp(name, "X-Spam-Relays-", strlen("X-Spam-Relays-")) == 0)
        return relay_text(view, name, values);
    if (g_str_has_prefix(name, "ALL-"))
        return relay_lines(view, name, values);
    if (g_ascii_strcasecmp(name, "EnvelopeFrom") == 0) {
        char *from = relays_envelope_from(message_view_relays(view), &view->headers, view->settings->sender_header);
        if (from != NULL)
            g_ptr_array_add(values, g_bytes_new_take(from, strlen(from)));
        return TRUE;
    }
    return domain_text(view, name, values);
}

static gboolean
is_tld(gpointer data, const char *tld, gsize length)
{
    return registry_has_tld(((struct message_view *)data)->settings->registry, tld, length);
}

static GString *
domain_of(gpointer data, const GString *host)
{
    g_autofree char *domain = registry_trim(((struct message_view *)data)->settings->registry, host->str, host->len);

    return g_string_new(domain);
}

static const GPtrArray *
get_header(gpointer data, const char *name)
{
    return message_view_header(data, name);
}

static GBytes *
get_all(gpointer data, gboolean raw)
{
    return header_all(((struct message_view *)data)->header, raw);
}

const GPtrArray *
message_view_header(struct message_view *view, const char *name)
{
    return header_get(view->header, name);
}

const struct spam_headers *
message_view_headers(struct message_view *view)
{
    return &view->headers;
}

GBytes *
message_view_header_text(struct message_view *view, const char *name)
{
    return header_get_text(view->header, name);
}

/* ---- hops ---- */

/* The last value of each header that may tell a client's address. */
static GPtrArray *
originating_ips(struct message_view *view)
{
    const GPtrArray *names = view->settings->originating_headers;
    GPtrArray *values = g_ptr_array_new();

    for (guint i = 0; names != NULL && i < names->len; i++) {
        const GPtrArray *found = message_view_header(view, names->pdata[i]);
        if (found->len > 0)
            g_ptr_array_add(values, found->pdata[found->len - 1]);
    }
    return values;
}

const struct spam_relays *
message_view_relays(struct message_view *view)
{
    if (view->relays == NULL) {
        view->reading_relays = TRUE;
        g_autoptr(GPtrArray) ips = originating_ips(view);
        view->relays = relays_parse(message_view_header(view, "Received"), ips, &view->settings->relays);
        view->reading_relays = FALSE;
    }
    return view->relays;
}

/* ---- texts ---- */

static const struct html_view *
render(gpointer data, struct spam_part *part, const GString *text, gboolean is_chars, gsize source_length)
{
    struct message_view *view = data;
    struct html_view *html = g_hash_table_lookup(view->html_of, part);

    if (html == NULL) {
        html = html_view_new((struct spam_slice){text->str, text->len, is_chars}, part->as_it_is, source_length);
        g_hash_table_insert(view->html_of, part, html);
        g_ptr_array_add(view->html, html);
    }
    return html;
}

/* The strings without a copy, as bytes that belong to them. */
static GPtrArray *
bytes_of(const GPtrArray *strings)
{
    GPtrArray *bytes = g_ptr_array_new_full(strings->len, (GDestroyNotify)g_bytes_unref);

    for (guint i = 0; i < strings->len; i++) {
        const GString *string = strings->pdata[i];
        g_ptr_array_add(bytes, g_bytes_new_static(string->str, string->len));
    }
    return bytes;
}

static GArray *
texts_of(const GPtrArray *strings)
{
    GArray *texts = g_array_sized_new(FALSE, FALSE, sizeof(struct perl_text), strings->len);

    for (guint i = 0; i < strings->len; i++) {
        const GString *string = strings->pdata[i];
        struct perl_text text = {string->str, string->len, FALSE};
        g_array_append_val(texts, text);
    }
    return texts;
}

static void
make_body(struct message_view *view)
{
    if (view->body != NULL)
        return;
    view->body_strings = texts_body(view->tree, TEXTS_BODY, &view->settings->texts, render, view);
    view->body = bytes_of(view->body_strings);
    view->body_texts = texts_of(view->body_strings);
}

static void
make_rawbody(struct message_view *view)
{
    if (view->rawbody != NULL)
        return;
    view->rawbody_strings = texts_rawbody(view->tree, &view->settings->texts);
    view->rawbody = bytes_of(view->rawbody_strings);
    view->rawbody_texts = texts_of(view->rawbody_strings);
}

const GPtrArray *
message_view_body(struct message_view *view)
{
    make_body(view);
    return view->body;
}

const GPtrArray *
message_view_rawbody(struct message_view *view)
{
    make_rawbody(view);
    return view->rawbody;
}

const struct perl_text *
message_view_body_texts(struct message_view *view, gsize *count_r)
{
    make_body(view);
    *count_r = view->body_texts->len;
    return (const struct perl_text *)view->body_texts->data;
}

static void
string_free(gpointer data)
{
    g_string_free(data, TRUE);
}

void
message_view_replace_body(struct message_view *view, gsize index, const GString *text)
{
    GString *now = g_string_new_len(text->str, (gssize)text->len);

    make_body(view);
    g_assert(index < view->body_strings->len);
    if (view->replaced == NULL)
        view->replaced = g_ptr_array_new_with_free_func(string_free);
    g_ptr_array_add(view->replaced, view->body_strings->pdata[index]);
    view->body_strings->pdata[index] = now;
    g_bytes_unref(view->body->pdata[index]);
    view->body->pdata[index] = g_bytes_new_static(now->str, now->len);
    g_array_index(view->body_texts, struct perl_text, index) = (struct perl_text){now->str, now->len, FALSE};
}

const struct perl_text *
message_view_rawbody_texts(struct message_view *view, gsize *count_r)
{
    make_rawbody(view);
    *count_r = view->rawbody_texts->len;
    return (const struct perl_text *)view->rawbody_texts->data;
}

const GPtrArray *
message_view_html(struct message_view *view)
{
    make_body(view);
    return view->html;
}

GBytes *
message_view_full(struct message_view *view)
{
    if (view->full == NULL)
        view->full = g_bytes_new_static(view->tree->pristine->str, view->tree->pristine->len);
    return view->full;
}

/* ---- the whole ---- */

static void
take_as_it_is(struct spam_tree *tree)
{
    g_autoptr(GPtrArray) parts = tree_parts(tree);

    for (guint i = 0; i < parts->len; i++)
        ((struct spam_part *)parts->pdata[i])->as_it_is = TRUE;
}

struct message_view *
message_view_new(const struct view_settings *settings, const char *message, gsize length)
{
    struct message_view *view = g_new0(struct message_view, 1);

    view->settings = settings;
    view->tree = tree_new(message, length);
    if (settings->as_it_is)
        take_as_it_is(view->tree);
    part_drop_fields(view->tree->root, "X-Spam-"); /* what another said of it is no part of the message: SpamAssassin does so, too */
    view->help = (struct header_help){view, is_tld, domain_of, header_more};
    view->header = header_view_new(view->tree, &view->help, settings->headers);
    view->headers = (struct spam_headers){get_header, view, get_all};
    view->html = g_ptr_array_new();
    view->html_of = g_hash_table_new_full(NULL, NULL, NULL, message_view_free_html);
    return view;
}

void
message_view_free(struct message_view **view)
{
    struct message_view *self = g_steal_pointer(view);

    if (self == NULL)
        return;
    message_view_free_parts(self);
    message_view_free_uris(self);
    spam_relays_free(self->relays);
    g_clear_pointer(&self->full, g_bytes_unref);
    g_clear_pointer(&self->body, g_ptr_array_unref);
    g_clear_pointer(&self->body_texts, g_array_unref);
    g_clear_pointer(&self->body_strings, g_ptr_array_unref);
    g_clear_pointer(&self->replaced, g_ptr_array_unref);
    g_clear_pointer(&self->rawbody, g_ptr_array_unref);
    g_clear_pointer(&self->rawbody_texts, g_array_unref);
    g_clear_pointer(&self->rawbody_strings, g_ptr_array_unref);
    g_ptr_array_unref(self->html);
    g_hash_table_unref(self->html_of);
    header_view_free(&self->header);
    tree_free(&self->tree);
    g_free(self);
}

const struct view_settings *
message_view_settings(const struct message_view *view)
{
    return view->settings;
}

struct spam_tree *
message_view_tree(struct message_view *view)
{
    return view->tree;
}
