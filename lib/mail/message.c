/* message.c: the pristine bytes of a mail, its header fields as spans, its caps. (Parts: message_scan.c.)
 *
 * The header block is read by Postfix' rule, so that archive and MTA agree where the body begins: a field is
 * a line of printable ASCII and a colon with the lines after it that begin with white space; an empty line
 * ends the block and belongs to it; any other line ends it too and belongs to the body. A first line "From "
 * (mbox) is passed over. Fields over a cap are not listed, but the block is read to its end, so that the body
 * begins where it does. */
#include "lib/mail/message_internal.h"

#include <string.h>

static const struct message_limits defaults = {
    .max_header_bytes = 1 << 20,
    .max_headers = 2000,
    .max_parts = 1000,
    .max_depth = 100,
    .max_parameters = 200,
    .max_text = 4 << 20,
};

static const char *const limit_names[] = {
    [MESSAGE_LIMIT_NONE] = "none",         [MESSAGE_LIMIT_HEADER_BYTES] = "header_bytes",
    [MESSAGE_LIMIT_HEADERS] = "headers",   [MESSAGE_LIMIT_PARTS] = "parts",
    [MESSAGE_LIMIT_DEPTH] = "depth",       [MESSAGE_LIMIT_PARAMETERS] = "parameters",
    [MESSAGE_LIMIT_TEXT] = "text",
};

const char *
message_limit_name(enum message_limit limit)
{
    return (guint)limit < G_N_ELEMENTS(limit_names) ? limit_names[limit] : "unknown";
}

void
message_over(struct message *message, enum message_limit limit)
{
    if (message->limit == MESSAGE_LIMIT_NONE)
        message->limit = limit;
}

gsize
message_field_name(const guint8 *data, gsize length, gsize *value_r)
{
    gsize name, colon;

    for (name = 0; name < length && data[name] > ' ' && data[name] < 0x7f && data[name] != ':'; name++)
        ;
    for (colon = name; colon < length && (data[colon] == ' ' || data[colon] == '\t'); colon++)
        ;
    if (name == 0 || colon == length || data[colon] != ':')
        return 0;
    *value_r = colon + 1;
    return name;
}

gsize
message_next_line(const struct message *message, gsize offset)
{
    const guint8 *lf = memchr(message->data + offset, '\n', message->size - offset);

    return lf != NULL ? (gsize)(lf - message->data) + 1 : message->size;
}

gboolean
message_line_empty(const guint8 *data, gsize length)
{
    return (length == 1 && data[0] == '\n') || (length == 2 && data[0] == '\r' && data[1] == '\n');
}

/* Lists one field, if the caps allow it. */
static void
add_field(struct message *message, gsize start, gsize end, gsize name, gsize value)
{
    struct header_field field = {
        .raw = {start, end - start},
        .name = {start, name},
        .value = {start + value, end - start - value},
    };

#ifdef POSTERN_PLANTED_BUGS
    if (name == 9 && message->data[start] == 'S') /* reads the byte after the message */
        message->work += message->data[message->size];
#endif
    if (end - message->header_offset > message->limits.max_header_bytes)
        message_over(message, MESSAGE_LIMIT_HEADER_BYTES);
    else if (message->headers->len >= message->limits.max_headers)
        message_over(message, MESSAGE_LIMIT_HEADERS);
    else
        g_array_append_val(message->headers, field);
}

static gsize
skip_mbox_line(const struct message *message)
{
    return message->size >= 5 && memcmp(message->data, "From ", 5) == 0 ? message_next_line(message, 0) : 0;
}

static void
scan_header_block(struct message *message)
{
    gsize at = message->header_offset = skip_mbox_line(message);

    while (at < message->size) {
        gsize next = message_next_line(message, at), value = 0;
        gsize name = message_field_name(message->data + at, next - at, &value);

        message->work += next - at;
        if (name == 0) {
            if (message_line_empty(message->data + at, next - at))
                at = next;
            break;
        }
        while (next < message->size && (message->data[next] == ' ' || message->data[next] == '\t')) {
            gsize continued = message_next_line(message, next);

            message->work += continued - next;
            next = continued;
        }
        add_field(message, at, next, name, value);
        at = next;
    }
    message->body_offset = at;
}

static void
part_free(gpointer data)
{
    struct part *part = data;

    mime_field_free(&part->type);
    g_free(part);
}

struct message *
message_new(GBytes *bytes, const struct message_limits *limits)
{
    struct message *message = g_new0(struct message, 1);
    struct message_limits *own = &message->limits;

    message->bytes = g_bytes_ref(bytes);
    message->data = g_bytes_get_data(bytes, &message->size);
    if (message->data == NULL)
        message->data = (const guint8 *)"";
    *own = limits != NULL ? *limits : defaults;
    own->max_header_bytes = own->max_header_bytes != 0 ? own->max_header_bytes : defaults.max_header_bytes;
    own->max_headers = own->max_headers != 0 ? own->max_headers : defaults.max_headers;
    own->max_parts = own->max_parts != 0 ? own->max_parts : defaults.max_parts;
    own->max_depth = own->max_depth != 0 ? own->max_depth : defaults.max_depth;
    own->max_parameters = own->max_parameters != 0 ? own->max_parameters : defaults.max_parameters;
    own->max_text = own->max_text != 0 ? own->max_text : defaults.max_text;
    message->headers = g_array_new(FALSE, FALSE, sizeof(struct header_field));
    message->parts = g_ptr_array_new_with_free_func(part_free);
    message->strings = g_string_chunk_new(256);
    scan_header_block(message);
    message_scan(message);
    return message;
}

void
message_free(struct message **message)
{
    struct message *m = message != NULL ? *message : NULL;

    if (m == NULL)
        return;
    g_array_unref(m->headers);
    g_ptr_array_unref(m->parts);
    g_string_chunk_free(m->strings);
    g_clear_pointer(&m->utf8, g_hash_table_unref);
    if (m->text != NULL)
        g_string_free(m->text, TRUE);
    g_bytes_unref(m->bytes);
    g_free(m);
    *message = NULL;
}

GBytes *
message_bytes(const struct message *message)
{
    return message->bytes;
}

enum message_limit
message_limit(const struct message *message)
{
    return message->limit;
}

guint
message_header_count(const struct message *message)
{
    return message->headers->len;
}

const struct header_field *
message_header(const struct message *message, guint n)
{
    return n < message->headers->len ? &g_array_index(message->headers, struct header_field, n) : NULL;
}

gsize
message_header_offset(const struct message *message)
{
    return message->header_offset;
}

gsize
message_body_offset(const struct message *message)
{
    return message->body_offset;
}

const struct header_field *
message_find_header(const struct message *message, const char *name, guint n)
{
    gsize length = strlen(name);

    for (guint i = 0; i < message->headers->len; i++) {
        const struct header_field *field = message_header(message, i);

        if (field->name.length == length &&
            g_ascii_strncasecmp((const char *)message->data + field->name.offset, name, length) == 0 && n-- == 0)
            return field;
    }
    return NULL;
}
