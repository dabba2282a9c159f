/* message_scan.c: the pre-scan: finds the parts of a mail in one pass over its lines, within the caps.
 *
 * This is the only thing that reads MIME structure. (GMime's parser was to build the tree; but a scan that
 * enforces the caps before it has to find the same boundaries anyway, and two readers that differ on a
 * hostile mail are what evasion lives on. GMime still decodes, and is the reference that the corpus test
 * compares this tree with.)
 *
 * A stack of open containers is kept: multiparts with their boundary, message/rfc822 without one. A line is a
 * delimiter if it is "--boundary" of an open multipart, with "--" after it when it closes it, and nothing
 * more than white space behind (RFC 2046 5.1.1); innermost first. It ends everything opened inside; the line
 * end before it belongs to it. Header blocks of parts are read by the same rule as the top one. A container
 * deeper than the cap is kept as an unopened leaf; at the cap for parts or fields the scan stops, and what
 * was found so far is the tree. */
#include "lib/mail/message_internal.h"

#include <string.h>

#define MAX_REPEATED 10 /* Content-Type fields of the top header that are looked at */

enum mode { MODE_HEADERS, MODE_BODY /* of a leaf */, MODE_SKIP /* preamble and epilogue */ };

struct frame {
    struct part *part;
    GBytes *boundary; /* NULL: message/rfc822 */
    gboolean digest;
};

struct scan {
    struct message *message;
    GArray *frames;       /* struct frame, outermost first */
    enum mode mode;
    struct part *current; /* whose headers or body it is in; NULL in MODE_SKIP */
    gboolean stopped;
    guint fields;         /* of all parts below the top */
    /* the header block being read */
    guint block_fields;
    gsize block_start;
    gboolean mbox_line;      /* an mbox "From " line may be its first */
    struct span name, value; /* of the field being read; name 0,0 = none */
};

static void
frame_clear(gpointer data)
{
    struct frame *frame = data;

    g_clear_pointer(&frame->boundary, g_bytes_unref);
}

/* ---- parts ---- */

static struct part *
add_part(struct scan *scan, guint depth, gboolean digest_child)
{
    struct message *message = scan->message;
    struct part *part;

    if (message->parts->len >= message->limits.max_parts) {
        message_over(message, MESSAGE_LIMIT_PARTS);
        scan->stopped = TRUE;
        return NULL;
    }
    part = g_new0(struct part, 1);
    part->public.depth = depth;
    part->digest_child = digest_child;
    g_ptr_array_add(message->parts, part);
    return part;
}

static void
begin_headers(struct scan *scan, struct part *part, gsize at)
{
    scan->current = part;
    part->head = at;
    scan->mode = MODE_HEADERS;
    scan->block_fields = 0;
    scan->block_start = at;
    scan->mbox_line = FALSE;
    scan->name = scan->value = (struct span){0, 0};
}

static gboolean
value_is_identity(const struct message *message, struct span value)
{
    const char *start = (const char *)message->data + value.offset;
    g_autofree char *word = g_strstrip(g_ascii_strdown(start, (gssize)value.length));

    return *word == '\0' || strcmp(word, "7bit") == 0 || strcmp(word, "8bit") == 0 || strcmp(word, "binary") == 0;
}

static void
read_type(struct scan *scan, struct part *part)
{
    struct message *message = scan->message;
    const char *slash;

    if (part->content_type.length == 0)
        return;
    part->type = mime_field_parse((const char *)message->data + part->content_type.offset,
                                  part->content_type.length, message->limits.max_parameters);
    message->work += part->content_type.length;
    if (part->type->over)
        message_over(message, MESSAGE_LIMIT_PARAMETERS);
    slash = strchr(part->type->value, '/');
    part->is_multipart = slash != NULL && g_str_has_prefix(part->type->value, "multipart/");
}

static gboolean
is_message(const struct scan *scan, const struct part *part)
{
    gboolean declared = part->type != NULL && strchr(part->type->value, '/') != NULL;

    if (!declared)
        return part->digest_child && value_is_identity(scan->message, part->encoding);
    return (strcmp(part->type->value, "message/rfc822") == 0 || strcmp(part->type->value, "message/global") == 0 ||
            strcmp(part->type->value, "message/news") == 0) &&
           value_is_identity(scan->message, part->encoding);
}

/* The boundary of a multipart, or NULL. White space at its end can't be part of it (RFC 2046 5.1.1). */
static GBytes *
boundary_of(const struct part *part)
{
    GBytes *bytes = mime_field_bytes(part->type, "boundary", NULL), *trimmed;
    gsize length;
    const char *data;

    if (bytes == NULL)
        return NULL;
    data = g_bytes_get_data(bytes, &length);
    while (length > 0 && (data[length - 1] == ' ' || data[length - 1] == '\t'))
        length--;
    trimmed = length > 0 ? g_bytes_new_from_bytes(bytes, 0, length) : NULL;
    g_bytes_unref(bytes);
    return trimmed;
}

/* The header block of the current part has ended and its body begins at offset: opens it if it is a
 * container. */
static void
begin_body(struct scan *scan, gsize at)
{
    struct part *part = scan->current;
    struct frame frame = {.part = part};
    gboolean message;

    part->body.offset = at;
    scan->mode = MODE_BODY;
    read_type(scan, part);
    message = is_message(scan, part);
    if (!part->is_multipart && !message)
        return;
    if (part->public.depth >= scan->message->limits.max_depth) {
        part->public.is_container = TRUE;
        message_over(scan->message, MESSAGE_LIMIT_DEPTH);
        return;
    }
    if (part->is_multipart && (frame.boundary = boundary_of(part)) == NULL)
        return;
    part->public.is_container = part->opened = TRUE;
    frame.digest = part->is_multipart && strcmp(part->type->value, "multipart/digest") == 0;
    g_array_append_val(scan->frames, frame);
    if (message) {
        part = add_part(scan, part->public.depth + 1, FALSE);
        if (part != NULL) {
            begin_headers(scan, part, at);
            scan->mbox_line = TRUE;
        }
    } else {
        scan->mode = MODE_SKIP;
        scan->current = NULL;
    }
}

/* ---- headers of parts ---- */

static gboolean
names_multipart(const struct message *message, struct span value)
{
    const char *at = (const char *)message->data + value.offset, *end = at + value.length;

    while (at < end && g_ascii_isspace(*at))
        at++;
    return end - at > 10 && g_ascii_strncasecmp(at, "multipart/", 10) == 0;
}

/* Of a repeated field the first counts; but a Content-Type that opens the part goes before one that would
 * show its inside as text, since readers differ in which they take. */
static void
take_value(const struct message *message, struct span *known, struct span value, gboolean is_type)
{
    if (known->length == 0 || (is_type && !names_multipart(message, *known) && names_multipart(message, value)))
        *known = value;
}

static void
commit_field(struct scan *scan)
{
    static const char *const names[] = {"content-type", "content-disposition", "content-transfer-encoding"};
    const char *name = (const char *)scan->message->data + scan->name.offset;
    struct part *part = scan->current;
    struct span *const values[] = {&part->content_type, &part->disposition, &part->encoding};

    for (gsize i = 0; i < G_N_ELEMENTS(names); i++)
        if (scan->name.length == strlen(names[i]) && g_ascii_strncasecmp(name, names[i], scan->name.length) == 0)
            take_value(scan->message, values[i], scan->value, i == 0);
    scan->name = (struct span){0, 0};
}

/* Counts a field against the caps; FALSE when it is not to be looked at. */
static gboolean
field_allowed(struct scan *scan, gsize end)
{
    const struct message_limits *limits = &scan->message->limits;

    if (++scan->fields > 10 * limits->max_headers) {
        message_over(scan->message, MESSAGE_LIMIT_HEADERS);
        scan->stopped = TRUE;
        return FALSE;
    }
    if (++scan->block_fields > limits->max_headers) {
        message_over(scan->message, MESSAGE_LIMIT_HEADERS);
        return FALSE;
    }
    if (end - scan->block_start > limits->max_header_bytes) {
        message_over(scan->message, MESSAGE_LIMIT_HEADER_BYTES);
        return FALSE;
    }
    return TRUE;
}

/* One line in a header block. FALSE: it was no line of headers and must be looked at again as the body's
 * first. */
static gboolean
header_line(struct scan *scan, gsize at, gsize next)
{
    const guint8 *line = scan->message->data + at;
    gsize value = 0, name;

    if ((*line == ' ' || *line == '\t') && scan->block_fields > 0) {
        if (scan->name.length > 0 && next - scan->block_start <= scan->message->limits.max_header_bytes)
            scan->value.length = next - scan->value.offset;
        return TRUE;
    }
    if (scan->mbox_line && at == scan->block_start && next - at > 6 && memcmp(line + (*line == '>'), "From ", 5) == 0)
        return TRUE;
    if (scan->name.length > 0)
        commit_field(scan);
    name = message_field_name(line, next - at, &value);
    if (name > 0) {
        if (field_allowed(scan, next)) {
            scan->name = (struct span){at, name};
            scan->value = (struct span){at + value, next - at - value};
        }
        return TRUE;
    }
    if (message_line_empty(line, next - at)) {
        begin_body(scan, next);
        return TRUE;
    }
    begin_body(scan, at);
    return FALSE;
}

/* ---- delimiters ---- */

/* Index of the open multipart whose delimiter the line is, or -1; *closes_r for its last one. */
static gint
match_delimiter(struct scan *scan, const char *line, gsize length, gboolean *closes_r)
{
    if (length < 3 || line[0] != '-' || line[1] != '-')
        return -1;
    while (length > 2 && (line[length - 1] == '\n' || line[length - 1] == '\r' || line[length - 1] == ' ' ||
                          line[length - 1] == '\t'))
        length--;
    for (guint i = scan->frames->len; i-- > 0;) {
        const struct frame *frame = &g_array_index(scan->frames, struct frame, i);
        gsize boundary_length;
        const char *boundary;

        if (frame->boundary == NULL)
            continue;
        boundary = g_bytes_get_data(frame->boundary, &boundary_length);
        if (length != boundary_length + 2 && length != boundary_length + 4)
            continue;
        scan->message->work += boundary_length;
        if (memcmp(line + 2, boundary, boundary_length) != 0)
            continue;
        *closes_r = length == boundary_length + 4;
        if (!*closes_r || memcmp(line + length - 2, "--", 2) == 0)
            return (gint)i;
    }
    return -1;
}

static void
end_part(struct part *part, gsize end)
{
    part->body.length = end > part->body.offset ? end - part->body.offset : 0;
}

/* Ends the current part, and the open containers from the outermost-th on, at offset. */
static void
end_down_to(struct scan *scan, guint outermost, gsize end)
{
    if (scan->current != NULL) {
        if (scan->mode == MODE_HEADERS) { /* no empty line: all header, no body */
            if (scan->name.length > 0)
                commit_field(scan);
            read_type(scan, scan->current);
            scan->current->body.offset = end;
        }
        end_part(scan->current, end);
        scan->current = NULL;
    }
    for (guint i = scan->frames->len; i-- > outermost;)
        end_part(g_array_index(scan->frames, struct frame, i).part, end);
    g_array_set_size(scan->frames, outermost);
    scan->mode = MODE_SKIP;
}

/* Where what a delimiter at offset ends, ends: the line end before it is the delimiter's. */
static gsize
before_delimiter(const struct scan *scan, gsize at)
{
    const guint8 *data = scan->message->data;

    if (at > 0 && data[at - 1] == '\n')
        at--;
    if (at > 0 && data[at - 1] == '\r' && data[at] == '\n')
        at--;
    return at;
}

static void
delimiter(struct scan *scan, guint index, gboolean closes, gsize at, gsize next)
{
    struct frame *frame;
    struct part *part;

    end_down_to(scan, index + 1, before_delimiter(scan, at));
    frame = &g_array_index(scan->frames, struct frame, index);
    if (closes) {
        end_part(frame->part, next);
        g_array_set_size(scan->frames, index);
        return;
    }
    frame->part->boundary_seen = TRUE;
    part = add_part(scan, frame->part->public.depth + 1, frame->digest);
    if (part != NULL)
        begin_headers(scan, part, next);
}

/* ---- the whole ---- */

static void
begin_top(struct scan *scan)
{
    struct message *message = scan->message;
    static const char *const names[] = {"Content-Type", "Content-Disposition", "Content-Transfer-Encoding"};
    struct part *part = add_part(scan, 0, FALSE);
    struct span *const values[] = {&part->content_type, &part->disposition, &part->encoding};

    for (gsize i = 0; i < G_N_ELEMENTS(names); i++) {
        const struct header_field *field;

        for (guint n = 0; n < MAX_REPEATED && (field = message_find_header(message, names[i], n)) != NULL; n++)
            take_value(message, values[i], field->value, i == 0);
    }
    scan->current = part;
    begin_body(scan, message->body_offset);
}

/* The scan stopped at a cap: the ends of what is open are not known. */
static void
mark_cut(struct scan *scan)
{
    if (scan->current != NULL)
        scan->current->cut = TRUE;
    for (guint i = 0; i < scan->frames->len; i++)
        g_array_index(scan->frames, struct frame, i).part->cut = TRUE;
}

void
message_scan(struct message *message)
{
    struct scan scan = {.message = message};
    gsize at = message->body_offset;

    scan.frames = g_array_new(FALSE, FALSE, sizeof(struct frame));
    g_array_set_clear_func(scan.frames, frame_clear);
    begin_top(&scan);
    while (at < message->size && !scan.stopped && scan.frames->len > 0) {
        gsize next = message_next_line(message, at);
        gboolean closes = FALSE;
        gint index = match_delimiter(&scan, (const char *)message->data + at, next - at, &closes);

        message->work += next - at;
        if (index >= 0)
            delimiter(&scan, (guint)index, closes, at, next);
        else if (scan.mode == MODE_HEADERS && !header_line(&scan, at, next))
            continue;
        at = next;
    }
    if (scan.stopped)
        mark_cut(&scan);
    end_down_to(&scan, 0, scan.stopped ? at : message->size);
    g_array_unref(scan.frames);
}
