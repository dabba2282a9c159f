/* spam_pattern_driver.c: what our patterns find in texts, for spam_pattern.py.
 * spam_pattern_driver PATTERNS SUBJECTS: PATTERNS as spam_pattern.pl prints them, SUBJECTS base64 texts a line; prints its "matches" lines,
 * or {"name", "error"} for a pattern that does not compile. */
#include <jansson.h>
#include <stdio.h>
#include <string.h>
#include "lib/spam/engine/pattern.h"

#define COUNT_MAX 1000u

static GPtrArray *
lines_of(const char *path)
{
    g_autofree char *text = NULL;
    GPtrArray *lines = g_ptr_array_new_with_free_func(g_free);

    if (!g_file_get_contents(path, &text, NULL, NULL))
        g_error("%s can't be read", path);
    g_auto(GStrv) split = g_strsplit(text, "\n", -1);
    for (guint i = 0; split[i] != NULL && (split[i][0] != '\0' || split[i + 1] != NULL); i++)
        g_ptr_array_add(lines, g_strdup(split[i]));
    return lines;
}

static void
find(const struct pattern *pattern, struct matcher *matcher, const GPtrArray *subjects, json_t *found)
{
    for (guint i = 0; i < subjects->len; i++) {
        GBytes *subject = g_ptr_array_index(subjects, i);
        gsize length, begin = 0, end = 0;
        const char *text = g_bytes_get_data(subject, &length);
        gboolean gave_up = FALSE;
        guint count;

        if (pattern_match(pattern, matcher, text, length, 0, &begin, &end) != MATCH_YES)
            continue;
        count = pattern_count(pattern, matcher, text, length, COUNT_MAX, &gave_up);
        json_array_append_new(found, json_integer(i));
        json_array_append_new(found, json_integer(count));
        json_array_append_new(found, json_integer((json_int_t)begin));
        json_array_append_new(found, json_integer((json_int_t)end));
    }
}

int
main(int argc, char **argv)
{
    struct matcher *matcher = matcher_new();
    GPtrArray *patterns, *texts, *subjects = g_ptr_array_new_with_free_func((GDestroyNotify)g_bytes_unref);

    if (argc != 3)
        return 2;
    patterns = lines_of(argv[1]);
    texts = lines_of(argv[2]);
    for (guint i = 0; i < texts->len; i++) {
        gsize length = 0;
        guchar *data = g_base64_decode(g_ptr_array_index(texts, i), &length);
        g_ptr_array_add(subjects, g_bytes_new_take(data, length));
    }
    for (guint i = 0; i < patterns->len; i++) {
        json_t *rule = json_loads(g_ptr_array_index(patterns, i), 0, NULL), *result = json_object(), *found = json_array();
        gsize length = 0;
        g_autofree guchar *text = g_base64_decode(json_string_value(json_object_get(rule, "pattern")), &length);
        g_autoptr(GError) error = NULL;
        struct pattern *pattern = pattern_new((const char *)text, length, NULL, &error);

        json_object_set(result, "name", json_object_get(rule, "name"));
        if (pattern != NULL)
            find(pattern, matcher, subjects, found);
        if (error != NULL)
            json_object_set_new(result, "error", json_string(error->message));
        else
            json_object_set(result, "found", found);
        char *line = json_dumps(result, JSON_COMPACT | JSON_SORT_KEYS);
        puts(line);
        free(line);
        pattern_free(pattern);
        json_decref(found);
        json_decref(result);
        json_decref(rule);
    }
    g_ptr_array_unref(subjects);
    g_ptr_array_unref(texts);
    g_ptr_array_unref(patterns);
    matcher_free(matcher);
    return 0;
}
