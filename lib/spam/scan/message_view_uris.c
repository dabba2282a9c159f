/* message_view_uris.c: a message's URIs: of its texts, of its HTML parts, of its DKIM signatures. */
#include "lib/spam/scan/message_view_private.h"

static struct perl_text
text_of(const struct spam_string *string)
{
    return (struct perl_text){string->text->str, string->text->len, string->is_chars};
}

static struct uris_link
link_of(struct message_view *view, const struct html_uri *uri)
{
    const char **types = g_new0(const char *, uri->types->len + 1);
    struct perl_text *texts = g_new0(struct perl_text, uri->anchor_texts->len + 1);

    for (guint i = 0; i < uri->types->len; i++)
        types[i] = uri->types->pdata[i];
    for (guint i = 0; i < uri->anchor_texts->len; i++)
        texts[i] = text_of(uri->anchor_texts->pdata[i]);
    g_ptr_array_add(view->kept, types);
    g_ptr_array_add(view->kept, texts);
    return (struct uris_link){text_of(uri->uri), types, texts, uri->anchor_texts->len};
}

/* A part of which SpamAssassin has not seen the end has no links. */
static struct uris_html
links_of(struct message_view *view, const struct html_results *results)
{
    guint count = results->complete ? results->uris->len : 0;
    struct uris_link *links = g_new0(struct uris_link, count + 1);

    for (guint i = 0; i < count; i++)
        links[i] = link_of(view, results->uris->pdata[i]);
    g_ptr_array_add(view->kept, links);
    return (struct uris_html){links, count, results->complete && results->uri_truncated};
}

static void
make_links(struct message_view *view)
{
    const GPtrArray *html = message_view_html(view);

    if (view->links != NULL)
        return;
    view->kept = g_ptr_array_new_with_free_func(g_free);
    view->links = g_array_new(FALSE, FALSE, sizeof(struct uris_html));
    for (guint i = 0; i < html->len; i++) {
        struct uris_html links = links_of(view, &((struct html_view *)html->pdata[i])->results);
        g_array_append_val(view->links, links);
    }
}

const struct uris_html *
message_view_links(struct message_view *view, gsize *count_r)
{
    make_links(view);
    *count_r = view->links->len;
    return (const struct uris_html *)view->links->data;
}

static void
add_dkim(struct message_view *view, const char *name)
{
    const GPtrArray *values = message_view_header(view, name);

    for (guint i = 0; i < values->len; i++) {
        gsize length;
        const char *value = g_bytes_get_data(values->pdata[i], &length);
        uris_add_dkim(view->uris, &view->settings->uris, (struct perl_text){value, length, FALSE});
    }
}

static void
add_pdf(struct message_view *view)
{
    static const char *const types[] = {"parsed", NULL};
    const GPtrArray *found = message_view_pdf(view)->uris;

    for (guint i = 0; i < found->len; i++) {
        const GString *uri = found->pdata[i];
        uris_add(view->uris, &view->settings->uris, (struct perl_text){uri->str, uri->len, FALSE}, types, FALSE);
    }
}

const struct uris *
message_view_uris(struct message_view *view)
{
    gsize n_texts, n_links;
    const struct perl_text *texts;
    const struct uris_html *links;

    if (view->uris != NULL)
        return view->uris;
    texts = message_view_body_texts(view, &n_texts);
    links = message_view_links(view, &n_links);
    view->uris = uris_new();
    uris_add_texts(view->uris, &view->settings->uris, texts, n_texts);
    for (gsize i = 0; i < n_links; i++)
        uris_add_html(view->uris, &view->settings->uris, &links[i]);
    add_dkim(view, "DomainKey-Signature");
    add_dkim(view, "DKIM-Signature");
    if (view->settings->reads_pdf)
        add_pdf(view);
    return view->uris;
}

const GPtrArray *
message_view_uris_all(struct message_view *view)
{
    if (view->uris_all == NULL)
        view->uris_all = uris_all(message_view_uris(view));
    return view->uris_all;
}

const GPtrArray *
message_view_uri_texts(struct message_view *view)
{
    const GPtrArray *all = message_view_uris_all(view);

    if (view->uri_bytes != NULL)
        return view->uri_bytes;
    view->uri_bytes = g_ptr_array_new_full(all->len, (GDestroyNotify)g_bytes_unref);
    for (guint i = 0; i < all->len; i++) {
        const struct uri_text *text = all->pdata[i];
        g_ptr_array_add(view->uri_bytes, g_bytes_new_static(text->bytes, text->length));
    }
    return view->uri_bytes;
}

void
message_view_free_uris(struct message_view *view)
{
    g_clear_pointer(&view->uri_bytes, g_ptr_array_unref);
    g_clear_pointer(&view->uris_all, g_ptr_array_unref);
    uris_free(&view->uris);
    g_clear_pointer(&view->links, g_array_unref);
    g_clear_pointer(&view->kept, g_ptr_array_unref);
}
