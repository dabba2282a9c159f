/* config.c: `postern config check|show|sample`. */
#include "cli/cli.h"
#include <stdio.h>
#include <unistd.h>
#include "lib/mail/auth/sign_source.h"

/* print_all - lines to stderr with a word before them */
static void
print_all(const GPtrArray *lines, const char *kind)
{
    for (guint i = 0; i < lines->len; i++)
        fprintf(stderr, "%s: %s\n", kind, (const char *)g_ptr_array_index(lines, i));
}

/* The signing keys as postern-milter will read them. Without root's rights what can't be read is no error: the keys are the
 * milter's alone. Keys in SQL are looked up with each message. */
static void
check_keys(const struct config *config, struct settings_report *report)
{
    g_autoptr(GError) error = NULL;
    struct sign_source *source;

    if (config->sign.source == CONFIG_SIGN_SQL || !g_strv_contains((const char *const *)config->milter.modules, "sign"))
        return;
    source = sign_source_open(&config->sign, NULL, &error);
    if (source == NULL)
        g_ptr_array_add(geteuid() == 0 ? report->errors : report->warnings, g_strdup_printf("signing keys: %s", error->message));
    sign_source_free(&source);
}

static int
config_check(int argc, char **argv, const char *config_path)
{
    gboolean no_postfix = FALSE;
    g_autofree char *postfix_dir = NULL;
    const GOptionEntry options[] = {
        {"postfix-config", 0, 0, G_OPTION_ARG_FILENAME, &postfix_dir, "Folder of Postfix's main.cf", "DIR"},
        {"no-postfix", 0, 0, G_OPTION_ARG_NONE, &no_postfix, "Don't ask Postfix", NULL},
        G_OPTION_ENTRY_NULL};
    int done = cli_parse(&argc, &argv, "[FILE]",
                         "Checks the configuration: every error and warning with file and line, and whether Postfix\n"
                         "would let mail pass by the archive. Exit status 1 if there is an error; warnings don't count.",
                         options, 0, 1);
    if (done >= 0)
        return done;
    const char *path = argc > 1 ? argv[1] : config_path;
    struct settings_report *report = settings_report_new();
    struct config *config = config_load(path, report);
    if (config)
        check_keys(config, report);
    if (config && !no_postfix)
        cli_check_postfix(config, postfix_dir, report->warnings);
    print_all(report->errors, "error");
    print_all(report->warnings, "warning");
    guint errors = report->errors->len, warnings = report->warnings->len;
    if (errors > 0)
        fprintf(stderr, "%s: %u error%s; a running daemon keeps the configuration that it has\n", path, errors,
                errors == 1 ? "" : "s");
    else
        printf("%s: good%s\n", path ? path : "(defaults; there is no " CONFIG_DEFAULT_PATH ")",
               warnings > 0 ? ", with warnings" : "");
    config_unref(config);
    settings_report_free(&report);
    return errors > 0 ? CLI_FAILED : CLI_OK;
}

static int
config_show(int argc, char **argv, const char *config_path)
{
    gboolean changed = FALSE;
    const GOptionEntry options[] = {
        {"changed", 0, 0, G_OPTION_ARG_NONE, &changed, "Only what differs from the defaults", NULL},
        G_OPTION_ENTRY_NULL};
    int done = cli_parse(&argc, &argv, "[FILE]",
                         "Shows the configuration as one file, with includes and defaults. Passwords are hidden.",
                         options, 0, 1);
    if (done >= 0)
        return done;
    struct config *config = cli_load_config(argc > 1 ? argv[1] : config_path);
    if (!config)
        return CLI_FAILED;
    g_autoptr(GString) out = g_string_new(NULL);
    settings_show(config_sections, config, changed, out);
    fputs(out->str, stdout);
    config_unref(config);
    return CLI_OK;
}

static int
config_sample(int argc, char **argv, const char *config_path)
{
    (void)config_path;
    int done = cli_parse(&argc, &argv, NULL,
                         "Prints a sample postern.conf with every setting, its default and what it does.", NULL, 0, 0);
    if (done >= 0)
        return done;
    g_autoptr(GString) out = g_string_new("# postern.conf: the configuration of Postern. Every setting is shown with "
                                          "its default.\n# See postern.conf(5); check it with `postern config check`.\n");
    settings_sample(config_sections, out);
    fputs(out->str, stdout);
    return CLI_OK;
}

const struct cli_command cli_config_commands[] = {{"check", "check the configuration", config_check, NULL},
                                                  {"show", "show the configuration", config_show, NULL},
                                                  {"sample", "print a sample file", config_sample, NULL},
                                                  {NULL, NULL, NULL, NULL}};
