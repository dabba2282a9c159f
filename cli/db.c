/* db.c: `postern db init|migrate|check`: the schemas that are Postern's own, on SQLite or MariaDB: the archive's catalogue, and
 * DMARC reports and what the policy daemon knows where they are configured.
 *
 * The catalogue is derived from the segments: a lost or broken one is made again by `postern db init` and
 * filled by postern-archived. PostfixAdmin's tables belong to PostfixAdmin and are only read, never made. */
#include "cli/cli.h"
#include "lib/base/daemon.h"
#include "lib/mail/databases.h"
#include <errno.h>
#include <pwd.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

/* One schema and where it is. */
struct db {
    const char *schema;
    struct sql_options options;
    const char *user;    /* whose a SQLite file is to be */
    const char *setting; /* of user, for messages */
};

/* Where the database is, in words for messages. */
static char *
db_describe(const struct sql_options *options)
{
    return strcmp(options->driver, "sqlite") == 0
               ? g_strdup(options->path)
               : g_strdup_printf("MariaDB database %s on %s", options->database, options->host);
}

/* db_hand_over - a database file that root made must be writable by the daemon's user */
static gboolean
db_hand_over(const struct db *db)
{
    const char *user = db->user, *path = db->options.path;
    const struct passwd *account = *user ? getpwnam(user) : NULL;
    static const char *const suffixes[] = {"", "-wal", "-shm"};
    if (geteuid() != 0 || !*user)
        return TRUE;
    if (!account) {
        cli_error("the user \"%s\" (%s) does not exist, so %s stays root's; make the user and run "
                  "this again", user, db->setting, path);
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
db_migrate(struct sql *sql, const char *schema, const char *where)
{
    g_autoptr(GPtrArray) steps = g_ptr_array_new_with_free_func(g_free);
    g_autoptr(GError) error = NULL;
    gboolean done = sql_migrate(sql, schema, steps, &error);
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
db_check(struct sql *sql, const char *schema, const char *where)
{
    g_autoptr(GError) error = NULL;
    if (!sql_check(sql, schema, &error)) {
        cli_error("%s: %s", where, error->message);
        return CLI_FAILED;
    }
    printf("%s: up to date\n", where);
    return CLI_OK;
}

enum db_step { DB_INIT, DB_MIGRATE, DB_CHECK };

static int
db_run_one(struct db *db, enum db_step step)
{
    g_autoptr(GError) error = NULL;
    g_autofree char *where = db_describe(&db->options);
    struct sql *sql;
    int result;
    db->options.create = step == DB_INIT;
    db->options.read_only = step == DB_CHECK;
    sql = sql_open(&db->options, &error);
    if (!sql) {
        cli_error("%s: %s%s", where, error->message,
                  db->options.path && step != DB_INIT ? "; `postern db init` makes it" : "");
        return CLI_FAILED;
    }
    result = step == DB_CHECK ? db_check(sql, db->schema, where) : db_migrate(sql, db->schema, where);
    sql_close(&sql);
    if (step == DB_INIT && db->options.path && !db_hand_over(db))
        result = CLI_FAILED;
    return result;
}

/* The directory of the reports' file is nobody else's: made like the file, when it is missing. */
static int
db_run_reports(const struct config *config, enum db_step step)
{
    struct db reports = {.schema = "reports", .user = config->milter.user, .setting = "milter.user"};
    g_autoptr(GError) error = NULL;
    g_autofree char *dir = NULL;
    if (!databases_reports(&config->dmarc, &reports.options))
        return CLI_OK;
    dir = reports.options.path ? g_path_get_dirname(reports.options.path) : NULL;
    if (step == DB_INIT && dir && !g_file_test(dir, G_FILE_TEST_IS_DIR) &&
        !daemon_ensure_dir(dir, config->milter.user, &error)) {
        cli_error("%s", error->message);
        return CLI_FAILED;
    }
    return db_run_one(&reports, step);
}

/* The policy daemon makes its tables itself; this is for an account that may not, and for looking. */
static int
db_run_policy(const struct config *config, enum db_step step)
{
    struct db policy = {.schema = "policy", .user = config->policyd.user, .setting = "policyd.user"};
    g_autoptr(GError) error = NULL;
    g_autofree char *dir = NULL;
    if (*config->policyd.checks == NULL)
        return CLI_OK;
    databases_policy(&config->policyd, &policy.options);
    policy.options.create = step == DB_INIT;
    dir = config->policyd.driver == CONFIG_POLICYD_SQLITE ? g_path_get_dirname(policy.options.path) : NULL;
    if (step == DB_INIT && dir && !daemon_ensure_dir(dir, config->policyd.user, &error)) {
        cli_error("%s", error->message);
        return CLI_FAILED;
    }
    return db_run_one(&policy, step);
}

static int
db_run(const char *config_path, enum db_step step)
{
    struct config *config = cli_load_config(config_path);
    struct db catalogue = {.schema = "catalogue", .setting = "archived.user"};
    g_autofree char *path = NULL;
    int result, reports, policy;
    if (!config)
        return CLI_FAILED;
    catalogue.user = config->archived.user;
    databases_catalogue(&config->archived, &catalogue.options, &path);
    result = db_run_one(&catalogue, step);
    reports = db_run_reports(config, step);
    policy = db_run_policy(config, step);
    config_unref(config);
    return MAX(result, MAX(reports, policy));
}

static int
db_init_command(int argc, char **argv, const char *config_path)
{
    int code = cli_parse(&argc, &argv, NULL,
                         "Makes the archive's catalogue, where dmarc.driver is set the DMARC reports, and where policyd.checks\n"
                         "names any the policy daemon's tables (which it makes itself, too): the database file "
                         "(SQLite), and the tables. On MariaDB the database and the account must be there. Nothing that "
                         "exists is changed but for steps that are missing.",
                         NULL, 0, 0);
    return code >= 0 ? code : db_run(config_path, DB_INIT);
}

static int
db_migrate_command(int argc, char **argv, const char *config_path)
{
    int code = cli_parse(&argc, &argv, NULL,
                         "Brings all tables to the version of this program. Stop the daemons first.", NULL, 0,
                         0);
    return code >= 0 ? code : db_run(config_path, DB_MIGRATE);
}

static int
db_check_command(int argc, char **argv, const char *config_path)
{
    int code = cli_parse(&argc, &argv, NULL,
                         "Checks that the tables are those of this program. Exit status 1 if not.", NULL, 0, 0);
    return code >= 0 ? code : db_run(config_path, DB_CHECK);
}

const struct cli_command cli_db_commands[] = {
    {"init", "make the database files and tables", db_init_command, NULL},
    {"migrate", "bring the tables up to date", db_migrate_command, NULL},
    {"check", "check that the tables are up to date", db_check_command, NULL},
    {NULL, NULL, NULL, NULL}};
