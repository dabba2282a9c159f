/* test_sql.c: statements, values, transactions and the pool, on both engines. */
#include "tests/support/sqltest.h"
#include <string.h>

SQLTEST_STATEMENT(insert, "INSERT INTO t (id, i, s, b) VALUES (?, ?, ?, ?)");
SQLTEST_STATEMENT(select_all, "SELECT id, i, s, b FROM t WHERE id = ?");
SQLTEST_STATEMENT(count, "SELECT COUNT(*) FROM t");
SQLTEST_STATEMENT(update, "UPDATE t SET i = 7 WHERE id >= ?");
SQLTEST_STATEMENT(find_text, "SELECT id FROM t WHERE s = ?");

static struct sql *
with_table(const struct sqltest *test)
{
    struct sql *sql = sqltest_open(test);
    assert_int_equal(sql_is_mariadb(sql), test->mariadb);
    sqltest_script(sql, test->mariadb
                            ? "CREATE TABLE t (id BIGINT PRIMARY KEY, i BIGINT, s LONGTEXT, b LONGBLOB) "
                              "DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_bin"
                            : "CREATE TABLE t (id INTEGER PRIMARY KEY, i INTEGER, s TEXT, b BLOB)");
    return sql;
}

struct seen {
    guint rows, columns;
    gboolean null[4];
    gint64 i;
    char *s;
    gsize s_length;
    GByteArray *b;
};

static gboolean
look(const struct sql_row *row, gpointer data)
{
    struct seen *seen = data;
    seen->rows++;
    seen->columns = sql_row_columns(row);
    for (guint n = 0; n < 4; n++)
        seen->null[n] = sql_row_is_null(row, n);
    seen->i = sql_row_int(row, 1);
    g_free(seen->s);
    const char *s = sql_row_text(row, 2, &seen->s_length);
    assert_int_equal(s[seen->s_length], '\0');
    seen->s = g_memdup2(s, seen->s_length + 1);
    gsize length;
    const char *b = sql_row_text(row, 3, &length);
    if (!seen->b)
        seen->b = g_byte_array_new();
    g_byte_array_set_size(seen->b, 0);
    g_byte_array_append(seen->b, (const guint8 *)b, (guint)length);
    return TRUE;
}

static struct seen
get(struct sql *sql, gint64 id)
{
    struct seen seen = {0};
    g_autoptr(GError) error = NULL;
    if (!sql_run_statement(sql, &select_all, (struct sql_value[]){SQL_I(id)}, 1, look, &seen, NULL, &error))
        fail_msg("%s", error->message);
    return seen;
}

static void
seen_clear(struct seen *seen)
{
    g_free(seen->s);
    if (seen->b)
        g_byte_array_unref(seen->b);
}

static void
types(const struct sqltest *test)
{
    struct sql *sql = with_table(test);
    const char *absent = g_getenv("POSTERN_NEVER_SET");
    static const char blob[] = {0, 1, '\'', (char)0xff, 0, '"'};
    sqltest_exec(sql, &insert,
                 (struct sql_value[]){SQL_I(1), SQL_I(G_MAXINT64), SQL_T("text"), SQL_B(blob, sizeof blob)}, 4);
    sqltest_exec(sql, &insert, (struct sql_value[]){SQL_I(2), SQL_I(G_MININT64), SQL_T(""), SQL_B("", 0)}, 4);
    sqltest_exec(sql, &insert, (struct sql_value[]){SQL_I(3), {0}, SQL_T(absent), {0}}, 4);

    struct seen seen = get(sql, 1);
    assert_int_equal(seen.rows, 1);
    assert_int_equal(seen.columns, 4);
    assert_true(seen.i == G_MAXINT64);
    assert_string_equal(seen.s, "text");
    assert_int_equal(seen.b->len, sizeof blob);
    assert_memory_equal(seen.b->data, blob, sizeof blob);
    seen_clear(&seen);

    seen = get(sql, 2);
    assert_true(seen.i == G_MININT64);
    assert_false(seen.null[2]); /* empty is not NULL */
    assert_false(seen.null[3]);
    assert_int_equal(seen.s_length, 0);
    assert_int_equal(seen.b->len, 0);
    seen_clear(&seen);

    seen = get(sql, 3);
    assert_false(seen.null[0]);
    assert_true(seen.null[1] && seen.null[2] && seen.null[3]);
    assert_int_equal(seen.i, 0);
    assert_string_equal(seen.s, "");
    seen_clear(&seen);

    seen = get(sql, 4); /* no row is no error */
    assert_int_equal(seen.rows, 0);
    seen_clear(&seen);
    sql_close(&sql);
    assert_null(sql);
}

SQLTEST_STATEMENT(mixed, "SELECT 12, '34', '5x', SUM(i), 1.5, NULL FROM t");

static gboolean
look_mixed(const struct sql_row *row, gpointer data G_GNUC_UNUSED)
{
    gsize length;
    assert_string_equal(sql_row_text(row, 0, &length), "12");
    assert_int_equal(length, 2);
    assert_int_equal(sql_row_int(row, 1), 34);
    assert_int_equal(sql_row_int(row, 2), 5);
    assert_int_equal(sql_row_int(row, 3), 30); /* MariaDB: DECIMAL */
    assert_string_equal(sql_row_text(row, 4, NULL), "1.5");
    assert_string_equal(sql_row_text(row, 5, &length), "");
    assert_int_equal(length, 0);
    assert_true(sql_row_is_null(row, 6)); /* past the end */
    assert_int_equal(sql_row_int(row, 6), 0);
    return TRUE;
}

static void
conversions(const struct sqltest *test)
{
    struct sql *sql = with_table(test);
    for (int i = 1; i <= 2; i++)
        sqltest_exec(sql, &insert, (struct sql_value[]){SQL_I(i), SQL_I(i * 10), {0}, {0}}, 4);
    g_autoptr(GError) error = NULL;
    assert_true(sql_run_statement(sql, &mixed, NULL, 0, look_mixed, NULL, NULL, &error));
    sql_close(&sql);
}

static void
large(const struct sqltest *test)
{
    struct sql *sql = with_table(test);
    /* One short, one of 5 MB, one short: buffers must fit the longest, and forget nothing. */
    g_autofree char *big = g_malloc(5000001);
    for (int i = 0; i < 5000000; i++)
        big[i] = (char)('a' + i % 26);
    big[5000000] = '\0';
    sqltest_exec(sql, &insert, (struct sql_value[]){SQL_I(1), SQL_I(0), SQL_T("short"), SQL_B("b", 1)}, 4);
    sqltest_exec(sql, &insert, (struct sql_value[]){SQL_I(2), SQL_I(0), SQL_T(big), SQL_B(big, 300000)}, 4);
    struct seen seen = get(sql, 2);
    assert_int_equal(seen.s_length, 5000000);
    assert_string_equal(seen.s, big);
    assert_int_equal(seen.b->len, 300000);
    assert_memory_equal(seen.b->data, big, 300000);
    seen_clear(&seen);
    seen = get(sql, 1);
    assert_string_equal(seen.s, "short");
    seen_clear(&seen);
    sql_close(&sql);
}

static void
unicode(const struct sqltest *test)
{
    struct sql *sql = with_table(test);
    static const char *const texts[] = {"上海公司的郵件", "emoji 😀👩‍👩‍👧 end", "𠮷野家", "Ä ä ß", "tail \\"};
    for (guint i = 0; i < G_N_ELEMENTS(texts); i++)
        sqltest_exec(sql, &insert, (struct sql_value[]){SQL_I(i), SQL_I(0), SQL_T(texts[i]), {0}}, 4);
    for (guint i = 0; i < G_N_ELEMENTS(texts); i++) {
        struct seen seen = get(sql, i);
        assert_string_equal(seen.s, texts[i]);
        seen_clear(&seen);
        assert_int_equal(sqltest_int(sql, &find_text, (struct sql_value[]){SQL_T(texts[i])}, 1), i);
    }
    /* Not UTF-8 (a Big5 subject without a charset): stored, mended; NUL bytes stay. */
    static const char raw[] = "a\xa4\xa4" "b\0c";
    struct sql_value text = {.type = SQL_TEXT, .data = raw, .length = sizeof raw - 1};
    sqltest_exec(sql, &insert, (struct sql_value[]){SQL_I(100), SQL_I(0), text, {0}}, 4);
    struct seen seen = get(sql, 100);
    static const char want[] = "a\xef\xbf\xbd\xef\xbf\xbd" "b\0c";
    assert_int_equal(seen.s_length, sizeof want - 1);
    assert_memory_equal(seen.s, want, sizeof want);
    seen_clear(&seen);
    sql_close(&sql);
}

static void
injection(const struct sqltest *test)
{
    struct sql *sql = with_table(test);
    static const char *const attempts[] = {
        "'; DROP TABLE t; --", "\" OR 1=1 --", "x' OR 'x'='x", "\\'; DELETE FROM t; #", "%' OR 1=1 /*", "?", "${jndi}",
        "\xbf'; DROP TABLE t; --" /* eats the backslash of a GBK-minded escaper */, "*/ DROP TABLE t", "@@version",
    };
    for (guint i = 0; i < G_N_ELEMENTS(attempts); i++) {
        assert_int_equal(sqltest_int(sql, &find_text, (struct sql_value[]){SQL_T(attempts[i])}, 1), G_MININT64);
        sqltest_exec(sql, &insert, (struct sql_value[]){SQL_I(i), SQL_I(0), SQL_T(attempts[i]), {0}}, 4);
        assert_int_equal(sqltest_int(sql, &count, NULL, 0), i + 1);
        assert_int_equal(sqltest_int(sql, &find_text, (struct sql_value[]){SQL_T(attempts[i])}, 1), i);
    }
    /* A number column given text: no row or no match, never all rows. */
    SQLTEST_STATEMENT(by_id, "SELECT id FROM t WHERE b = ?");
    assert_int_equal(sqltest_int(sql, &by_id, (struct sql_value[]){SQL_T("0 OR 1=1")}, 1), G_MININT64);
    sql_close(&sql);
}

static void
errors(const struct sqltest *test)
{
    struct sql *sql = with_table(test);
    g_autoptr(GError) error = NULL;
    assert_false(sql_run(sql, "no_such_statement", NULL, 0, NULL, NULL, NULL, &error));
    assert_true(g_error_matches(error, SQL_ERROR, SQL_ERROR_STATEMENT));
    g_clear_error(&error);
    assert_false(sql_run(sql, "", NULL, 0, NULL, NULL, NULL, NULL));

    assert_false(sql_run_statement(sql, &insert, (struct sql_value[]){SQL_I(1)}, 1, NULL, NULL, NULL, &error));
    assert_true(g_error_matches(error, SQL_ERROR, SQL_ERROR_STATEMENT));
    assert_non_null(strstr(error->message, "4 parameters expected, 1 given"));
    g_clear_error(&error);

    SQLTEST_STATEMENT(nonsense, "SELEKT 1");
    assert_false(sql_run_statement(sql, &nonsense, NULL, 0, NULL, NULL, NULL, &error));
    assert_true(g_error_matches(error, SQL_ERROR, SQL_ERROR_STATEMENT));
    g_clear_error(&error);

    static const struct sql_statement one_engine = {"one", {NULL, NULL}};
    assert_false(sql_run_statement(sql, &one_engine, NULL, 0, NULL, NULL, NULL, &error));
    assert_true(g_error_matches(error, SQL_ERROR, SQL_ERROR_STATEMENT));
    g_clear_error(&error);

    struct sql_value row[] = {SQL_I(1), SQL_I(0), SQL_T("a"), {0}};
    sqltest_exec(sql, &insert, row, 4);
    assert_false(sql_run_statement(sql, &insert, row, 4, NULL, NULL, NULL, &error));
    assert_true(g_error_matches(error, SQL_ERROR, SQL_ERROR_DUPLICATE));
    g_clear_error(&error);

    /* A table that comes later is no lasting trouble. */
    SQLTEST_STATEMENT(later, "SELECT 5 FROM later_table");
    assert_false(sql_run_statement(sql, &later, NULL, 0, NULL, NULL, NULL, &error));
    assert_true(g_error_matches(error, SQL_ERROR, SQL_ERROR_STATEMENT));
    g_clear_error(&error);
    sqltest_script(sql, "CREATE TABLE later_table (x INT);\nINSERT INTO later_table VALUES (1);\n");
    assert_int_equal(sqltest_int(sql, &later, NULL, 0), 5);
    sql_close(&sql);
}

static gboolean
stop_after_two(const struct sql_row *row G_GNUC_UNUSED, gpointer data)
{
    return ++*(guint *)data < 2;
}

static void
walking(const struct sqltest *test)
{
    struct sql *sql = with_table(test);
    for (int i = 0; i < 5; i++)
        sqltest_exec(sql, &insert, (struct sql_value[]){SQL_I(i), SQL_I(i), SQL_T("x"), {0}}, 4);
    guint n = 0;
    gint64 changed = -1;
    g_autoptr(GError) error = NULL;
    SQLTEST_STATEMENT(all, "SELECT id FROM t ORDER BY id");
    for (int round = 0; round < 2; round++) { /* the same prepared statement after a stop */
        n = 0;
        assert_true(sql_run_statement(sql, &all, NULL, 0, stop_after_two, &n, &changed, &error));
        assert_int_equal(n, 2);
        assert_int_equal(changed, 0);
    }
    assert_true(sql_run_statement(sql, &update, (struct sql_value[]){SQL_I(1)}, 1, NULL, NULL, &changed, &error));
    assert_int_equal(changed, 4);
    /* Rows that already hold the value count too, on both engines. */
    assert_true(sql_run_statement(sql, &update, (struct sql_value[]){SQL_I(1)}, 1, NULL, NULL, &changed, &error));
    assert_int_equal(changed, 4);
    assert_true(sql_run_statement(sql, &update, (struct sql_value[]){SQL_I(99)}, 1, NULL, NULL, &changed, &error));
    assert_int_equal(changed, 0);
    sql_close(&sql);
}

static void
transactions(const struct sqltest *test)
{
    struct sql *sql = with_table(test);
    g_autoptr(GError) error = NULL;
    struct sql_value row[] = {SQL_I(1), SQL_I(0), SQL_T("a"), {0}};

    assert_true(sql_begin(sql, &error));
    assert_false(sql_begin(sql, NULL));
    sqltest_exec(sql, &insert, row, 4);
    assert_int_equal(sqltest_int(sql, &count, NULL, 0), 1);
    sql_rollback(sql);
    sql_rollback(sql); /* harmless */
    assert_int_equal(sqltest_int(sql, &count, NULL, 0), 0);
    assert_false(sql_commit(sql, NULL));

    /* A refused duplicate inside doesn't end the transaction. */
    assert_true(sql_begin(sql, &error));
    sqltest_exec(sql, &insert, row, 4);
    assert_false(sql_run_statement(sql, &insert, row, 4, NULL, NULL, NULL, &error));
    g_clear_error(&error);
    row[0].integer = 2;
    sqltest_exec(sql, &insert, row, 4);
    assert_true(sql_commit(sql, &error));
    sql_close(&sql);

    sql = sqltest_open(test);
    assert_int_equal(sqltest_int(sql, &count, NULL, 0), 2);

    /* Closing with an open transaction undoes it. */
    assert_true(sql_begin(sql, &error));
    row[0].integer = 3;
    sqltest_exec(sql, &insert, row, 4);
    sql_close(&sql);
    sql = sqltest_open(test);
    assert_int_equal(sqltest_int(sql, &count, NULL, 0), 2);
    sql_close(&sql);
}

static void
pooled(const struct sqltest *test)
{
    struct sql *sql = with_table(test);
    sql_close(&sql);
    g_autoptr(GError) error = NULL;
    struct sql_pool *pool = sql_pool_new(&test->options, 2);
    struct sql *a = sql_pool_take(pool, &error), *b = sql_pool_take(pool, &error);
    assert_non_null(a);
    assert_non_null(b);
    assert_ptr_not_equal(a, b);
    /* Given back inside a transaction: undone. */
    assert_true(sql_begin(a, &error));
    sqltest_exec(a, &insert, (struct sql_value[]){SQL_I(1), SQL_I(0), {0}, {0}}, 4);
    sql_pool_give(pool, a);
    struct sql *again = sql_pool_take(pool, &error);
    assert_ptr_equal(a, again);
    assert_int_equal(sqltest_int(again, &count, NULL, 0), 0);
    sql_pool_give(pool, again);
    sql_pool_give(pool, b);
    sql_pool_free(&pool);
    assert_null(pool);
    sql_pool_free(&pool);
}

static gpointer
pool_worker(gpointer data)
{
    struct sql_pool *pool = data;
    for (int i = 0; i < 20; i++) {
        struct sql *sql = sql_pool_take(pool, NULL);
        g_assert_nonnull(sql);
        g_assert_true(sql_run_statement(sql, &update, (struct sql_value[]){SQL_I(0)}, 1, NULL, NULL, NULL, NULL));
        sql_pool_give(pool, sql);
    }
    return NULL;
}

static void
pool_threads(const struct sqltest *test)
{
    struct sql *sql = with_table(test);
    sqltest_exec(sql, &insert, (struct sql_value[]){SQL_I(1), SQL_I(0), {0}, {0}}, 4);
    sql_close(&sql);
    struct sql_pool *pool = sql_pool_new(&test->options, 2);
    GThread *threads[6];
    for (guint i = 0; i < G_N_ELEMENTS(threads); i++)
        threads[i] = g_thread_new("worker", pool_worker, pool);
    for (guint i = 0; i < G_N_ELEMENTS(threads); i++)
        g_thread_join(threads[i]);
    sql_pool_free(&pool);
}

static void
read_only(const struct sqltest *test)
{
    struct sql *sql = with_table(test);
    struct sqltest reader = *test;
    reader.options.read_only = TRUE;
    struct sql *other = sqltest_open(&reader);
    assert_int_equal(sqltest_int(other, &count, NULL, 0), 0);
    g_autoptr(GError) error = NULL;
    assert_false(sql_run_statement(other, &insert, (struct sql_value[]){SQL_I(1), SQL_I(0), {0}, {0}}, 4, NULL, NULL, NULL,
                                   &error));
    assert_true(g_error_matches(error, SQL_ERROR, SQL_ERROR_STATEMENT));
    sql_close(&other);
    sql_close(&sql);
}

/* A database of others: written to, but never made one that they can't open. */
static gboolean
take_mode(const struct sql_row *row, gpointer data)
{
    g_strlcpy(data, sql_row_text(row, 0, NULL), 16);
    return TRUE;
}

static void
keep_journal(const struct sqltest *test)
{
    SQLTEST_STATEMENT(mode, "PRAGMA journal_mode");
    struct sqltest guest = *test;
    char text[16] = "";
    guest.options.keep_journal = TRUE;
    struct sql *sql = sqltest_open(&guest);
    sqltest_script(sql, "CREATE TABLE x (i INTEGER);\n");
    assert_true(sql_run_statement(sql, &mode, NULL, 0, take_mode, text, NULL, NULL));
    assert_string_equal(text, "delete");
    sql_close(&sql);
    sql = sqltest_open(test);
    assert_true(sql_run_statement(sql, &mode, NULL, 0, take_mode, text, NULL, NULL));
    assert_string_equal(text, "wal");
    sql_close(&sql);
    sql = sqltest_open(&guest); /* nor the other way round */
    assert_true(sql_run_statement(sql, &mode, NULL, 0, take_mode, text, NULL, NULL));
    assert_string_equal(text, "wal");
    sql_close(&sql);
    assert_true(g_file_set_contents(test->options.path, "no database at all, but long enough to be looked at", -1, NULL));
    assert_null(sql_open(&guest.options, NULL));
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        SQLTEST(types),    SQLTEST(conversions),  SQLTEST(large),  SQLTEST(unicode),      SQLTEST(injection),
        SQLTEST(errors),   SQLTEST(walking),      SQLTEST(transactions), SQLTEST(pooled), SQLTEST(pool_threads),
        SQLTEST(read_only), SQLTEST_SQLITE(keep_journal),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
