/* spam_engine_driver.c: what our engine hits in the texts that spam_engine.pl prints.
 * spam_engine_driver CACHE: such lines on stdin; prints {"file", "hits": {rule: value}, "score", "us"} for each. Rules are those of this
 * machine's SpamAssassin, network off. */
#include <jansson.h>
#include <stdio.h>
#include <string.h>
#include "lib/spam/engine/engine.h"

struct input {
    GPtrArray *body, *rawbody, *uris;
    GBytes *full;
    GHashTable *headers; /* name -> GBytes */
    const json_t *evals;
};

static GBytes *
decoded(const json_t *base64)
{
    gsize length = 0;
    guchar *data = g_base64_decode(json_string_value(base64), &length);

    return g_bytes_new_take(data, length);
}

static GPtrArray *
list_of(const json_t *list)
{
    GPtrArray *texts = g_ptr_array_new_with_free_func((GDestroyNotify)g_bytes_unref);

    for (size_t i = 0; i < json_array_size(list); i++)
        g_ptr_array_add(texts, decoded(json_array_get(list, i)));
    return texts;
}

static const GPtrArray *
body(gpointer data)
{
    return ((struct input *)data)->body;
}

static const GPtrArray *
rawbody(gpointer data)
{
    return ((struct input *)data)->rawbody;
}

static const GPtrArray *
uris(gpointer data)
{
    return ((struct input *)data)->uris;
}

static GBytes *
full(gpointer data)
{
    return ((struct input *)data)->full;
}

static GBytes *
header(gpointer data, const char *name)
{
    GBytes *value = g_hash_table_lookup(((struct input *)data)->headers, name);

    return value != NULL ? g_bytes_ref(value) : NULL;
}

static double
eval(gpointer data, const struct spam_rule *rule)
{
    return json_number_value(json_object_get(((struct input *)data)->evals, rule->name));
}

static void
add_hits(const GPtrArray *rules, const struct engine_result *result, json_t *hits)
{
    for (guint i = 0; i < rules->len; i++) {
        const struct spam_rule *rule = g_ptr_array_index(rules, i);
        json_object_set_new(hits, rule->name, json_real(result->values[rule->index]));
    }
}

static void
run_line(struct engine_worker *worker, const json_t *message)
{
    static const struct engine_source source = {body, rawbody, uris, full, header, eval, NULL};
    struct input input = {list_of(json_object_get(message, "body")), list_of(json_object_get(message, "rawbody")),
                          list_of(json_object_get(message, "uris")), decoded(json_object_get(message, "full")),
                          g_hash_table_new_full(g_str_hash, g_str_equal, NULL, (GDestroyNotify)g_bytes_unref),
                          json_object_get(message, "evals")};
    struct engine_result result;
    json_t *value, *hits = json_object(), *line;
    const char *name;
    gint64 begun;

    json_object_foreach(json_object_get(message, "headers"), name, value)
        if (json_is_string(value))
            g_hash_table_insert(input.headers, (gpointer)name, decoded(value));
    begun = g_get_monotonic_time();
    engine_run(worker, &source, &input, 0, ENGINE_TIME_MS, &result);
    begun = g_get_monotonic_time() - begun;
    add_hits(result.hits, &result, hits);
    add_hits(result.sub_hits, &result, hits);
    line = json_pack("{s:O, s:o, s:f, s:I}", "file", json_object_get(message, "file"), "hits", hits, "score", result.score, "us",
                     (json_int_t)begun);
    char *text = json_dumps(line, JSON_COMPACT | JSON_SORT_KEYS);
    puts(text);
    free(text);
    json_decref(line);
    engine_result_clear(&result);
    g_ptr_array_unref(input.body);
    g_ptr_array_unref(input.rawbody);
    g_ptr_array_unref(input.uris);
    g_bytes_unref(input.full);
    g_hash_table_unref(input.headers);
}

int
main(int argc, char **argv)
{
    const struct rules_options options = {.local_tests_only = TRUE};
    g_autoptr(GError) error = NULL;
    struct spam_ruleset *ruleset = rules_load(&options, &error);
    struct spam_engine *engine = ruleset != NULL && argc == 2 ? engine_new(ruleset, argv[1], &error) : NULL;
    struct engine_worker *worker;
    char *line = NULL;
    size_t room = 0;

    if (engine == NULL)
        g_error("%s", error != NULL ? error->message : "usage: spam_engine_driver CACHE");
    worker = engine_worker_new(engine);
    while (getline(&line, &room, stdin) > 0) {
        json_t *message = json_loads(line, 0, NULL);
        run_line(worker, message);
        json_decref(message);
    }
    free(line);
    engine_worker_free(worker);
    engine_free(engine);
    rules_free(&ruleset);
    return 0;
}
