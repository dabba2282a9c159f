/* archive.h: what the subcommands of `postern archive` share.
 *
 * Exit status of all: 0 done; 1 done, and the answer is no (no hit, damage found, messages missing, a file
 * that was there); 2 called wrongly; 3 could not be done (daemon away, message unreadable, disk full). */
#pragma once
#include "cli/cli.h"
#include "lib/mail/archive_client.h"
#include "lib/mail/archive_proto.h"
#include "lib/mail/config.h"
#include "cli/terminal.h"

enum { ARCHIVE_EXIT_OK = CLI_OK, ARCHIVE_EXIT_NO = CLI_FAILED, ARCHIVE_EXIT_USAGE = CLI_USAGE,
       ARCHIVE_EXIT_FAILED = 3 };

/* One run of a subcommand: g_auto(archive_cli) cli = {0}; */
typedef struct archive_cli {
    struct config *config;
    struct archive_client *client;
    gboolean json, colour;
    gint64 lag; /* bytes that were not indexed yet at the last search */
} archive_cli;
void archive_end(archive_cli *cli);
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(archive_cli, archive_end)

int archive_search(int argc, char **argv, const char *config_path);
int archive_show(int argc, char **argv, const char *config_path);
int archive_export(int argc, char **argv, const char *config_path);
int archive_verify(int argc, char **argv, const char *config_path);
int archive_status(int argc, char **argv, const char *config_path);
int archive_reconcile(int argc, char **argv, const char *config_path);
int archive_ingest(int argc, char **argv, const char *config_path);

/* Parses options (--json is added), loads the configuration. -1 to go on, else the exit status. */
int archive_begin(struct archive_cli *cli, int *argc, char ***argv, const char *config_path, const char *usage,
                  const char *doc, const GOptionEntry *entries, int min_args, int max_args);
/* "postern: text" on stderr, made harmless for terminals. */
void archive_complain(const char *format, ...) G_GNUC_PRINTF(1, 2);
/* Says what error means and what to do; takes it (frees). Returns ARCHIVE_EXIT_FAILED. */
int archive_explain(struct archive_cli *cli, GError *error);
/* A connected client with this timeout per call. */
void archive_connect(struct archive_cli *cli, int timeout_ms);
/* One JSON object on a line of stdout. */
void archive_print_json(const json_t *json);
/* String member, "" when absent; integer member, 0 when absent. */
const char *archive_text(const json_t *json, const char *name);
gint64 archive_number(const json_t *json, const char *name);
/* Query words as one query: arguments that hold spaces but no quotes are quoted (the shell took the user's). */
char *archive_join_query(char **arguments);
/* "2026-10-05 14:03" in local time from RFC 3339, or the text itself. */
char *archive_local_time(const char *rfc3339, gboolean seconds);
/* "1.2 MB" (1000). Caller frees. */
char *archive_size(gint64 bytes);
/* Progress on stderr's terminal, or nothing; finish wipes the line. */
void archive_show_progress(const json_t *progress, gpointer data);
void archive_end_progress(void);

/* Runs the query page by page; each hit goes to each() until it returns FALSE. limit 0 = all. more_r (may be NULL): there
 * would have been more. FALSE with error. */
typedef gboolean (*archive_hit)(const json_t *hit, gpointer data, GError **error);
struct archive_query {
    const char *text, *before, *mailbox;
    guint64 limit;
    gboolean snippets;
};
gboolean archive_each_hit(struct archive_cli *cli, const struct archive_query *query, archive_hit each,
                          gpointer data, guint64 *count_r, gboolean *more_r, GError **error);
/* META and the bytes of one message. */
json_t *archive_fetch(struct archive_cli *cli, const char *id, GByteArray *raw, GError **error);
