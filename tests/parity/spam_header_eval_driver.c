/* spam_header_eval_driver.c: reads spam_header_eval.pl's lines and prints our results, a line of JSON for
 * each message. */
#include <stdio.h>
#include "lib/spam/eval/header_eval.h"
#include "tests/parity/spam_bytes.h"

#define NOW 1500000000 /* as in the script */

/* What the oracle said of the domains of a message. */
struct table {
    const json_t *trim, *valid;
};

static char *
coded(const char *text)
{
    return g_base64_encode((const guchar *)text, strlen(text));
}

static char *
trim(gpointer context, const char *domain)
{
    const struct table *table = context;
    g_autofree char *key = coded(domain);
    const json_t *found = json_object_get(table->trim, key);
    g_autoptr(GBytes) value = NULL;
    gsize len;
    const char *text;

    if (found == NULL)
        g_error("the oracle was not asked for %s", domain);
    value = bytes_of(found);
    text = g_bytes_get_data(value, &len);
    return g_strndup(text != NULL ? text : "", len);
}

static gboolean
is_valid(gpointer context, const char *domain)
{
    const struct table *table = context;
    g_autofree char *key = coded(domain);

    return json_integer_value(json_object_get(table->valid, key)) == 1;
}

static gboolean
run_one(struct header_eval *eval, const json_t *call)
{
    const char *args[8] = {NULL};
    guint n = (guint)json_array_size(call);
    header_eval_function function = header_eval_find(json_string_value(json_array_get(call, 0)));

    if (function == NULL)
        g_error("no function %s", json_string_value(json_array_get(call, 0)));
    for (guint i = 1; i < n && i < G_N_ELEMENTS(args); i++)
        args[i - 1] = json_string_value(json_array_get(call, i));
    return function(eval, args, n - 1);
}

static json_t *
run(const json_t *item, const json_t *evals)
{
    static const char *const locales[] = {"ja", "ru_RU", NULL};
    struct table table = {json_object_get(item, "trim"), json_object_get(item, "valid")};
    struct spam_domains domains = {trim, is_valid, &table};
    g_autoptr(GHashTable) values = headers_of(json_object_get(item, "headers"));
    struct spam_headers headers = {.get = headers_get, .message = values};
    struct relays_options settings = {0};
    struct spam_relays *relays = relays_parse(headers_get(values, "Received"), NULL, &settings);
    struct header_eval_options options = {&headers, relays, &domains, locales, NOW};
    struct header_eval *eval = header_eval_new(&options);
    json_t *results = json_array(), *call;
    size_t i;

    json_array_foreach(evals, i, call) json_array_append_new(results, json_integer(run_one(eval, call)));
    header_eval_free(eval);
    spam_relays_free(relays);
    return results;
}

int
main(void)
{
    json_t *evals = NULL;
    char *line = NULL;
    size_t size = 0;

    while (getline(&line, &size, stdin) > 0) {
        json_error_t error;
        json_t *item = json_loads(line, 0, &error);

        if (item == NULL)
            g_error("%s", error.text);
        if (evals == NULL) {
            evals = json_incref(json_object_get(item, "evals"));
        } else {
            json_t *results = run(item, evals);
            json_dumpf(results, stdout, JSON_COMPACT);
            putchar('\n');
            json_decref(results);
        }
        json_decref(item);
    }
    json_decref(evals);
    free(line);
    return 0;
}
