/* spam_uris_driver.c: the URIs of messages, for the parity suite: reads what spam_uris.pl prints and answers with our list.
 *
 * Arguments: the rules' file of top-level domains, and a file of redirector patterns, one a line. A line of stdin has "texts",
 * "html" and "dkim"; a line of stdout has "detail", "list" and "truncated", in spam_uris.pl's form. */
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "lib/spam/view/uris.h"
#include "tests/parity/spam_json.h"

static json_t *
key_of(const struct uri_text *text)
{
    g_autoptr(GString) key = perl_text_key(uri_text_view(text));

    return spam_json_base64(key->str, key->len);
}

static int
compare(gconstpointer a, gconstpointer b)
{
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

/* The strings of an array, sorted. */
static json_t *
sorted(json_t *array)
{
    g_autoptr(GPtrArray) strings = g_ptr_array_new();
    json_t *out = json_array(), *value;
    size_t i;

    json_array_foreach(array, i, value) g_ptr_array_add(strings, (gpointer)json_string_value(value));
    g_ptr_array_sort(strings, compare);
    for (guint j = 0; j < strings->len; j++)
        json_array_append_new(out, json_string(g_ptr_array_index(strings, j)));
    json_decref(array);
    return out;
}

static json_t *
strings_of(const GPtrArray *strings)
{
    json_t *out = json_array();

    for (guint i = 0; i < strings->len; i++)
        json_array_append_new(out, json_string(g_ptr_array_index(strings, i)));
    return sorted(out);
}

static json_t *
texts_of(const GPtrArray *texts)
{
    json_t *out = json_array();

    for (guint i = 0; texts != NULL && i < texts->len; i++)
        json_array_append_new(out, key_of(g_ptr_array_index(texts, i)));
    return out;
}

static json_t *
detail_of(const struct uri_detail *detail)
{
    json_t *hosts = json_object();

    for (guint i = 0; i < detail->hosts->len; i++) {
        const struct uri_host *host = g_ptr_array_index(detail->hosts, i);
        json_object_set_new(hosts, host->host, json_string(host->domain));
    }
    return json_pack("{so so so so so}", "types", strings_of(detail->types), "cleaned", sorted(texts_of(detail->cleaned)),
                     "texts", texts_of(detail->anchor_texts), "domains", strings_of(detail->domains), "hosts", hosts);
}

static json_t *
result_of(const struct uris *uris)
{
    json_t *details = json_object();
    g_autoptr(GPtrArray) all = uris_all(uris);

    for (guint i = 0; i < uris->details->len; i++) {
        const struct uri_detail *detail = g_ptr_array_index(uris->details, i);
        json_t *key = key_of(detail->raw);

        json_object_set_new(details, json_string_value(key), detail_of(detail));
        json_decref(key);
    }
    return json_pack("{so so si}", "detail", details, "list", sorted(texts_of(all)), "truncated", (int)uris->truncated);
}

static void
answer(const struct uris_settings *settings, const json_t *item)
{
    struct uris *uris = uris_new();
    const json_t *value;
    size_t i;
    g_autoptr(GPtrArray) kept = g_ptr_array_new_with_free_func(g_free);
    g_autoptr(GArray) texts = spam_json_texts(json_object_get(item, "texts"), kept);

    uris_add_texts(uris, settings, (const struct perl_text *)texts->data, texts->len);
    json_array_foreach(json_object_get(item, "html"), i, value)
    {
        struct uris_html html = spam_json_html(value, kept);
        uris_add_html(uris, settings, &html);
    }
    json_array_foreach(json_object_get(item, "dkim"), i, value) uris_add_dkim(uris, settings, spam_json_text(value, kept));
    json_t *result = result_of(uris);
    json_dumpf(result, stdout, JSON_COMPACT | JSON_SORT_KEYS);
    putchar('\n');
    fflush(stdout);
    json_decref(result);
    uris_free(&uris);
}

int
main(int argc, char **argv)
{
    return spam_json_main(argc, argv, answer);
}
