/* charset_table.c: charsets whose bytes mean the same wherever they stand, as tables of up to three levels.
 *
 * ICU is asked once for each sequence of bytes; then the runs and rows of charset_differences.c are laid over its answers. Malformed
 * input is treated as Encode does it: the first byte of what does not fit is bad, reading goes on with the next byte. */
#include <string.h>
#include <unicode/ucnv.h>
#include <unicode/utf16.h>
#include "lib/spam/view/charset_private.h"

#define UNMAPPED   G_MAXUINT32
#define LEAD       0x80000000u /* the rest is the number of the next level's plane */
#define LEVELS_MAX 3
#define SOURCES_MAX 128
#define PIECE       4096u /* bytes of text */
#define BYTES_MAX   4u    /* that one byte of text becomes: "\\xHH", or UTF-8 */

typedef guint32 plane[256];

struct charset_table {
    GArray *planes; /* of plane; the first one is for first bytes */
    gboolean keeps_ascii; /* whose bytes stand for themselves */
};

static guint32 *
entry_of(const struct charset_table *table, guint plane_number, guint8 byte)
{
    return &g_array_index(table->planes, plane, plane_number)[byte];
}

static guint
new_plane(struct charset_table *table)
{
    guint number = table->planes->len;

    g_array_set_size(table->planes, number + 1);
    memset(g_array_index(table->planes, plane, number), 0xff, sizeof(plane));
    return number;
}

static void
ask_icu(struct charset_table *table, UConverter *converter, guint plane_number, guint8 *bytes, int level)
{
    for (int b = 0; b < 256; b++) {
        UErrorCode error = U_ZERO_ERROR;
        UChar units[4];
        UChar32 c;
        bytes[level] = (guint8)b;
        ucnv_resetToUnicode(converter);
        int32_t n = ucnv_toUChars(converter, units, G_N_ELEMENTS(units), (const char *)bytes, level + 1, &error);
        if (error == U_TRUNCATED_CHAR_FOUND && level + 1 < LEVELS_MAX) {
            guint next = new_plane(table);
            *entry_of(table, plane_number, (guint8)b) = LEAD | next;
            ask_icu(table, converter, next, bytes, level + 1);
        } else if (U_SUCCESS(error) && n > 0) {
            int32_t i = 0;
            U16_NEXT(units, i, n, c);
            *entry_of(table, plane_number, (guint8)b) = (guint32)c;
        }
    }
}

static void
set_code(struct charset_table *table, guint32 code, guint32 unicode)
{
    int shift = code > 0xffff ? 16 : code > 0xff ? 8 : 0;
    guint number = 0;

    for (; shift > 0; shift -= 8) {
        guint8 byte = (guint8)(code >> shift);
        guint32 entry = *entry_of(table, number, byte);
        if (entry == UNMAPPED || !(entry & LEAD)) {
            if (unicode == 0)
                return;
            guint next = new_plane(table);
            *entry_of(table, number, byte) = entry = LEAD | next;
        }
        number = entry & ~LEAD;
    }
    guint32 *last = entry_of(table, number, (guint8)code);
    if (unicode != 0 || *last == UNMAPPED || !(*last & LEAD))
        *last = unicode == 0 ? UNMAPPED : unicode;
}

/* A lead byte that leads nowhere is a bad byte. FALSE when the plane is empty. */
static gboolean
prune(struct charset_table *table, guint number)
{
    gboolean any = FALSE;

    for (int b = 0; b < 256; b++) {
        guint32 *entry = entry_of(table, number, (guint8)b);
        if (*entry != UNMAPPED && (*entry & LEAD) && !prune(table, *entry & ~LEAD))
            *entry = UNMAPPED;
        any = any || *entry != UNMAPPED;
    }
    return any;
}

static void
add_row(struct charset_table *table, const struct charset_row *row)
{
    guint32 code = row->code;

    for (const char *s = row->text; *s != '\0'; s = g_utf8_next_char(s), code++) {
        gunichar c = g_utf8_get_char(s);
        set_code(table, code, c == 0xfffd ? 0 : c);
    }
}

static struct charset_table *
make_table(const struct charset_source *source)
{
    struct charset_table *table = g_new0(struct charset_table, 1);
    UErrorCode error = U_ZERO_ERROR;
    UConverter *converter = ucnv_open(source->converter, &error);
    guint8 bytes[LEVELS_MAX];

    table->planes = g_array_new(FALSE, FALSE, sizeof(plane));
    guint first = new_plane(table);
    if (U_SUCCESS(error)) {
        ucnv_setToUCallBack(converter, UCNV_TO_U_CALLBACK_STOP, NULL, NULL, NULL, &error);
        ask_icu(table, converter, first, bytes, 0);
        ucnv_close(converter);
    }
    for (guint i = 0; i < source->n_runs; i++)
        for (guint32 k = 0; k < source->runs[i].count; k++)
            set_code(table, source->runs[i].code + k, source->runs[i].unicode == 0 ? 0 : source->runs[i].unicode + k);
    for (guint i = 0; i < source->n_rows; i++)
        add_row(table, &source->rows[i]);
    prune(table, first);
    table->keeps_ascii = TRUE;
    for (guint8 b = 0; b < 0x80; b++)
        table->keeps_ascii = table->keeps_ascii && *entry_of(table, first, b) == b;
    return table;
}

const struct charset_table *
charset_table_find(const char *canonical)
{
    static gsize made[SOURCES_MAX];

    for (gsize i = 0; i < charset_n_sources && i < SOURCES_MAX; i++) {
        if (strcmp(charset_sources[i].name, canonical) != 0)
            continue;
        if (g_once_init_enter(&made[i]))
            g_once_init_leave(&made[i], (gsize)make_table(&charset_sources[i]));
        return (const struct charset_table *)made[i];
    }
    return NULL;
}

/* One character from at on: its bytes' number in *used; 0 = the text ends within it. UNMAPPED when it is none. */
static guint32
read_one(const struct charset_table *table, const guint8 *text, gsize length, gsize *used)
{
    guint number = 0;

    for (gsize i = 0; i < length; i++) {
        guint32 entry = *entry_of(table, number, text[i]);
        *used = i + 1;
        if (entry == UNMAPPED || !(entry & LEAD))
            return entry;
        number = entry & ~LEAD;
    }
    *used = 0;
    return UNMAPPED;
}

/* A character as UTF-8, at to; what follows it. */
static char *
put(char *to, guint32 c)
{
    if (c >= 0x80)
        return to + g_unichar_to_utf8(c, to);
    *to = (char)c;
    return to + 1;
}

/* Decodes from *at on, up to end or a character beyond, to `to`; what follows it, or NULL when something does not fit and bad says FAILS.
 * *at moves; it stays before the end where an incomplete character does. */
static char *
decode_piece(const struct charset_table *table, const guint8 **at, const guint8 *end, const guint8 *text_end, enum charset_bad bad, char *to)
{
    while (*at < end) {
        gsize used;
        if (table->keeps_ascii && **at < 0x80) {
            *to++ = (char)*(*at)++;
            continue;
        }
        guint32 c = read_one(table, *at, (gsize)(text_end - *at), &used);
        if (used == 0)
            break;
        if (c == UNMAPPED && bad == CHARSET_BAD_FAILS)
            return NULL;
        if (c == UNMAPPED && bad == CHARSET_BAD_QUOTED)
            to += g_snprintf(to, BYTES_MAX + 1, "\\x%02X", **at);
        else
            to = put(to, c == UNMAPPED ? 0xfffd : c);
        *at += c == UNMAPPED ? 1 : used;
    }
    return to;
}

gboolean
charset_table_decode(const struct charset_table *table, const char *text, gsize length, enum charset_bad bad, GString *out)
{
    const guint8 *at = (const guint8 *)text, *text_end = at + length, *end = at;

    while (at < text_end && at >= end) { /* by pieces, so that there is room enough, and not much more */
        gsize before = out->len, piece = MIN((gsize)(text_end - at), PIECE);
        end = at + piece;
        g_string_set_size(out, before + piece * BYTES_MAX + 1);
        char *to = decode_piece(table, &at, end, text_end, bad, out->str + before);
        g_string_truncate(out, to != NULL ? (gsize)(to - out->str) : before);
        if (to == NULL)
            return FALSE;
    }
    return TRUE;
}
