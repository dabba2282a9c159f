/* message_view_parts.c: the tree's parts in the form that eval functions want. */
#include "lib/spam/scan/message_view_private.h"
#include <string.h>
#include "lib/spam/view/content_type.h"
#include "lib/spam/view/html_tags.h"

void
message_view_free_html(gpointer html)
{
    struct html_view *view = html;

    html_view_free(&view);
}

static void
content_type_free(gpointer data)
{
    content_type_clear(data);
    g_free(data);
}

static const char *
field_text(const struct spam_part *part, const char *name)
{
    const GString *value = part_header(part, name);

    return value != NULL ? value->str : "";
}

static struct perl_text
bytes_text(const GString *bytes)
{
    return (struct perl_text){bytes != NULL ? bytes->str : "", bytes != NULL ? bytes->len : 0, FALSE};
}

static void
fill_rendered(struct message_view *view, struct spam_part *part, struct eval_part *out)
{
    const char *type = part_effective_type(part);
    gboolean html = strcmp(type, "text/html") == 0;
    const struct spam_string *text = html || strcmp(type, "text/plain") == 0 ? part_text(part) : NULL;
    const struct html_view *rendered = html ? g_hash_table_lookup(view->html_of, part) : NULL;
    gint64 count;

    if (text == NULL)
        return;
    out->rendered_type = rendered != NULL ? "text/html" : part->type;
    text = rendered != NULL ? &rendered->rendered : text;
    out->rendered = (struct perl_text){text->text->str, text->text->len, text->is_chars};
    out->has_image = rendered != NULL && rendered->results.complete && html_inside_get(rendered->results.inside, "img", 3, &count);
}

/* Adds the part and those below it. Depth is bounded by the tree's. */
static void
add_part(struct message_view *view, struct spam_part *part)
{
    struct content_type *type = g_new0(struct content_type, 1);
    guint index = view->parts->len;
    struct eval_part out = {.type = part->type, .is_leaf = part->children == NULL};

    content_type_parse(type, part_header(part, "content-type"));
    g_ptr_array_add(view->part_types, type);
    out.declared_type = type->type;
    out.charset = type->charset != NULL ? type->charset->str : NULL;
    out.name = part->name != NULL ? part->name->str : NULL;
    out.encoding = field_text(part, "content-transfer-encoding");
    out.disposition = field_text(part, "content-disposition");
    if (out.is_leaf) {
        out.raw = bytes_text(part->raw);
        if (strcmp(part->type, "text/plain") == 0 || g_str_has_prefix(part->type, "image/"))
            out.decoded = bytes_text(part_decode(part));
        fill_rendered(view, part, &out);
    }
    g_array_append_val(view->parts, out);
    for (guint i = 0; part->children != NULL && i < part->children->len; i++)
        add_part(view, part->children->pdata[i]);
    g_array_index(view->parts, struct eval_part, index).below = view->parts->len - index - 1;
}

struct eval_parts
message_view_parts(struct message_view *view)
{
    if (view->parts == NULL) {
        message_view_body(view);
        view->parts = g_array_new(FALSE, FALSE, sizeof(struct eval_part));
        view->part_types = g_ptr_array_new_with_free_func(content_type_free);
        add_part(view, view->tree->root);
    }
    return (struct eval_parts){(const struct eval_part *)view->parts->data, view->parts->len};
}

const struct pdf_info *
message_view_pdf(struct message_view *view)
{
    if (!view->pdf_known)
        pdf_info_init(&view->pdf, view->tree);
    view->pdf_known = TRUE;
    return &view->pdf;
}

void
message_view_free_parts(struct message_view *view)
{
    if (view->pdf_known)
        pdf_info_clear(&view->pdf);
    g_clear_pointer(&view->parts, g_array_unref);
    g_clear_pointer(&view->part_types, g_ptr_array_unref);
}
