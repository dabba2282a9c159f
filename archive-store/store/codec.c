/* codec.c: the plain payload of MESSAGE, EVENT and EXPANSION records (what lies inside the encryption).
 *
 * u8 version 1, then fields u8 tag, u32 length, bytes; little-endian; each at most once; unknown tags are
 * skipped. 1 CAPTURE      capture_encode() without the message: envelope, recipients, client, verdict, edits
 *   2 MESSAGE_SHA  SHA-256 of the message as that event received it, u32 its size
 *   3 TRACE        MESSAGE: runs of trace lines, each u32 offset, u32 length
 *   4 INSERTS      EVENT: runs of its own trace lines, each u32 position in the content, u32 length, bytes
 *   5 REFERENCES   MESSAGE: spans that lie in attachment records, each 104 bytes: u32 offset, u32 length, u32
 *                  plain length, u8 coding (0 as is, 1 base64), u8 line end (0 none, 1 LF, 2 CRLF), u16 zero,
 *                  u32 line length, u32 zero, u64 segment, u64 offset there, 32 attachment id, 32 data key
 *   6 FRAME        MESSAGE: the message without the referred spans
 *   7 EXPANSION    u32 recipient, then mailboxes, each u32 length, bytes
 * An ATTACHMENT record's payload is the plain bytes of the attachment and nothing else. */
#include "archive-store/store/codec.h"
#include <string.h>

#define PAYLOAD_VERSION 1
#define REFERENCE_SIZE 104u
#define MAILBOXES_MAX 100000

enum payload_tag {
    TAG_CAPTURE = 1,
    TAG_MESSAGE_SHA,
    TAG_TRACE,
    TAG_INSERTS,
    TAG_REFERENCES,
    TAG_FRAME,
    TAG_EXPANSION
};

static void
add_u32(GByteArray *out, guint32 v)
{
    guint8 bytes[4];
    put_u32(bytes, v);
    g_byte_array_append(out, bytes, 4);
}

static void
add_field(GByteArray *out, enum payload_tag tag, gsize length)
{
    guint8 byte = (guint8)tag;
    g_byte_array_append(out, &byte, 1);
    add_u32(out, (guint32)length);
}

/* Version, capture and hash, which both kinds begin with; room for extra bytes more. */
static GByteArray *
begin(const struct capture *capture, const struct identity *identity, gsize extra)
{
    g_autoptr(GBytes) encoded = capture_encode(capture, FALSE);
    gsize length;
    const guint8 *data = g_bytes_get_data(encoded, &length);
    GByteArray *out = g_byte_array_sized_new((guint)(length + extra + 256));
    guint8 version = PAYLOAD_VERSION;

    g_byte_array_append(out, &version, 1);
    add_field(out, TAG_CAPTURE, length);
    g_byte_array_append(out, data, (guint)length);
    add_field(out, TAG_MESSAGE_SHA, 36);
    g_byte_array_append(out, identity->message_sha, 32);
    add_u32(out, (guint32)g_bytes_get_size(capture->message));
    return out;
}

static void
add_reference(GByteArray *out, const struct attach_reference *r)
{
    guint8 bytes[REFERENCE_SIZE] = {0};

    put_u32(bytes, r->offset);
    put_u32(bytes + 4, r->length);
    put_u32(bytes + 8, r->plain);
    bytes[12] = (guint8)r->coding.kind;
    bytes[13] = r->coding.line_end;
    put_u32(bytes + 16, r->coding.line);
    put_u64(bytes + 24, r->segment);
    put_u64(bytes + 32, r->at);
    memcpy(bytes + 40, r->id, 32);
    memcpy(bytes + 72, r->key, 32);
    g_byte_array_append(out, bytes, sizeof bytes);
}

GByteArray *
payload_encode_message(const struct capture *capture, const struct identity *identity,
                       const GArray *references)
{
    gsize size, at = 0, cut = 0;
    const guint8 *message = g_bytes_get_data(capture->message, &size);

    for (guint n = 0; n < references->len; n++)
        cut += g_array_index(references, struct attach_reference, n).length;
    GByteArray *out =
        begin(capture, identity, size - cut + 8u * identity->trace->len + REFERENCE_SIZE * references->len);
    if (identity->trace->len > 0) {
        add_field(out, TAG_TRACE, 8u * identity->trace->len);
        for (guint n = 0; n < identity->trace->len; n++) {
            add_u32(out, g_array_index(identity->trace, struct trace_span, n).offset);
            add_u32(out, g_array_index(identity->trace, struct trace_span, n).length);
        }
    }
    if (references->len > 0) {
        add_field(out, TAG_REFERENCES, (gsize)REFERENCE_SIZE * references->len);
        for (guint n = 0; n < references->len; n++)
            add_reference(out, &g_array_index(references, struct attach_reference, n));
    }
    add_field(out, TAG_FRAME, size - cut);
    for (guint n = 0; n < references->len; n++) {
        const struct attach_reference *r = &g_array_index(references, struct attach_reference, n);
        g_byte_array_append(out, message + at, (guint)(r->offset - at));
        at = (gsize)r->offset + r->length;
    }
    g_byte_array_append(out, message + at, (guint)(size - at));
    return out;
}

GByteArray *
payload_encode_event(const struct capture *capture, const struct identity *identity)
{
    const guint8 *message = g_bytes_get_data(capture->message, NULL);
    gsize length = 0, cut = 0;

    for (guint n = 0; n < identity->trace->len; n++)
        length += 8 + (gsize)g_array_index(identity->trace, struct trace_span, n).length;
    GByteArray *out = begin(capture, identity, length);
    if (identity->trace->len > 0)
        add_field(out, TAG_INSERTS, length);
    for (guint n = 0; n < identity->trace->len; n++) {
        const struct trace_span *span = &g_array_index(identity->trace, struct trace_span, n);
        add_u32(out, (guint32)(span->offset - cut));
        add_u32(out, span->length);
        g_byte_array_append(out, message + span->offset, span->length);
        cut += span->length;
    }
    return out;
}

GByteArray *
payload_encode_expansion(guint32 recipient, char *const *mailboxes)
{
    GByteArray *out = g_byte_array_new();
    guint8 version = PAYLOAD_VERSION;
    gsize length = 4;

    for (gsize n = 0; mailboxes[n] != NULL; n++)
        length += 4 + strlen(mailboxes[n]);
    g_byte_array_append(out, &version, 1);
    add_field(out, TAG_EXPANSION, length);
    add_u32(out, recipient);
    for (gsize n = 0; mailboxes[n] != NULL; n++) {
        add_u32(out, (guint32)strlen(mailboxes[n]));
        g_byte_array_append(out, (const guint8 *)mailboxes[n], (guint)strlen(mailboxes[n]));
    }
    return out;
}

static gboolean
decode_trace(struct payload *p, struct bytes field)
{
    const guint8 *data = field.data;
    guint64 end = 0;

    if (field.length % 8 != 0 || field.length / 8 > TRACE_SPANS_MAX)
        return FALSE;
    for (gsize at = 0; at < field.length; at += 8) {
        struct trace_span span = {get_u32(data + at), get_u32(data + at + 4)};
        if (span.offset < end)
            return FALSE;
        end = (guint64)span.offset + span.length;
        g_array_append_val(p->trace, span);
    }
    return TRUE;
}

static gboolean
decode_inserts(struct payload *p, struct bytes field)
{
    const guint8 *data = field.data;
    guint32 last = 0;

    for (gsize at = 0; at < field.length;) {
        if (field.length - at < 8 || p->inserts->len >= TRACE_SPANS_MAX)
            return FALSE;
        struct trace_insert insert = {get_u32(data + at), get_u32(data + at + 4), data + at + 8};
        if (insert.length > field.length - at - 8 || insert.position < last)
            return FALSE;
        last = insert.position;
        at += 8 + (gsize)insert.length;
        g_array_append_val(p->inserts, insert);
    }
    return TRUE;
}

static gboolean
decode_references(struct payload *p, struct bytes field)
{
    const guint8 *data = field.data;
    guint64 end = 0;

#ifdef POSTERN_PLANTED_BUGS
    if (field.length > 0 && field.length < 8) { /* the bug: believes that a short list still has a whole number in it */
        g_autofree guint8 *copy = g_memdup2(data, field.length);
        end = get_u64(copy);
    }
#endif
    if (field.length % REFERENCE_SIZE != 0 || field.length / REFERENCE_SIZE > ATTACH_MAX)
        return FALSE;
    for (gsize at = 0; at < field.length; at += REFERENCE_SIZE) {
        const guint8 *in = data + at;
        struct attach_reference r = {
            .offset = get_u32(in),
            .length = get_u32(in + 4),
            .plain = get_u32(in + 8),
            .coding = {.kind = in[12], .line_end = in[13], .line = get_u32(in + 16)},
            .segment = get_u64(in + 24),
            .at = get_u64(in + 32),
        };
        if (r.offset < end || !attach_coding_valid(&r.coding, r.plain, r.length))
            return FALSE;
        end = (guint64)r.offset + r.length;
        memcpy(r.id, in + 40, 32);
        memcpy(r.key, in + 72, 32);
        g_array_append_val(p->references, r);
    }
    return TRUE;
}

static gboolean
decode_expansion(struct payload *p, struct bytes field)
{
    const guint8 *data = field.data;
    g_autoptr(GPtrArray) names = g_ptr_array_new_with_free_func(g_free);

    if (field.length < 4)
        return FALSE;
    p->recipient = get_u32(data);
    for (gsize at = 4; at < field.length;) {
        if (field.length - at < 4 || names->len >= MAILBOXES_MAX)
            return FALSE;
        gsize length = get_u32(data + at);
        at += 4;
        if (length > field.length - at || memchr(data + at, '\0', length) != NULL)
            return FALSE;
        g_ptr_array_add(names, g_strndup((const char *)data + at, length));
        at += length;
    }
    g_ptr_array_add(names, NULL);
    p->mailboxes = (char **)g_ptr_array_free(g_steal_pointer(&names), FALSE);
    return TRUE;
}

static gboolean
decode_field(struct payload *p, guint tag, struct bytes field)
{
    switch (tag) {
    case TAG_CAPTURE:
        p->capture = field;
        return TRUE;
    case TAG_MESSAGE_SHA:
        if (field.length != 36)
            return FALSE;
        p->message_sha = field.data;
        p->size = get_u32(p->message_sha + 32);
        return TRUE;
    case TAG_TRACE:
        return decode_trace(p, field);
    case TAG_INSERTS:
        return decode_inserts(p, field);
    case TAG_REFERENCES:
        return decode_references(p, field);
    case TAG_FRAME:
        p->frame = field;
        return TRUE;
    case TAG_EXPANSION:
        return decode_expansion(p, field);
    default:
        return TRUE;
    }
}

/* What the fields say together: sizes add up and no span leads outside. */
static gboolean
check_whole(const struct payload *p)
{
    guint64 total = p->frame.length;

    if (p->type == RECORD_EXPANSION)
        return p->mailboxes != NULL;
    if (p->capture.data == NULL || p->message_sha == NULL)
        return FALSE;
    if (p->type == RECORD_EVENT)
        return TRUE;
    if (p->frame.data == NULL)
        return FALSE;
    for (guint n = 0; n < p->references->len; n++) {
        const struct attach_reference *r = &g_array_index(p->references, struct attach_reference, n);
        total += r->length;
        if ((guint64)r->offset + r->length > p->size)
            return FALSE;
    }
    if (p->trace->len > 0) {
        const struct trace_span *last = &g_array_index(p->trace, struct trace_span, p->trace->len - 1);
        if ((guint64)last->offset + last->length > p->size)
            return FALSE;
    }
    return total == p->size;
}

gboolean
payload_decode(GBytes *plain, enum record_type type, struct payload *p)
{
    gsize length;
    const guint8 *data = g_bytes_get_data(plain, &length);
    guint32 seen = 0;

    *p = (struct payload){
        .plain = g_bytes_ref(plain),
        .type = type,
        .trace = g_array_new(FALSE, FALSE, sizeof(struct trace_span)),
        .inserts = g_array_new(FALSE, FALSE, sizeof(struct trace_insert)),
        .references = g_array_new(FALSE, FALSE, sizeof(struct attach_reference)),
    };
    if (length < 1 || data[0] != PAYLOAD_VERSION)
        return FALSE;
    for (gsize at = 1; at < length;) {
        if (length - at < 5)
            return FALSE;
        guint tag = data[at];
        struct bytes field = {data + at + 5, get_u32(data + at + 1)};
        at += 5;
        if (field.length > length - at)
            return FALSE;
        if (tag < 32 && (seen & 1u << tag) != 0)
            return FALSE;
        seen |= tag < 32 ? 1u << tag : 0;
        if (!decode_field(p, tag, field))
            return FALSE;
        at += field.length;
    }
    return check_whole(p);
}

void
payload_clear(struct payload *p)
{
    for (guint n = 0; p->references != NULL && n < p->references->len; n++)
        crypto_wipe(g_array_index(p->references, struct attach_reference, n).key, 32);
    g_clear_pointer(&p->trace, g_array_unref);
    g_clear_pointer(&p->inserts, g_array_unref);
    g_clear_pointer(&p->references, g_array_unref);
    g_clear_pointer(&p->mailboxes, g_strfreev);
    g_clear_pointer(&p->plain, g_bytes_unref);
}
