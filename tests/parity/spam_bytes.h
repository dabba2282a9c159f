/* spam_bytes.h: what the drivers of the spam engine's parity stages share: octets in JSON (base64), and header
 * values from a case. */
#pragma once
#include <glib.h>
#include <jansson.h>
#include <string.h>
#include "lib/spam/view/headers.h"

static inline GBytes *
bytes_of(const json_t *text)
{
    gsize len = 0;
    guchar *data = json_is_string(text) ? g_base64_decode(json_string_value(text), &len) : NULL;

    return g_bytes_new_take(data, len);
}

static inline json_t *
json_of(const char *text, gsize len)
{
    g_autofree char *coded = g_base64_encode((const guchar *)text, len);

    return json_string(coded);
}

static inline GPtrArray *
list_of(const json_t *values)
{
    GPtrArray *list = g_ptr_array_new_with_free_func((GDestroyNotify)g_bytes_unref);
    const json_t *value;
    size_t i;

    json_array_foreach(values, i, value) g_ptr_array_add(list, bytes_of(value));
    return list;
}

/* {"name": ["..", ..], ..} as name -> list */
static inline GHashTable *
headers_of(json_t *object)
{
    GHashTable *all =
        g_hash_table_new_full(g_str_hash, g_str_equal, g_free, (GDestroyNotify)g_ptr_array_unref);
    const char *name;
    json_t *values;

    json_object_foreach(object, name, values) g_hash_table_insert(all, g_strdup(name), list_of(values));
    return all;
}

static inline const GPtrArray *
headers_get(gpointer message, const char *name)
{
    if (!g_hash_table_contains(message, name))
        g_error("the oracle gave no %s", name);
    return g_hash_table_lookup(message, name);
}
