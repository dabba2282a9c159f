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

static GString *
line_of(const struct spam_field *field, gboolean raw)
{
    GString *line = g_string_new_len(field->name->str, (gssize)field->name->len);

    g_string_append(line, ": ");
    if (raw) {
        g_autoptr(GString) value = all_fields_unfolded(field->raw);
        g_string_append_len(line, value->str, (gssize)value->len);
    } else {
        g_string_append_len(line, field->decoded->str, (gssize)field->decoded->len);
        g_string_append_c(line, '\n');
    }
    return line;
}

void
all_fields_add(const struct spam_part *part, gboolean raw, GPtrArray *values, gboolean *truncated_r)
{
    const GPtrArray *fields = part->fields;
    g_autoptr(GPtrArray) lines = g_ptr_array_new_full(fields->len, NULL);
    g_autofree gboolean *shown = g_new0(gboolean, fields->len + 1);
    gsize size = 0;

    for (guint i = 0; i < fields->len; i++)
        g_ptr_array_add(lines, line_of(fields->pdata[i], raw));
    for (guint i = 0; i < fields->len && size <= ALL_FIELDS_MAX; i++) {
        const struct spam_field *field = fields->pdata[i];
        const GPtrArray *same = part_fields(part, field->name->str, (gssize)field->name->len);
        for (guint k = 0; same->pdata[0] == field && k < same->len && size <= ALL_FIELDS_MAX; k++) {
            const struct spam_field *next = same->pdata[k];
            size += ((const GString *)lines->pdata[next->index])->len;
            shown[next->index] = size <= ALL_FIELDS_MAX;
        }
    }
    *truncated_r = *truncated_r || size > ALL_FIELDS_MAX;
    for (guint i = 0; i < fields->len; i++) {
        if (shown[i])
            g_ptr_array_add(values, lines->pdata[i]);
        else
            bytes_free(lines->pdata[i]);
    }
}
