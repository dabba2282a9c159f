/* templates.c: patterns with %{NAME} in them, filled with what the message has, or what other rules have captured. */
#include "lib/spam/engine/engine_private.h"

/* The text with backslashes before all that is no letter, digit or underscore, as quotemeta has it. */
static void
append_quoted(GString *out, GBytes *value)
{
    gsize length;
    const char *text = g_bytes_get_data(value, &length);

    for (gsize i = 0; i < length; i++) {
        if (!g_ascii_isalnum(text[i]) && text[i] != '_' && (guchar)text[i] < 128)
            g_string_append_c(out, '\\');
        g_string_append_c(out, text[i]);
    }
}

/* Alternatives, as append_quoted has them; empty without values. */
static GString *
any_of(const GPtrArray *values)
{
    GString *any = g_string_new(NULL);

    for (guint v = 0; values != NULL && v < values->len; v++) {
        if (g_bytes_get_size(values->pdata[v]) == 0)
            continue;
        g_string_append(any, any->len > 0 ? "|" : "(?:");
        append_quoted(any, values->pdata[v]);
    }
    if (any->len > 0)
        g_string_append_c(any, ')');
    return any;
}

struct pattern *
engine_fill_templates(const struct engine_source *source, gpointer data, GHashTable *tags, const struct spam_rule *rule)
{
    g_autoptr(GString) text = g_string_new(rule->pattern.text);

    for (guint i = 0; i < rule->templates->len; i++) {
        const char *name = g_ptr_array_index(rule->templates, i);
        GPtrArray *captured = g_hash_table_lookup(tags, name);
        g_autoptr(GPtrArray) known = source->tag != NULL ? source->tag(data, name, captured) : NULL;
        g_autoptr(GString) any = any_of(source->tag != NULL ? known : captured);
        g_autofree char *template = g_strdup_printf("%%\\{%s\\}", name);

        if (any->len == 0)
            return NULL;
        g_string_replace(text, template, any->str, 0);
    }
    return pattern_new(text->str, text->len, NULL, NULL);
}
