/* header_text.c: see header_text.h. */
#include "lib/spam/eval/header_text.h"
#include <string.h>

static gboolean
is_single(const char *name)
{
    static const char *const parts[] = {":addr", ":name", ":host", ":domain", ":ip", ":revip"};
    const char *colon = strchr(name, ':');

    if (colon == NULL)
        return strcmp(name, "EnvelopeFrom") == 0;
    for (guint i = 0; i < G_N_ELEMENTS(parts); i++)
        if (strstr(colon, parts[i]) != NULL)
            return TRUE;
    return FALSE;
}

GString *
header_text(const struct spam_headers *headers, const char *name)
{
    const GPtrArray *values = headers->get(headers->message, name);
    gboolean single = is_single(name);
    gsize total = 0, part;
    GString *text;

    for (guint i = 0; values != NULL && i < values->len && !(single && i > 0); i++) {
        g_bytes_get_data(g_ptr_array_index(values, i), &part);
        total += part;
    }
    text = g_string_sized_new(total + 1);
    for (guint i = 0; values != NULL && i < values->len && !(single && i > 0); i++) {
        gsize len;
        const char *value = g_bytes_get_data(g_ptr_array_index(values, i), &len);
        g_string_append_len(text, value, (gssize)len);
    }
    if (single && text->len > 0 && text->str[text->len - 1] == '\n')
        g_string_truncate(text, text->len - 1);
    return text;
}
