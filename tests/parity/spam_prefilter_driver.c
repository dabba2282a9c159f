/* spam_prefilter_driver.c: that the prefilter never leaves out a pattern that matches.
 * spam_prefilter_driver PATTERNS SUBJECTS CACHE [rough]: one database of all patterns (as spam_pattern.pl prints them). Prints a JSON line a
 * pattern, {"name", "missed": [subjects]}, and last {"untaken", "bytes", "cached", "build_ms", "scan_us", "candidates", "matches"}: the
 * last three are means for one subject. rough: all patterns in their rough form. */
#include <jansson.h>
#include <stdio.h>
#include <string.h>
#include "lib/spam/engine/pattern.h"
#include "lib/spam/engine/prefilter.h"

static char **
lines_of(const char *path)
{
    g_autofree char *text = NULL;

    if (!g_file_get_contents(path, &text, NULL, NULL))
        g_error("%s can't be read", path);
    if (g_str_has_suffix(text, "\n"))
        text[strlen(text) - 1] = '\0';
    return g_strsplit(text, "\n", -1);
}

static GBytes *
decoded(const char *base64)
{
    gsize length = 0;
    guchar *data = g_base64_decode(base64, &length);

    return g_bytes_new_take(data, length);
}

int
main(int argc, char **argv)
{
    g_auto(GStrv) rules = argc >= 4 ? lines_of(argv[1]) : NULL, texts = argc >= 4 ? lines_of(argv[2]) : NULL;
    guint n = rules != NULL ? g_strv_length(rules) : 0, n_texts = rules != NULL ? g_strv_length(texts) : 0;
    struct prefilter_rule *input = g_new0(struct prefilter_rule, n + 1);
    json_t **parsed = g_new0(json_t *, n + 1);
    GBytes **subjects = g_new0(GBytes *, n_texts + 1), **patterns = g_new0(GBytes *, n + 1);
    g_autoptr(GError) error = NULL;
    gboolean cached = FALSE;
    guint64 candidates = 0, matches = 0;
    gint64 begun, scanned;

    if (argc < 4)
        return 2;
    for (guint i = 0; i < n; i++) {
        parsed[i] = json_loads(rules[i], 0, NULL);
        patterns[i] = decoded(json_string_value(json_object_get(parsed[i], "pattern")));
        input[i].text = g_bytes_get_data(patterns[i], &input[i].length);
    }
    for (guint i = 0; i < n_texts; i++)
        subjects[i] = decoded(texts[i]);
    begun = g_get_monotonic_time();
    struct prefilter *prefilter = prefilter_new(input, n, argc > 4 ? PREFILTER_ROUGH : PREFILTER_ONE, argv[3], &cached, &error);
    gint64 build = g_get_monotonic_time() - begun;
    if (prefilter == NULL)
        g_error("%s", error->message);
    struct prefilter_scratch *scratch = prefilter_scratch_new();

    prefilter_scratch_fit(scratch, prefilter);
    guint words = PREFILTER_WORDS(n);
    guint32 *bits = g_new0(guint32, (gsize)words * n_texts + 1);
    begun = g_get_monotonic_time();
    for (guint i = 0; i < n_texts; i++) {
        gsize length;
        const char *text = g_bytes_get_data(subjects[i], &length);
        prefilter_scan(prefilter, scratch, text, length, bits + (gsize)i * words, NULL);
    }
    scanned = g_get_monotonic_time() - begun;
    struct matcher *matcher = matcher_new();
    for (guint r = 0; r < n; r++) {
        struct pattern *pattern = pattern_new(input[r].text, input[r].length, NULL, NULL);
        json_t *missed = json_array();
        for (guint i = 0; i < n_texts; i++) {
            gsize length;
            const char *text = g_bytes_get_data(subjects[i], &length);
            gboolean candidate = (bits[(gsize)i * words + r / 32] >> r % 32 & 1) != 0;
            gboolean found = pattern != NULL && pattern_match(pattern, matcher, text, length, 0, NULL, NULL) == MATCH_YES;
            candidates += candidate;
            matches += found;
            if (found && !candidate)
                json_array_append_new(missed, json_integer(i));
        }
        json_t *line = json_pack("{s:O, s:o}", "name", json_object_get(parsed[r], "name"), "missed", missed);
        char *text = json_dumps(line, JSON_COMPACT);
        puts(text);
        free(text);
        json_decref(line);
        pattern_free(pattern);
    }
    printf("{\"untaken\": %u, \"bytes\": %zu, \"cached\": %s, \"build_ms\": %.1f, \"scan_us\": %.2f, \"candidates\": %.2f, \"matches\": %.2f}\n",
           prefilter_untaken(prefilter), (size_t)prefilter_bytes(prefilter), cached ? "true" : "false", (double)build / 1000,
           (double)scanned / n_texts, (double)candidates / n_texts, (double)matches / n_texts);
    matcher_free(matcher);
    prefilter_scratch_free(scratch);
    prefilter_free(prefilter);
    return 0;
}
