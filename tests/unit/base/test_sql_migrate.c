/* test_sql_migrate.c: schemas come up, stay, and refuse what they can't know, on both engines. */
#include "tests/support/sqltest.h"
#include <string.h>

static const char *const first[] = {"CREATE TABLE IF NOT EXISTS m (id INT)", NULL};
static const char *const second[] = {"CREATE TABLE IF NOT EXISTS m2 (id INT)", "INSERT INTO m2 VALUES (5)", NULL};
static const char *const broken[] = {"CREATE TABLE IF NOT EXISTS m3 (id INT)", "INSERT INTO nowhere VALUES (1)", NULL};
static const char *const elsewhere[] = {"CREATE TABLE IF NOT EXISTS other (id INT)", NULL};

static const struct sql_migration steps[] = {
    {"another", 1, "another's", {"x", "x"}, {elsewhere, elsewhere}},
    {"test", 1, "first", {"1", "1"}, {first, first}},
    {"test", 2, "second", {"2", "2"}, {second, second}},
    {"test", 3, "broken", {"3", "3"}, {broken, broken}},
};

SQLTEST_STATEMENT(m2_rows, "SELECT COUNT(*) FROM m2");
SQLTEST_STATEMENT(recorded, "SELECT COUNT(*) FROM postern_schema WHERE schema_name = 'test'");

static void
expect_schema_error(gboolean result, GError **error, const char *text)
{
    assert_false(result);
    assert_true(g_error_matches(*error, SQL_ERROR, SQL_ERROR_SCHEMA));
    assert_non_null(strstr((*error)->message, text));
    g_clear_error(error);
}

static void
step_by_step(const struct sqltest *test)
{
    struct sql *sql = sqltest_open(test);
    g_autoptr(GError) error = NULL;
    g_autoptr(GPtrArray) titles = g_ptr_array_new_with_free_func(g_free);
    expect_schema_error(sql_check_from(sql, steps, 3, "test", &error), &error, "run: postern db init");
    assert_true(sql_migrate_from(sql, steps, 2, "test", titles, &error));
    assert_int_equal(titles->len, 1);
    assert_string_equal(titles->pdata[0], "first");
    assert_true(sql_check_from(sql, steps, 2, "test", &error));
    expect_schema_error(sql_check_from(sql, steps, 3, "test", &error), &error, "run: postern db migrate");

    g_ptr_array_set_size(titles, 0);
    assert_true(sql_migrate_from(sql, steps, 3, "test", titles, &error));
    assert_int_equal(titles->len, 1);
    assert_string_equal(titles->pdata[0], "second");
    g_ptr_array_set_size(titles, 0);
    for (int i = 0; i < 2; i++) /* again and again: nothing */
        assert_true(sql_migrate_from(sql, steps, 3, "test", titles, &error));
    assert_int_equal(titles->len, 0);
    assert_true(sql_check_from(sql, steps, 3, "test", &error));
    assert_int_equal(sqltest_int(sql, &m2_rows, NULL, 0), 1);
    sql_close(&sql);
}

static void
newer_refused(const struct sqltest *test)
{
    struct sql *sql = sqltest_open(test);
    g_autoptr(GError) error = NULL;
    assert_true(sql_migrate_from(sql, steps, 3, "test", NULL, &error));
    expect_schema_error(sql_migrate_from(sql, steps, 2, "test", NULL, &error), &error, "newer Postern");
    expect_schema_error(sql_check_from(sql, steps, 2, "test", &error), &error, "newer Postern");
    assert_int_equal(sqltest_int(sql, &recorded, NULL, 0), 2);
    sql_close(&sql);
}

static void
edited_refused(const struct sqltest *test)
{
    struct sql *sql = sqltest_open(test);
    g_autoptr(GError) error = NULL;
    assert_true(sql_migrate_from(sql, steps, 2, "test", NULL, &error));
    struct sql_migration edited[3] = {steps[0], steps[1], steps[2]};
    edited[1].checksum[0] = edited[1].checksum[1] = "other";
    expect_schema_error(sql_migrate_from(sql, edited, 3, "test", NULL, &error), &error, "other content");
    assert_int_equal(sqltest_int(sql, &recorded, NULL, 0), 1);
    sql_close(&sql);
}

static void
failing_step(const struct sqltest *test)
{
    struct sql *sql = sqltest_open(test);
    g_autoptr(GError) error = NULL;
    for (int i = 0; i < 2; i++) { /* the second time meets what the first left */
        assert_false(sql_migrate_from(sql, steps, 4, "test", NULL, &error));
        assert_true(g_error_matches(error, SQL_ERROR, SQL_ERROR_STATEMENT));
        assert_non_null(strstr(error->message, "step 3 (\"broken\")"));
        g_clear_error(&error);
        assert_int_equal(sqltest_int(sql, &recorded, NULL, 0), 2);
    }
    if (!test->mariadb) { /* the whole step was undone */
        SQLTEST_STATEMENT(m3, "SELECT COUNT(*) FROM sqlite_master WHERE name = 'm3'");
        assert_int_equal(sqltest_int(sql, &m3, NULL, 0), 0);
    }
    sql_close(&sql);
}

static gpointer
migrate_thread(gpointer data)
{
    struct sql *sql = sqltest_open(data);
    GError *error = NULL;
    sql_migrate(sql, "catalogue", NULL, &error);
    sql_close(&sql);
    return error;
}

/* The schema that the program really has, by several programs at once. */
static void
real_schema(const struct sqltest *test)
{
    GThread *threads[3];
    for (guint i = 0; i < G_N_ELEMENTS(threads); i++)
        threads[i] = g_thread_new("migrate", migrate_thread, (gpointer)test);
    for (guint i = 0; i < G_N_ELEMENTS(threads); i++) {
        g_autoptr(GError) error = g_thread_join(threads[i]);
        if (error)
            fail_msg("%s", error->message);
    }
    struct sql *sql = sqltest_open(test);
    g_autoptr(GError) error = NULL;
    assert_true(sql_check(sql, "catalogue", &error));
    expect_schema_error(sql_check(sql, "nonsense", &error), &error, "no schema named");
    expect_schema_error(sql_migrate(sql, "nonsense", NULL, &error), &error, "no schema named");
    sql_close(&sql);
}

/* Every named statement that is compiled in is accepted by both engines (those of accounts need PostfixAdmin's tables, those
 * of sign their own). */
static void
statements_prepare(const struct sqltest *test)
{
    struct sql *sql = sqltest_open(test);
    g_autoptr(GError) error = NULL;
    assert_true(sql_migrate(sql, "catalogue", NULL, &error));
    assert_true(sql_migrate(sql, "reports", NULL, &error));
    assert_true(sql_migrate(sql, "policy", NULL, &error));
    g_autofree char *path = g_strdup_printf("%s/tests/sql/postfixadmin.%s.sql", g_getenv("POSTERN_SOURCE"),
                                            test->mariadb ? "mariadb" : "sqlite");
    g_autofree char *keys = g_strdup_printf("%s/tests/sql/postern_dkim.sql", g_getenv("POSTERN_SOURCE"));
    sqltest_script_file(sql, path);
    sqltest_script_file(sql, keys);
    assert_true(sql_n_statements > 10);
    for (guint i = 0; i < sql_n_statements; i++) {
        guint n;
        gpointer prepared = sql->backend->prepare(sql, sql_statements[i].text[test->mariadb], &n, &error);
        if (!prepared)
            fail_msg("%s: %s", sql_statements[i].name, error->message);
        sql->backend->finalise(prepared);
        if (i)
            assert_true(strcmp(sql_statements[i - 1].name, sql_statements[i].name) < 0);
    }
    sql_close(&sql);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        SQLTEST(step_by_step), SQLTEST(newer_refused), SQLTEST(edited_refused),
        SQLTEST(failing_step), SQLTEST(real_schema),   SQLTEST(statements_prepare),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
