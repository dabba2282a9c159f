/* spam_engine_driver.c: what our engine hits in the texts that spam_engine.pl prints.
 * spam_engine_driver CACHE [TIMES]: such lines on stdin; prints {"file", "hits": {rule: value}, "score", "us"} for each: us is the CPU time of the
 * fastest of TIMES runs. Rules are those of this machine's SpamAssassin, network off. With TIMES the figures of all go to stderr. */
#include <jansson.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
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

static gint64
cpu_us(void)
{
    struct timespec now;

    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
    return now.tv_sec * G_USEC_PER_SEC + now.tv_nsec / 1000;
}

/* Runs the message so many times; the CPU time of the fastest. */
static gint64
run_times(struct engine_worker *worker, const struct engine_source *source, struct input *input, guint times, struct engine_result *result)
{
    gint64 least = G_MAXINT64;

    for (guint i = 0; i < times; i++) {
        gint64 begun = cpu_us();

        if (i > 0)
            engine_result_clear(result);
        engine_run(worker, source, input, 0, ENGINE_ALL_RULES, ENGINE_TIME_MS, result);
        least = MIN(least, cpu_us() - begun);
    }
    return least;
}

static gint64
run_line(struct engine_worker *worker, const json_t *message, guint times)
{
    static const struct engine_source source = {body, rawbody, uris, full, header, eval, NULL, NULL};
    struct input input = {list_of(json_object_get(message, "body")), list_of(json_object_get(message, "rawbody")),
                          list_of(json_object_get(message, "uris")), decoded(json_object_get(message, "full")),
                          g_hash_table_new_full(g_str_hash, g_str_equal, NULL, (GDestroyNotify)g_bytes_unref),
                          json_object_get(message, "evals")};
    struct engine_result result;
    json_t *value, *hits = json_object(), *line;
    const char *name;
    gint64 us;

    json_object_foreach(json_object_get(message, "headers"), name, value)
        if (json_is_string(value))
            g_hash_table_insert(input.headers, (gpointer)name, decoded(value));
    us = run_times(worker, &source, &input, times, &result);
    add_hits(result.hits, &result, hits);
    add_hits(result.sub_hits, &result, hits);
    line = json_pack("{s:O, s:o, s:f, s:I}", "file", json_object_get(message, "file"), "hits", hits, "score", result.score, "us",
                     (json_int_t)us);
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
    return us;
}

static gint
by_number(gconstpointer a, gconstpointer b)
{
    gint64 x = *(const gint64 *)a, y = *(const gint64 *)b;

    return (x > y) - (x < y);
}

static void
print_figures(GArray *all)
{
    gint64 sum = 0;

    g_array_sort(all, by_number);
    for (guint i = 0; i < all->len; i++)
        sum += g_array_index(all, gint64, i);
    if (all->len > 0)
        fprintf(stderr, "messages %u, us of CPU: median %d, mean %d, 90 %% below %d\n", all->len, (int)g_array_index(all, gint64, all->len / 2),
                (int)(sum / all->len), (int)g_array_index(all, gint64, all->len * 9 / 10));
}

int
main(int argc, char **argv)
{
    const struct rules_options options = {.local_tests_only = TRUE};
    g_autoptr(GError) error = NULL;
    struct spam_ruleset *ruleset = rules_load(&options, &error);
    struct spam_engine *engine = ruleset != NULL && argc >= 2 ? engine_new(ruleset, ENGINE_COMPILED, argv[1], &error) : NULL;
    g_autoptr(GArray) all = g_array_new(FALSE, FALSE, sizeof(gint64));
    guint times = argc > 2 ? (guint)g_ascii_strtoull(argv[2], NULL, 10) : 1;
    struct engine_worker *worker;
    char *line = NULL;
    size_t room = 0;

    if (engine == NULL)
        g_error("%s", error != NULL ? error->message : "usage: spam_engine_driver CACHE [TIMES]");
    worker = engine_worker_new(engine);
    while (getline(&line, &room, stdin) > 0) {
        json_t *message = json_loads(line, 0, NULL);
        gint64 us = run_line(worker, message, MAX(times, 1));
        g_array_append_val(all, us);
        json_decref(message);
    }
    if (argc > 2)
        print_figures(all);
    free(line);
    engine_worker_free(worker);
    engine_unref(engine);
    rules_free(&ruleset);
    return 0;
}
