/* captures.c: see captures.h. */
#include "lib/spam/engine/captures.h"

static gboolean
same_bytes(gconstpointer a, gconstpointer b)
{
    return g_bytes_equal(a, b);
}

/* What the rule took so far, by the groups' names; made when there is none. */
static GHashTable *
of_rule(struct captures *captures, const struct spam_rule *rule)
{
    GHashTable *taken;

    if (captures->by_rule == NULL)
        captures->by_rule = g_hash_table_new_full(NULL, NULL, NULL, (GDestroyNotify)g_hash_table_unref);
    taken = g_hash_table_lookup(captures->by_rule, rule);
    if (taken == NULL) {
        taken = g_hash_table_new_full(NULL, NULL, NULL, (GDestroyNotify)g_ptr_array_unref);
        g_hash_table_insert(captures->by_rule, (gpointer)rule, taken);
    }
    return taken;
}

void
captures_take(struct captures *captures, const struct spam_rule *rule, const struct pattern *pattern, struct matcher *matcher,
              const char *text)
{
    const char *const *names = pattern_names(pattern);

    for (guint i = 0; names != NULL && names[i] != NULL && captures->taken < ENGINE_CAPTURES_MAX; i++) {
        g_autoptr(GBytes) value = pattern_capture(pattern, matcher, text, names[i]);
        const char *name = g_intern_string(names[i]); /* outlives the engine */
        GPtrArray *values;

        if (value == NULL || g_bytes_get_size(value) == 0)
            continue;
        captures->taken++;
        values = g_hash_table_lookup(of_rule(captures, rule), name);
        if (values == NULL) {
            values = g_ptr_array_new_with_free_func((GDestroyNotify)g_bytes_unref);
            g_hash_table_insert(of_rule(captures, rule), (gpointer)name, values);
        }
        if (values->len < ENGINE_TAG_VALUES_MAX && !g_ptr_array_find_with_equal_func(values, value, same_bytes, NULL))
            g_ptr_array_add(values, g_bytes_ref(value));
    }
}

void
captures_take_all(struct captures *captures, const struct spam_rule *rule, const struct pattern *pattern, struct matcher *matcher,
                  const char *text, gsize length, guint most)
{
    gsize begin = 0, end = 0;

    for (guint n = 0; (most == 0 || n < most) && captures->taken < ENGINE_CAPTURES_MAX && end <= length; n++) {
        if (pattern_match(pattern, matcher, text, length, end, &begin, &end) != MATCH_YES)
            break;
        captures_take(captures, rule, pattern, matcher, text);
        end += end == begin; /* nothing: on behind it */
    }
}

void
captures_set_tags(const struct captures *captures, const struct spam_rule *rule, GHashTable *tags)
{
    GHashTable *taken = captures->by_rule != NULL ? g_hash_table_lookup(captures->by_rule, rule) : NULL;
    GHashTableIter iter;
    gpointer name, values;

    if (taken == NULL)
        return;
    g_hash_table_iter_init(&iter, taken);
    while (g_hash_table_iter_next(&iter, &name, &values))
        g_hash_table_insert(tags, name, g_ptr_array_ref(values));
}

void
captures_clear(struct captures *captures)
{
    g_clear_pointer(&captures->by_rule, g_hash_table_unref);
}
