/* pdf_line.c: see pdf_line.h. */
#include "lib/spam/eval/pdf_line.h"
#include <string.h>
#include "lib/spam/eval/pdf_info.h"
#include "lib/spam/view/bytes.h"

#define NOWHERE G_MAXSIZE
#define BLANKS_MAX 2
#define LINK_MIN 8 /* bytes of a bare link after "://" */
#define LINK_MAX 256

/* ---- values ---- */

/* The first closing sign at or after from; asked in rising order it is looked for once. */
static gsize
closing_after(struct pdf_line *line, gsize from, gboolean angle)
{
    gsize at = from;

    if (line->asked[angle] != 0 && from >= line->asked[angle] - 1 && from <= line->closing[angle])
        return line->closing[angle];
    for (; at < line->length; at++)
        if (line->text[at] == (angle ? '>' : ')') && (angle || line->text[at - 1] != '\\'))
            break;
    line->asked[angle] = from + 1;
    line->closing[angle] = at < line->length ? at : NOWHERE;
    return line->closing[angle];
}

struct span {
    gsize start, end;
};

static gsize
skip_blanks(const struct pdf_line *line, gsize at)
{
    gsize end = MIN(line->length, at + BLANKS_MAX);

    while (at < end && byte_is_space(line->text[at]))
        at++;
    return at;
}

/* "(..)" or "<..>" at text[at], up to two blanks before it. */
static gboolean
value_at(struct pdf_line *line, gsize at, struct span *span_r)
{
    gsize start = skip_blanks(line, at), end;

    if (start >= line->length || (line->text[start] != '(' && line->text[start] != '<'))
        return FALSE;
    end = closing_after(line, start + 1, line->text[start] == '<');
    *span_r = (struct span){start, end + 1};
    return end != NOWHERE;
}

/* Without the mark of UTF-16, and without NULs where it has one. */
static void
drop_wide(GString *text)
{
    gsize kept = 0;

    if (text->len < 2 || (memcmp(text->str, "\xfe\xff", 2) != 0 && memcmp(text->str, "\xff\xfe", 2) != 0))
        return;
    g_string_erase(text, 0, 2);
    for (gsize i = 0; i < text->len; i++)
        if (text->str[i] != '\0')
            text->str[kept++] = text->str[i];
    g_string_truncate(text, kept);
}

static GString *
from_hex(const char *text, gsize length)
{
    GString *out = g_string_new(NULL);

    for (gsize i = 0; i + 1 < length; i++)
        if (g_ascii_isxdigit(text[i]) && g_ascii_isxdigit(text[i + 1])) {
            g_string_append_c(out, (char)(g_ascii_xdigit_value(text[i]) * 16 + g_ascii_xdigit_value(text[i + 1])));
            i++;
        }
    drop_wide(out);
    return out;
}

static gboolean
is_octal(const char *text, gsize length)
{
    return length >= 4 && text[0] == '\\' && text[1] >= '0' && text[1] <= '3' && text[2] >= '0' && text[2] <= '7' && text[3] >= '0' &&
           text[3] <= '7';
}

static GString *
from_text(const char *text, gsize length)
{
    g_autoptr(GString) bytes = g_string_new(NULL);
    GString *out = g_string_new(NULL);

    for (gsize i = 0; i < length; i++) {
        if (is_octal(text + i, length - i) && (i == 0 || text[i - 1] != '\\')) {
            g_string_append_c(bytes, (char)((text[i + 1] - '0') * 64 + (text[i + 2] - '0') * 8 + text[i + 3] - '0'));
            i += 3;
        } else {
            g_string_append_c(bytes, text[i]);
        }
    }
    drop_wide(bytes);
    for (gsize i = 0; i < bytes->len; i++) {
        if (bytes->str[i] == '\\' && i + 1 < bytes->len && byte_in(bytes->str[i + 1], "()\\"))
            i++;
        g_string_append_c(out, bytes->str[i]);
    }
    return out;
}

/* A value as text. */
static GString *
decoded(const char *text, gsize length)
{
    GString *out;

    if (length > 0 && text[0] == '<') {
        out = from_hex(text, length);
    } else {
        gsize head = length > 0 && text[0] == '(', tail = length > head && text[length - 1] == ')';
        out = from_text(text + head, length - head - tail);
    }
    return g_string_truncate(out, MIN(out->len, PDF_INFO_VALUE_MAX));
}

GString *
pdf_line_property(struct pdf_line *line, const char *name)
{
    gsize n = strlen(name);
    struct span span;

    for (const char *at = line->text; (at = memmem(at, line->length - (gsize)(at - line->text), name, n)) != NULL; at++)
        if (value_at(line, (gsize)(at - line->text) + n, &span))
            return decoded(line->text + span.start, span.end - span.start);
    return NULL;
}

GString *
pdf_line_date(const struct pdf_line *line, const char *name)
{
    gsize n = strlen(name);

    for (const char *at = line->text; (at = memmem(at, line->length - (gsize)(at - line->text), name, n)) != NULL; at++) {
        gsize start = skip_blanks(line, (gsize)(at - line->text) + n), end;
        if (line->length - start < 4 || memcmp(line->text + start, "(D:", 3) != 0)
            continue;
        for (end = start += 3; end < line->length && g_ascii_isdigit(line->text[end]); end++)
            ;
        if (end > start)
            return g_string_new_len(line->text + start, (gssize)MIN(end - start, PDF_INFO_VALUE_MAX));
    }
    return NULL;
}

/* ---- links ---- */

static gboolean
has(const struct pdf_line *line, gsize at, const char *word)
{
    gsize n = strlen(word);

    return at <= line->length && line->length - at >= n && memcmp(line->text + at, word, n) == 0;
}

static gboolean
uri_value_at(struct pdf_line *line, gsize at, struct span *span_r)
{
    return has(line, at, "/URI") && value_at(line, at + 4, span_r);
}

/* "/S /URI /URI (..)" */
static gboolean
action_at(struct pdf_line *line, gsize at, struct span *span_r)
{
    if (!has(line, at, "/S"))
        return FALSE;
    at = skip_blanks(line, at + 2);
    return has(line, at, "/URI") && uri_value_at(line, skip_blanks(line, at + 4), span_r);
}

/* "(http://..)>>": what is in the parentheses. */
static gboolean
bare_link_at(const struct pdf_line *line, gsize at, struct span *span_r)
{
    gsize scheme = has(line, at, "(http://") ? 8 : has(line, at, "(https://") ? 9 : 0;

    if (scheme == 0)
        return FALSE;
    for (gsize n = LINK_MAX; n >= LINK_MIN; n--)
        if (has(line, at + scheme + n, ")>>")) {
            *span_r = (struct span){at + 1, at + scheme + n};
            return TRUE;
        }
    return FALSE;
}

/* The link's value in parentheses or brackets, or (*bare_r) itself. */
static gboolean
find_link(struct pdf_line *line, struct span *span_r, gboolean *bare_r)
{
    gsize first = 0;

    *bare_r = FALSE;
    while (first < line->length && byte_is_space(line->text[first]))
        first++;
    for (gsize at = 0; at < line->length; at++) {
        if (action_at(line, at, span_r) || (at == 0 && uri_value_at(line, first, span_r)))
            return TRUE;
        if (line->text[at] == '(' && bare_link_at(line, at, span_r)) {
            *bare_r = TRUE;
            return TRUE;
        }
    }
    return FALSE;
}

static gboolean
has_dot(const char *text, gsize length)
{
    return length > 1 && text[0] != '.' && memchr(text, '.', length) != NULL;
}

gboolean
pdf_line_uri(struct pdf_line *line, GString **uri_r)
{
    struct span span;
    gboolean bare;

    *uri_r = NULL;
    if (!find_link(line, &span, &bare))
        return FALSE;
    if (bare || has_dot(line->text + span.start, span.end - span.start))
        *uri_r = decoded(line->text + span.start, span.end - span.start);
    return TRUE;
}
