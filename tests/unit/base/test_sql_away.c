/* test_sql_away.c: what is not there: missing and locked SQLite files, a MariaDB server that is killed and comes back. */
#include "tests/support/sqltest.h"
#include <glib/gstdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

SQLTEST_STATEMENT(one, "SELECT 1");
SQLTEST_STATEMENT(insert, "INSERT INTO t (id, v) VALUES (?, 0)");
SQLTEST_STATEMENT(count, "SELECT COUNT(*) FROM t");
SQLTEST_STATEMENT(bump, "UPDATE t SET v = v + 1 WHERE id = ?");

static void
missing_file(const struct sqltest *test)
{
    struct sql_options options = test->options;
    options.create = FALSE;
    g_autoptr(GError) error = NULL;
    assert_null(sql_open(&options, &error));
    assert_true(g_error_matches(error, SQL_ERROR, SQL_ERROR_AWAY));
    assert_false(g_file_test(options.path, G_FILE_TEST_EXISTS));
    g_clear_error(&error);

    options.create = TRUE;
    struct sql *sql = sql_open(&options, &error);
    assert_non_null(sql);
    struct stat st;
    assert_int_equal(stat(options.path, &st), 0);
    assert_int_equal(st.st_mode & 0007, 0);
    sql_close(&sql);

    options.path = "/nonexistent-directory/x.db";
    assert_null(sql_open(&options, &error));
    assert_true(g_error_matches(error, SQL_ERROR, SQL_ERROR_AWAY));
    g_clear_error(&error);
    options.driver = "oracle";
    assert_null(sql_open(&options, &error));
    assert_true(g_error_matches(error, SQL_ERROR, SQL_ERROR_STATEMENT));
}

static void
not_a_database(const struct sqltest *test)
{
    g_autoptr(GError) error = NULL;
    g_autofree char *noise = g_strnfill(8192, 'x');
    assert_true(g_file_set_contents(test->options.path, noise, 8192, NULL));
    assert_null(sql_open(&test->options, &error));
    assert_true(g_error_matches(error, SQL_ERROR, SQL_ERROR_AWAY));
    assert_non_null(strstr(error->message, "damaged"));
}

/* Another connection holds the write lock: BUSY after the retries, not a hang; readers go on. */
static void
busy(const struct sqltest *test)
{
    struct sql *holder = sqltest_open(test), *other = sqltest_open(test);
    sqltest_script(holder, "CREATE TABLE t (id INTEGER PRIMARY KEY, v INT);\nINSERT INTO t VALUES (1, 0);\n");
    g_autoptr(GError) error = NULL;
    assert_true(sql_begin(holder, &error));
    sqltest_exec(holder, &insert, (struct sql_value[]){SQL_I(2)}, 1);
    assert_int_equal(sqltest_int(other, &count, NULL, 0), 1);
    gint64 before = g_get_monotonic_time();
    assert_false(sql_run_statement(other, &insert, (struct sql_value[]){SQL_I(3)}, 1, NULL, NULL, NULL, &error));
    gint64 took = g_get_monotonic_time() - before;
    assert_true(g_error_matches(error, SQL_ERROR, SQL_ERROR_BUSY));
    assert_in_range(took, 1500000, 6000000);
    g_clear_error(&error);
    assert_true(sql_commit(holder, &error));
    sqltest_exec(other, &insert, (struct sql_value[]){SQL_I(3)}, 1);
    assert_int_equal(sqltest_int(holder, &count, NULL, 0), 3);
    sql_close(&holder);
    sql_close(&other);
}

struct deadlock {
    const struct sqltest *test;
    GMutex lock;
    GCond cond;
    guint ready;
    guint busy, done;
};

/* Takes one row, waits until the other side has the other row, asks for it. */
static void
deadlock_side(struct deadlock *d, gint64 mine, gint64 theirs)
{
    struct sql *sql = sqltest_open(d->test);
    g_assert_true(sql_begin(sql, NULL));
    g_assert_true(sql_run_statement(sql, &bump, (struct sql_value[]){SQL_I(mine)}, 1, NULL, NULL, NULL, NULL));
    g_mutex_lock(&d->lock);
    d->ready++;
    g_cond_broadcast(&d->cond);
    while (d->ready < 2)
        g_cond_wait(&d->cond, &d->lock);
    g_mutex_unlock(&d->lock);
    g_autoptr(GError) error = NULL;
    gboolean good = sql_run_statement(sql, &bump, (struct sql_value[]){SQL_I(theirs)}, 1, NULL, NULL, NULL, &error);
    if (good) {
        g_assert_true(sql_commit(sql, NULL));
    } else {
        g_assert_true(g_error_matches(error, SQL_ERROR, SQL_ERROR_BUSY));
        /* The transaction is lost: nothing more may run in it, then a new one works. */
        g_assert_false(sql_run_statement(sql, &one, NULL, 0, NULL, NULL, NULL, NULL));
        g_assert_false(sql_commit(sql, NULL));
        g_assert_true(sql_begin(sql, NULL));
        g_assert_true(sql_run_statement(sql, &bump, (struct sql_value[]){SQL_I(mine)}, 1, NULL, NULL, NULL, NULL));
        g_assert_true(sql_commit(sql, NULL));
    }
    g_mutex_lock(&d->lock);
    *(good ? &d->done : &d->busy) += 1;
    g_mutex_unlock(&d->lock);
    sql_close(&sql);
}

static gpointer
deadlock_thread(gpointer data)
{
    deadlock_side(data, 2, 1);
    return NULL;
}

static void
deadlock(const struct sqltest *test)
{
    struct sql *sql = sqltest_open(test);
    sqltest_script(sql, "CREATE TABLE t (id INT PRIMARY KEY, v INT);\nINSERT INTO t VALUES (1, 0), (2, 0);\n");
    struct deadlock d = {.test = test};
    g_mutex_init(&d.lock);
    g_cond_init(&d.cond);
    GThread *thread = g_thread_new("other", deadlock_thread, &d);
    deadlock_side(&d, 1, 2);
    g_thread_join(thread);
    assert_int_equal(d.done, 1);
    assert_int_equal(d.busy, 1);
    g_mutex_clear(&d.lock);
    g_cond_clear(&d.cond);
    sql_close(&sql);
}

static void
server_killed(const struct sqltest *test)
{
    struct sqltest again = *test;
    again.options.retry_ms = 200;
    struct sql *sql = sqltest_open(&again), *writer = sqltest_open(&again);
    struct sql_pool *pool = sql_pool_new(&again.options, 2);
    sqltest_script(sql, "CREATE TABLE t (id INT PRIMARY KEY, v INT);\nINSERT INTO t VALUES (1, 0);\n");
    assert_int_equal(sqltest_int(sql, &count, NULL, 0), 1);
    g_autoptr(GError) error = NULL;
    assert_true(sql_begin(writer, &error));
    sqltest_exec(writer, &insert, (struct sql_value[]){SQL_I(2)}, 1);

    sqltest_kill_server();
    assert_false(sql_run_statement(sql, &count, NULL, 0, NULL, NULL, NULL, &error));
    assert_true(g_error_matches(error, SQL_ERROR, SQL_ERROR_AWAY));
    g_clear_error(&error);
    /* Away at once, also while the pause lasts. */
    gint64 before = g_get_monotonic_time();
    for (int i = 0; i < 50; i++) {
        assert_false(sql_run_statement(sql, &count, NULL, 0, NULL, NULL, NULL, &error));
        assert_true(g_error_matches(error, SQL_ERROR, SQL_ERROR_AWAY));
        g_clear_error(&error);
        assert_null(sql_pool_take(pool, &error));
        assert_true(g_error_matches(error, SQL_ERROR, SQL_ERROR_AWAY));
        g_clear_error(&error);
    }
    assert_in_range(g_get_monotonic_time() - before, 0, 1000000);
    assert_false(sql_run_statement(writer, &insert, (struct sql_value[]){SQL_I(3)}, 1, NULL, NULL, NULL, &error));
    assert_true(g_error_matches(error, SQL_ERROR, SQL_ERROR_AWAY));
    g_clear_error(&error);

    sqltest_start_server();
    g_usleep(250000); /* the pause */
    assert_int_equal(sqltest_int(sql, &count, NULL, 0), 1);
    /* The half done transaction must not go on by itself in autocommit. */
    assert_false(sql_run_statement(writer, &insert, (struct sql_value[]){SQL_I(3)}, 1, NULL, NULL, NULL, NULL));
    assert_false(sql_commit(writer, NULL));
    assert_int_equal(sqltest_int(writer, &count, NULL, 0), 1);
    assert_true(sql_begin(writer, &error));
    sqltest_exec(writer, &insert, (struct sql_value[]){SQL_I(3)}, 1);
    assert_true(sql_commit(writer, &error));
    struct sql *pooled = sql_pool_take(pool, &error);
    assert_non_null(pooled);
    assert_int_equal(sqltest_int(pooled, &count, NULL, 0), 2);
    sql_pool_give(pool, pooled);
    sql_pool_free(&pool);
    sql_close(&sql);
    sql_close(&writer);
}

/* The server closed an idle client: the next call after the idle check doesn't see it. */
static void
idle_closed(const struct sqltest *test)
{
    struct sql *sql = sqltest_open(test), *other = sqltest_open(test);
    SQLTEST_STATEMENT(own_id, "SELECT CONNECTION_ID()");
    gint64 id = sqltest_int(sql, &own_id, NULL, 0);
    g_autofree char *text = g_strdup_printf("KILL %" G_GINT64_FORMAT, id);
    g_autoptr(GError) error = NULL;
    assert_true(sql_script(other, text, &error));
    sql->last_used -= 60 * G_USEC_PER_SEC;
    assert_int_not_equal(sqltest_int(sql, &own_id, NULL, 0), id);
    sql_close(&sql);
    sql_close(&other);
}

static void
wrong_place(const struct sqltest *test)
{
    struct sql_options options = test->options;
    g_autoptr(GError) error = NULL;
    options.database = "no_such_database";
    assert_null(sql_open(&options, &error));
    assert_true(g_error_matches(error, SQL_ERROR, SQL_ERROR_AWAY));
    assert_non_null(strstr(error->message, "no_such_database"));
    g_clear_error(&error);
    options.host = "127.0.0.1";
    options.port = 1; /* nobody listens there */
    assert_null(sql_open(&options, &error));
    assert_true(g_error_matches(error, SQL_ERROR, SQL_ERROR_AWAY));
}

/* A statement that takes longer than the limit is given up, and the connection works afterwards. */
static void
slow_statement(const struct sqltest *test)
{
    struct sqltest hasty = *test;
    hasty.options.timeout_ms = 2000;
    struct sql *sql = sqltest_open(&hasty);
    SQLTEST_STATEMENT(sleepy, "SELECT SLEEP(20)");
    g_autoptr(GError) error = NULL;
    gint64 before = g_get_monotonic_time();
    assert_false(sql_run_statement(sql, &sleepy, NULL, 0, NULL, NULL, NULL, &error));
    assert_true(g_error_matches(error, SQL_ERROR, SQL_ERROR_AWAY));
    assert_in_range(g_get_monotonic_time() - before, 500000, 4000000);
    assert_int_equal(sqltest_int(sql, &one, NULL, 0), 1);
    sql_close(&sql);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        SQLTEST_SQLITE(missing_file),      SQLTEST_SQLITE(not_a_database), SQLTEST_SQLITE(busy),
        SQLTEST_MARIADB(deadlock), SQLTEST_MARIADB(idle_closed),   SQLTEST_MARIADB(wrong_place),
        SQLTEST_MARIADB(slow_statement),   SQLTEST_MARIADB(server_killed),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
