/* auth.c: result words, and the header block as it is before and after our edits. */
#include "lib/mail/auth/auth.h"
#include <string.h>

const char *
auth_result_name(enum auth_result result)
{
    static const char *const names[] = {"none", "pass", "fail", "softfail", "neutral", "policy", "temperror",
                                        "permerror"};

    return names[result];
}

struct auth_field
auth_field_received(const struct message *message, guint n)
{
    const char *data = g_bytes_get_data(message_bytes(message), NULL);
    const struct header_field *h = message_header(message, n);

    return (struct auth_field){.name = data + h->name.offset, .name_length = h->name.length,
                               .raw = data + h->raw.offset, .length = h->raw.length};
}

static gboolean
is_named(const struct auth_field *field, const char *name)
{
    return field->name_length == strlen(name) && g_ascii_strncasecmp(field->name, name, field->name_length) == 0;
}

/* A field of an edit as Postfix puts it: "Name: value", folds as CRLF. */
static struct auth_field
edited_field(struct auth_message *m, const struct edit *edit)
{
    GString *text = g_string_new(edit->name);

    g_string_append(text, ": ");
    for (const char *c = edit->value != NULL ? edit->value : ""; *c != '\0'; c++) {
        if (*c == '\n' && text->str[text->len - 1] != '\r')
            g_string_append_c(text, '\r');
        g_string_append_c(text, *c);
    }
    g_string_append(text, "\r\n");
    struct auth_field field = {.name_length = strlen(edit->name), .length = text->len};
    field.raw = field.name = g_string_free(text, FALSE);
    g_ptr_array_add(m->owned, (gpointer)field.raw);
    return field;
}

/* Index into fields of the n-th field (from 1) of that name, or -1. */
static gint
find_field(const struct auth_message *m, const char *name, gint32 n)
{
    for (guint i = 0; i < m->fields->len; i++)
        if (is_named(&g_array_index(m->fields, struct auth_field, i), name) && --n == 0)
            return (gint)i;
    return -1;
}

static void
apply_edit(struct auth_message *m, const struct edit *edit)
{
    gint at = -1;

    if (edit->kind == EDIT_CHANGE_HEADER || edit->kind == EDIT_DELETE_HEADER)
        at = find_field(m, edit->name, MAX(edit->index, 1));
    if (edit->kind == EDIT_DELETE_HEADER) {
        if (at >= 0)
            g_array_remove_index(m->fields, (guint)at);
        return;
    }
    struct auth_field field = edited_field(m, edit);
    if (at >= 0)
        g_array_index(m->fields, struct auth_field, at) = field;
    else if (edit->kind == EDIT_INSERT_HEADER) /* Postfix counts its own Received, which milters don't see, as the first */
        g_array_insert_val(m->fields, MIN((guint)MAX(edit->index - 1, 0), m->fields->len), field);
    else
        g_array_append_val(m->fields, field);
}

struct auth_message *
auth_message_new(struct message *message, const GPtrArray *edits)
{
    enum message_limit limit = message_limit(message);

    if (limit == MESSAGE_LIMIT_HEADER_BYTES || limit == MESSAGE_LIMIT_HEADERS)
        return NULL;
    struct auth_message *m = g_new0(struct auth_message, 1);
    m->bytes = g_bytes_ref(message_bytes(message));
    m->fields = g_array_sized_new(FALSE, FALSE, sizeof(struct auth_field), message_header_count(message));
    m->owned = g_ptr_array_new_with_free_func(g_free);
    gsize length;
    const char *data = g_bytes_get_data(m->bytes, &length);
    for (guint i = 0; i < message_header_count(message); i++) {
        struct auth_field field = auth_field_received(message, i);
        g_array_append_val(m->fields, field);
    }
    m->body_length = length - message_body_offset(message);
    m->body = m->body_length > 0 ? data + message_body_offset(message) : NULL;
    for (guint i = 0; edits != NULL && i < edits->len; i++)
        apply_edit(m, g_ptr_array_index(edits, i));
    return m;
}

void
auth_message_set_body(struct auth_message *message, GBytes *body)
{
    g_bytes_ref(body);
    g_clear_pointer(&message->new_body, g_bytes_unref);
    message->new_body = body;
    message->body = g_bytes_get_data(body, &message->body_length);
    if (message->body_length == 0)
        message->body = NULL;
}

void
auth_message_free(struct auth_message **message)
{
    if (*message == NULL)
        return;
    g_array_unref((*message)->fields);
    g_ptr_array_unref((*message)->owned);
    g_bytes_unref((*message)->bytes);
    g_clear_pointer(&(*message)->new_body, g_bytes_unref);
    g_clear_pointer(message, g_free);
}
