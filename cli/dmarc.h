/* dmarc.h: what the subcommands of `postern dmarc` share. */
#pragma once
#include "cli/cli.h"
#include "lib/base/sql.h"

int dmarc_read(int argc, char **argv, const char *config_path);
int dmarc_report(int argc, char **argv, const char *config_path);
int dmarc_show(int argc, char **argv, const char *config_path);

/* One run of a subcommand: g_auto(dmarc_cli) cli = {0}; */
typedef struct dmarc_cli {
    struct config *config;
    struct sql *sql; /* the schema "reports", checked */
} dmarc_cli;
void dmarc_cli_clear(dmarc_cli *cli);
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(dmarc_cli, dmarc_cli_clear)

/* Loads the configuration and opens the database; FALSE: it was said why not. */
gboolean dmarc_cli_open(dmarc_cli *cli, const char *config_path);
/* Prints a line, made harmless for terminals: to stdout; to stderr with "postern: " before it. */
void dmarc_say(const char *format, ...) G_GNUC_PRINTF(1, 2);
void dmarc_complain(const char *format, ...) G_GNUC_PRINTF(1, 2);
/* "2026-11-24" of seconds since the epoch, UTC. Caller frees. */
char *dmarc_date(gint64 seconds);
