/* main.c: `postern`: finds the command in the table and runs it.
 *
 *     postern [-c FILE] COMMAND [SUBCOMMAND] [options] [arguments]
 *     postern help [COMMAND [SUBCOMMAND]]
 *
 * A new command is a row in the table below (or in a table of its own) and a section in docs/man/postern.1. */
#include "cli/cli.h"
#include <locale.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

static int cli_help(int argc, char **argv, const char *config_path);

static const struct cli_command commands[] = {
    {"archive", "search, show, export and check the archive", NULL, cli_archive_commands},
    {"config", "check, show or sample the configuration", NULL, cli_config_commands},
    {"dkim", "make, publish, test and replace signing keys", NULL, cli_dkim_commands},
    {"dmarc", "send, read and show DMARC reports", NULL, cli_dmarc_commands},
    {"dnsbl", "ask DNS block and welcome lists, or whether they work", cli_dnsbl, NULL},
    {"db", "make, migrate or check the databases", NULL, cli_db_commands},
    {"policy", "what the policy daemon would answer, and the lists it goes by", NULL, cli_policy_commands},
    {"account", "stop an account from sending, let it send again, and as whom", NULL, cli_account_commands},
    {"greylist", "who is put off, who never is, and why", NULL, cli_greylist_commands},
    {"quota", "show what mailboxes hold", NULL, cli_quota_commands},
    {"rate", "how much of sending limits is used, and limits of their own", NULL, cli_rate_commands},
    {"signin", "who guesses passwords, bans, and letting somebody in again", NULL, cli_signin_commands},
    {"rules", "check and explain SpamAssassin's rules", NULL, cli_rules_commands},
    {"reload", "let a daemon load its configuration again", cli_reload, NULL},
    {"status", "ask the daemons how they are", cli_status, NULL},
    {"control", "send a command to a daemon", cli_control, NULL},
    {"help", "show the help of a command", cli_help, NULL},
    {NULL, NULL, NULL, NULL}};

void
cli_error(const char *format, ...)
{
    va_list args;
    va_start(args, format);
    g_autofree char *text = g_strdup_vprintf(format, args);
    va_end(args);
    fprintf(stderr, "postern: %s\n", text);
}

/* cli_list - the commands of a table, for help texts */
static char *
cli_list(const struct cli_command *table)
{
    GString *out = g_string_new("Commands:\n");
    for (; table->name; table++)
        g_string_append_printf(out, "  %-10s %s\n", table->name, table->doc);
    return g_string_free(out, FALSE);
}

int
cli_parse(int *argc, char ***argv, const char *usage, const char *doc, const GOptionEntry *options, int min_args,
          int max_args)
{
    g_autoptr(GOptionContext) context = g_option_context_new(usage);
    g_autoptr(GError) error = NULL;
    const char *name = (*argv)[0];
    g_set_prgname(name);
    g_option_context_set_help_enabled(context, FALSE);
    gboolean help = FALSE;
    GOptionEntry help_entry[] = {{"help", 'h', 0, G_OPTION_ARG_NONE, &help, "Show this help", NULL},
                                 G_OPTION_ENTRY_NULL};
    g_option_context_add_main_entries(context, help_entry, NULL);
    if (options)
        g_option_context_add_main_entries(context, options, NULL);
    g_option_context_set_summary(context, doc);
    if (!g_option_context_parse(context, argc, argv, &error)) {
        cli_error("%s; see `%s --help`", error->message, name);
        return CLI_USAGE;
    }
    if (help) {
        g_autofree char *text = g_option_context_get_help(context, TRUE, NULL);
        fputs(text, stdout);
        return CLI_OK;
    }
    if (*argc > 1 && strcmp((*argv)[1], "--") == 0) { /* ends the options; GOption leaves it in */
        memmove(&(*argv)[1], &(*argv)[2], (gsize)(*argc - 1) * sizeof **argv);
        --*argc;
    }
    if (*argc - 1 < min_args || *argc - 1 > max_args) {
        cli_error("usage: %s %s; see `%s --help`", name, usage ? usage : "", name);
        return CLI_USAGE;
    }
    return -1;
}

struct config *
cli_load_config(const char *config_path)
{
    struct settings_report *report = settings_report_new();
    struct config *config = config_load(config_path, report);
    for (guint i = 0; i < report->errors->len; i++)
        fprintf(stderr, "%s\n", (char *)g_ptr_array_index(report->errors, i));
    settings_report_free(&report);
    return config;
}

static const struct cli_command *
cli_find(const struct cli_command *table, const char *name)
{
    for (; table->name; table++)
        if (strcmp(table->name, name) == 0)
            return table;
    return NULL;
}

/* cli_unknown - says so, with the nearest name */
static int
cli_unknown(const struct cli_command *table, const char *program, const char *name)
{
    const char *names[32];
    guint n = 0;
    for (; table->name && n < G_N_ELEMENTS(names) - 1; table++)
        names[n++] = table->name;
    names[n] = NULL;
    const char *guess = settings_guess(name, names);
    if (guess)
        cli_error("there is no command \"%s\"; did you mean \"%s\"?", name, guess);
    else
        cli_error("there is no command \"%s\"; see `%s --help`", name, program);
    return CLI_USAGE;
}

/* cli_dispatch - argv[0] is program's name so far, argv[1] the command to look for in the table */
static int
cli_dispatch(const struct cli_command *table, int argc, char **argv, const char *config_path)
{
    g_autofree char *list = cli_list(table);
    if (argc < 2) {
        fprintf(stderr, "usage: %s COMMAND\n\n%s", argv[0], list);
        return CLI_USAGE;
    }
    if (strcmp(argv[1], "--help") == 0 || strcmp(argv[1], "-h") == 0) {
        printf("Usage:\n  %s COMMAND\n\n%s", argv[0], list);
        return CLI_OK;
    }
    const struct cli_command *command = cli_find(table, argv[1]);
    if (!command)
        return cli_unknown(table, argv[0], argv[1]);
    g_autofree char *name = g_strdup_printf("%s %s", argv[0], command->name);
    argv[1] = name;
    if (command->run)
        return command->run(argc - 1, argv + 1, config_path);
    return cli_dispatch(command->subcommands, argc - 1, argv + 1, config_path);
}

/* cli_help - `postern help a b` is `postern a b --help` */
static int
cli_help(int argc, char **argv, const char *config_path)
{
    static char help[] = "--help", program[] = "postern";
    if (argc > 1 && (strcmp(argv[1], "help") == 0 || strcmp(argv[1], "--help") == 0 || strcmp(argv[1], "-h") == 0)) {
        printf("Usage:\n  postern help [COMMAND [SUBCOMMAND]]\n");
        return CLI_OK;
    }
    g_autofree char **forward = g_new0(char *, (gsize)argc + 2);
    forward[0] = program;
    for (int i = 1; i < argc; i++)
        forward[i] = argv[i];
    forward[argc] = help;
    return cli_dispatch(commands, argc + 1, forward, config_path);
}

int
main(int argc, char **argv)
{
    static char program[] = "postern";
    g_autofree char *given = NULL;
    gboolean version = FALSE;
    const GOptionEntry options[] = {
        {"config", 'c', 0, G_OPTION_ARG_FILENAME, &given, "Configuration (" CONFIG_DEFAULT_PATH ")", "FILE"},
        {"version", 0, 0, G_OPTION_ARG_NONE, &version, "Show the version", NULL},
        G_OPTION_ENTRY_NULL};
    g_autofree char *list = cli_list(commands);
    g_autoptr(GOptionContext) context = g_option_context_new("COMMAND [SUBCOMMAND] [ARGUMENTS]");
    g_autoptr(GError) error = NULL;
    setlocale(LC_CTYPE, "");
    g_option_context_set_strict_posix(context, TRUE); /* options after the command are the command's */
    g_option_context_set_summary(context, list);
    g_option_context_add_main_entries(context, options, NULL);
    if (argc > 0)
        argv[0] = program;
    if (!g_option_context_parse(context, &argc, &argv, &error)) {
        cli_error("%s; see `postern --help`", error->message);
        return CLI_USAGE;
    }
    if (version) {
        printf("postern %s\n", POSTERN_VERSION);
        return CLI_OK;
    }
    if (argc < 2) {
        g_autofree char *help = g_option_context_get_help(context, TRUE, NULL);
        fputs(help, stderr);
        return CLI_USAGE;
    }
    const char *path = given;
    if (!path && access(CONFIG_DEFAULT_PATH, F_OK) == 0)
        path = CONFIG_DEFAULT_PATH;
    return cli_dispatch(commands, argc, argv, path);
}
