/* spam_json.c: reads the spam engine's parity suites' JSON, and the few settings that they need of the rule files. */
#include "tests/parity/spam_json.h"
#include <string.h>

struct perl_text
spam_json_text(const json_t *value, GPtrArray *kept)
{
    gsize length;
    char *bytes = (char *)g_base64_decode(json_string_value(json_array_get(value, 0)), &length);

    g_ptr_array_add(kept, bytes);
    return (struct perl_text){bytes, length, json_integer_value(json_array_get(value, 1)) != 0};
}

GArray *
spam_json_texts(const json_t *array, GPtrArray *kept)
{
    GArray *texts = g_array_new(FALSE, FALSE, sizeof(struct perl_text));
    const json_t *value;
    size_t i;

    json_array_foreach(array, i, value)
    {
        struct perl_text text = spam_json_text(value, kept);
        g_array_append_val(texts, text);
    }
    return texts;
}

json_t *
spam_json_base64(const char *bytes, gsize length)
{
    g_autofree char *text = g_base64_encode((const guchar *)bytes, length);

    return json_string(text);
}

static struct uris_link
link_of(const json_t *value, GPtrArray *kept)
{
    const json_t *types = json_object_get(value, "types"), *one;
    GArray *texts = spam_json_texts(json_object_get(value, "texts"), kept);
    char **list = g_new0(char *, json_array_size(types) + 1);
    struct uris_link link = {.uri = spam_json_text(json_object_get(value, "uri"), kept), .text_count = texts->len};
    size_t i;

    json_array_foreach(types, i, one)
    {
        list[i] = g_strdup(json_string_value(one));
        g_ptr_array_add(kept, list[i]);
    }
    link.types = (const char *const *)list;
    link.texts = (const struct perl_text *)g_array_free(texts, FALSE);
    g_ptr_array_add(kept, list);
    g_ptr_array_add(kept, (gpointer)(guintptr)link.texts);
    return link;
}

struct uris_html
spam_json_html(const json_t *html, GPtrArray *kept)
{
    GArray *links = g_array_new(FALSE, FALSE, sizeof(struct uris_link));
    struct uris_html result = {.truncated = json_integer_value(json_object_get(html, "truncated")) != 0};
    const json_t *value;
    size_t i;

    json_array_foreach(json_object_get(html, "uris"), i, value)
    {
        struct uris_link link = link_of(value, kept);
        g_array_append_val(links, link);
    }
    result.count = links->len;
    result.links = (const struct uris_link *)g_array_free(links, FALSE);
    g_ptr_array_add(kept, (gpointer)(guintptr)result.links);
    return result;
}

static char **
lines_of(const char *path)
{
    g_autofree char *text = NULL;
    g_autoptr(GError) error = NULL;

    if (!g_file_get_contents(path, &text, NULL, &error))
        g_error("%s", error->message);
    return g_strsplit(text, "\n", -1);
}

struct registry *
spam_json_registry(const char *path)
{
    static const char *const settings[] = {"util_rb_tld", "util_rb_2tld", "util_rb_3tld"};
    g_auto(GStrv) lines = lines_of(path);
    GPtrArray *lists[G_N_ELEMENTS(settings)];
    struct registry *registry;

    for (guint i = 0; i < G_N_ELEMENTS(settings); i++)
        lists[i] = g_ptr_array_new_with_free_func(g_free);
    for (guint i = 0; lines[i] != NULL; i++) {
        g_auto(GStrv) words = g_strsplit_set(lines[i], " \t", -1);

        for (guint j = 0; j < G_N_ELEMENTS(settings); j++)
            for (guint k = 1; words[0] != NULL && strcmp(words[0], settings[j]) == 0 && words[k] != NULL; k++)
                g_ptr_array_add(lists[j], g_strdup(words[k]));
    }
    for (guint i = 0; i < G_N_ELEMENTS(settings); i++)
        g_ptr_array_add(lists[i], NULL);
    registry = registry_new((const char *const *)lists[0]->pdata, (const char *const *)lists[1]->pdata,
                            (const char *const *)lists[2]->pdata);
    for (guint i = 0; i < G_N_ELEMENTS(settings); i++)
        g_ptr_array_unref(lists[i]);
    return registry;
}

struct uri_redirectors *
spam_json_redirectors(const char *path)
{
    g_auto(GStrv) lines = lines_of(path);
    GPtrArray *errors;
    guint count = g_strv_length(lines);

    if (count > 0 && lines[count - 1][0] == '\0')
        g_clear_pointer(&lines[count - 1], g_free);
    struct uri_redirectors *redirectors = uri_redirectors_new((const char *const *)lines, &errors);
    if (errors != NULL)
        g_error("%s", (const char *)g_ptr_array_index(errors, 0));
    return redirectors;
}

int
spam_json_main(int argc, char **argv, spam_json_answer *answer)
{
    g_autofree char *line = NULL;
    size_t size = 0;

    if (argc != 3)
        return 2;
    struct registry *registry = spam_json_registry(argv[1]);
    struct uri_redirectors *redirectors = spam_json_redirectors(argv[2]);
    const struct uris_settings settings = {registry, redirectors};
    while (getline(&line, &size, stdin) > 0) {
        json_error_t error;
        json_t *item = json_loads(line, 0, &error);

        if (item == NULL)
            g_error("%s", error.text);
        answer(&settings, item);
        json_decref(item);
    }
    uri_redirectors_free(&redirectors);
    registry_free(&registry);
    return 0;
}
