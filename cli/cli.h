/* cli.h: the frame of the command `postern`: a table of subcommands and the helpers they share.
 *
 * A command is a row with a function, or a row with a table of its own (`postern config check`). Rows are
 * found by name, listed by --help in their order, and checked against the manual page postern(1) by a test.
 * Every function parses its options by cli_parse, so that `--help` works everywhere. */
#pragma once
#include "lib/mail/config.h"

/* Exit codes of all commands. */
enum { CLI_OK = 0, CLI_FAILED = 1, CLI_USAGE = 2 };

struct cli_command {
    const char *name; /* NULL closes a table */
    const char *doc;  /* one line, no full stop */
    /* argv[0] is the command's whole name ("postern config check"); the arguments follow. config_path: the
     * file of -c, or the default path if that exists, or NULL for defaults only. Gives an exit code. */
    int (*run)(int argc, char **argv, const char *config_path);
    const struct cli_command *subcommands; /* instead of run */
};

/* Tables and commands of the files in cli/. */
extern const struct cli_command cli_account_commands[], cli_account_sender_commands[];
extern const struct cli_command cli_archive_commands[];
extern const struct cli_command cli_config_commands[];
extern const struct cli_command cli_db_commands[];
extern const struct cli_command cli_dkim_commands[];
extern const struct cli_command cli_dmarc_commands[];
extern const struct cli_command cli_greylist_commands[];
extern const struct cli_command cli_policy_commands[], cli_policy_list_commands[];
extern const struct cli_command cli_quota_commands[];
extern const struct cli_command cli_rate_commands[], cli_signin_commands[];
extern const struct cli_command cli_rules_commands[];
int cli_dnsbl(int argc, char **argv, const char *config_path);
int cli_control(int argc, char **argv, const char *config_path);
int cli_reload(int argc, char **argv, const char *config_path);
int cli_status(int argc, char **argv, const char *config_path);

/* Parses options (closed by G_OPTION_ENTRY_NULL, or NULL for none) out of argc and argv, which keep argv[0]
 * and the other arguments. usage: the arguments for the help text ("[FILE]"); doc: sentences shown below
 * it. Gives -1 to go on; else the exit code to return at once: --help was answered, or the options were
 * wrong, or there are more than max_args arguments or fewer than min_args. Text that may be Chinese should
 * be an argument or a G_OPTION_ARG_FILENAME, which are taken as bytes whatever the locale is. */
int cli_parse(int *argc, char ***argv, const char *usage, const char *doc, const GOptionEntry *options, int min_args,
              int max_args);
/* Loads the configuration; on errors prints them to stderr and gives NULL. Warnings are not shown. */
struct config *cli_load_config(const char *config_path);
/* Prints "postern: " and the message to stderr. */
void cli_error(const char *format, ...) G_GNUC_PRINTF(1, 2);

/* postfix.c: asks Postfix about settings that decide whether mail can pass by the archive. config_dir: of
 * postconf -c, or NULL for its default. Adds to warnings (char *); nothing when postconf is not installed and
 * config_dir is NULL. */
void cli_check_postfix(const struct config *config, const char *config_dir, GPtrArray *warnings);
