/* sqltest.c: see sqltest.h. */
#include "tests/support/sqltest.h"
#include <glib/gstdio.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static void
create_or_drop(const struct sql_options *options, const char *verb, const char *database)
{
    struct sql_options server = *options;
    server.database = NULL;
    g_autoptr(GError) error = NULL;
    struct sql *sql = sql_open(&server, &error);
    if (!sql)
        fail_msg("%s", error->message);
    g_autofree char *text = g_strdup_printf("%s DATABASE %s", verb, database);
    if (!sql_script(sql, text, &error))
        fail_msg("%s", error->message);
    sql_close(&sql);
}

static void
run_mariadb(sqltest_body body)
{
    static guint count;
    const char *socket = g_getenv("POSTERN_TEST_MARIADB");
    if (!socket || !*socket) {
        print_message("POSTERN_TEST_MARIADB is not set (run it by tests/support/mariadb.sh): skipped\n");
        skip();
    }
    g_autofree char *database = g_strdup_printf("t_%d_%u", (int)getpid(), count++);
    struct sqltest test = {
        .mariadb = TRUE,
        .options = {.driver = "mariadb", .host = socket, .database = database, .user = "root", .password = ""},
    };
    create_or_drop(&test.options, "CREATE", database);
    body(&test);
    create_or_drop(&test.options, "DROP", database);
}

static void
run_sqlite(sqltest_body body)
{
    g_autofree char *dir = g_dir_make_tmp("postern-sqlite-XXXXXX", NULL);
    assert_non_null(dir);
    g_autofree char *path = g_build_filename(dir, "test.db", NULL);
    struct sqltest test = {.options = {.driver = "sqlite", .path = path, .create = TRUE}};
    body(&test);
    g_autoptr(GDir) listing = g_dir_open(dir, 0, NULL);
    for (const char *name; listing && (name = g_dir_read_name(listing));) {
        g_autofree char *file = g_build_filename(dir, name, NULL);
        g_unlink(file);
    }
    g_rmdir(dir);
}

void
sqltest_run(void **state)
{
    const struct sqltest_case *test = *state;
    if (test->mariadb)
        run_mariadb(test->body);
    else
        run_sqlite(test->body);
}

struct sql *
sqltest_open(const struct sqltest *test)
{
    g_autoptr(GError) error = NULL;
    struct sql *sql = sql_open(&test->options, &error);
    if (!sql)
        fail_msg("%s", error->message);
    return sql;
}

void
sqltest_script(struct sql *sql, const char *text)
{
    g_auto(GStrv) parts = g_strsplit(text, ";\n", -1);
    for (char **part = parts; *part; part++) {
        g_autoptr(GError) error = NULL;
        if (*g_strstrip(*part) && !sql_script(sql, *part, &error))
            fail_msg("%s: %s", *part, error->message);
    }
}

void
sqltest_script_file(struct sql *sql, const char *path)
{
    g_autofree char *text = NULL;
    g_autoptr(GError) error = NULL;
    if (!g_file_get_contents(path, &text, NULL, &error))
        fail_msg("%s", error->message);
    sqltest_script(sql, text);
}

void
sqltest_exec(struct sql *sql, const struct sql_statement *statement, const struct sql_value *values, guint n)
{
    g_autoptr(GError) error = NULL;
    if (!sql_run_statement(sql, statement, values, n, NULL, NULL, NULL, &error))
        fail_msg("%s", error->message);
}

static gboolean
take_int(const struct sql_row *row, gpointer data)
{
    *(gint64 *)data = sql_row_int(row, 0);
    return FALSE;
}

gint64
sqltest_int(struct sql *sql, const struct sql_statement *statement, const struct sql_value *values, guint n)
{
    gint64 result = G_MININT64;
    g_autoptr(GError) error = NULL;
    if (!sql_run_statement(sql, statement, values, n, take_int, &result, NULL, &error))
        fail_msg("%s", error->message);
    return result;
}

void
sqltest_kill_server(void)
{
    const char *dir = g_getenv("POSTERN_TEST_MARIADB_DIR");
    assert_non_null(dir);
    g_autofree char *path = g_build_filename(dir, "pid", NULL);
    g_autofree char *text = NULL;
    assert_true(g_file_get_contents(path, &text, NULL, NULL));
    pid_t pid = (pid_t)atoi(text);
    assert_true(pid > 1);
    assert_int_equal(kill(pid, SIGKILL), 0);
    for (int i = 0; i < 200 && kill(pid, 0) == 0; i++) {
        g_autofree char *stat = g_strdup_printf("/proc/%d/stat", (int)pid);
        g_autofree char *state = NULL;
        /* Our script's child: it stays a zombie until the script looks. */
        if (g_file_get_contents(stat, &state, NULL, NULL) && strstr(state, ") Z"))
            break;
        g_usleep(10000);
    }
}

void
sqltest_start_server(void)
{
    const char *argv[] = {"/bin/sh", g_getenv("POSTERN_TEST_MARIADB_SH"), "start", g_getenv("POSTERN_TEST_MARIADB_DIR"), NULL};
    int status = -1;
    g_autoptr(GError) error = NULL;
    if (!g_spawn_sync(NULL, (char **)argv, NULL, G_SPAWN_STDOUT_TO_DEV_NULL | G_SPAWN_STDERR_TO_DEV_NULL, NULL, NULL, NULL, NULL,
                      &status, &error))
        fail_msg("%s", error->message);
    assert_int_equal(status, 0);
}
