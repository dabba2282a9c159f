/* db.c: `postern db init|migrate|check`: the schema of the archive's catalogue, on SQLite or MariaDB.
 *
 * The catalogue is derived from the segments: a lost or broken one is made again by `postern db init` and
 * filled by postern-archived. PostfixAdmin's tables belong to PostfixAdmin and are only read, never made. */
#include "cli/cli.h"
#include "lib/mail/databases.h"
#include <errno.h>
#include <pwd.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define SCHEMA "catalogue"

/* Where the catalogue is, in words for messages. */
static char *
db_describe(const struct sql_options *options)
{
    return strcmp(options->driver, "sqlite") == 0
               ? g_strdup(options->path)
               : g_strdup_printf("MariaDB database %s on %s", options->database, options->host);
}

/* db_hand_over - a database file that root made must be writable by the daemon's user */
static gboolean
db_hand_over(const char *path, const char *user)
{
    const struct passwd *account = *user ? getpwnam(user) : NULL;
    static const char *const suffixes[] = {"", "-wal", "-shm"};
    if (geteuid() != 0 || !*user)
        return TRUE;
    if (!account) {
        cli_error("the user \"%s\" (archived.user) does not exist, so %s stays root's; make the user and run "
                  "this again", user, path);
        return FALSE;
    }
    for (guint i = 0; i < G_N_ELEMENTS(suffixes); i++) {
        g_autofree char *file = g_strconcat(path, suffixes[i], NULL);
        if (g_file_test(file, G_FILE_TEST_EXISTS) && chown(file, account->pw_uid, account->pw_gid) != 0) {
            cli_error("can't give %s to %s: %s", file, user, g_strerror(errno));
            return FALSE;
        }
    }
    return TRUE;
}

/* db_migrate - applies what is missing and says so */
static int
db_migrate(struct sql *sql, const char *where)
{
    g_autoptr(GPtrArray) steps = g_ptr_array_new_with_free_func(g_free);
    g_autoptr(GError) error = NULL;
    gboolean done = sql_migrate(sql, SCHEMA, steps, &error);
    for (guint i = 0; i < steps->len; i++)
        printf("%s: applied %s\n", where, (char *)steps->pdata[i]);
    if (!done) {
        cli_error("%s: %s", where, error->message);
        return CLI_FAILED;
    }
    if (steps->len == 0)
        printf("%s: up to date\n", where);
    return CLI_OK;
}

static int
db_check(struct sql *sql, const char *where)
{
    g_autoptr(GError) error = NULL;
    if (!sql_check(sql, SCHEMA, &error)) {
        cli_error("%s: %s", where, error->message);
        return CLI_FAILED;
    }
    printf("%s: up to date\n", where);
    return CLI_OK;
}

enum db_step { DB_INIT, DB_MIGRATE, DB_CHECK };

static int
db_run(const char *config_path, enum db_step step)
{
    struct config *config = cli_load_config(config_path);
    g_autoptr(GError) error = NULL;
    g_autofree char *path = NULL, *where = NULL;
    struct sql_options options = {0};
    struct sql *sql;
    int result;
    if (!config)
        return CLI_FAILED;
    databases_catalogue(&config->archived, &options, &path);
    options.create = step == DB_INIT;
    options.read_only = step == DB_CHECK;
    where = db_describe(&options);
    sql = sql_open(&options, &error);
    if (!sql) {
        cli_error("%s: %s%s", where, error->message,
                  path && step != DB_INIT ? "; `postern db init` makes it" : "");
        config_unref(config);
        return CLI_FAILED;
    }
    result = step == DB_CHECK ? db_check(sql, where) : db_migrate(sql, where);
    sql_close(&sql);
    if (step == DB_INIT && path && !db_hand_over(path, config->archived.user))
        result = CLI_FAILED;
    config_unref(config);
    return result;
}

static int
db_init_command(int argc, char **argv, const char *config_path)
{
    int code = cli_parse(&argc, &argv, NULL,
                         "Makes the archive's catalogue: the database file (SQLite), and its tables. On MariaDB the "
                         "database and the account must be there. Nothing that exists is changed but for steps that are "
                         "missing.",
                         NULL, 0, 0);
    return code >= 0 ? code : db_run(config_path, DB_INIT);
}

static int
db_migrate_command(int argc, char **argv, const char *config_path)
{
    int code = cli_parse(&argc, &argv, NULL,
                         "Brings the catalogue's tables to the version of this program. Stop postern-archived first.", NULL, 0,
                         0);
    return code >= 0 ? code : db_run(config_path, DB_MIGRATE);
}

static int
db_check_command(int argc, char **argv, const char *config_path)
{
    int code = cli_parse(&argc, &argv, NULL,
                         "Checks that the catalogue's tables are those of this program. Exit status 1 if not.", NULL, 0, 0);
    return code >= 0 ? code : db_run(config_path, DB_CHECK);
}

const struct cli_command cli_db_commands[] = {
    {"init", "make the catalogue's database file and tables", db_init_command, NULL},
    {"migrate", "bring the catalogue's tables up to date", db_migrate_command, NULL},
    {"check", "check that the catalogue's tables are up to date", db_check_command, NULL},
    {NULL, NULL, NULL, NULL}};
