/* recode.c: the body's parts recoded, in three passes: a plan for each leaf, the containers' labels after it, the new body. */
#include "lib/mail/recode_private.h"
#include "lib/mail/message_internal.h"
#include "lib/mail/transfer_encoding.h"
#include <string.h>

#define ENCODING "Content-Transfer-Encoding"
#define CONTENT_MAX (G_MAXUINT / 4)

enum plan { KEEP, LABEL_7BIT, TO_QUOTED_PRINTABLE, TO_BASE64 };
static const char *const plan_names[] = {"", "7bit", "quoted-printable", "base64"};

struct job {
    struct message *message;
    enum plan *plans;  /* by part */
    gboolean *is_8bit; /* by part: it has bytes above 127 that stay */
    GString *body;     /* the new one so far; NULL until something changes */
    gsize copied;      /* offset in the message up to which it is in body */
    struct recoded *out;
};

gboolean
recode_has_long_line(const guint8 *data, gsize length)
{
    while (length > RECODE_LINE_MAX) {
        /* The last line end in reach: those before it ended shorter lines, so that most lines are never looked at. */
        const guint8 *lf = memrchr(data, '\n', MIN(length, RECODE_LINE_MAX + 2));

        if (lf == NULL)
            return TRUE;
        length -= (gsize)(lf + 1 - data);
        data = lf + 1;
    }
    return FALSE;
}

static gboolean
has_8bit(const guint8 *data, gsize length)
{
    guint8 all = 0;

    for (gsize i = 0; i < length; i++)
        all |= data[i];
    return all > 127;
}

static struct part *
part_at(const struct job *job, guint n)
{
    return g_ptr_array_index(job->message->parts, n);
}

/* One past the last part inside the n-th. */
static guint
end_of_inside(const struct job *job, guint n)
{
    guint depth = part_at(job, n)->public.depth, i = n + 1;

    while (i < job->message->parts->len && part_at(job, i)->public.depth > depth)
        i++;
    return i;
}

/* ---- the header block of a part ---- */

static gboolean
is_encoding(const guint8 *name, gsize length)
{
    return length == strlen(ENCODING) && g_ascii_strncasecmp((const char *)name, ENCODING, length) == 0;
}

/* Content-Transfer-Encoding fields of the n-th part; *field_r: where the last one is. */
static guint
count_encodings(const struct job *job, guint n, struct span *field_r)
{
    const struct message *message = job->message;
    const struct part *part = part_at(job, n);
    guint found = 0;

    for (guint i = 0; n == 0 && i < message_header_count(message); i++) {
        const struct header_field *field = message_header(message, i);
        found += is_encoding(message->data + field->name.offset, field->name.length);
    }
    for (gsize at = part->head, next; n > 0 && at < part->body.offset; at = next) {
        gsize value, name = message_field_name(message->data + at, part->body.offset - at, &value);
        gboolean folded = message->data[at] == ' ' || message->data[at] == '\t';

        next = message_next_line(message, at);
        if (!folded && is_encoding(message->data + at, name)) {
            *field_r = (struct span){at, next - at};
            found++;
        } else if (folded && found > 0 && field_r->offset + field_r->length == at) {
            field_r->length += next - at;
        }
    }
    return found;
}

/* Whether the header block ends with the empty line that belongs there. */
static gboolean
ends_well(const struct job *job, const struct part *part)
{
    const guint8 *data = job->message->data;
    gsize at = part->body.offset;

    if (at < 2 || data[at - 1] != '\n')
        return FALSE;
    at -= data[at - 2] == '\r' ? 2 : 1;
    return at == part->head || (at > 0 && data[at - 1] == '\n');
}

/* ---- plans ---- */

static gboolean
is_declared_8bit(const struct part *part)
{
    const char *encoding = part->public.encoding;

    return encoding != NULL && (strcmp(encoding, "8bit") == 0 || strcmp(encoding, "binary") == 0);
}

/* Not where another label would open what is closed by a broken one: an attached message. */
static gboolean
may_be_relabelled(const struct job *job, guint n)
{
    static const char *const opening[] = {"message/rfc822", "message/global", "message/news", NULL};
    const struct message_part *part = &part_at(job, n)->public;
    struct span field;

    return (part->is_container || !g_strv_contains(opening, part->type)) && count_encodings(job, n, &field) <= 1 && ends_well(job, part_at(job, n));
}

/* Whether content of that type may have another encoding than 7bit and 8bit (RFC 2045 6.4). */
static gboolean
may_be_encoded(const struct part *part)
{
    static const char *const known[] = {"7bit", "8bit", "binary", "base64", "quoted-printable", NULL};
    const char *encoding = part->public.encoding;

    return !part->is_multipart && !g_str_has_prefix(part->public.type, "message/") &&
           (encoding == NULL || g_strv_contains(known, encoding));
}

static enum plan
shorter(const struct job *job, const struct part *part)
{
    const char *encoding = part->public.encoding;

    if (encoding != NULL && strcmp(encoding, "quoted-printable") == 0)
        return TO_QUOTED_PRINTABLE;
    if ((encoding != NULL && strcmp(encoding, "base64") == 0) || !g_str_has_prefix(part->public.type, "text/"))
        return TO_BASE64;
    return is_shorter_in_base64(job->message->data + part->body.offset, part->body.length) ? TO_BASE64 : TO_QUOTED_PRINTABLE;
}

static void
plan_leaf(struct job *job, guint n)
{
    const struct part *part = part_at(job, n);
    const guint8 *data = job->message->data + part->body.offset;
    gboolean has8 = has_8bit(data, part->body.length), declared = is_declared_8bit(part);

    job->is_8bit[n] = has8;
    if (!may_be_relabelled(job, n)) {
        job->out->whole &= !declared;
        return;
    }
    if (((has8 && declared) || recode_has_long_line(data, part->body.length)) && may_be_encoded(part)) {
        job->plans[n] = shorter(job, part);
        job->is_8bit[n] = FALSE;
    } else if (declared && !has8) {
        job->plans[n] = LABEL_7BIT;
    } else if (declared) {
        job->out->whole = FALSE;
    }
}

/* A container that is not looked into. */
static gboolean
is_sealed(const struct part *part)
{
    return part->public.is_container && (!part->is_multipart || strcmp(part->public.type, "multipart/signed") == 0 ||
                                         strcmp(part->public.type, "multipart/encrypted") == 0);
}

static void
plan_leaves(struct job *job)
{
    for (guint n = 0; n < job->message->parts->len;) {
        const struct part *part = part_at(job, n);

        if (is_sealed(part)) {
            job->is_8bit[n] = has_8bit(job->message->data + part->body.offset, part->body.length);
            job->out->whole &= !job->is_8bit[n];
        } else if (!part->public.is_container) {
            plan_leaf(job, n);
        }
        n = is_sealed(part) ? end_of_inside(job, n) : n + 1;
    }
}

static void
plan_containers(struct job *job)
{
    for (guint n = 0; n < job->message->parts->len;) {
        const struct part *part = part_at(job, n);
        guint end = end_of_inside(job, n);
        gboolean is_8bit = job->is_8bit[n];

        for (guint i = n + 1; i < end && !is_sealed(part); i++)
            is_8bit |= job->is_8bit[i];
        if (part->public.is_container && is_declared_8bit(part)) {
            if (!is_8bit && may_be_relabelled(job, n))
                job->plans[n] = LABEL_7BIT;
            else
                job->out->whole = FALSE;
        }
        n = is_sealed(part) ? end : n + 1;
    }
}

/* ---- carrying out ---- */

/* What is between the last change and this one comes over as it is. */
static void
copy_to(struct job *job, gsize offset)
{
    if (job->body == NULL) {
        job->body = g_string_sized_new(job->message->size + 1024);
        job->copied = job->message->body_offset;
    }
    g_string_append_len(job->body, (const char *)job->message->data + job->copied, (gssize)(offset - job->copied));
    job->copied = offset;
}

static void
label(struct job *job, guint n, struct verdict *verdict)
{
    const char *encoding = plan_names[job->plans[n]];
    struct span field = {part_at(job, n)->head, 0};
    guint found = count_encodings(job, n, &field);

    if (n == 0) {
        verdict_edit(verdict, found > 0 ? EDIT_CHANGE_HEADER : EDIT_ADD_HEADER, found > 0, ENCODING, encoding);
        return;
    }
    copy_to(job, field.offset);
    g_string_append_printf(job->body, ENCODING ": %s\r\n", encoding);
    job->copied = field.offset + field.length;
}

static void
encode(struct job *job, guint n)
{
    const struct part *part = part_at(job, n);
    g_autoptr(GBytes) content = message_part_content(job->message, n, CONTENT_MAX);
    gsize length;
    const guint8 *data = g_bytes_get_data(content, &length);

    copy_to(job, part->body.offset);
    if (job->plans[n] == TO_BASE64)
        encode_base64(data, length, job->body);
    else
        encode_quoted_printable(data, length, job->body);
    job->copied = part->body.offset + part->body.length;
}

static void
note(struct job *job, guint n)
{
    const struct part *part = part_at(job, n);

    g_ptr_array_add(job->out->notes,
                    g_strdup_printf("%" G_GSIZE_FORMAT "+%" G_GSIZE_FORMAT " %.20s -> %s", part->body.offset, part->body.length,
                                    part->public.encoding != NULL ? part->public.encoding : "7bit", plan_names[job->plans[n]]));
}

static void
carry_out(struct job *job, struct verdict *verdict)
{
    gboolean encoded = FALSE;

    for (guint n = 0; n < job->message->parts->len; n++) {
        if (job->plans[n] == KEEP)
            continue;
        label(job, n, verdict);
        if (job->plans[n] != LABEL_7BIT) {
            encode(job, n);
            encoded = TRUE;
        }
        note(job, n);
    }
    if (encoded && message_find_header(job->message, "MIME-Version", 0) == NULL)
        verdict_edit(verdict, EDIT_ADD_HEADER, 0, "MIME-Version", "1.0");
    if (job->body != NULL) {
        copy_to(job, job->message->size);
        job->out->body = g_string_free_to_bytes(g_steal_pointer(&job->body));
    }
}

void
message_recode(struct message *message, struct verdict *verdict, struct recoded *recoded_r)
{
    struct job job = {.message = message, .out = recoded_r};
    guint n_parts = message_part_count(message);
    gsize length;
    const guint8 *body;

    *recoded_r = (struct recoded){.notes = g_ptr_array_new_with_free_func(g_free), .whole = TRUE};
    message_describe(message);
    if (message_limit(message) != MESSAGE_LIMIT_NONE && message_limit(message) != MESSAGE_LIMIT_TEXT) {
        recoded_r->whole = FALSE;
        return;
    }
    job.plans = g_new0(enum plan, n_parts + 1);
    job.is_8bit = g_new0(gboolean, n_parts + 1);
    plan_leaves(&job);
    plan_containers(&job);
    carry_out(&job, verdict);
    g_free(job.plans);
    g_free(job.is_8bit);
    recoded_r->whole &= recode_header(message, verdict);
    body = recoded_r->body != NULL ? g_bytes_get_data(recoded_r->body, &length) : message->data + message->body_offset;
    if (recoded_r->body == NULL)
        length = message->size - message->body_offset;
    recoded_r->whole &= !recode_has_long_line(body, length);
}

void
recoded_clear(struct recoded *recoded)
{
    g_clear_pointer(&recoded->body, g_bytes_unref);
    g_clear_pointer(&recoded->notes, g_ptr_array_unref);
}
