/* spam_verdict_driver.c: rewritten messages and reports for the parity stage: what spam_verdict.pl printed comes in, a line each, ours goes
 * out: {"rewritten", "report"}, base64. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include "lib/spam/verdict/rewrite.h"
#include "tests/parity/spam_bytes.h"

/* A line, and what was made of its strings. */
struct item {
    json_t *json;
    GPtrArray *body;
};

static GString *
string_of(const json_t *text)
{
    if (!json_is_string(text))
        return NULL;
    g_autoptr(GBytes) bytes = bytes_of(text);
    gsize length;
    const char *data = g_bytes_get_data(bytes, &length);
    return g_string_new_len(data, (gssize)length);
}

static char *
text_of(const json_t *text)
{
    GString *string = string_of(text);

    return string != NULL ? g_string_free(string, FALSE) : NULL;
}

static GString *
tag(gpointer data, const char *name, const char *argument)
{
    const struct item *item = data;

    (void)argument;
    return string_of(json_object_get(json_object_get(item->json, "tags"), name));
}

static GString *
header(gpointer data, const char *name)
{
    const struct item *item = data;

    return string_of(json_object_get(json_object_get(item->json, "headers"), name));
}

static const GPtrArray *
body(gpointer data)
{
    const struct item *item = data;

    return item->body;
}

static const struct spam_ruleset *
rules_of(const char *folder)
{
    static GHashTable *known;

    if (known == NULL)
        known = g_hash_table_new(g_str_hash, g_str_equal);
    struct spam_ruleset *set = g_hash_table_lookup(known, folder);
    if (set == NULL) {
        g_autofree char *none = g_strconcat(folder, "/none", NULL);
        const struct rules_options options = {.default_rules = folder, .site_rules = none, .local_tests_only = TRUE};
        g_autoptr(GError) error = NULL;

        set = rules_load(&options, &error);
        if (set == NULL)
            g_error("%s: %s", folder, error->message);
        g_hash_table_insert(known, g_strdup(folder), set);
    }
    return set;
}

static struct report_hit *
hits_of(const struct spam_ruleset *set, const json_t *list)
{
    struct report_hit *hits = g_new0(struct report_hit, json_array_size(list) + 1);
    const json_t *hit, *log;
    size_t i, l;

    json_array_foreach(list, i, hit) {
        const json_t *logs = json_object_get(hit, "logs");

        hits[i] = (struct report_hit){.rule = rules_find(set, json_string_value(json_object_get(hit, "name"))),
                                      .score = json_number_value(json_object_get(hit, "score")),
                                      .area = text_of(json_object_get(hit, "area")),
                                      .description = text_of(json_object_get(hit, "description"))};
        if (!json_is_array(logs))
            continue;
        char **texts = g_new0(char *, json_array_size(logs) + 1);
        json_array_foreach(logs, l, log) texts[l] = text_of(log);
        hits[i].logs = (const char *const *)texts;
    }
    return hits;
}

static void
hits_free(struct report_hit *hits, gsize n)
{
    for (gsize i = 0; i < n; i++) {
        g_free((char *)hits[i].area);
        g_free((char *)hits[i].description);
        g_strfreev((char **)hits[i].logs);
    }
    g_free(hits);
}

static void
print(const struct report_scan *scan)
{
    struct report *report = report_new(scan);
    g_autoptr(GString) rewritten = rewrite_message(report);
    const GString *text = report_text(report);
    json_t *out = json_object();

    json_object_set_new(out, "rewritten", json_of(rewritten->str, rewritten->len));
    json_object_set_new(out, "report", json_of(text->str, text->len));
    json_dumpf(out, stdout, JSON_COMPACT);
    putchar('\n');
    json_decref(out);
    report_free(&report);
}

static void
answer(json_t *json)
{
    const struct spam_ruleset *set = rules_of(json_string_value(json_object_get(json, "rules")));
    g_autoptr(GPtrArray) body_list = g_ptr_array_new();
    struct item item = {.json = json, .body = body_list};
    const struct report_help help = {.data = &item, .tag = tag, .header = header, .body = body};
    g_autofree char *message = NULL;
    gsize length = 0;
    const json_t *paragraph, *name;
    size_t i;

    if (!g_file_get_contents(json_string_value(json_object_get(json, "file")), &message, &length, NULL))
        g_error("no message");
    json_array_foreach(json_object_get(json, "body"), i, paragraph) g_ptr_array_add(body_list, string_of(paragraph));
    const json_t *names = json_object_get(json, "sub_hits"), *list = json_object_get(json, "hits");
    g_autofree const struct spam_rule **sub = g_new0(const struct spam_rule *, json_array_size(names) + 1);
    json_array_foreach(names, i, name) sub[i] = rules_find(set, json_string_value(name));
    struct spam_tree *tree = tree_new(message, length);
    double bayes = json_number_value(json_object_get(json, "bayes"));
    struct report_hit *hits = hits_of(set, list);
    const struct report_scan scan = {
        .ruleset = set, .tree = tree, .hits = hits, .n_hits = json_array_size(list), .sub_hits = sub,
        .n_sub_hits = json_array_size(names), .score = json_number_value(json_object_get(json, "score")), .required = (double)NAN,
        .autolearn = json_string_value(json_object_get(json, "autolearn")),
        .autolearn_force = json_string_value(json_object_get(json, "autolearn_force")),
        .bayes = json_is_number(json_object_get(json, "bayes")) ? &bayes : NULL, .host_name = "mx.example.test",
        .now = json_integer_value(json_object_get(json, "now")),
        .random = (guint32)json_integer_value(json_object_get(json, "random")), .help = &help};

    print(&scan);
    hits_free(hits, scan.n_hits);
    tree_free(&tree);
    for (i = 0; i < body_list->len; i++)
        g_string_free(body_list->pdata[i], TRUE);
}

int
main(void)
{
    char *line = NULL;
    size_t size = 0;

    g_setenv("TZ", "UTC", TRUE);
    while (getline(&line, &size, stdin) > 0) {
        json_t *json = json_loads(line, 0, NULL);
        answer(json);
        json_decref(json);
    }
    free(line);
    return 0;
}
