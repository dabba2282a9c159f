/* capture_decode.c: the strict reader of the capture format (narrative at the top of capture.c).
 *
 * Its input may come from a spool file after a crash or from a socket: every length is checked against what
 * is left, every count against its cap, and nothing is allocated that the input did not pay for in bytes. */
#include "lib/mail/capture_format.h"

#include <string.h>

#define MAX_RECIPIENTS 10000u
#define MAX_MAILBOXES 100000u
#define MAX_LIST 10000u /* outcomes, edits, notes: each */

/* What is left to read of one level of fields. */
struct reader {
    const guint8 *at, *end;
};

struct field {
    guint16 tag;
    const guint8 *bytes;
    guint32 length;
};

struct decoder {
    struct capture *capture;
    GError **error;
    guint32 seen;      /* bit per tag below 32, for those that may come only once */
    guint mailboxes;   /* of all recipients */
    guint max_index;   /* one more than the highest recipient index in any outcome */
};

static gboolean
fail(struct decoder *d, enum capture_error code, const char *what)
{
    g_set_error(d->error, CAPTURE_ERROR, code, "capture: %s", what);
    return FALSE;
}

static guint32
get_u32(const guint8 *bytes)
{
    guint32 le;

    memcpy(&le, bytes, sizeof le);
    return GUINT32_FROM_LE(le);
}

/* 1: field_r set; 0: the level ends here; -1: error set. */
static int
next_field(struct decoder *d, struct reader *reader, struct field *field_r)
{
    gsize left = (gsize)(reader->end - reader->at);
    guint16 tag;

    if (left == 0)
        return 0;
    if (left < sizeof tag + sizeof(guint32))
        return fail(d, CAPTURE_ERROR_FORMAT, "field head cut off") - 1;
    memcpy(&tag, reader->at, sizeof tag);
    field_r->tag = GUINT16_FROM_LE(tag);
    field_r->length = get_u32(reader->at + sizeof tag);
    reader->at += sizeof tag + sizeof(guint32);
    left -= sizeof tag + sizeof(guint32);
    if (field_r->length > left)
        return fail(d, CAPTURE_ERROR_FORMAT, "field longer than its record") - 1;
    field_r->bytes = reader->at;
    reader->at += field_r->length;
    return 1;
}

static gboolean
once(struct decoder *d, guint32 *seen, guint tag)
{
    if (tag < 32 && (*seen & (1u << tag)) != 0)
        return fail(d, CAPTURE_ERROR_FORMAT, "field repeated that may come once");
    if (tag < 32)
        *seen |= 1u << tag;
    return TRUE;
}

static gboolean
get_string(struct decoder *d, const struct field *field, char **string)
{
    if (memchr(field->bytes, '\0', field->length) != NULL)
        return fail(d, CAPTURE_ERROR_FORMAT, "NUL in a string");
    g_free(*string);
    *string = g_strndup((const char *)field->bytes, field->length);
    return TRUE;
}

static gboolean
get_enum(struct decoder *d, const struct field *field, guint most, guint *value_r)
{
    if (field->length != 1 || field->bytes[0] > most)
        return fail(d, CAPTURE_ERROR_FORMAT, "unknown value of an enumeration");
    *value_r = field->bytes[0];
    return TRUE;
}

static gboolean
decode_recipient(struct decoder *d, struct reader reader)
{
    struct capture_recipient *recipient;
    g_autoptr(GPtrArray) mailboxes = g_ptr_array_new_with_free_func(g_free);
    struct field field;
    guint32 seen = 0;
    guint value = CAPTURE_NOT_CONFIGURED;
    int more;

    if (d->capture->recipients->len >= MAX_RECIPIENTS)
        return fail(d, CAPTURE_ERROR_TOO_BIG, "more than 10000 recipients");
    recipient = capture_add_recipient(d->capture, "");
    while ((more = next_field(d, &reader, &field)) > 0) {
        gboolean ok = TRUE;
        char *mailbox = NULL;

        if (field.tag == RECIPIENT_ORIGINAL)
            ok = once(d, &seen, field.tag) && get_string(d, &field, &recipient->original);
        else if (field.tag == RECIPIENT_EXPANSION)
            ok = once(d, &seen, field.tag) && get_enum(d, &field, CAPTURE_NOT_CONFIGURED, &value);
        else if (field.tag == RECIPIENT_MAILBOX && d->mailboxes >= MAX_MAILBOXES)
            return fail(d, CAPTURE_ERROR_TOO_BIG, "more than 100000 mailboxes");
        else if (field.tag == RECIPIENT_MAILBOX && (ok = get_string(d, &field, &mailbox))) {
            g_ptr_array_add(mailboxes, mailbox);
            d->mailboxes++;
        }
        if (!ok)
            return FALSE;
    }
    recipient->expansion = value;
    g_ptr_array_add(mailboxes, NULL);
    g_strfreev(recipient->mailboxes);
    recipient->mailboxes = (char **)g_ptr_array_free(g_steal_pointer(&mailboxes), FALSE);
    return more == 0;
}

static gboolean
decode_indexes(struct decoder *d, const struct field *field, struct outcome *outcome)
{
    if (field->length % sizeof(guint32) != 0)
        return fail(d, CAPTURE_ERROR_FORMAT, "odd length of a recipient list");
    if (field->length / sizeof(guint32) > MAX_RECIPIENTS)
        return fail(d, CAPTURE_ERROR_TOO_BIG, "more than 10000 recipients in an outcome");
    outcome->recipients = g_array_new(FALSE, FALSE, sizeof(guint));
    for (guint32 i = 0; i < field->length; i += (guint32)sizeof(guint32)) {
        guint index = get_u32(field->bytes + i);

        if (index >= MAX_RECIPIENTS)
            return fail(d, CAPTURE_ERROR_FORMAT, "outcome for a recipient that is not there");
        d->max_index = MAX(d->max_index, index + 1);
        g_array_append_val(outcome->recipients, index);
    }
    return TRUE;
}

static gboolean
decode_outcome(struct decoder *d, struct reader reader)
{
    GPtrArray *outcomes = d->capture->verdict->outcomes;
    struct outcome *outcome;
    struct field field;
    guint32 seen = 0;
    guint value = 0;
    int more;

    if (outcomes->len >= MAX_LIST)
        return fail(d, CAPTURE_ERROR_TOO_BIG, "more than 10000 outcomes");
    verdict_add(d->capture->verdict, VERDICT_ACCEPT, "", "", NULL, NULL, 0);
    outcome = g_ptr_array_index(outcomes, outcomes->len - 1);
    while ((more = next_field(d, &reader, &field)) > 0) {
        gboolean ok = once(d, &seen, field.tag);

        if (ok && field.tag == OUTCOME_ACTION)
            ok = get_enum(d, &field, VERDICT_TEMPFAIL, &value);
        else if (ok && field.tag == OUTCOME_MODULE)
            ok = get_string(d, &field, &outcome->module);
        else if (ok && field.tag == OUTCOME_REASON)
            ok = get_string(d, &field, &outcome->reason);
        else if (ok && field.tag == OUTCOME_REPLY)
            ok = get_string(d, &field, &outcome->reply);
        else if (ok && field.tag == OUTCOME_RECIPIENTS)
            ok = decode_indexes(d, &field, outcome);
        if (!ok)
            return FALSE;
    }
    outcome->action = value;
    if (more == 0 && (seen & (1u << OUTCOME_ACTION)) == 0)
        return fail(d, CAPTURE_ERROR_FORMAT, "outcome without action");
    return more == 0;
}

static gboolean
decode_edit(struct decoder *d, struct reader reader)
{
    GPtrArray *edits = d->capture->verdict->edits;
    struct edit *edit;
    struct field field;
    guint32 seen = 0;
    guint value = 0;
    int more;

    if (edits->len >= MAX_LIST)
        return fail(d, CAPTURE_ERROR_TOO_BIG, "more than 10000 edits");
    verdict_edit(d->capture->verdict, EDIT_ADD_HEADER, 0, "", NULL);
    edit = g_ptr_array_index(edits, edits->len - 1);
    while ((more = next_field(d, &reader, &field)) > 0) {
        gboolean ok = once(d, &seen, field.tag);

        if (ok && field.tag == EDIT_TAG_KIND)
            ok = get_enum(d, &field, EDIT_DELETE_HEADER, &value);
        else if (ok && field.tag == EDIT_TAG_INDEX && field.length != sizeof(guint32))
            ok = fail(d, CAPTURE_ERROR_FORMAT, "wrong length of an index");
        else if (ok && field.tag == EDIT_TAG_INDEX)
            edit->index = (gint32)get_u32(field.bytes);
        else if (ok && field.tag == EDIT_TAG_NAME)
            ok = get_string(d, &field, &edit->name);
        else if (ok && field.tag == EDIT_TAG_VALUE)
            ok = get_string(d, &field, &edit->value);
        if (!ok)
            return FALSE;
    }
    edit->kind = value;
    if (more == 0 && (seen & (1u << EDIT_TAG_KIND)) == 0)
        return fail(d, CAPTURE_ERROR_FORMAT, "edit without kind");
    return more == 0;
}

static gboolean
decode_note(struct decoder *d, const struct field *field)
{
    char *note = NULL;

    if (d->capture->notes->len >= MAX_LIST)
        return fail(d, CAPTURE_ERROR_TOO_BIG, "more than 10000 notes");
    if (!get_string(d, field, &note))
        return FALSE;
    g_ptr_array_add(d->capture->notes, note);
    return TRUE;
}

/* The fields that may come once, up to mail_from. */
static gboolean
decode_scalar(struct decoder *d, const struct field *field)
{
    guint value = 0;
    guint64 le;

    if (!once(d, &d->seen, field->tag))
        return FALSE;
    switch (field->tag) {
    case TAG_TRANSACTION:
        if (field->length != sizeof d->capture->transaction)
            return fail(d, CAPTURE_ERROR_FORMAT, "wrong length of the transaction id");
        memcpy(d->capture->transaction, field->bytes, field->length);
        return TRUE;
    case TAG_RECEIVED:
        if (field->length != sizeof le)
            return fail(d, CAPTURE_ERROR_FORMAT, "wrong length of the time");
        memcpy(&le, field->bytes, sizeof le);
        d->capture->received_us = (gint64)GUINT64_FROM_LE(le);
        return TRUE;
    case TAG_SOURCE:
        if (!get_enum(d, field, CAPTURE_INGEST, &value))
            return FALSE;
        d->capture->source = value;
        return TRUE;
    default:
        return get_string(d, field, capture_string_field(d->capture, (guint)field->tag - TAG_INSTANCE));
    }
}

static gboolean
decode_field(struct decoder *d, const struct field *field, const struct reader *rest, GBytes *bytes)
{
    struct reader inner = {field->bytes, field->bytes + field->length};

    if (field->tag >= TAG_TRANSACTION && field->tag <= TAG_MAIL_FROM)
        return decode_scalar(d, field);
    switch (field->tag) {
    case TAG_RECIPIENT:
        return decode_recipient(d, inner);
    case TAG_OUTCOME:
        return decode_outcome(d, inner);
    case TAG_EDIT:
        return decode_edit(d, inner);
    case TAG_NOTE:
        return decode_note(d, field);
    case TAG_MESSAGE:
        if (rest->at != rest->end)
            return fail(d, CAPTURE_ERROR_FORMAT, "bytes after the message");
        d->capture->message = g_bytes_new_from_bytes(
            bytes, (gsize)(field->bytes - (const guint8 *)g_bytes_get_data(bytes, NULL)), field->length);
        return TRUE;
    default:
        return TRUE; /* of a newer writer */
    }
}

static gboolean
decode_all(struct decoder *d, GBytes *bytes)
{
    gsize length;
    const guint8 *data = g_bytes_get_data(bytes, &length);
    const guint32 needed = 1u << TAG_TRANSACTION | 1u << TAG_RECEIVED;
    guint16 version;
    struct reader reader;
    struct field field;
    int more;

    if (length < 4 + sizeof version || memcmp(data, "PCAP", 4) != 0)
        return fail(d, CAPTURE_ERROR_FORMAT, "does not begin with PCAP");
    memcpy(&version, data + 4, sizeof version);
    if (GUINT16_FROM_LE(version) != CAPTURE_VERSION)
        return fail(d, CAPTURE_ERROR_FORMAT, "made by a newer version of Postern: upgrade this program");
    reader.at = data + 4 + sizeof version;
    reader.end = data + length;
    while ((more = next_field(d, &reader, &field)) > 0)
        if (!decode_field(d, &field, &reader, bytes))
            return FALSE;
    if (more < 0)
        return FALSE;
    if ((d->seen & needed) != needed)
        return fail(d, CAPTURE_ERROR_FORMAT, "transaction id or time missing");
    if (d->max_index > d->capture->recipients->len)
        return fail(d, CAPTURE_ERROR_FORMAT, "outcome for a recipient that is not there");
    return TRUE;
}

struct capture *
capture_decode(GBytes *bytes, GError **error)
{
    struct decoder d = {.capture = capture_empty(), .error = error};

    if (!decode_all(&d, bytes))
        capture_free(&d.capture);
#ifdef POSTERN_PLANTED_BUGS
    /* Reads the byte after the last one, as a C string's user would. */
    if (d.capture != NULL && d.capture->message != NULL && (d.capture->received_us & 0x80) != 0) {
        const guint8 *message = g_bytes_get_data(d.capture->message, NULL);
        volatile guint8 sink = message[g_bytes_get_size(d.capture->message)];

        (void)sink;
    }
#endif
    return d.capture;
}
