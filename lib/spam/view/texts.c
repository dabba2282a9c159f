/* texts.c: rendered parts put together, white space squeezed, divided into elements that patterns are tried on.
 *
 * Small changes in the treatment of white space change many hits, so all is as SpamAssassin does it: also that a NUL in the
 * text ends a paragraph. */
#include "lib/spam/view/texts.h"
#include <string.h>
#include "lib/spam/view/bytes.h"
#include "lib/spam/view/html_view.h"

#define ELEMENT_MAX 2048 /* bytes of a body element; rawbody chunks have one to two times as much */
#define NEAR        1024 /* how far behind the limit a fit place to cut may be */

static void
element_free(gpointer element)
{
    bytes_free(element);
}

/* The length of the white space character at s (0 = none), in Unicode's sense for characters. */
static gsize
space_at(const char *s, gsize length, gboolean is_chars)
{
    const guint8 *u = (const guint8 *)s;

    if (byte_is_space(s[0]))
        return 1;
    if (!is_chars || length < 2)
        return 0;
    if (u[0] == 0xc2)
        return u[1] == 0x85 || u[1] == 0xa0 ? 2 : 0; /* NEL, NBSP */
    if (length < 3)
        return 0;
    if (u[0] == 0xe1)
        return u[1] == 0x9a && u[2] == 0x80 ? 3 : 0; /* U+1680 */
    if (u[0] == 0xe2 && u[1] == 0x80) /* U+2000 to U+200A, U+2028, U+2029, U+202F */
        return (u[2] >= 0x80 && u[2] <= 0x8a) || u[2] == 0xa8 || u[2] == 0xa9 || u[2] == 0xaf ? 3 : 0;
    if (u[0] == 0xe2)
        return u[1] == 0x81 && u[2] == 0x9f ? 3 : 0; /* U+205F */
    return u[0] == 0xe3 && u[1] == 0x80 && u[2] == 0x80 ? 3 : 0;
}

/* The white space from s on, its end given; its first and last line ends in *first and *last (NULL: none). */
static const char *
space_end(const char *s, const char *end, gboolean is_chars, const char **first, const char **last)
{
    gsize n;

    *first = *last = NULL;
    for (; s < end && (n = space_at(s, (gsize)(end - s), is_chars)) > 0; s += n) {
        if (*s != '\n')
            continue;
        *first = *first == NULL ? s : *first;
        *last = s;
    }
    return s;
}

/* A blank; what else is white space, or NUL; what may begin white space in characters. All others are copied as they are. */
enum { BLANK = 1, SPECIAL = 2, SPECIAL_CHARS = 4 };
static const guint8 kinds[256] = {
    [0] = SPECIAL,          ['\t'] = SPECIAL,       ['\n'] = SPECIAL,       ['\v'] = SPECIAL,       ['\f'] = SPECIAL,      ['\r'] = SPECIAL,
    [' '] = BLANK,          [0xc2] = SPECIAL_CHARS, [0xe1] = SPECIAL_CHARS, [0xe2] = SPECIAL_CHARS, [0xe3] = SPECIAL_CHARS,
};

/* Copies what stays as it is, single blanks with it, to *to; where it ends: at the first of several blanks, or what is special, or a blank
 * before that. */
static const char *
copy_plain(const char *s, const char *end, gboolean is_chars, char **to)
{
    const guint8 special = is_chars ? SPECIAL | SPECIAL_CHARS : SPECIAL;
    guint8 before = 0;

    for (; s < end; s++) {
        guint8 kind = kinds[(guint8)*s];
        if ((kind & (special | before)) != 0)
            break;
        *(*to)++ = *s;
        before = kind & BLANK;
    }
    *to -= before;
    return s - before;
}

/* Runs of white space become one blank; those with two or more line ends a paragraph's end, with a blank before and behind
 * it where there was more than line ends. NULs are paragraph ends too. Nothing gets longer by that. */
static void
append_squeezed(GString *out, const struct spam_string *text)
{
    const char *s = text->text->str, *end = s + text->text->len, *first, *last;
    gsize before = out->len;
    char *to;

    g_string_set_size(out, before + text->text->len);
    to = out->str + before;
    while (s < end) {
        const char *start;

        start = s = copy_plain(s, end, text->is_chars, &to);
        if (s == end)
            break;
        s = space_end(s, end, text->is_chars, &first, &last);
        if (s == start) {
            *to++ = *s == '\0' ? '\n' : *s;
            s++;
        } else if (first == last) {
            *to++ = ' ';
        } else {
            if (first > start)
                *to++ = ' ';
            *to++ = '\n';
            if (last + 1 < s)
                *to++ = ' ';
        }
    }
    g_string_truncate(out, (gsize)(to - out->str));
}

/* The offset behind n characters. */
static gsize
offset_of(const char *s, gsize length, gsize n, gboolean is_chars)
{
    gsize i = 0;

    if (n >= length || !is_chars)
        return MIN(n, length);
    for (; i < length && n > 0; n--)
        for (i++; i < length && ((guint8)s[i] & 0xc0) == 0x80; i++)
            ;
    return i;
}

/* Where to cut behind limit: after the first of the given characters that comes soon enough, or right there. near: the
 * offset of the last place that is soon enough. */
static gsize
cut_at(const char *s, gsize length, gsize limit, gsize near, const char *characters)
{
    for (; *characters != '\0'; characters++) {
        const char *found = memchr(s + limit, *characters, MIN(near + 1, length) - limit);
        if (found != NULL)
            return (gsize)(found - s) + 1;
    }
    return limit;
}

static gsize
cut_characters(const struct spam_string *string, gsize scan_size)
{
    const GString *text = string->text;
    gsize limit, near;

    if (scan_size == 0 || text->len <= scan_size)
        return text->len;
    limit = offset_of(text->str, text->len, scan_size, string->is_chars);
    if (limit >= text->len)
        return text->len;
    near = limit + offset_of(text->str + limit, text->len - limit, NEAR, string->is_chars);
    return cut_at(text->str, text->len, limit, near, "\n ");
}

/* bytes as characters of Latin-1, from offset on. */
static void
widen(GString *text, gsize offset)
{
    g_autoptr(GString) bytes = g_string_new_len(text->str + offset, (gssize)(text->len - offset));

    g_string_truncate(text, offset);
    for (gsize i = 0; i < bytes->len; i++)
        g_string_append_unichar(text, (guint8)bytes->str[i]);
}

/* Perl's ".=": where characters and bytes meet, the bytes become characters. */
static void
append_string(struct spam_string *out, const struct spam_string *more, gsize length)
{
    gsize before = out->text->len;

    if (more->is_chars && !out->is_chars)
        widen(out->text, 0);
    before = out->text->len;
    g_string_append_len(out->text, more->text->str, (gssize)length);
    if (out->is_chars && !more->is_chars)
        widen(out->text, before);
    out->is_chars = out->is_chars || more->is_chars;
}

/* The part's text, appended to out. */
static void
append_rendered(struct spam_string *out, struct spam_part *part, enum texts_kind kind, const struct texts_options *options,
                texts_render_fn render, gpointer data)
{
    const char *type = part_effective_type(part);
    gboolean html = strcmp(type, "text/html") == 0;
    const struct spam_string *text = html || strcmp(type, "text/plain") == 0 ? part_text(part) : NULL;
    gsize source_length = text != NULL ? part_decode(part)->len : 0;

    if (text == NULL || (kind == TEXTS_INVISIBLE && (!html || source_length == 0)))
        return;
    if (html && source_length > 0) {
        const struct html_view *view = render(data, part, text->text, text->is_chars, source_length);
        if (view == NULL)
            return;
        text = kind == TEXTS_BODY ? &view->rendered : kind == TEXTS_VISIBLE ? &view->visible : &view->invisible;
    }
    append_string(out, text, cut_characters(text, options->body_part_scan_size));
}

static GPtrArray *
split_lines(const GString *text)
{
    GPtrArray *out = g_ptr_array_new_with_free_func(element_free);
    const char *line = text->str, *end = line + text->len;

    while (line < end) {
        const char *lf = memchr(line, '\n', (gsize)(end - line));
        const char *next = lf != NULL ? lf + 1 : end;
        while (next - line > ELEMENT_MAX) {
            const char *blank = memrchr(line, ' ', ELEMENT_MAX + 1);
            gsize n = blank != NULL ? (gsize)(blank - line) + 1 : ELEMENT_MAX;
            g_ptr_array_add(out, g_string_new_len(line, (gssize)n));
            line += n;
        }
        g_ptr_array_add(out, g_string_new_len(line, next - line));
        line = next;
    }
    return out;
}

GPtrArray *
texts_body(struct spam_tree *tree, enum texts_kind kind, const struct texts_options *options, texts_render_fn render,
           gpointer data)
{
    g_autoptr(GPtrArray) leaves = tree_leaves(tree, FALSE);
    g_autoptr(GString) bytes = g_string_new(NULL);
    struct spam_string text = { bytes, FALSE };
    const GString *subject = part_header(tree->root, "subject");
    g_autoptr(GString) all = g_string_new(NULL);

    if (leaves->len == 0)
        return g_ptr_array_new_with_free_func(element_free);
    for (guint i = 0; i < leaves->len; i++) {
        if (bytes->len > 0)
            g_string_append_c(bytes, '\n');
        append_rendered(&text, leaves->pdata[i], kind, options, render, data);
    }
    if (kind != TEXTS_INVISIBLE) {
        if (subject != NULL)
            g_string_append_len(all, subject->str, (gssize)subject->len);
        g_string_append_c(all, '\n');
    }
    append_squeezed(all, &text);
    return split_lines(all);
}

/* Chunks of one to two times ELEMENT_MAX, cut at a line's end, a tag's or a blank if there is one in time. */
static void
append_chunks(GPtrArray *out, const char *s, gsize length)
{
    gsize at = 0;

    while (length - at > 2 * ELEMENT_MAX) {
        gsize n = cut_at(s + at, length - at, ELEMENT_MAX, 2 * ELEMENT_MAX - 1, "\n> ");
        if (n == ELEMENT_MAX)
            n++;
        g_ptr_array_add(out, g_string_new_len(s + at, (gssize)n));
        at += n;
    }
    if (at < length || length == 0)
        g_ptr_array_add(out, g_string_new_len(s + at, (gssize)(length - at)));
}

static gboolean
is_raw_text(const struct spam_part *part)
{
    const char *type = part_effective_type((struct spam_part *)part);
    gsize n = g_str_has_prefix(type, "text") ? 4 : g_str_has_prefix(type, "message") ? 7 : 0;

    return n > 0 && !byte_is_word(type[n]) && strcmp(part->type, "text/calendar") != 0;
}

GPtrArray *
texts_rawbody(struct spam_tree *tree, const struct texts_options *options)
{
    g_autoptr(GPtrArray) leaves = tree_leaves(tree, FALSE);
    GPtrArray *out = g_ptr_array_new_with_free_func(element_free);
    gsize limit = options->rawbody_part_scan_size;

    for (guint i = 0; i < leaves->len; i++) {
        const GString *text = is_raw_text(leaves->pdata[i]) ? part_decode(leaves->pdata[i]) : NULL;
        if (text == NULL)
            continue;
        gsize n = limit > 0 && text->len > limit ? cut_at(text->str, text->len, limit, limit + NEAR, "\n> ") : text->len;
        append_chunks(out, text->str, n);
    }
    return out;
}
