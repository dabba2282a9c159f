/* fuzz_spam_tree.c: any bytes as a message: tree, texts and header values; strings that should be UTF-8 are. */
#include <string.h>
#include "lib/spam/view/header.h"
#include "lib/spam/view/html_view.h"
#include "lib/spam/view/texts.h"

int LLVMFuzzerTestOneInput(const guint8 *data, size_t size);

static const struct html_view *
no_rendering(gpointer data, struct spam_part *part, const GString *text, gboolean is_chars, gsize source_length)
{
    (void)data;
    (void)part;
    (void)source_length;
    if (is_chars && !g_utf8_validate_len(text->str, text->len, NULL) && memchr(text->str, '\0', text->len) == NULL)
        g_error("not UTF-8");
    return NULL;
}

static gboolean
is_tld(gpointer data, const char *tld, gsize length)
{
    (void)data;
    return length == 3 && g_ascii_strncasecmp(tld, "com", 3) == 0;
}

static void
ask(struct spam_tree *tree)
{
    static const char *const names[] = { "ALL",      "ALL:raw",  "From:addr", "From:name",   "ToCc:addr",    "Subject",
                                         "To:host",  "To:ip",    "To:revip",  "MESSAGEID",   "EnvelopeFrom", "From:addr:domain",
                                         "Received", "Cc:first", "Cc:last",   "From:name:raw" };
    const struct header_help help = { .is_tld = is_tld };
    struct header_view *view = header_view_new(tree, &help, NULL);

    for (gsize i = 0; i < G_N_ELEMENTS(names); i++)
        header_get(view, names[i]);
    header_view_free(&view);
}

int
LLVMFuzzerTestOneInput(const guint8 *data, size_t size)
{
    static const struct texts_options options = { 1000, 1000 };
    struct spam_tree *tree = tree_new((const char *)data, size);
    g_autoptr(GPtrArray) body = texts_body(tree, TEXTS_BODY, &options, no_rendering, NULL);
    g_autoptr(GPtrArray) invisible = texts_body(tree, TEXTS_INVISIBLE, &options, no_rendering, NULL);
    g_autoptr(GPtrArray) raw = texts_rawbody(tree, &options);
    g_autofree char *id = tree_generated_id(tree);
    g_autoptr(GString) message_id = tree_message_id(tree);

    if (body->len < (invisible->len > 0) || raw->len > size + 1 || id == NULL || (message_id != NULL && message_id->len > size))
        g_error("texts out of nowhere");
    ask(tree);
    tree_free(&tree);
    return 0;
}
