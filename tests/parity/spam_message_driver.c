/* spam_message_driver.c: whole messages through our scanner.
 * spam_message_driver CACHE [SITE [RULES]]: paths on stdin; prints {"file", "hits": {rule: value}, "score", "us"} for each. Rules are
 * those of this machine's SpamAssassin, or with SITE as the folder of site files and RULES as that of default rules; network and Bayes
 * off. us: CPU of the thread. CACHE may be "": none. */
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

static void
scan(struct scanner *scanner, const char *path)
{
    g_autofree char *message = NULL;
    gsize length;
    struct scan_result result;
    json_t *hits = json_object(), *line;
    gint64 began;

    if (!g_file_get_contents(path, &message, &length, NULL))
        g_error("%s: can't be read", path);
    began = cpu_us();
    scanner_scan(scanner, &(struct scan_request){.message = message, .length = length}, &result);
    began = cpu_us() - began;
    add_hits(hits, result.engine.hits, result.engine.values);
    add_hits(hits, result.engine.sub_hits, result.engine.values);
    line = json_pack("{ss so sf sI sb}", "file", path, "hits", hits, "score", result.engine.score, "us", (json_int_t)began, "over",
                     result.engine.over_time);
    json_dumpf(line, stdout, JSON_COMPACT);
    putchar('\n');
    json_decref(line);
    scan_result_clear(&result);
}

int
main(int argc, char **argv)
{
    g_autoptr(GError) error = NULL;
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
        scan(scanner, path);
    }
    free(path);
    scanner_unref(scanner);
    return 0;
}
