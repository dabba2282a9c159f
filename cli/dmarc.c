/* dmarc.c: `postern dmarc`: the table of its subcommands, and what they share. */
#include "cli/dmarc.h"
#include <stdio.h>
#include <string.h>
#include "cli/terminal.h"
#include "lib/mail/auth/dmarc_store.h"
#include "lib/mail/databases.h"

void
dmarc_cli_clear(dmarc_cli *cli)
{
    sql_close(&cli->sql);
    config_unref(cli->config);
    cli->config = NULL;
}

gboolean
dmarc_cli_open(dmarc_cli *cli, const char *config_path)
{
    g_autoptr(GError) error = NULL;
    struct sql_options options;

    cli->config = cli_load_config(config_path);
    if (cli->config == NULL)
        return FALSE;
    if (!databases_reports(&cli->config->dmarc, &options)) {
        cli_error("DMARC reports are kept nowhere: set dmarc.driver in %s",
                  cli->config->path != NULL ? cli->config->path : CONFIG_DEFAULT_PATH);
        return FALSE;
    }
    cli->sql = sql_open(&options, &error);
    if (cli->sql != NULL && sql_check(cli->sql, DMARC_STORE_SCHEMA, &error))
        return TRUE;
    cli_error("%s%s", error->message,
              cli->sql == NULL && options.path != NULL ? "; `postern db init` makes it" : "");
    return FALSE;
}

static void G_GNUC_PRINTF(3, 0) print(FILE *to, const char *before, const char *format, va_list args)
{
    g_autofree char *text = g_strdup_vprintf(format, args);
    g_autoptr(GString) clean = g_string_new(before);

    terminal_clean(clean, text, strlen(text), FALSE);
    fprintf(to, "%s\n", clean->str);
}

void
dmarc_say(const char *format, ...)
{
    va_list args;

    va_start(args, format);
    print(stdout, "", format, args);
    va_end(args);
    fflush(stdout); /* what was done is told, however this ends */
}

void
dmarc_complain(const char *format, ...)
{
    va_list args;

    va_start(args, format);
    print(stderr, "postern: ", format, args);
    va_end(args);
}

char *
dmarc_date(gint64 seconds)
{
    g_autoptr(GDateTime) time = g_date_time_new_from_unix_utc(seconds);

    return time != NULL ? g_date_time_format(time, "%Y-%m-%d") : g_strdup("?");
}

const struct cli_command cli_dmarc_commands[] = {
    {"read", "keep reports that others sent about our domains", dmarc_read, NULL},
    {"report", "send our reports about other domains", dmarc_report, NULL},
    {"show", "show who sends in a domain's name", dmarc_show, NULL},
    {NULL, NULL, NULL, NULL}};
