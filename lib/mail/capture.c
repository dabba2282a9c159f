/* capture.c: the record of one accepted transaction as bytes: on the ingest socket, in the spool, in
 * segments.
 *
 * Format, version 1. All numbers little-endian.
 *
 *   "PCAP"  u16 version (1)  field*
 *   field = u16 tag, u32 length, length bytes
 *
 *    tag  name         bytes
 *      1  transaction  16, random: the idempotency key                             once, must be there
 *      2  received     i64 microseconds since the epoch, at end of message         once, must be there
 *      3  source       u8 enum capture_source                                      once
 *      4  instance     string                                                      each of 4..11 at most once;
 *      5  client_name, 6 client_address, 7 helo, 8 auth_user, 9 queue_id,          absent = ""
 *     10  protocol, 11 mail_from
 *     12  recipient    fields: 1 original (string), 2 expansion (u8 enum capture_expansion), 3 mailbox (string)*
 *     13  outcome      fields: 1 action (u8 enum verdict_action), 2 module, 3 reason, 4 reply (strings),
 *                      5 recipients (u32*, indexes into the recipients in order of their fields; absent = all)
 *     14  edit         fields: 1 kind (u8 enum edit_kind), 2 index (i32), 3 name, 4 value (strings; value may
 *                      be absent)
 *     15  note         string "key=value"
 *    255  message      the bytes as received: the last field, so that it can be a slice of the whole
 *
 * A string has no NUL in it and no closing NUL. The order of fields is free but for 255; fields that may
 * repeat keep their order. A reader skips tags that it does not know, at both levels: a newer writer may add
 * tags; the version only changes when an older reader would misunderstand. What is malformed in any other way
 * is refused as a whole, since half a record of who got what is worse than none.
 *
 * Limits of a reader: 10,000 recipients, 100,000 mailboxes, 10,000 outcomes, edits and notes each. */
#include "lib/mail/capture_format.h"

#include <errno.h>
#include <string.h>
#include <sys/random.h>

G_DEFINE_QUARK(capture-error-quark, capture_error)

char **
capture_string_field(struct capture *capture, guint n)
{
    char **const fields[CAPTURE_STRING_FIELDS] = {
        &capture->instance,  &capture->client_name, &capture->client_address, &capture->helo,
        &capture->auth_user, &capture->queue_id,    &capture->protocol,       &capture->mail_from,
    };

    return fields[n];
}

/* ---- life ---- */

static void
recipient_free(gpointer data)
{
    struct capture_recipient *recipient = data;

    g_free(recipient->original);
    g_strfreev(recipient->mailboxes);
    g_free(recipient);
}

struct capture *
capture_empty(void)
{
    struct capture *capture = g_new0(struct capture, 1);

    for (guint i = 0; i < CAPTURE_STRING_FIELDS; i++)
        *capture_string_field(capture, i) = g_strdup("");
    capture->recipients = g_ptr_array_new_with_free_func(recipient_free);
    capture->notes = g_ptr_array_new_with_free_func(g_free);
    capture->verdict = verdict_new();
    return capture;
}

struct capture *
capture_new(void)
{
    struct capture *capture = capture_empty();

    /* The kernel's, so that forked processes never share a sequence; up to 256 bytes come whole. */
    while (getrandom(capture->transaction, sizeof capture->transaction, 0) != sizeof capture->transaction)
        g_assert(errno == EINTR);
    capture->received_us = g_get_real_time();
    return capture;
}

void
capture_free(struct capture **capture)
{
    struct capture *c = capture != NULL ? *capture : NULL;

    if (c == NULL)
        return;
    for (guint i = 0; i < CAPTURE_STRING_FIELDS; i++)
        g_free(*capture_string_field(c, i));
    g_ptr_array_unref(c->recipients);
    g_ptr_array_unref(c->notes);
    verdict_free(&c->verdict);
    g_clear_pointer(&c->message, g_bytes_unref);
    g_free(c);
    *capture = NULL;
}

struct capture_recipient *
capture_add_recipient(struct capture *capture, const char *original)
{
    struct capture_recipient *recipient = g_new0(struct capture_recipient, 1);

    recipient->original = g_strdup(original != NULL ? original : "");
    recipient->mailboxes = g_new0(char *, 1);
    recipient->expansion = CAPTURE_NOT_CONFIGURED;
    g_ptr_array_add(capture->recipients, recipient);
    return recipient;
}

/* ---- encoding ---- */

static void
put_u16(GByteArray *out, guint16 value)
{
    guint16 le = GUINT16_TO_LE(value);

    g_byte_array_append(out, (const guint8 *)&le, sizeof le);
}

static void
put_u32(GByteArray *out, guint32 value)
{
    guint32 le = GUINT32_TO_LE(value);

    g_byte_array_append(out, (const guint8 *)&le, sizeof le);
}

static void
put_field(GByteArray *out, guint16 tag, const void *bytes, gsize length)
{
    g_assert(length <= G_MAXUINT32);
    put_u16(out, tag);
    put_u32(out, (guint32)length);
    g_byte_array_append(out, bytes, (guint)length);
}

static void
put_string(GByteArray *out, guint16 tag, const char *s)
{
    if (s != NULL)
        put_field(out, tag, s, strlen(s));
}

static void
put_u8_field(GByteArray *out, guint16 tag, guint value)
{
    guint8 byte = (guint8)value;

    put_field(out, tag, &byte, 1);
}

/* A field whose bytes are fields: begin returns where its length goes, end fills that in. */
static guint
nest_begin(GByteArray *out, guint16 tag)
{
    put_u16(out, tag);
    put_u32(out, 0);
    return out->len;
}

static void
nest_end(GByteArray *out, guint start)
{
    guint32 le = GUINT32_TO_LE(out->len - start);

    memcpy(out->data + start - sizeof le, &le, sizeof le);
}

static void
encode_recipient(GByteArray *out, const struct capture_recipient *recipient)
{
    guint start = nest_begin(out, TAG_RECIPIENT);

    put_string(out, RECIPIENT_ORIGINAL, recipient->original);
    put_u8_field(out, RECIPIENT_EXPANSION, recipient->expansion);
    for (char **mailbox = recipient->mailboxes; mailbox != NULL && *mailbox != NULL; mailbox++)
        put_string(out, RECIPIENT_MAILBOX, *mailbox);
    nest_end(out, start);
}

static void
encode_outcome(GByteArray *out, const struct outcome *outcome)
{
    guint start = nest_begin(out, TAG_OUTCOME);

    put_u8_field(out, OUTCOME_ACTION, outcome->action);
    put_string(out, OUTCOME_MODULE, outcome->module);
    put_string(out, OUTCOME_REASON, outcome->reason);
    put_string(out, OUTCOME_REPLY, outcome->reply);
    if (outcome->recipients != NULL) {
        guint list = nest_begin(out, OUTCOME_RECIPIENTS);

        for (guint i = 0; i < outcome->recipients->len; i++)
            put_u32(out, g_array_index(outcome->recipients, guint, i));
        nest_end(out, list);
    }
    nest_end(out, start);
}

static void
encode_edit(GByteArray *out, const struct edit *edit)
{
    guint start = nest_begin(out, TAG_EDIT);
    guint32 index = GUINT32_TO_LE((guint32)edit->index);

    put_u8_field(out, EDIT_TAG_KIND, edit->kind);
    put_field(out, EDIT_TAG_INDEX, &index, sizeof index);
    put_string(out, EDIT_TAG_NAME, edit->name);
    put_string(out, EDIT_TAG_VALUE, edit->value);
    nest_end(out, start);
}

GBytes *
capture_encode(const struct capture *capture, gboolean with_message)
{
    gsize message_length = 0;
    const void *message = with_message && capture->message != NULL
                              ? g_bytes_get_data(capture->message, &message_length)
                              : NULL;
    g_return_val_if_fail(message_length <= G_MAXUINT32 / 2, NULL);
    GByteArray *out = g_byte_array_sized_new((guint)message_length + 1024);
    guint64 received = GUINT64_TO_LE((guint64)capture->received_us);

    g_byte_array_append(out, (const guint8 *)"PCAP", 4);
    put_u16(out, CAPTURE_VERSION);
    put_field(out, TAG_TRANSACTION, capture->transaction, sizeof capture->transaction);
    put_field(out, TAG_RECEIVED, &received, sizeof received);
    put_u8_field(out, TAG_SOURCE, capture->source);
    for (guint i = 0; i < CAPTURE_STRING_FIELDS; i++)
        put_string(out, (guint16)(TAG_INSTANCE + i), *capture_string_field((struct capture *)capture, i));
    for (guint i = 0; i < capture->recipients->len; i++)
        encode_recipient(out, g_ptr_array_index(capture->recipients, i));
    for (guint i = 0; i < capture->verdict->outcomes->len; i++)
        encode_outcome(out, g_ptr_array_index(capture->verdict->outcomes, i));
    for (guint i = 0; i < capture->verdict->edits->len; i++)
        encode_edit(out, g_ptr_array_index(capture->verdict->edits, i));
    for (guint i = 0; i < capture->notes->len; i++)
        put_string(out, TAG_NOTE, g_ptr_array_index(capture->notes, i));
    if (with_message && capture->message != NULL)
        put_field(out, TAG_MESSAGE, message, message_length);
    return g_byte_array_free_to_bytes(out);
}

gboolean
capture_is_bounce(const struct capture *capture)
{
    return capture->source == CAPTURE_LOCAL && capture->mail_from[0] == '\0' && capture->auth_user[0] == '\0';
}
