/* message_mime.c: what the parts are called and how they read: types, file names, dispositions, decoded
 * content.
 *
 * Done on first use, for all parts at once. Transfer encodings are undone by GMime, in slices, so that a
 * caller's cap bounds the memory whatever the encoded size is. */
#include "lib/mail/message_internal.h"

#include <gmime/gmime.h>
#include <string.h>

#define SLICE 16384u

/* The value of one of the part's fields as a lower-case word, or NULL: "Base64 (comment)" is "base64". */
static const char *
word_of(struct message *message, struct span value)
{
    struct mime_field *field;
    const char *word = NULL;

    if (value.length == 0)
        return NULL;
    field = mime_field_parse((const char *)message->data + value.offset, MIN(value.length, 1024), 0);
    if (*field->value != '\0' && g_utf8_validate(field->value, -1, NULL))
        word = g_string_chunk_insert_const(message->strings, field->value);
    mime_field_free(&field);
    return word;
}

/* "type/subtype" of printable ASCII; everything else is broken and reads as text/plain (RFC 2045 5.2). */
static gboolean
type_valid(const char *type)
{
    const char *slash = strchr(type, '/');

    if (slash == NULL || slash == type || slash[1] == '\0' || strchr(slash + 1, '/') != NULL || strlen(type) > 127)
        return FALSE;
    for (; *type != '\0'; type++)
        if (*type <= ' ' || *type >= 0x7f)
            return FALSE;
    return TRUE;
}

static const char *
charset_of(struct message *message, const struct mime_field *type)
{
    g_autoptr(GBytes) bytes = mime_field_bytes(type, "charset", NULL);
    g_autofree char *charset = NULL;

    if (bytes == NULL || g_bytes_get_size(bytes) == 0 || g_bytes_get_size(bytes) > 64)
        return NULL;
    charset = g_ascii_strdown(g_bytes_get_data(bytes, NULL), (gssize)g_bytes_get_size(bytes));
    g_strstrip(charset);
    if (*charset == '\0' || !g_str_is_ascii(charset))
        return NULL;
    return g_string_chunk_insert_const(message->strings, charset);
}

/* From Content-Disposition, else Content-Type's name. */
static const char *
filename_of(struct message *message, const struct part *part)
{
    g_autofree char *name = NULL;

    if (part->disposition.length > 0) {
        struct mime_field *field =
            mime_field_parse((const char *)message->data + part->disposition.offset, part->disposition.length,
                             message->limits.max_parameters);

        if (field->over)
            message_over(message, MESSAGE_LIMIT_PARAMETERS);
        name = mime_field_utf8(field, "filename");
        mime_field_free(&field);
    }
    if ((name == NULL || *name == '\0') && part->type != NULL) {
        g_free(name);
        name = mime_field_utf8(part->type, "name");
    }
    return name != NULL && *name != '\0' ? g_string_chunk_insert(message->strings, name) : NULL;
}

static void
describe(struct message *message, struct part *part)
{
    struct message_part *public = &part->public;
    gboolean attached, text;

    public->type = part->digest_child ? "message/rfc822" : "text/plain";
    if (part->type != NULL) {
        public->type = type_valid(part->type->value)
                           ? g_string_chunk_insert_const(message->strings, part->type->value)
                           : "text/plain";
        public->charset = charset_of(message, part->type);
    }
    public->disposition = word_of(message, part->disposition);
    public->encoding = word_of(message, part->encoding);
    public->filename = filename_of(message, part);
    public->raw = part->cut ? (struct span){0, 0} : part->body;
    if (part->is_multipart && (!part->opened || !part->boundary_seen) &&
        !(part->public.is_container && !part->opened)) {
        public->is_container = FALSE; /* no delimiter ever: a text after all */
        public->is_text = TRUE;
        return;
    }
    if (public->is_container)
        return;
    attached = public->disposition != NULL && strcmp(public->disposition, "attachment") == 0;
    text = g_str_has_prefix(public->type, "text/");
    public->is_text =
        !attached && (strcmp(public->type, "text/plain") == 0 || strcmp(public->type, "text/html") == 0);
    public->is_attachment = attached || public->filename != NULL || !text;
}

void
message_describe(struct message *message)
{
    if (message->described)
        return;
    message->described = TRUE;
    for (guint i = 0; i < message->parts->len; i++)
        describe(message, g_ptr_array_index(message->parts, i));
}

guint
message_part_count(struct message *message)
{
    return message->parts->len;
}

const struct message_part *
message_part(struct message *message, guint n)
{
    struct part *part;

    if (n >= message->parts->len)
        return NULL;
    message_describe(message);
    part = g_ptr_array_index(message->parts, n);
    return &part->public;
}

static GMimeContentEncoding
encoding_of(const struct part *part)
{
    const char *encoding = part->public.encoding;

    if (encoding == NULL || part->public.is_container || part->is_multipart)
        return GMIME_CONTENT_ENCODING_DEFAULT;
    return g_mime_content_encoding_from_string(encoding);
}

/* Undoes the encoding slice by slice until max bytes are there. */
static GBytes *
decode(const guint8 *data, gsize length, GMimeContentEncoding encoding, gsize max)
{
    GByteArray *out = g_byte_array_new();
    GMimeEncoding state;
    g_autofree char *buffer = NULL;

    g_mime_encoding_init_decode(&state, encoding);
    buffer = g_malloc(g_mime_encoding_outlen(&state, SLICE) + 64);
    for (gsize at = 0; at < length && out->len < max; at += SLICE) {
        gsize n = MIN(SLICE, length - at);
        gsize got = g_mime_encoding_step(&state, (const char *)data + at, n, buffer);

        g_byte_array_append(out, (const guint8 *)buffer, (guint)got);
    }
    if (out->len < max) {
        gsize got = g_mime_encoding_flush(&state, "", 0, buffer);

        g_byte_array_append(out, (const guint8 *)buffer, (guint)got);
    }
    if (out->len > max)
        g_byte_array_set_size(out, (guint)max);
    return g_byte_array_free_to_bytes(out);
}

/* One line of uuencode behind its length character. */
static void
uudecode_line(const guint8 *line, gsize length, GByteArray *out)
{
    guint want = ((guint)line[0] - ' ') & 0x3f;

    for (gsize i = 1; i < length && want > 0; i += 4) {
        guint bits = 0;
        guint8 three[3];

        for (gsize j = 0; j < 4; j++) /* senders drop spaces at the end of lines */
            bits = bits << 6 | (i + j < length && line[i + j] >= ' ' ? ((guint)line[i + j] - ' ') & 0x3f : 0);
        three[0] = (guint8)(bits >> 16);
        three[1] = (guint8)(bits >> 8);
        three[2] = (guint8)bits;
        g_byte_array_append(out, three, MIN(want, 3));
        want -= MIN(want, 3);
    }
}

/* What stands between the "begin" line and "end" (GMime's decoder wants to be told where that is). */
static GBytes *
uudecode(const guint8 *data, gsize length, gsize max)
{
    GByteArray *out = g_byte_array_new();
    gboolean begun = FALSE;

    for (gsize at = 0, next; at < length && out->len < max; at = next) {
        const guint8 *lf = memchr(data + at, '\n', length - at);
        gsize end = lf != NULL ? (gsize)(lf - data) : length;

        next = end + 1;
        if (end > at && data[end - 1] == '\r')
            end--;
        if (!begun)
            begun = end - at > 6 && memcmp(data + at, "begin ", 6) == 0;
        else if (end - at == 3 && memcmp(data + at, "end", 3) == 0)
            break;
        else if (end > at)
            uudecode_line(data + at, end - at, out);
    }
    if (out->len > max)
        g_byte_array_set_size(out, (guint)max);
    return g_byte_array_free_to_bytes(out);
}

GBytes *
message_part_content(struct message *message, guint n, gsize max)
{
    const struct part *part;
    GMimeContentEncoding encoding;

    if (n >= message->parts->len)
        return g_bytes_new(NULL, 0);
    message_describe(message);
    part = g_ptr_array_index(message->parts, n);
    encoding = encoding_of(part);
    max = MIN(max, G_MAXUINT / 2);
    if (encoding == GMIME_CONTENT_ENCODING_UUENCODE)
        return uudecode(message->data + part->body.offset, part->body.length, max);
    if (encoding == GMIME_CONTENT_ENCODING_BASE64 || encoding == GMIME_CONTENT_ENCODING_QUOTEDPRINTABLE)
        return decode(message->data + part->body.offset, part->body.length, encoding, max);
    return g_bytes_new_from_bytes(message->bytes, part->body.offset, MIN(part->body.length, max));
}

gboolean
message_has_attachment(struct message *message)
{
    for (guint i = 0; i < message->parts->len; i++)
        if (message_part(message, i)->is_attachment)
            return TRUE;
    return FALSE;
}
