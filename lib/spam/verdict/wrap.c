/* wrap.c: the pieces that a text is divided into, and the lines that they make. */
#include "lib/spam/verdict/wrap.h"
#include <string.h>
#include "lib/spam/view/bytes.h"

#define WIDTH_DEFAULT 77
#define TAB_MORE 7 /* columns that a tab takes beyond one */

/* A piece of the text; empty ones count, since they decide what begins a line. */
struct piece {
    const char *at;
    gsize length;
};

struct pieces {
    const char *at, *end;
    gboolean after_comma;
    gboolean divider_next; /* the divider's own piece comes before the next text */
};

/* Where the text up to the next divider ends. */
static const char *
text_end(const struct pieces *pieces)
{
    for (const char *p = pieces->at; p < pieces->end; p++) {
        if (byte_is_space(*p) || (pieces->after_comma && *p == ','))
            return pieces->after_comma ? p + 1 : p;
    }
    return pieces->end;
}

/* The next piece, as Perl's split gives them with the dividers captured. FALSE: there are no more. */
static gboolean
next_piece(struct pieces *pieces, struct piece *piece_r)
{
    if (pieces->at == pieces->end)
        return FALSE;
    piece_r->at = pieces->at;
    if (pieces->divider_next) { /* behind a comma or space there is nothing between the words */
        piece_r->length = pieces->after_comma ? 0 : 1;
        pieces->at += piece_r->length;
        pieces->divider_next = FALSE;
        return TRUE;
    }
    const char *end = text_end(pieces);
    piece_r->length = (gsize)(end - pieces->at);
    pieces->at = end;
    pieces->divider_next = TRUE;
    return TRUE;
}

static gsize
columns(const char *text, gsize length)
{
    gsize tabs = 0;

    for (gsize i = 0; i < length; i++)
        tabs += text[i] == '\t';
    return length + TAB_MORE * tabs;
}

static void
strip_right(GString *out, gsize line_start)
{
    gsize length = out->len;

    while (length > line_start && byte_is_space(out->str[length - 1]))
        length--;
    g_string_truncate(out, length);
}

void
wrap_append(GString *out, const char *text, gsize length, const struct wrap_style *style)
{
    struct pieces pieces = {.at = text, .end = text + length, .after_comma = style->after_comma};
    gsize width = style->width > 0 ? (gsize)MIN(style->width, 1e9) : WIDTH_DEFAULT;
    gsize line_start = out->len, line_columns;
    gboolean begun = FALSE; /* the line has got a piece behind what it began with */
    struct piece piece;

    if (length == 1 && *text == '0') /* is false in Perl: nothing */
        pieces.at = pieces.end;
    if (style->first != NULL && *style->first != '\0')
        g_string_append(out, style->first);
    else if (next_piece(&pieces, &piece))
        g_string_append_len(out, piece.at, (gssize)piece.length);
    line_columns = columns(out->str + line_start, out->len - line_start);
    while (next_piece(&pieces, &piece)) {
        gsize more = columns(piece.at, piece.length);

        if (line_columns + (begun && !style->overflow ? more : 0) > width) {
            strip_right(out, line_start);
            g_string_append_c(out, '\n');
            line_start = out->len;
            g_string_append(out, style->prefix);
            line_columns = columns(style->prefix, strlen(style->prefix));
        }
        g_string_append_len(out, piece.at, (gssize)piece.length);
        line_columns += more;
        begun = TRUE;
    }
}
