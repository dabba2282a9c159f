/* rules_test.c: `postern rules test`: which rules hit in a message, and why.
 *
 * Exit status: 0 the message could be judged, whatever the judgement; 1 a file or the rules can't be read; 2 called wrongly. */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>
#include "cli/cli.h"
#include "cli/rules.h"
#include "lib/base/log.h"
#include "lib/spam/scan/scanner.h"

#define MESSAGE_MAX (256u << 20)  /* bytes of a file */
#define MATCH_SHOWN 200u          /* bytes of a match */

static gboolean why, all;
static char *cache;
static const GOptionEntry options[] = {
    {"why", 'w', 0, G_OPTION_ARG_NONE, &why, "What each rule has matched", NULL},
    {"all", 'a', 0, G_OPTION_ARG_NONE, &all, "Rules that only others use (__NAME), too", NULL},
    {"cache", 0, 0, G_OPTION_ARG_FILENAME, &cache, "Folder of compiled patterns, which are used where they are there", "PATH"},
    RULES_OPTIONS,
    G_OPTION_ENTRY_NULL};

static GString *
read_message(const char *path)
{
    gboolean is_stdin = strcmp(path, "-") == 0;
    FILE *file = is_stdin ? stdin : fopen(path, "rb");
    g_autoptr(GString) message = g_string_new(NULL);
    char buffer[65536];
    gsize n;

    if (file == NULL) {
        cli_error("%s: %s", path, g_strerror(errno));
        return NULL;
    }
    while ((n = fread(buffer, 1, sizeof buffer, file)) > 0 && message->len <= MESSAGE_MAX)
        g_string_append_len(message, buffer, (gssize)n);
    int failed = ferror(file) ? errno : 0;
    if (!is_stdin)
        fclose(file);
    if (failed != 0 || message->len > MESSAGE_MAX) {
        cli_error("%s: %s", path, failed != 0 ? g_strerror(failed) : "over 256 MB");
        return NULL;
    }
    return g_steal_pointer(&message);
}

/* ---- reasons ---- */

/* The rules that a meta names and that have hit. */
static void
append_parts(GString *out, const struct scan_result *result, const struct spam_rule *rule)
{
    const GPtrArray *rules = scanner_ruleset(result->scanner)->rules;
    g_autoptr(GHashTable) seen = g_hash_table_new(NULL, NULL);

    for (guint i = 0; i < rule->meta->dependencies->len; i++) {
        const struct spam_rule *part = rules->pdata[g_array_index(rule->meta->dependencies, guint, i)];
        if (result->engine.values[part->index] != 0 && g_hash_table_add(seen, (gpointer)part))
            g_string_append_printf(out, "%s%s", out->len > 0 ? " " : "", part->name);
    }
    if (out->len == 0)
        g_string_append(out, "(none of its parts)");
}

static GString *
reason_of(const struct scan_result *result, const struct spam_rule *rule)
{
    g_autoptr(GBytes) match = NULL;
    GString *out = g_string_new(NULL);
    gsize length;
    const char *text;

    if (rule->meta != NULL) {
        append_parts(out, result, rule);
        return out;
    }
    if (rule->function != NULL) {
        log_sanitize(out, rule->text, strlen(rule->text), MATCH_SHOWN);
        return out;
    }
    match = scan_result_why(result, rule);
    text = match != NULL ? g_bytes_get_data(match, &length) : NULL;
    while (text != NULL && length > 0 && text[length - 1] == '\n')
        length--;
    if (rule->type == SPAM_RULE_HEADER)
        g_string_append_printf(out, "%s%s", rule->header, text != NULL ? ": " : rule->exists ? " is there" : " is not there");
    if (text == NULL)
        return out;
    g_string_append_c(out, '"');
    log_sanitize(out, text, length, MATCH_SHOWN);
    g_string_append(out, length > MATCH_SHOWN ? "..\"" : "\"");
    return out;
}

/* ---- output ---- */

static void
print_hit(const struct scan_result *result, const struct spam_rule *rule, gboolean is_sub)
{
    guint n = result->engine.times[rule->index];
    g_autoptr(GString) says = g_string_new(NULL);
    g_autofree char *points = is_sub ? g_strdup("") : g_strdup_printf("%.1f", rule->scores[result->score_set] * n);
    g_autofree char *times = n > 1 ? g_strdup_printf(" (%u times)", n) : g_strdup("");

    if (rule->describe != NULL)
        log_sanitize(says, rule->describe, strlen(rule->describe), MATCH_SHOWN);
    printf("%6s  %-28s %s%s\n", points, rule->name, says->str, times);
    if (!why)
        return;
    g_autoptr(GString) reason = reason_of(result, rule);
    printf("%6s  %-28s | %s\n", "", "", reason->str);
}

static gint
by_score(gconstpointer a, gconstpointer b, gpointer set)
{
    const struct spam_rule *x = *(const struct spam_rule *const *)a, *y = *(const struct spam_rule *const *)b;
    double p = x->scores[GPOINTER_TO_UINT(set)], q = y->scores[GPOINTER_TO_UINT(set)];

    return p < q ? 1 : p > q ? -1 : strcmp(x->name, y->name);
}

static void
print_result(const char *name, struct scan_result *result)
{
    double required = rules_number(scanner_ruleset(result->scanner), "required_score");
    g_autoptr(GString) shown = g_string_new(NULL);

    log_sanitize(shown, name, strlen(name), 1000);
    printf("%s: %.1f of %.1f points, %s%s\n", shown->str, result->engine.score, required,
           result->engine.score >= required ? "spam" : "no spam",
           result->engine.over_time ? " (over its time: not all rules ran)" : "");
    g_ptr_array_sort_with_data(result->engine.hits, by_score, GUINT_TO_POINTER(result->score_set));
    for (guint i = 0; i < result->engine.hits->len; i++)
        print_hit(result, result->engine.hits->pdata[i], FALSE);
    for (guint i = 0; all && i < result->engine.sub_hits->len; i++)
        print_hit(result, result->engine.sub_hits->pdata[i], TRUE);
}

static gboolean
test_file(struct scanner *scanner, const char *path)
{
    g_autoptr(GString) message = read_message(path);
    struct scan_result result;

    if (message == NULL)
        return FALSE;
    scanner_scan(scanner, &(struct scan_request){.message = message->str, .length = message->len}, &result);
    print_result(path, &result);
    scan_result_clear(&result);
    return TRUE;
}

int
cli_rules_test(int argc, char **argv, const char *config_path)
{
    g_autoptr(GError) error = NULL;
    struct spam_ruleset *set;
    struct scanner *scanner;
    int code = cli_parse(&argc, &argv, "FILE...",
                         "Judges messages (- is standard input) by the rules: the score, and each rule that hit. Without the network.",
                         options, 1, 1000);

    (void)config_path;
    if (code >= 0)
        return code;
    set = cli_rules_load(NULL, FALSE);
    if (set == NULL)
        return CLI_FAILED;
    scanner = scanner_of(set, SCANNER_AS_IT_IS, cache != NULL ? cache : RULES_CACHE, &error);
    if (scanner == NULL) {
        cli_error("%s", error->message);
        return CLI_FAILED;
    }
    code = CLI_OK;
    for (int i = 1; i < argc; i++)
        if (!test_file(scanner, argv[i]))
            code = CLI_FAILED;
    scanner_unref(scanner);
    return code;
}
