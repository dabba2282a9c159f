/* spam_message_driver.c: whole messages through our scanner.
 * spam_message_driver [--counts] CACHE [SITE [RULES]]: paths on stdin; prints {"file", "hits": {rule: value}, "score", "us", "agree"} for
 * each. Rules are those of this machine's SpamAssassin, or with SITE as the folder of site files and RULES as that of default rules;
 * network and Bayes off. us: CPU of the thread. CACHE may be "": none. agree: all that counts is the same when only that is looked for, as
 * milters do. --counts: only that is done, and agree is not there. */
#include <jansson.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include "lib/spam/scan/scanner.h"

static gint64
cpu_us(void)
{
    struct timespec t;

    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
    return t.tv_sec * G_USEC_PER_SEC + t.tv_nsec / 1000;
}

static void
add_hits(json_t *hits, const GPtrArray *rules, const double *values)
{
    for (guint i = 0; i < rules->len; i++) {
        const struct spam_rule *rule = rules->pdata[i];
        json_object_set_new(hits, rule->name, json_real(values[rule->index]));
    }
}

static gboolean
agree(const struct engine_result *a, const struct engine_result *b)
{
    gboolean same = a->score == b->score && a->hits->len == b->hits->len && a->over_time == b->over_time;

    for (guint i = 0; same && i < a->hits->len; i++) {
        const struct spam_rule *rule = a->hits->pdata[i];
        same = rule == b->hits->pdata[i] && a->values[rule->index] == b->values[rule->index] && a->times[rule->index] == b->times[rule->index];
    }
    return same;
}

static void
scan(struct scanner *scanner, const char *path, gboolean counts)
{
    g_autofree char *message = NULL;
    gsize length;
    struct scan_result result, other;
    json_t *hits = json_object(), *line;
    gint64 began;

    if (!g_file_get_contents(path, &message, &length, NULL))
        g_error("%s: can't be read", path);
    struct scan_request request = {.message = message, .length = length, .extent = counts ? ENGINE_WHAT_COUNTS : ENGINE_ALL_RULES};
    began = cpu_us();
    scanner_scan(scanner, &request, &result);
    began = cpu_us() - began;
    add_hits(hits, result.engine.hits, result.engine.values);
    add_hits(hits, result.engine.sub_hits, result.engine.values);
    line = json_pack("{ss so sf sI sb}", "file", path, "hits", hits, "score", result.engine.score, "us", (json_int_t)began, "over",
                     result.engine.over_time);
    if (!counts) {
        request.extent = ENGINE_WHAT_COUNTS;
        scanner_scan(scanner, &request, &other);
        json_object_set_new(line, "agree", json_boolean(agree(&result.engine, &other.engine)));
        scan_result_clear(&other);
    }
    json_dumpf(line, stdout, JSON_COMPACT);
    putchar('\n');
    json_decref(line);
    scan_result_clear(&result);
}

int
main(int argc, char **argv)
{
    gboolean counts = argc > 1 && strcmp(argv[1], "--counts") == 0;
    g_autoptr(GError) error = NULL;

    argc -= counts;
    argv += counts;
    const struct scanner_options options = {.rules = {.local_tests_only = TRUE, .site_rules = argc > 2 ? argv[2] : NULL,
                                                      .default_rules = argc > 3 ? argv[3] : NULL},
                                            .cache = argc > 1 && *argv[1] != '\0' ? argv[1] : NULL};
    struct scanner *scanner = scanner_new(&options, &error);
    char *path = NULL;
    size_t size = 0;

    if (scanner == NULL)
        g_error("%s", error->message);
    while (getline(&path, &size, stdin) > 0) {
        path[strcspn(path, "\n")] = '\0';
        scan(scanner, path, counts);
    }
    free(path);
    scanner_unref(scanner);
    return 0;
}
