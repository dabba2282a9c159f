/* all_fields.c: see all_fields.h. */
#include "lib/spam/view/all_fields.h"
#include "lib/spam/view/bytes.h"

GString *
all_fields_unfolded(const GString *raw)
{
    GString *out = g_string_sized_new(raw->len);

    for (gsize i = 0; i < raw->len; i++) {
        gsize lf = raw->str[i] == '\r' && i + 1 < raw->len ? i + 1 : i;
        if (raw->str[lf] == '\n' && lf + 1 < raw->len && byte_is_space(raw->str[lf + 1])) {
            for (i = lf + 1; i + 1 < raw->len && byte_is_space(raw->str[i + 1]); i++)
                ;
            g_string_append_c(out, ' ');
        } else {
            g_string_append_c(out, raw->str[i]);
        }
    }
    return out;
}

static GBytes *
line_of(const struct spam_field *field, gboolean raw)
{
    if (!raw)
        return g_bytes_new_static(field->line.str, field->line.len);
    g_autoptr(GString) value = all_fields_unfolded(&field->raw);
    GString *line = g_string_new_len(field->name.str, (gssize)field->name.len);
    g_string_append(line, ": ");
    g_string_append_len(line, value->str, (gssize)value->len);
    return g_string_free_to_bytes(line);
}

void
all_fields_add(const struct spam_part *part, gboolean raw, GPtrArray *values, gboolean *truncated_r)
{
    const GPtrArray *fields = part->fields;
    g_autofree GBytes **lines = g_new0(GBytes *, fields->len + 1);
    gsize size = 0;

    for (guint i = 0; i < fields->len && size <= ALL_FIELDS_MAX; i++) {
        const struct spam_field *field = fields->pdata[i];
        if (field->last == NULL) /* counted with the first of its name */
            continue;
        for (; field != NULL && size <= ALL_FIELDS_MAX; field = field->next) {
            GBytes *line = line_of(field, raw);
            size += g_bytes_get_size(line);
            if (size <= ALL_FIELDS_MAX)
                lines[field->index] = line;
            else
                g_bytes_unref(line);
        }
    }
    *truncated_r = *truncated_r || size > ALL_FIELDS_MAX;
    for (guint i = 0; i < fields->len; i++)
        if (lines[i] != NULL)
            g_ptr_array_add(values, lines[i]);
}
