/* rules.c: `postern rules`: SpamAssassin's rule files as Postern reads them.
 *
 * Exit status of check: 0 no errors; 1 errors, or nothing could be read; 2 called wrongly. Of show: 1 when a name is unknown. */
#include <stdio.h>
#include <string.h>
#include "cli/cli.h"
#include "cli/rules.h"
#include "lib/base/log.h"

#define SHOWN_MAX 4000u /* characters of one value: patterns can have 200 KB */

char *cli_rules_default, *cli_rules_site;
gboolean cli_rules_local;

static const GOptionEntry options[] = {RULES_OPTIONS, G_OPTION_ENTRY_NULL};

struct spam_ruleset *
cli_rules_load(const char *const *more, gboolean lint)
{
    struct rules_options choice = {.default_rules = cli_rules_default, .site_rules = cli_rules_site, .more = more, .lint = lint,
                                   .local_tests_only = cli_rules_local};
    g_autoptr(GError) error = NULL;
    struct spam_ruleset *set = rules_load(&choice, &error);

    if (set == NULL)
        cli_error("%s", error->message);
    return set;
}

static void
print_safe(FILE *to, const char *text)
{
    g_autoptr(GString) out = g_string_new(NULL);

    log_sanitize(out, text, strlen(text), SHOWN_MAX);
    fputs(out->str, to);
}

/* ---- check ---- */

static gboolean
is_about(const struct spam_diagnostic *diagnostic, const char *const *files)
{
    return files[0] == NULL || *diagnostic->file == '\0' || g_strv_contains(files, diagnostic->file);
}

/* Prints what is about the files, or all; gives the number of errors among it. */
static guint
print_diagnostics(const struct spam_ruleset *set, const char *const *files)
{
    guint errors = 0;

    for (guint i = 0; i < set->diagnostics->len; i++) {
        const struct spam_diagnostic *d = g_ptr_array_index(set->diagnostics, i);
        if (!is_about(d, files))
            continue;
        errors += d->is_error;
        fprintf(stderr, "%s: ", d->is_error ? "error" : "warning");
        if (*d->file != '\0')
            fprintf(stderr, "%s:%u: ", d->file, d->line);
        print_safe(stderr, d->text);
        fputc('\n', stderr);
    }
    if (set->n_errors + set->n_warnings > set->diagnostics->len)
        fprintf(stderr, "(and %u more)\n", set->n_errors + set->n_warnings - set->diagnostics->len);
    return files[0] == NULL ? set->n_errors : errors;
}

static int
rules_check(int argc, char **argv, const char *config_path)
{
    int code = cli_parse(&argc, &argv, "[FILE...]",
                         "Reads SpamAssassin's rule files, and FILEs after them, and tells what is wrong with them, or with FILEs.",
                         options, 0, 1000);

    (void)config_path;
    if (code >= 0)
        return code;
    const char *const *files = (const char *const *)argv + 1;
    struct spam_ruleset *set = cli_rules_load(files, TRUE);
    if (set == NULL)
        return CLI_FAILED;
    for (const char *const *file = files; *file != NULL; file++)
        if (!g_file_test(*file, G_FILE_TEST_IS_REGULAR)) {
            cli_error("%s: no such file", *file);
            code = CLI_FAILED;
        }
    guint errors = print_diagnostics(set, files), defined = 0;
    for (guint i = 0; i < set->rules->len; i++)
        defined += ((const struct spam_rule *)g_ptr_array_index(set->rules, i))->type != SPAM_RULE_NONE;
    printf("%u rules in %u files, %u error%s\n", defined, set->n_files, errors, errors == 1 ? "" : "s");
    rules_free(&set);
    return errors > 0 || code == CLI_FAILED ? CLI_FAILED : CLI_OK;
}

/* ---- show ---- */

static void
print_line(const char *name, const char *text)
{
    printf("  %-12s", name);
    print_safe(stdout, text);
    putchar('\n');
}

static gboolean
has_call(const struct spam_rule *rule)
{
    return rule->type == SPAM_RULE_HEADER_EVAL || rule->type == SPAM_RULE_BODY_EVAL || rule->type == SPAM_RULE_FULL_EVAL
           || rule->type == SPAM_RULE_RAWBODY_EVAL || rule->type == SPAM_RULE_RBL_EVAL;
}

/* What it looks at and what for. */
static void
print_test(const struct spam_rule *rule)
{
    g_autofree char *what = NULL;

    if (rule->type == SPAM_RULE_HEADER)
        what = g_strdup_printf("header %s %s", rule->header, rule->exists ? "exists" : rule->negated ? "does not match" : "matches");
    else
        what = g_strdup_printf("%s%s", rules_type_name(rule->type),
                               !has_call(rule)             ? ""
                               : rule->function_known      ? ", a function"
                               : rule->function == NULL    ? ", a call that can't be read: never hits"
                                                           : ", a function that no loaded plugin has: never hits");
    print_line("looks at", what);
    if (rule->type == SPAM_RULE_META || has_call(rule))
        print_line(rule->type == SPAM_RULE_META ? "expression" : "calls", rule->text);
    else if (rule->pattern.text != NULL && !rule->exists)
        print_line("pattern", rule->unexpanded != NULL ? rule->unexpanded : rule->pattern.text);
    if (rule->unexpanded != NULL)
        print_line("expanded", rule->pattern.text);
    if (rule->if_unset != NULL)
        print_line("if unset", rule->if_unset);
    if (rule->meta != NULL && rule->meta->circular)
        print_line("note", "depends on itself");
}

static void
print_names(const char *title, const GPtrArray *names)
{
    g_autoptr(GString) line = g_string_new(NULL);

    for (guint i = 0; i < names->len; i++)
        g_string_append_printf(line, "%s%s", i > 0 ? " " : "", (const char *)g_ptr_array_index(names, i));
    if (names->len > 0)
        print_line(title, line->str);
}

static void
print_relations(const struct spam_ruleset *set, const struct spam_rule *rule)
{
    g_autoptr(GPtrArray) on = g_ptr_array_new(), by = g_ptr_array_new();

    for (guint i = 0; i < set->rules->len; i++) {
        const struct spam_rule *other = g_ptr_array_index(set->rules, i);
        for (guint d = 0; other->meta != NULL && d < other->meta->dependencies->len; d++) {
            guint index = g_array_index(other->meta->dependencies, guint, d);
            const struct spam_rule *needed = g_ptr_array_index(set->rules, index);
            if (other == rule && !g_ptr_array_find(on, needed->name, NULL))
                g_ptr_array_add(on, needed->name);
            if (index == rule->index && !g_ptr_array_find(by, other->name, NULL))
                g_ptr_array_add(by, other->name);
        }
    }
    print_names("depends on", on);
    print_names("used by", by);
}

static void
print_rule(const struct spam_ruleset *set, const struct spam_rule *rule)
{
    g_autofree char *scores = g_strdup_printf("%g local, %g network, %g local with Bayes, %g network with Bayes", rule->scores[0],
                                              rule->scores[1], rule->scores[2], rule->scores[3]);
    g_autofree char *place = rule->file != NULL ? g_strdup_printf("%s:%u", rule->file, rule->line) : g_strdup("nowhere");
    g_autofree char *priority = g_strdup_printf("%" G_GINT64_FORMAT, rule->priority);

    printf("%s\n", rule->name);
    if (rule->describe != NULL)
        print_line("describes", rule->describe);
    print_line("defined", place);
    if (rule->type != SPAM_RULE_NONE)
        print_test(rule);
    print_line("scores", g_str_has_prefix(rule->name, "__") ? "none: only metas use it" : scores);
    if (rule->tflags != NULL)
        print_line("tflags", rule->tflags);
    print_line("priority", priority);
    print_relations(set, rule);
}

static int
rules_show(int argc, char **argv, const char *config_path)
{
    int code = cli_parse(&argc, &argv, "NAME...",
                         "Explains rules: where they are defined, what they look at, what they count and which metas use them.", options,
                         1, 1000);

    (void)config_path;
    if (code >= 0)
        return code;
    struct spam_ruleset *set = cli_rules_load(NULL, FALSE);
    if (set == NULL)
        return CLI_FAILED;
    code = CLI_OK;
    for (int i = 1; i < argc; i++) {
        const struct spam_rule *rule = rules_find(set, argv[i]);
        if (rule == NULL) {
            cli_error("there is no rule \"%s\"", argv[i]);
            code = CLI_FAILED;
        } else {
            print_rule(set, rule);
        }
    }
    rules_free(&set);
    return code;
}

const struct cli_command cli_rules_commands[] = {
    {"check", "tell what is wrong with rule files", rules_check, NULL},
    {"show", "explain rules", rules_show, NULL},
    {"compile", "make the patterns ready for the milter", cli_rules_compile, NULL},
    {"test", "tell which rules hit in a message, and why", cli_rules_test, NULL},
    {NULL, NULL, NULL, NULL}};
