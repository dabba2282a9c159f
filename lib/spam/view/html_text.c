/* html_text.c: text of the document to the rendered, visible and invisible texts, and to the lists that it is also part of. */
#include "lib/spam/view/html_colors.h"
#include "lib/spam/view/html_entities.h"
#include "lib/spam/view/html_reader.h"
#include <string.h>

#define BACKHAIR_MAX 7
#define SIZE_INVISIBLE 1

void
html_text_keep(GPtrArray *list, struct spam_slice text)
{
    if (list->len < HTML_VIEW_KEPT_MAX)
        g_ptr_array_add(list, spam_string_new(text));
}

void
html_text_flush(struct html_reader *reader)
{
    struct html_piece *piece = &reader->piece;

    if (!piece->is_there)
        return;
    spam_string_append(&reader->view->rendered, spam_string_slice(&piece->text));
    spam_string_append(piece->is_invisible ? &reader->view->invisible : &reader->view->visible, spam_string_slice(&piece->text));
    piece->is_there = FALSE;
}

/* The place for the next piece's text, empty. */
static GString *
piece_start(struct html_reader *reader, gboolean is_chars, gboolean is_space, gboolean is_invisible)
{
    struct html_piece *piece = &reader->piece;

    html_text_flush(reader);
    g_string_truncate(piece->text.text, 0);
    piece->text.is_chars = is_chars;
    piece->is_there = TRUE;
    piece->is_space = is_space;
    piece->is_invisible = is_invisible;
    return piece->text.text;
}

void
html_text_space(struct html_reader *reader, const char *space)
{
    struct html_piece *piece = &reader->piece;
    GString *text = piece->text.text;

    if (piece->is_there && !piece->is_space && !piece->is_invisible && text->len > 0 && text->str[text->len - 1] == ' ')
        g_string_truncate(text, text->len - 1);
    g_string_append(piece_start(reader, FALSE, TRUE, FALSE), space);
}

/* The bytes of U+00C2 U+00A0, which is UTF-8 of a no-break space that was never decoded. */
static gsize
nbsp_size(struct spam_slice text, const char *p)
{
    const char *nbsp = text.is_chars ? "\xc3\x82\xc2\xa0" : "\xc2\xa0";
    gsize n = text.is_chars ? 4 : 2;

    return *p == *nbsp && (gsize)(text.data + text.length - p) >= n && memcmp(p, nbsp, n) == 0 ? n : 0;
}

static gboolean
is_squeezed(char c)
{
    return c == ' ' || (c >= '\t' && c <= '\r');
}

/* Copies what stays as it is, single blanks with it, to *to; where it ends: at the first of several blanks, at other white space or what may be
 * a no-break space, or a blank before that. */
static const char *
copy_plain(const char *p, const char *end, char **to)
{
    enum { BLANK = 1, SPECIAL = 2 };
    static const guint8 kinds[256] = {[' '] = BLANK,    ['\t'] = SPECIAL, ['\n'] = SPECIAL, ['\v'] = SPECIAL,
                                      ['\f'] = SPECIAL, ['\r'] = SPECIAL, [0xc2] = SPECIAL, [0xc3] = SPECIAL};
    guint8 before = 0;

    for (; p < end; p++) {
        guint8 kind = kinds[(guint8)*p];
        if ((kind & (SPECIAL | before)) != 0)
            break;
        *(*to)++ = *p;
        before = kind;
    }
    *to -= before;
    return p - before;
}

/* Blanks become one blank, no-break spaces become blanks. No longer than text. */
static void
append_squeezed(GString *out, struct spam_slice text)
{
    const char *p = text.data, *end = p + text.length;
    gsize before = out->len;
    char *to;

    g_string_set_size(out, before + text.length);
    to = out->str + before;
    while (p < end) {
        gsize nbsp;

        p = copy_plain(p, end, &to);
        if (p == end)
            break;
        nbsp = nbsp_size(text, p);
        if (nbsp == 0 && !is_squeezed(*p)) {
            *to++ = *p++;
            continue;
        }
        p += nbsp;
        while (nbsp == 0 && p < end && is_squeezed(*p))
            p++;
        *to++ = ' ';
    }
    g_string_truncate(out, (gsize)(to - out->str));
}

static void
text_put(struct html_reader *reader, struct spam_slice text, gboolean is_invisible)
{
    gboolean behind_space = reader->piece.is_there && reader->piece.is_space && !is_invisible;
    GString *out = piece_start(reader, text.is_chars, FALSE, is_invisible);

    append_squeezed(out, text);
    if (behind_space && out->len > 0 && out->str[0] == ' ')
        g_string_erase(out, 0, 1);
}

static gboolean
is_blank_text(struct spam_slice text)
{
    const char *end = text.data + text.length;
    gsize nbsp;

    for (const char *p = text.data; p < end; p += nbsp > 0 ? nbsp : 1) {
        nbsp = is_squeezed(*p) ? 0 : nbsp_size(text, p);
        if (nbsp == 0 && !is_squeezed(*p))
            return FALSE;
    }
    return TRUE;
}

/* Could a reader see text that looks so? Notes why not. */
static gboolean
look_is_invisible(struct html_reader *reader)
{
    const struct html_look *look = html_looks_top(&reader->looks);

    if (html_colors_close(look->foreground, look->background)) {
        reader->view->results.font_low_contrast = TRUE;
        return TRUE;
    }
    if (look->foreground == HTML_COLOR_INVALID || look->background == HTML_COLOR_INVALID) {
        reader->view->results.font_invalid_color = TRUE;
        return TRUE;
    }
    return look->size <= SIZE_INVISIBLE || look->display_none || look->hidden;
}

/* Neither blank nor ASCII punctuation. */
static gboolean
is_part_of_word(guint32 c, gboolean is_chars)
{
    return !spam_char_is_space(c, is_chars) && !(c > 0x20 && c < 0x7f && !g_ascii_isalnum((char)c));
}

/* The length, in characters, of the part of a word at the end of text whose beginning is a \b, 7 at most; 0 = none. */
static guint
word_part_before(struct spam_slice text)
{
    const char *end = text.data + text.length;
    const char *p = end;
    guint found = 0;
    gsize size;

    for (guint n = 1; n <= BACKHAIR_MAX && p > text.data; n++) {
        gboolean word, word_before;
        guint32 c;

        p = spam_char_before(text.data, p, text.is_chars);
        c = spam_char_next(p, end, text.is_chars, &size);
        if (!is_part_of_word(c, text.is_chars))
            break;
        word = spam_char_is_word(c, text.is_chars);
        word_before = p > text.data &&
                      spam_char_is_word(spam_char_next(spam_char_before(text.data, p, text.is_chars), end, text.is_chars, &size),
                                        text.is_chars);
        if (word != word_before)
            found = n;
    }
    return found;
}

/* The same at the beginning of text. */
static guint
word_part_after(struct spam_slice text)
{
    const char *end = text.data + text.length;
    const char *p = text.data;
    guint found = 0;
    gsize size;

    for (guint n = 1; n <= BACKHAIR_MAX && p < end; n++) {
        guint32 c = spam_char_next(p, end, text.is_chars, &size);
        gboolean word_after;

        if (!is_part_of_word(c, text.is_chars))
            break;
        p += size;
        word_after = p < end && spam_char_is_word(spam_char_next(p, end, text.is_chars, &size), text.is_chars);
        if (spam_char_is_word(c, text.is_chars) != word_after)
            found = n;
    }
    return found;
}

/* Words that a tag or a comment splits. */
static void
splits_note(struct html_reader *reader, struct spam_slice text)
{
    struct spam_slice before;
    guint length_before, length_after;
    gsize size;

    if (!reader->piece.is_there)
        return;
    before = spam_string_slice(&reader->piece.text);
    if (text.length > 0 && before.length > 0) {
        const char *end = before.data + before.length;
        const char *last = spam_char_before(before.data, end, before.is_chars);

        reader->obfuscations +=
            is_part_of_word(spam_char_next(text.data, text.data + text.length, text.is_chars, &size), text.is_chars) &&
            is_part_of_word(spam_char_next(last, end, before.is_chars, &size), before.is_chars);
    }
    length_before = word_part_before(before);
    length_after = length_before > 0 ? word_part_after(text) : 0;
    if (length_after > 0)
        reader->backhair |= G_GUINT64_CONSTANT(1) << (BACKHAIR_MAX * (length_before - 1) + length_after - 1);
}

static void
list_append(GPtrArray *list, struct spam_slice text)
{
    if (list->len > 0)
        spam_string_append(g_ptr_array_index(list, list->len - 1), text);
}

static gboolean
is_inside(const struct html_reader *reader, enum html_tag_id tag)
{
    return html_inside_known(reader->view->results.inside, tag) > 0;
}

static void
decoded_read(struct html_reader *reader, struct spam_slice text)
{
    struct html_results *r = &reader->view->results;
    gboolean is_invisible;

    if (is_inside(reader, HTML_TAG_SCRIPT)) {
        html_text_keep(r->scripts, text);
        return;
    }
    if (is_inside(reader, HTML_TAG_STYLE))
        return;
    if (is_inside(reader, HTML_TAG_A)) {
        if (reader->anchor_uri != NULL)
            list_append(reader->anchor_uri->anchor_texts, text);
        if (r->anchors->len < HTML_VIEW_KEPT_MAX)
            list_append(r->anchors, text);
    }
    if (is_inside(reader, HTML_TAG_TITLE))
        list_append(r->titles, text);
    is_invisible = !is_blank_text(text) && look_is_invisible(reader);
    splits_note(reader, text);
    text_put(reader, text, is_invisible);
}

void
html_text_read(struct html_reader *reader, const char *text, gsize length, gboolean is_cdata)
{
    struct spam_slice slice = {text, length, reader->is_chars};
    struct spam_string *decoded;

    if (is_cdata || (!reader->utf8_bytes && memchr(text, '&', length) == NULL)) { /* there is nothing to decode */
        decoded_read(reader, slice);
        return;
    }
    decoded = html_entities_decode(slice, TRUE, reader->utf8_bytes);
    decoded_read(reader, spam_string_slice(decoded));
    spam_string_free(decoded);
}
