/* dkim_fields.c: a message's header fields by lower-case name. */
#include "lib/mail/auth/dkim_fields.h"
#include <string.h>

struct dkim_fields {
    const struct auth_message *message;
    GHashTable *by_name; /* lower-case name -> GArray of guint: indexes, rising */
};

struct dkim_fields *
dkim_fields_new(const struct auth_message *message)
{
    struct dkim_fields *fields = g_new0(struct dkim_fields, 1);

    fields->message = message;
    fields->by_name = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, (GDestroyNotify)g_array_unref);
    for (guint i = 0; i < message->fields->len; i++) {
        const struct auth_field *field = &g_array_index(message->fields, struct auth_field, i);
        if (memchr(field->name, '\0', field->name_length) != NULL)
            continue; /* no h= can name it; and it must not pass for the name before its NUL */
        char *name = g_ascii_strdown(field->name, (gssize)field->name_length);
        GArray *indexes = g_hash_table_lookup(fields->by_name, name);
        if (indexes == NULL) {
            indexes = g_array_new(FALSE, FALSE, sizeof(guint));
            g_hash_table_insert(fields->by_name, g_steal_pointer(&name), indexes);
        }
        g_array_append_val(indexes, i);
        g_free(name);
    }
    return fields;
}

void
dkim_fields_free(struct dkim_fields **fields)
{
    if (*fields == NULL)
        return;
    g_hash_table_unref((*fields)->by_name);
    g_clear_pointer(fields, g_free);
}

static const GArray *
indexes_of(const struct dkim_fields *fields, const char *name)
{
    g_autofree char *lower = g_ascii_strdown(name, -1);

    return g_hash_table_lookup(fields->by_name, lower);
}

guint
dkim_fields_count(const struct dkim_fields *fields, const char *name)
{
    const GArray *indexes = indexes_of(fields, name);

    return indexes != NULL ? indexes->len : 0;
}

const struct auth_field *
dkim_fields_get(const struct dkim_fields *fields, const char *name, guint n)
{
    const GArray *indexes = indexes_of(fields, name);

    if (indexes == NULL || n >= indexes->len)
        return NULL;
    return &g_array_index(fields->message->fields, struct auth_field, g_array_index(indexes, guint, n));
}

void
dkim_fields_select(const struct dkim_fields *fields, char *const *names, enum dkim_canon canon, GString *out)
{
    g_autoptr(GHashTable) used = g_hash_table_new(g_direct_hash, g_direct_equal); /* GArray -> fields taken */

    for (; *names != NULL; names++) {
        const GArray *indexes = indexes_of(fields, *names);
        guint taken = GPOINTER_TO_UINT(g_hash_table_lookup(used, indexes));
        if (indexes == NULL || taken >= indexes->len)
            continue;
        g_hash_table_insert(used, (gpointer)indexes, GUINT_TO_POINTER(taken + 1));
        guint at = g_array_index(indexes, guint, indexes->len - 1 - taken);
        const struct auth_field *field = &g_array_index(fields->message->fields, struct auth_field, at);
        dkim_canon_field(canon, field->raw, field->length, out);
    }
}
