/* html_reader.c: the document's tags, comments and declarations, and what SpamAssassin notes at each. */
#include "lib/spam/view/html_reader.h"
#include <string.h>
#include "lib/spam/view/bytes.h"

/* Does text have word (lower-case ASCII) in it, whatever the case? */
static gboolean
has_word(struct spam_slice text, const char *word)
{
    const char *end = text.data + text.length;

    for (const char *p = text.data; p < end; p++)
        if (spam_slice_folds(p, end, text.is_chars, word) > 0)
            return TRUE;
    return FALSE;
}

/* Office's namespaces: o:.. and st1:.. count as elements. */
static gboolean
is_namespaced(const char *name, gsize length, gboolean is_chars)
{
    const char *end = name + length;
    const char *p = name;
    gsize size;

    if (length > 2 && p[0] == 's' && p[1] == 't') {
        if (!spam_char_is_digit(spam_char_next(p + 2, end, is_chars, &size), is_chars))
            return FALSE;
        p += 2 + size;
    } else if (length > 1 && p[0] == 'o') {
        p++;
    } else {
        return FALSE;
    }
    if (p + 1 >= end || *p++ != ':')
        return FALSE;
    name = p;
    while (p < end && (*p == '-' || spam_char_is_word(spam_char_next(p, end, is_chars, &size), is_chars)))
        p += *p == '-' ? 1 : size;
    return p > name && (p == end || (p + 1 == end && *p == '/'));
}

/* Counts a tag, opened (+1) or closed (-1). */
static void
tag_count(struct html_reader *reader, const struct html_tag *tag, const char *name, gsize length, gboolean is_element, int change)
{
    gboolean is_new;
    gint64 *inside = html_inside_at(reader->view->results.inside, tag, name, length, &is_new);

    reader->tags++;
    reader->tags_seen += is_new;
    reader->elements += is_element;
    reader->elements_seen += is_element && is_new;
    if (inside == NULL)
        return;
    *inside += change;
    if (*inside < 0) {
        *inside = 0;
        reader->closed_extra++;
    }
}

static void
tag_space(struct html_reader *reader, const struct html_tag *tag)
{
    if (tag->traits & HTML_TAG_LINE)
        html_text_space(reader, "\n");
    else if (tag->traits & HTML_TAG_BLANK)
        html_text_space(reader, " ");
    else if (tag->traits & HTML_TAG_PARA)
        html_text_space(reader, "\n\n");
}

static void
uri_add(struct html_reader *reader, const struct html_tag *tag, const struct html_attributes *attributes, const char *name)
{
    struct spam_string *value = html_attributes_get(attributes, name);

    if (value != NULL)
        html_uris_add(reader->uris, tag->name, spam_string_slice(value), &reader->view->results.uri_truncated);
    spam_string_free(value);
}

/* An attribute whose name ends a word with suffix, like x/href: bad HTML, but browsers follow it. The first one counts. */
static struct spam_string *
attribute_glued(const struct html_attributes *attributes, const char *suffix)
{
    gsize n = strlen(suffix);

    for (guint i = 0; i < attributes->count; i++) {
        const struct html_attribute *a = &attributes->list[i];
        gsize size;

        for (gsize at = 1; at + n <= a->name_length; at++) {
            const char *before;

            if (a->name[at] != '/' || g_ascii_strncasecmp(a->name + at, suffix, n) != 0)
                continue;
            before = spam_char_before(a->name, a->name + at, attributes->is_chars);
            if (spam_char_is_word(spam_char_next(before, a->name + at, attributes->is_chars, &size), attributes->is_chars))
                return html_attribute_value(attributes, a);
        }
    }
    return NULL;
}

/* Takes byte order marks out. */
static void
bom_remove(struct spam_string *string)
{
    static const char BOM[] = "\xef\xbb\xbf";
    GString *text = string->text;
    gsize kept = 0;

    for (gsize i = 0; i < text->len;) {
        if (i + 3 <= text->len && memcmp(text->str + i, BOM, 3) == 0)
            i += 3;
        else
            text->str[kept++] = text->str[i++];
    }
    g_string_truncate(text, kept);
}

/* The href of a, area and link, as cleaned up on the way. NULL: none. */
static struct spam_string *
href_read(const struct html_attributes *attributes)
{
    struct spam_string *href = attribute_glued(attributes, "/href");

    if (href == NULL)
        href = html_attributes_get(attributes, "href");
    if (href != NULL)
        bom_remove(href);
    return href;
}

/* <a>: begins an anchor, of the URI href or of "". */
static void
anchor_start(struct html_reader *reader, struct spam_string *href)
{
    struct html_results *r = &reader->view->results;
    struct spam_slice uri = {"", 0, FALSE};

    if (href != NULL)
        uri = html_uri_clean(spam_string_slice(href), &r->uri_truncated);
    reader->anchor_uri = html_uris_at(reader->uris, uri);
    if (reader->anchor_uri != NULL)
        html_text_keep(reader->anchor_uri->anchor_texts, (struct spam_slice){"", 0, FALSE});
    html_text_keep(r->anchors, (struct spam_slice){"", 0, FALSE});
}

static void
link_read(struct html_reader *reader, const struct html_tag *tag, const struct html_attributes *attributes)
{
    struct spam_string *href = href_read(attributes);

    if (href != NULL)
        html_uris_add(reader->uris, tag->name, spam_string_slice(href), &reader->view->results.uri_truncated);
    uri_add(reader, tag, attributes, "data-saferedirecturl");
    if (tag->id == HTML_TAG_A)
        anchor_start(reader, href);
    spam_string_free(href);
}

static void
source_read(struct html_reader *reader, const struct html_tag *tag, const struct html_attributes *attributes)
{
    struct spam_string *src = attribute_glued(attributes, "/src");

    if (src == NULL)
        src = html_attributes_get(attributes, "src");
    if (src != NULL)
        html_uris_add(reader->uris, tag->name, spam_string_slice(src), &reader->view->results.uri_truncated);
    spam_string_free(src);
}

static void
base_read(struct html_reader *reader, const struct html_attributes *attributes)
{
    struct spam_string *href = html_attributes_get(attributes, "href");

    if (href != NULL && href->text->len > 0 && !(href->text->len == 1 && href->text->str[0] == '0'))
        html_uris_set_base(reader->uris, spam_string_slice(href), &reader->view->results.uri_truncated);
    spam_string_free(href);
}

static void
meta_read(struct html_reader *reader, const struct html_tag *tag, const struct html_attributes *attributes)
{
    struct spam_string *equiv = html_attributes_get(attributes, "http-equiv");
    struct spam_string *content = html_attributes_get(attributes, "content");
    struct spam_string *url;

    if (equiv != NULL && content != NULL && has_word(spam_string_slice(equiv), "refresh") &&
        html_uri_of_refresh(spam_string_slice(content), &url)) {
        html_uris_add(reader->uris, tag->name, spam_string_slice(url), &reader->view->results.uri_truncated);
        spam_string_free(url);
    }
    spam_string_free(equiv);
    spam_string_free(content);
}

static gboolean
is_face_char(guint32 c, gboolean is_chars)
{
    c = spam_char_fold(c, is_chars);
    return c >= 'a' && c <= 'z';
}

/* One family's name: letters, blanks and hyphens, a letter at its end, then perhaps a digit and a quote. *p moves past it. */
static gboolean
face_name(struct spam_slice face, const char **p, gboolean is_first)
{
    const char *end = face.data + face.length;
    const char *start, *last = NULL;
    gboolean quoted, opens_blank;
    gsize size;

    while (*p < end && spam_char_is_space(spam_char_next(*p, end, face.is_chars, &size), face.is_chars))
        *p += size;
    opens_blank = is_first && *p > face.data && (*p)[-1] == ' '; /* a blank before it may be its first character */
    quoted = *p < end && (**p == '"' || **p == '\'' || (is_first && **p == '.'));
    *p += quoted;
    for (start = *p; *p < end; *p += size) {
        guint32 c = spam_char_next(*p, end, face.is_chars, &size);

        if (!is_face_char(c, face.is_chars) && c != ' ' && c != '-')
            break;
        last = *p;
    }
    if (last == NULL || *last == ' ' || *last == '-')
        return FALSE;
    if (!(opens_blank && !quoted) && (last == start || *start == '-' || (!is_first && *start == ' ')))
        return FALSE;
    if (*p < end && spam_char_is_digit(spam_char_next(*p, end, face.is_chars, &size), face.is_chars))
        *p += size;
    *p += *p < end && (**p == '"' || **p == '\'');
    return TRUE;
}

/* Is it a list of families as people write it? */
static gboolean
face_is_good(struct spam_slice face)
{
    const char *end = face.data + face.length;
    const char *p = face.data;

    if (!face_name(face, &p, TRUE))
        return FALSE;
    while (p < end && *p == ',') {
        p++;
        if (!face_name(face, &p, FALSE))
            return FALSE;
    }
    p += p < end && *p == ';';
    return p == end || (p + 1 == end && *p == '\n');
}

/* ^(\d+)(%)?$ with a hundredth of the screen for each percent; 200 when it is anything else, or 0. */
static double
image_side(struct spam_slice text, double percent)
{
    const char *end = text.data + text.length;
    const char *p = text.data;
    gboolean counts = TRUE;
    double number = 0;
    gsize size;

    for (; p < end; p += size) {
        guint32 c = spam_char_next(p, end, text.is_chars, &size);

        if (!spam_char_is_digit(c, text.is_chars))
            break;
        counts = counts && c < 0x80;
        if (counts)
            number = number * 10 + (c - '0');
    }
    if (p < end && *p == '%') {
        number *= percent;
        p++;
    }
    return number > 0 && (p == end || (p + 1 == end && *p == '\n')) ? number : 200;
}

static void
image_read(struct html_reader *reader, const struct html_attributes *attributes)
{
    struct html_results *r = &reader->view->results;
    struct spam_string *width = html_attributes_get(attributes, "width");
    struct spam_string *height = html_attributes_get(attributes, "height");
    const struct spam_slice mark = {"<img>\n", 6, FALSE};

    if (html_inside_known(r->inside, HTML_TAG_A) > 0) {
        if (reader->anchor_uri != NULL && reader->anchor_uri->anchor_texts->len > 0)
            spam_string_append(g_ptr_array_index(reader->anchor_uri->anchor_texts, reader->anchor_uri->anchor_texts->len - 1), mark);
        if (r->anchors->len > 0 && r->anchors->len < HTML_VIEW_KEPT_MAX)
            spam_string_append(g_ptr_array_index(r->anchors, r->anchors->len - 1), mark);
    }
    if (width != NULL && height != NULL)
        r->image_area += image_side(spam_string_slice(width), 8) * image_side(spam_string_slice(height), 6);
    spam_string_free(width);
    spam_string_free(height);
}

static void
form_read(struct html_reader *reader, const struct html_tag *tag, const struct html_attributes *attributes)
{
    struct spam_string *action = html_attributes_get(attributes, "action");

    uri_add(reader, tag, attributes, "action");
    if (action != NULL && has_word(spam_string_slice(action), "mailto:"))
        reader->view->results.form_action_mailto = TRUE;
    spam_string_free(action);
}

static void
font_read(struct html_reader *reader, const struct html_attributes *attributes)
{
    struct spam_string *face = html_attributes_get(attributes, "face");

    if (face != NULL && !face_is_good(spam_string_slice(face)))
        reader->view->results.font_face_bad = TRUE;
    spam_string_free(face);
}

/* What is noted at the start of an element, and its URIs. */
static void
element_read(struct html_reader *reader, const struct html_tag *tag, const struct html_attributes *attributes)
{
    struct html_results *r = &reader->view->results;

    r->embeds = r->embeds || tag->id == HTML_TAG_EMBED || tag->id == HTML_TAG_OBJECT;
    switch (tag->id) {
    case HTML_TAG_A: case HTML_TAG_AREA: case HTML_TAG_LINK:
        link_read(reader, tag, attributes);
        break;
    case HTML_TAG_BASE:
        base_read(reader, attributes);
        break;
    case HTML_TAG_BODY: case HTML_TAG_TABLE: case HTML_TAG_TR: case HTML_TAG_TD:
        uri_add(reader, tag, attributes, "background");
        break;
    case HTML_TAG_BGSOUND: case HTML_TAG_EMBED: case HTML_TAG_FRAME: case HTML_TAG_IFRAME: case HTML_TAG_SCRIPT:
        source_read(reader, tag, attributes);
        break;
    case HTML_TAG_IMG:
        source_read(reader, tag, attributes);
        image_read(reader, attributes);
        break;
    case HTML_TAG_FONT:
        font_read(reader, attributes);
        break;
    case HTML_TAG_FORM:
        form_read(reader, tag, attributes);
        break;
    case HTML_TAG_META:
        meta_read(reader, tag, attributes);
        break;
    case HTML_TAG_TITLE:
        html_text_keep(r->titles, (struct spam_slice){"", 0, FALSE});
        break;
    default:
        break;
    }
}

static void
tag_read(struct html_reader *reader, const char *raw_name, gsize length, const struct html_attributes *attributes)
{
    char known[32] = "";
    g_autofree char *longer = length > sizeof known ? g_malloc(length) : NULL;
    char *name = longer != NULL ? longer : known; /* may have NULs in it */
    const struct html_tag *tag;
    gboolean namespaced;

    for (gsize i = 0; i < length; i++)
        name[i] = byte_lower(raw_name[i]);
    tag = html_tag_find(name, length);
    namespaced = tag == NULL && is_namespaced(name, length, reader->is_chars);
    tag_count(reader, tag, name, length, namespaced || (tag != NULL && (tag->traits & HTML_TAG_ELEMENT)),
              attributes != NULL ? 1 : -1);
    if (tag == NULL || tag->traits == 0)
        return;
    if ((tag->traits & HTML_TAG_STYLED) && attributes == NULL)
        html_looks_end(&reader->looks, tag->id);
    else if ((tag->traits & HTML_TAG_STYLED) && !html_looks_start(&reader->looks, tag->id, attributes)) {
        html_tokens_stop(reader->tokens);
        return;
    }
    tag_space(reader, tag);
    if (attributes != NULL)
        element_read(reader, tag, attributes);
}

static void
on_start(gpointer data, const char *name, gsize length, const struct html_attribute *attributes, guint count)
{
    struct html_reader *reader = data;

    tag_read(reader, name, length, &(struct html_attributes){attributes, count, reader->is_chars, reader->utf8_bytes});
}

static void
on_end(gpointer data, const char *name, gsize length)
{
    tag_read(data, name, length, NULL);
}

static void
on_text(gpointer data, const char *text, gsize length, gboolean is_cdata)
{
    html_text_read(data, text, length, is_cdata);
}

static void
on_comment(gpointer data, const char *text, gsize length)
{
    struct html_reader *reader = data;

    html_text_keep(reader->view->results.comments, (struct spam_slice){text, length, reader->is_chars});
}

static void
on_declaration(gpointer data, const char *text, gsize length)
{
    struct html_reader *reader = data;
    gboolean is_new;

    if (length < 9 || g_ascii_strncasecmp(text, "<!doctype", 9) != 0)
        return;
    reader->elements++;
    reader->tags++;
    *html_inside_at(reader->view->results.inside, html_tag_find("!doctype", 8), "!doctype", 8, &is_new) = 0;
}

const struct html_events html_reader_events = {on_start, on_end, on_text, on_comment, on_declaration};
