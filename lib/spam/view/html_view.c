/* html_view.c: a document from its text to its view. */
#include "lib/spam/view/html_reader.h"
#include <math.h>
#include <string.h>

/* With room for so many bytes. */
static struct spam_string
empty(gsize room)
{
    return (struct spam_string){g_string_sized_new(room), FALSE};
}

static GPtrArray *
texts_new(void)
{
    return g_ptr_array_new_with_free_func(spam_string_free);
}

/* room: bytes of text to expect. */
static struct html_view *
view_new(gsize room)
{
    struct html_view *view = g_new0(struct html_view, 1);
    struct html_results *r = &view->results;

    view->rendered = empty(room);
    view->visible = empty(room);
    view->invisible = empty(0);
    r->is_html = TRUE;
    r->closed_extra_ratio = r->bad_tag_ratio = r->non_element_ratio = r->obfuscation_ratio = r->ratio = NAN;
    r->backhair_count = -1;
    r->inside = html_inside_new();
    r->titles = texts_new();
    r->comments = texts_new();
    r->scripts = texts_new();
    r->anchors = texts_new();
    return view;
}

void
html_view_free(struct html_view **view)
{
    struct html_results *r;

    if (*view == NULL)
        return;
    r = &(*view)->results;
    g_string_free((*view)->rendered.text, TRUE);
    g_string_free((*view)->visible.text, TRUE);
    g_string_free((*view)->invisible.text, TRUE);
    html_inside_free(&r->inside);
    g_ptr_array_unref(r->titles);
    g_ptr_array_unref(r->comments);
    g_ptr_array_unref(r->scripts);
    g_ptr_array_unref(r->anchors);
    g_ptr_array_unref(r->uris);
    g_clear_pointer(view, g_free);
}

/* Every "from" in text becomes the byte "to". */
static void
replace(GString *text, const char *from, char to)
{
    gsize n = strlen(from);
    const char *rest = text->str, *end = rest + text->len;
    char *kept = text->str;

    for (const char *p = rest; (p = memchr(p, *from, (gsize)(end - p))) != NULL;) {
        if ((gsize)(end - p) < n || memcmp(p, from, n) != 0) {
            p++;
            continue;
        }
        memmove(kept, rest, (gsize)(p - rest));
        kept += p - rest;
        *kept++ = to;
        rest = p += n;
    }
    memmove(kept, rest, (gsize)(end - rest));
    g_string_truncate(text, (gsize)(kept - text->str) + (gsize)(end - rest));
}

/* At '<': the end of <name/> with *name_end after the name; else NULL. */
static const char *
empty_tag(const char *p, const char *end, gboolean is_chars, const char **name_end)
{
    gsize size;

    for (p++; p < end && spam_char_is_word(spam_char_next(p, end, is_chars, &size), is_chars);)
        p += size;
    *name_end = p;
    if (p[-1] == '<')
        return NULL;
    while (p < end && spam_char_is_space(spam_char_next(p, end, is_chars, &size), is_chars))
        p += size;
    return end - p >= 2 && p[0] == '/' && p[1] == '>' ? p + 2 : NULL;
}

static gboolean
has_empty_tag(const GString *text)
{
    const char *end = text->str + text->len;

    for (const char *p = text->str; (p = memchr(p, '>', (gsize)(end - p))) != NULL; p++)
        if (p > text->str && p[-1] == '/')
            return TRUE;
    return FALSE;
}

/* <br/> becomes <br>. */
static void
open_empty_tags(GString *text, gboolean is_chars)
{
    const char *rest = text->str, *end = rest + text->len, *name_end;
    char *kept = text->str;

    if (!has_empty_tag(text))
        return;
    for (const char *lt = rest; (lt = memchr(lt, '<', (gsize)(end - lt))) != NULL;) {
        const char *after = empty_tag(lt, end, is_chars, &name_end);

        if (after != NULL) {
            memmove(kept, rest, (gsize)(name_end - rest));
            kept += name_end - rest;
            *kept++ = '>';
            rest = after;
        }
        lt = after != NULL ? after : lt + 1;
    }
    memmove(kept, rest, (gsize)(end - rest));
    g_string_truncate(text, (gsize)(kept - text->str) + (gsize)(end - rest));
}

/* The edits before reading; ends with a NUL. */
static GString *
source_edit(struct spam_slice text)
{
    GString *out = g_string_new_len(text.data, (gssize)text.length);

    replace(out, "&nbsp;", ' ');
    open_empty_tags(out, text.is_chars);
    replace(out, "\xe2\x80\x9c", '"');
    replace(out, "\xe2\x80\x9d", '"');
    return out;
}

/* script and style that were left open are closed, so that what came before them is not lost with them. */
static void
literals_close(struct html_reader *reader)
{
    static const struct {
        enum html_tag_id tag;
        const char *end;
    } CLOSED[] = {{HTML_TAG_STYLE, "</style>"}, {HTML_TAG_SCRIPT, "</script>"}};

    for (guint i = 0; i < G_N_ELEMENTS(CLOSED); i++) {
        gint64 before;

        do {
            before = html_inside_known(reader->view->results.inside, CLOSED[i].tag);
            if (before > 0)
                html_tokens_read(reader->tokens, CLOSED[i].end, strlen(CLOSED[i].end));
        } while (before > 0 && html_inside_known(reader->view->results.inside, CLOSED[i].tag) < before);
    }
}

/* White space in the rendered text; in bytes, form feeds do not count. */
static gint64
spaces_count(struct spam_slice text)
{
    const char *end = text.data + text.length;
    gint64 count = 0;
    gsize size;

    for (const char *p = text.data; p < end; p += size) {
        guint32 c = (guint8)*p;

        size = 1;
        if (c > ' ' && c < 0x80)
            continue;
        if (c >= 0x80)
            c = spam_char_next(p, end, text.is_chars, &size);
        count += spam_char_is_space(c, text.is_chars) && (text.is_chars || c != '\f');
    }
    return count;
}

static void
results_finish(struct html_reader *reader, struct spam_slice source, gsize source_length)
{
    struct html_results *r = &reader->view->results;
    struct spam_slice rendered = spam_string_slice(&reader->view->rendered);
    double tags = (double)reader->tags;

    r->length = (gint64)spam_slice_chars(source);
    r->min_size = reader->looks.min_size;
    r->max_size = reader->looks.max_size;
    if (reader->tags > 0)
        r->closed_extra_ratio = (double)reader->closed_extra / tags;
    if (reader->elements > 0 && reader->tags > 0)
        r->bad_tag_ratio = (tags - (double)reader->elements) / tags;
    if (reader->elements_seen > 0 && reader->tags_seen > 0)
        r->non_element_ratio = (double)(reader->tags_seen - reader->elements_seen) / (double)reader->tags_seen;
    if (reader->obfuscations > 0 && reader->tags > 0)
        r->obfuscation_ratio = (double)reader->obfuscations / tags;
    if (reader->backhair != 0)
        r->backhair_count = __builtin_popcountll(reader->backhair);
    r->uris = html_uris_steal(reader->uris);
    r->html_length = (gint64)spam_slice_chars(rendered);
    r->non_space_len = r->html_length - spaces_count(rendered);
    if (source_length > 0)
        r->ratio = ((double)source_length - (double)r->html_length) / (double)source_length;
}

struct html_view *
html_view_new(struct spam_slice text, gboolean utf8_bytes, gsize source_length)
{
    struct html_reader reader = {.view = view_new(text.length / 4), .is_chars = text.is_chars, .utf8_bytes = utf8_bytes && !text.is_chars};
    GString *source = source_edit(text);

    reader.tokens = html_tokens_new(&html_reader_events, &reader);
    reader.uris = html_uris_new();
    html_looks_init(&reader.looks);
    reader.piece.text = empty(256);
    html_tokens_read(reader.tokens, source->str, source->len);
    literals_close(&reader);
    reader.view->results.complete = html_tokens_end(reader.tokens);
    html_text_flush(&reader);
    results_finish(&reader, text, source_length);
    html_looks_clear(&reader.looks);
    html_uris_free(&reader.uris);
    html_tokens_free(&reader.tokens);
    g_string_free(reader.piece.text.text, TRUE);
    g_string_free(source, TRUE);
    return reader.view;
}

/* Values that SpamAssassin notes on the way; the others it has only when it came to the end. */
static gboolean
early_result(const struct html_results *r, const char *name, double *value)
{
    const struct {
        const char *name;
        double value;
        gboolean defined;
    } RESULTS[] = {
        {"html", 1, r->is_html},
        {"font_face_bad", 1, r->font_face_bad},
        {"font_low_contrast", 1, r->font_low_contrast},
        {"font_invalid_color", 1, r->font_invalid_color},
        {"form_action_mailto", 1, r->form_action_mailto},
        {"embeds", 1, r->embeds},
        {"html_length", (double)r->html_length, TRUE},
        {"non_space_len", (double)r->non_space_len, TRUE},
        {"ratio", r->ratio, !isnan(r->ratio)},
    };

    for (guint i = 0; i < G_N_ELEMENTS(RESULTS); i++) {
        if (strcmp(RESULTS[i].name, name) == 0) {
            *value = RESULTS[i].value;
            return RESULTS[i].defined;
        }
    }
    return FALSE;
}

gboolean
html_results_get(const struct html_results *r, const char *name, double *value)
{
    const struct {
        const char *name;
        double value;
        gboolean defined;
    } RESULTS[] = {
        {"image_area", r->image_area, TRUE},
        {"length", (double)r->length, TRUE},
        {"min_size", r->min_size, TRUE},
        {"max_size", r->max_size, TRUE},
        {"closed_extra_ratio", r->closed_extra_ratio, !isnan(r->closed_extra_ratio)},
        {"bad_tag_ratio", r->bad_tag_ratio, !isnan(r->bad_tag_ratio)},
        {"non_element_ratio", r->non_element_ratio, !isnan(r->non_element_ratio)},
        {"obfuscation_ratio", r->obfuscation_ratio, !isnan(r->obfuscation_ratio)},
        {"backhair_count", (double)r->backhair_count, r->backhair_count >= 0},
        {"uri_truncated", 1, r->uri_truncated},
        {"uri", 1, TRUE},
        {"uri_detail", 1, r->uris->len > 0},
        {"inside", 1, !isnan(r->closed_extra_ratio)},
        {"title", 1, r->titles->len > 0},
        {"comment", 1, r->comments->len > 0},
        {"script", 1, r->scripts->len > 0},
        {"anchor", 1, r->anchors->len > 0},
    };

    if (early_result(r, name, value))
        return TRUE;
    for (guint i = 0; r->complete && i < G_N_ELEMENTS(RESULTS); i++) {
        if (strcmp(RESULTS[i].name, name) == 0) {
            *value = RESULTS[i].value;
            return RESULTS[i].defined;
        }
    }
    return FALSE;
}

const GPtrArray *
html_results_texts(const struct html_results *r, const char *name)
{
    const GPtrArray *list = strcmp(name, "title") == 0     ? r->titles
                            : strcmp(name, "comment") == 0 ? r->comments
                            : strcmp(name, "script") == 0  ? r->scripts
                            : strcmp(name, "anchor") == 0  ? r->anchors
                                                           : NULL;

    return r->complete ? list : NULL;
}
