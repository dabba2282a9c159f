/* document.c: from a captured message to what is indexed.
 *
 * Who may see a message (owner addresses): the mailboxes it was delivered to, by the expansion of that time
 * (a recipient whose expansion is pending or not configured counts by its address); and who sent it: the
 * authenticated user, and the envelope sender where the transaction was authenticated, local or ingested by
 * an admin. The envelope sender of plain SMTP proves nothing, so it is searchable but opens nothing.
 *
 * Limits: 1 MiB per kind of header text, 2,000 addresses per header field, as many envelope addresses as a
 * capture may have (capture.h), 1,000 attachment names (message.h). */
#include "archive-store/server/document.h"
#include <string.h>
#include "lib/mail/address.h"
#include "lib/mail/text.h"

#define FIELD_TEXT_MAX (1u << 20)
#define FIELDS_OF_A_NAME 20
#define ADDRESSES_PER_FIELD 2000
#define SHOWN_ADDRESSES 100

/* Addresses with each (role, owner, address) once. */
struct collector {
    GArray *addresses;
    GPtrArray *text;
    GHashTable *seen; /* "role owner address" */
};

static void
collector_init(struct collector *collector)
{
    collector->addresses = g_array_new(FALSE, FALSE, sizeof(struct index_address));
    collector->text = g_ptr_array_new_with_free_func(g_free);
    collector->seen = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
}

static void
collector_end(struct collector *collector)
{
    g_clear_pointer(&collector->seen, g_hash_table_unref);
}

static void
collector_add(struct collector *collector, enum index_role role, gboolean owner, const char *mailbox)
{
    if (!mailbox || !*mailbox)
        return;
    char *normal = address_normalise(mailbox);
    if (!*normal || !g_hash_table_add(collector->seen, g_strdup_printf("%d%d%s", role, owner, normal))) {
        g_free(normal);
        return;
    }
    g_ptr_array_add(collector->text, normal);
    struct index_address address = {.role = role, .owner = owner, .address = normal};
    g_array_append_val(collector->addresses, address);
}

static gboolean
sender_is_proven(const struct capture *capture)
{
    return capture->source != CAPTURE_SMTP || *capture->auth_user;
}

static void
collect_envelope(struct collector *collector, const struct capture *capture)
{
    collector_add(collector, INDEX_FROM, sender_is_proven(capture), capture->mail_from);
    if (strchr(capture->auth_user, '@'))
        collector_add(collector, INDEX_FROM, TRUE, capture->auth_user);
    for (guint n = 0; n < capture->recipients->len; n++) {
        const struct capture_recipient *recipient = capture->recipients->pdata[n];
        gboolean itself = recipient->expansion != CAPTURE_EXPANDED;
        collector_add(collector, INDEX_RCPT, itself, recipient->original);
        for (char **mailbox = recipient->mailboxes; mailbox && *mailbox; mailbox++)
            collector_add(collector, INDEX_RCPT, TRUE, *mailbox);
    }
}

static char *
shown_address(const struct address *address)
{
    if (!*address->name)
        return g_strdup(address->mailbox);
    return *address->mailbox ? g_strdup_printf("%s <%s>", address->name, address->mailbox) : g_strdup(address->name);
}

/* shown (may be NULL) gets the first addresses as text; returns how many were left out of it. */
static guint
collect_field(struct collector *collector, enum index_role role, struct message *message, const char *name,
              GPtrArray *shown)
{
    guint left_out = 0;
    gsize length;
    const char *bytes = g_bytes_get_data(message_bytes(message), &length);

    for (guint n = 0; n < FIELDS_OF_A_NAME; n++) {
        const struct header_field *field = message_find_header(message, name, n);
        if (!field)
            break;
        g_autoptr(GPtrArray) list = g_ptr_array_new_with_free_func((GDestroyNotify)address_free);
        address_parse_list(bytes + field->value.offset, field->value.length, ADDRESSES_PER_FIELD, list);
        for (guint a = 0; a < list->len; a++) {
            const struct address *address = list->pdata[a];
            collector_add(collector, role, FALSE, address->mailbox);
            if (shown && shown->len < SHOWN_ADDRESSES)
                g_ptr_array_add(shown, shown_address(address));
            else
                left_out++;
        }
    }
    return left_out;
}

static void
append_fields(struct message *message, const char *name, gsize max, GString *out)
{
    gsize length;
    const char *bytes = g_bytes_get_data(message_bytes(message), &length);

    for (guint n = 0; n < FIELDS_OF_A_NAME && out->len < max; n++) {
        const struct header_field *field = message_find_header(message, name, n);
        if (!field)
            return;
        if (out->len > 0)
            g_string_append(out, ", ");
        text_header_to_utf8(bytes + field->value.offset, field->value.length, max - MIN(out->len, max), out);
    }
}

char *
document_field(struct message *message, const char *name, gsize max)
{
    GString *out = g_string_new(NULL);

    append_fields(message, name, max, out);
    g_strstrip(out->str);
    return g_string_free(out, FALSE);
}

static char *
joined_fields(struct message *message, const char *const *names)
{
    GString *out = g_string_new(NULL);

    for (; *names; names++)
        append_fields(message, *names, FIELD_TEXT_MAX, out);
    return g_string_free(out, FALSE);
}

static char *
message_id_of(struct message *message)
{
    g_autofree char *value = document_field(message, "Message-ID", 1000);
    char *start = strchr(value, '<'), *end = start ? strchr(start, '>') : NULL;

    if (!end)
        return g_strdup(value);
    return g_strndup(start + 1, (gsize)(end - start - 1));
}

static void
collect_attachments(struct document *document, struct message *message)
{
    g_autoptr(GString) lines = g_string_new(NULL);

    document->names = g_ptr_array_new_with_free_func(g_free);
    for (guint n = 0; n < message_part_count(message); n++) {
        const struct message_part *part = message_part(message, n);
        if (!part->is_attachment)
            continue;
        char *name = g_strdup(part->filename ? part->filename : "");
        g_strdelimit(name, "\r\n\t", ' ');
        g_ptr_array_add(document->names, name);
        if (*name)
            g_string_append_printf(lines, "%s\n", name);
    }
    document->attachments = g_string_free(g_steal_pointer(&lines), FALSE);
}

struct document *
document_new(guint64 id, const struct capture *capture)
{
    static const char *const from_fields[] = {"From", "Sender", "Reply-To", NULL};
    static const char *const to_fields[] = {"To", "Cc", NULL};
    struct document *document = g_new0(struct document, 1);
    struct message *message = message_new(capture->message, NULL);
    struct collector collector;
    const char *const *name;

    document->subject = document_field(message, "Subject", FIELD_TEXT_MAX);
    document->from = joined_fields(message, from_fields);
    document->to = joined_fields(message, to_fields);
    document->message_id = message_id_of(message);
    document->date = message_date(message);
    document->size = g_bytes_get_size(capture->message);
    document->text = g_strdup(message_text(message, NULL));
    collect_attachments(document, message);

    collector_init(&collector);
    document->senders = g_ptr_array_new_with_free_func(g_free);
    document->recipients = g_ptr_array_new_with_free_func(g_free);
    for (name = from_fields; *name; name++)
        collect_field(&collector, INDEX_FROM, message, *name, name == from_fields ? document->senders : NULL);
    for (name = to_fields; *name; name++)
        document->more_recipients += collect_field(&collector, INDEX_TO, message, *name, document->recipients);
    document->n_header_addresses = collector.addresses->len;
    collect_envelope(&collector, capture);
    collector_end(&collector);
    document->addresses = collector.addresses;
    document->address_text = collector.text;

    document->index = (struct index_document){
        .id = id,
        .subject = document->subject,
        .body = document->text,
        .from = document->from,
        .to = document->to,
        .attachments = document->attachments,
        .has_attachment = message_has_attachment(message),
        .addresses = (const struct index_address *)(void *)document->addresses->data,
        .n_addresses = document->addresses->len,
    };
    message_free(&message);
    return document;
}

void
document_free(struct document **document)
{
    struct document *d = *document;

    if (!d)
        return;
    *document = NULL;
    g_free(d->subject);
    g_free(d->from);
    g_free(d->to);
    g_free(d->attachments);
    g_free(d->text);
    g_free(d->message_id);
    g_ptr_array_unref(d->names);
    g_ptr_array_unref(d->senders);
    g_ptr_array_unref(d->recipients);
    g_array_unref(d->addresses);
    g_ptr_array_unref(d->address_text);
    g_free(d);
}

gsize
document_weight(const struct document *document)
{
    return strlen(document->text) + strlen(document->subject) + strlen(document->from) + strlen(document->to) +
           strlen(document->attachments) + document->addresses->len * 64u + 1024;
}

GArray *
document_event_addresses(const struct capture *capture, GPtrArray **text_r)
{
    struct collector collector;

    collector_init(&collector);
    collect_envelope(&collector, capture);
    collector_end(&collector);
    *text_r = collector.text;
    return collector.addresses;
}

GArray *
document_expansion_addresses(char **mailboxes, GPtrArray **text_r)
{
    struct collector collector;

    collector_init(&collector);
    for (; mailboxes && *mailboxes; mailboxes++)
        collector_add(&collector, INDEX_RCPT, TRUE, *mailboxes);
    collector_end(&collector);
    *text_r = collector.text;
    return collector.addresses;
}
