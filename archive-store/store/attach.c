/* attach.c: finding attachments and proving that their decoded form can be encoded back. */
#include "archive-store/store/attach.h"
#include "lib/mail/message.h"
#include <string.h>

static const char alphabet[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

static const gint8 *
reverse_alphabet(void)
{
    static gint8 reverse[256];
    static gsize ready;

    if (g_once_init_enter(&ready)) {
        memset(reverse, -1, sizeof reverse);
        for (int n = 0; n < 64; n++)
            reverse[(guint8)alphabet[n]] = (gint8)n;
        g_once_init_leave(&ready, 1);
    }
    return reverse;
}

guint64
attach_coded_length(const struct attach_coding *coding, guint64 plain)
{
    if (coding->kind == ATTACH_AS_IS)
        return plain;
    guint64 digits = (plain + 2) / 3 * 4;
    if (coding->line_end == 0 || coding->line == 0 || digits == 0)
        return digits;
    return digits + (digits - 1) / coding->line * coding->line_end;
}

gboolean
attach_coding_valid(const struct attach_coding *coding, guint32 plain, guint32 length)
{
    if (coding->kind > ATTACH_BASE64 || coding->line_end > 2 ||
        (coding->line_end == 0) != (coding->line == 0))
        return FALSE;
    return attach_coded_length(coding, plain) == length;
}

void
attach_encode(const struct attach_coding *coding, const guint8 *plain, gsize length, guint8 *out)
{
    if (coding->kind == ATTACH_AS_IS) {
        if (length > 0)
            memcpy(out, plain, length);
        return;
    }
    guint32 line = coding->line_end != 0 ? coding->line : G_MAXUINT32;
    guint32 column = 0;

    for (gsize at = 0; at < length; at += 3) {
        gsize have = MIN(length - at, 3);
        guint32 bits = (guint32)plain[at] << 16 | (have > 1 ? (guint32)plain[at + 1] << 8 : 0) |
                       (have > 2 ? plain[at + 2] : 0);
        guint8 digit[4] = {(guint8)alphabet[bits >> 18], (guint8)alphabet[bits >> 12 & 63],
                           have > 1 ? (guint8)alphabet[bits >> 6 & 63] : '=',
                           have > 2 ? (guint8)alphabet[bits & 63] : '='};
        for (int n = 0; n < 4; n++) {
            if (column == line) {
                if (coding->line_end == 2)
                    *out++ = '\r';
                *out++ = '\n';
                column = 0;
            }
            *out++ = digit[n];
            column++;
        }
    }
}

/* Decodes digits, passing over line ends; stops at the first pad. FALSE on any other byte. */
static gboolean
decode_digits(const guint8 *raw, gsize length, guint8 *out, gsize *length_r)
{
    const gint8 *reverse = reverse_alphabet();
    guint32 bits = 0, have = 0;
    gsize n_out = 0;

    for (gsize at = 0; at < length && raw[at] != '='; at++) {
        if (raw[at] == '\r' || raw[at] == '\n')
            continue;
        gint8 value = reverse[raw[at]];
        if (value < 0)
            return FALSE;
        bits = bits << 6 | (guint32)value;
        if (++have == 4) {
            out[n_out++] = (guint8)(bits >> 16);
            out[n_out++] = (guint8)(bits >> 8);
            out[n_out++] = (guint8)bits;
            bits = have = 0;
        }
    }
    if (have == 1)
        return FALSE;
    if (have >= 2)
        out[n_out++] = (guint8)(bits >> (have == 2 ? 4 : 10));
    if (have == 3)
        out[n_out++] = (guint8)(bits >> 2);
    *length_r = n_out;
    return TRUE;
}

gboolean
attach_decode_base64(const guint8 *raw, gsize length, struct attach_coding *coding_r, gsize *from_r,
                     gsize *length_r, GBytes **plain_r)
{
    gsize from = 0, n_plain;

    while (from < length && (raw[from] == '\r' || raw[from] == '\n'))
        from++;
    while (length > from && (raw[length - 1] == '\r' || raw[length - 1] == '\n'))
        length--;
    raw += from;
    length -= from;
    if (length == 0)
        return FALSE;
    struct attach_coding coding = {ATTACH_BASE64, 0, 0};
    const guint8 *lf = memchr(raw, '\n', length);
    if (lf != NULL) {
        gsize line = (gsize)(lf - raw);
        coding.line_end = 1;
        if (line > 0 && raw[line - 1] == '\r') {
            coding.line_end = 2;
            line--;
        }
        if (line == 0 || line > G_MAXUINT32 - 1)
            return FALSE;
        coding.line = (guint32)line;
    }
    g_autofree guint8 *plain = g_malloc(length / 4 * 3 + 3);
    if (!decode_digits(raw, length, plain, &n_plain) || attach_coded_length(&coding, n_plain) != length)
        return FALSE;
    g_autofree guint8 *again = g_malloc(length);
    attach_encode(&coding, plain, n_plain, again);
    if (memcmp(again, raw, length) != 0)
        return FALSE;
    *coding_r = coding;
    *from_r = from;
    *length_r = length;
    *plain_r = g_bytes_new_take(g_steal_pointer(&plain), n_plain);
    return TRUE;
}

static void
attachment_clear(gpointer data)
{
    g_clear_pointer(&((struct attachment *)data)->plain, g_bytes_unref);
}

static void
consider_part(GArray *found, GBytes *message, const struct message_part *part, gsize least)
{
    const guint8 *data = g_bytes_get_data(message, NULL);
    struct attachment a = {.offset = (guint32)part->raw.offset, .length = (guint32)part->raw.length};
    gsize from, length;

    if (part->encoding != NULL && strcmp(part->encoding, "base64") == 0) {
        if (part->raw.length / 4 * 3 < least)
            return;
        if (attach_decode_base64(data + part->raw.offset, part->raw.length, &a.coding, &from, &length,
                                 &a.plain)) {
            if (g_bytes_get_size(a.plain) < least) {
                attachment_clear(&a);
                return;
            }
            a.offset += (guint32)from;
            a.length = (guint32)length;
        }
    }
    if (a.plain == NULL) {
        if (part->raw.length < least)
            return;
        a.plain = g_bytes_new_from_bytes(message, part->raw.offset, part->raw.length);
    }
    g_array_append_val(found, a);
}

static int
compare_spans(gconstpointer a, gconstpointer b)
{
    const struct span *x = &(*(const struct message_part *const *)a)->raw;
    const struct span *y = &(*(const struct message_part *const *)b)->raw;
    return x->offset < y->offset ? -1 : x->offset > y->offset;
}

GArray *
attach_find(GBytes *message, gsize least)
{
    GArray *found = g_array_new(FALSE, FALSE, sizeof(struct attachment));
    gsize size = g_bytes_get_size(message);

    g_array_set_clear_func(found, attachment_clear);
    if (least == 0 || size < least || size > G_MAXUINT32)
        return found;
    struct message *parsed = message_new(message, NULL);
    g_autoptr(GPtrArray) parts = g_ptr_array_new();
    for (guint n = 0; n < message_part_count(parsed); n++) {
        const struct message_part *part = message_part(parsed, n);
        if (!part->is_container && part->raw.length > 0)
            g_ptr_array_add(parts, (gpointer)(guintptr)part);
    }
    g_ptr_array_sort(parts, compare_spans);
    gsize end = message_body_offset(parsed);
    for (guint n = 0; n < parts->len && found->len < ATTACH_MAX; n++) {
        const struct message_part *part = g_ptr_array_index(parts, n);
        if (part->raw.offset < end || part->raw.length > size - part->raw.offset)
            continue; /* never trust the parser with the archive's bytes */
        guint before = found->len;
        consider_part(found, message, part, least);
        if (found->len > before)
            end = part->raw.offset + part->raw.length;
    }
    message_free(&parsed);
    return found;
}
