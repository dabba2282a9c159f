/* rough_piece.c: sets of bytes, and pieces of an expression that grow together. */
#include "lib/spam/engine/rough_piece.h"
#include <string.h>

#define ROW_MAX 16u /* bytes of alternatives that become classes */

/* ---- sets ---- */

void
byte_set_add(struct byte_set *set, guint c)
{
    set->bits[c / 64] |= G_GUINT64_CONSTANT(1) << c % 64;
}

gboolean
byte_set_has(const struct byte_set *set, guint c)
{
    return (set->bits[c / 64] >> c % 64 & 1) != 0;
}

void
byte_set_join(struct byte_set *set, const struct byte_set *other)
{
    for (guint i = 0; i < 4; i++)
        set->bits[i] |= other->bits[i];
}

void
byte_set_invert(struct byte_set *set)
{
    for (guint i = 0; i < 4; i++)
        set->bits[i] = ~set->bits[i];
}

static gboolean
is_letter(guint c)
{
    return g_ascii_isalpha((gchar)c) || (c >= 0xc0 && c <= 0xde && c != 0xd7) || (c >= 0xe0 && c <= 0xfe && c != 0xf7);
}

void
byte_set_fold(struct byte_set *set)
{
    for (guint c = 0; c < 256; c++)
        if (byte_set_has(set, c) && is_letter(c))
            byte_set_add(set, c ^ 0x20);
}

static void
write_byte(GString *out, guint c)
{
    if (c > 127 || g_ascii_isalnum((gchar)c) || c == ' ')
        g_string_append_c(out, (gchar)c); /* as it is: the length of expressions is limited */
    else
        g_string_append_printf(out, "\\x%02x", c);
}

void
byte_set_write(GString *out, const struct byte_set *set)
{
    gsize begin = out->len;
    guint n = 0;

    g_string_append_c(out, '[');
    for (guint c = 0; c < 256; c++) {
        guint last = c;
        if (!byte_set_has(set, c))
            continue;
        while (last < 255 && byte_set_has(set, last + 1))
            last++;
        write_byte(out, c);
        if (last > c + 1)
            g_string_append_c(out, '-');
        if (last > c)
            write_byte(out, last);
        n += last - c + 1;
        c = last;
    }
    if (n == 1)
        g_string_erase(out, (gssize)begin, 1);
    else
        g_string_append_c(out, ']');
}

/* ---- pieces ---- */

struct rough_piece
rough_nothing(void)
{
    return (struct rough_piece){.text = g_string_new(NULL), .bare = TRUE};
}

struct rough_piece
rough_assertion(const char *text)
{
    return (struct rough_piece){.text = g_string_new(text), .bare = *text == '\0', .positions = *text != '\0', .ends = strchr(text, '$') != NULL};
}

static guint32
sum(guint32 a, guint32 b)
{
    return a > ROUGH_ENDLESS - b ? ROUGH_ENDLESS : a + b;
}

guint32
rough_product(guint32 a, guint32 b)
{
    return a != 0 && b > ROUGH_ENDLESS / a ? ROUGH_ENDLESS : a * b;
}

/* Takes "$" away, which the library knows only at an expression's end; no byte of a class or a row is written so. */
static void
forget_ends(GString *text)
{
    g_string_replace(text, "(?m:$)", "", 0);
    g_string_replace(text, "$", "", 0);
}

void
rough_append(struct rough_piece *piece, struct rough_piece next)
{
    if (piece->ends && next.text->len > 0) {
        forget_ends(piece->text);
        piece->ends = FALSE;
    }
    g_string_append_len(piece->text, next.text->str, (gssize)next.text->len);
    if (piece->least == 0)
        byte_set_join(&piece->first, &next.first);
    if (piece->most > 0)
        byte_set_join(&piece->rest, &next.first);
    byte_set_join(&piece->rest, &next.rest);
    piece->least = sum(piece->least, next.least);
    piece->most = sum(piece->most, next.most);
    piece->positions = sum(piece->positions, next.positions);
    piece->cut |= next.cut;
    piece->never |= next.never;
    piece->ends |= next.ends;
    piece->bare &= next.bare;
    g_string_free(next.text, TRUE);
}

void
rough_alternate(struct rough_piece *piece, struct rough_piece other)
{
    if (piece->never || other.never) {
        g_string_free(piece->never ? piece->text : other.text, TRUE);
        *piece = piece->never ? other : *piece;
        return;
    }
    g_string_append_c(piece->text, '|');
    g_string_append_len(piece->text, other.text->str, (gssize)other.text->len);
    byte_set_join(&piece->first, &other.first);
    byte_set_join(&piece->rest, &other.rest);
    piece->least = MIN(piece->least, other.least);
    piece->most = MAX(piece->most, other.most);
    piece->positions = sum(piece->positions, other.positions);
    piece->cut |= other.cut;
    piece->ends |= other.ends;
    piece->bare &= other.bare;
    g_string_free(other.text, TRUE);
}

void
rough_reduce(struct rough_piece *piece)
{
    if (!piece->bare || piece->cut || piece->most > ROW_MAX || piece->least != 1 || piece->positions <= 4)
        return;
    g_string_truncate(piece->text, 0);
    byte_set_write(piece->text, &piece->first);
    piece->positions = 1;
    if (piece->most > 1) {
        byte_set_write(piece->text, &piece->rest);
        g_string_append_c(piece->text, '*');
        piece->positions = 2;
    }
}

void
rough_enclose(struct rough_piece *piece)
{
    g_string_prepend(piece->text, "(?:");
    g_string_append_c(piece->text, ')');
}
