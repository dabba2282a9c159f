/* test_policy_lists.c: addresses and clients in named lists, on both engines. */
#include "policyd/accounts/policy_keys.h"
#include "policyd/accounts/policy_lists.h"
#include "tests/unit/policyd/accounts_test.h"
#include <string.h>

static const char script[] =
    "INSERT INTO policy_list (list, entry) VALUES ('friends', 'bob@a.test'), ('friends', '@b.test'), ('friends', '.c.test'), "
    "('friends', '@mail.c.test'), ('friends', '<>'), ('friends', 'fred'), ('friends', 'dora@mail.c.test'), "
    "('friends', '192.0.2.0/24'), ('friends', '192.0.2.7'), ('friends', '2001:db8::/32'), ('friends', '2001:db8:1:2::/64'), "
    "('friends', '203.0.113.0/29'), ('friends', '10.0.0.0/8'), ('friends', '198.51.100.9/32'), "
    "('others', 'carol@a.test'), ('friends', 'pad@a.test '), ('Friends', 'upper@a.test')\n;\n";

static void
expect_address(struct accounts_test *t, const char *list, const char *address, const char *want)
{
    g_autofree char *entry = NULL;
    gboolean stale = TRUE;
    enum lookup got = policy_list_address(t->policy_accounts, list, address, TRUE, NOW, &entry, &stale);
    if (got != (want ? LOOKUP_YES : LOOKUP_NO) || g_strcmp0(entry, want) != 0 || stale)
        fail_msg("%s in %s: %d, %s", address, list, got, entry ? entry : "none");
    g_autofree char *again = NULL;
    assert_int_equal(policy_list_address(t->policy_accounts, list, address, FALSE, NOW, &again, NULL), got);
    assert_int_equal(g_strcmp0(again, want), 0);
}

static void
expect_client(struct accounts_test *t, const char *list, const char *client, const char *want)
{
    g_autofree char *entry = NULL;
    enum lookup got = policy_list_client(t->policy_accounts, list, client, TRUE, NOW, &entry, NULL);
    if (got != (want ? LOOKUP_YES : LOOKUP_NO) || g_strcmp0(entry, want) != 0)
        fail_msg("%s in %s: %d, %s", client, list, got, entry ? entry : "none");
}

static void
addresses(const struct sqltest *test)
{
    struct accounts_test t;

    accounts_test_open(&t, test, script);
    expect_address(&t, "friends", "bob@a.test", "bob@a.test");
    expect_address(&t, "friends", "bob+x@a.test", "bob@a.test");
    expect_address(&t, "friends", "bobby@a.test", NULL);
    expect_address(&t, "friends", "who@b.test", "@b.test");
    expect_address(&t, "friends", "who@sub.b.test", NULL);
    expect_address(&t, "friends", "who@c.test", ".c.test");
    expect_address(&t, "friends", "who@deep.sub.c.test", ".c.test");
    expect_address(&t, "friends", "who@xc.test", NULL);
    expect_address(&t, "friends", "who@mail.c.test", "@mail.c.test"); /* the most specific one */
    expect_address(&t, "friends", "dora@mail.c.test", "dora@mail.c.test");
    expect_address(&t, "friends", "", "<>");
    expect_address(&t, "friends", "fred", "fred");
    expect_address(&t, "friends", "carol@a.test", NULL);
    expect_address(&t, "others", "carol@a.test", "carol@a.test");
    expect_address(&t, "nosuch", "bob@a.test", NULL);
    /* Names and entries are compared byte by byte. */
    expect_address(&t, "friends", "pad@a.test", NULL);
    expect_address(&t, "friends", "upper@a.test", NULL);
    expect_address(&t, "Friends", "upper@a.test", "upper@a.test");
    expect_address(&t, "friends", "b\xc3\xb6" "b@a.test", NULL);
    expect_address(&t, "friends", "192.0.2.0/24", NULL);
    expect_address(&t, "friends", "x' OR '1'='1", NULL);
    expect_address(&t, "' OR '1'='1", "bob@a.test", NULL);
    g_autofree char *local = g_strnfill(400, 'x');
    g_autofree char *long_address = g_strconcat(local, "@c.test", NULL);
    expect_address(&t, "friends", long_address, ".c.test");
    g_autofree char *stranger = g_strconcat(local, "@d.test", NULL);
    expect_address(&t, "friends", stranger, NULL);
    expect_address(&t, "friends", local, NULL);
    assert_int_equal(policy_list_address(t.policy_accounts, local, "bob@a.test", FALSE, NOW, NULL, NULL), LOOKUP_NO);
    accounts_test_close(&t);
}

static void
clients(const struct sqltest *test)
{
    struct accounts_test t;

    accounts_test_open(&t, test, script);
    expect_client(&t, "friends", "192.0.2.7", "192.0.2.7");
    expect_client(&t, "friends", "::ffff:192.0.2.7", "192.0.2.7");
    expect_client(&t, "friends", "192.0.2.8", "192.0.2.0/24");
    expect_client(&t, "friends", "192.0.3.8", NULL);
    expect_client(&t, "friends", "203.0.113.7", "203.0.113.0/29");
    expect_client(&t, "friends", "203.0.113.8", NULL);
    expect_client(&t, "friends", "10.255.0.1", "10.0.0.0/8");
    expect_client(&t, "friends", "198.51.100.9", "198.51.100.9/32");
    expect_client(&t, "friends", "2001:db8:1:2:3::4", "2001:db8:1:2::/64");
    expect_client(&t, "friends", "2001:0db8:1:3::4", "2001:db8::/32");
    expect_client(&t, "friends", "2001:db9::1", NULL);
    expect_client(&t, "friends", "unknown", NULL);
    expect_client(&t, "friends", "", NULL);
    expect_client(&t, "others", "192.0.2.7", NULL);
    accounts_test_close(&t);
}

/* Whatever an entry is written as, its normal form is found. */
static void
entries_are_found(const struct sqltest *test)
{
    static const char *const table[][2] = {
        {"[2001:DB8:0:0::]/36", "2001:db8:fff::1"}, {"192.0.2.128/25", "192.0.2.200"}, {"2001:db8::1", "2001:db8:0:0:0:0:0:1"},
        {"2a00:1450::/29", "2a00:1457:ffff::1"}, {"172.16.0.0/12", "172.31.255.255"}, {"::ffff:192.0.2.1", "192.0.2.1"},
    };
    SQLTEST_STATEMENT(insert, "INSERT INTO policy_list (list, entry) VALUES ('l', ?)");
    SQLTEST_STATEMENT(clear, "DELETE FROM policy_list");
    struct accounts_test t;

    accounts_test_open(&t, test, "");
    for (guint i = 0; i < G_N_ELEMENTS(table); i++) {
        g_autofree char *entry = policy_entry_normalise(table[i][0], NULL);
        assert_non_null(entry);
        sqltest_exec(t.sql, &clear, NULL, 0);
        sqltest_exec(t.sql, &insert, (struct sql_value[]){SQL_T(entry)}, 1);
        policy_accounts_forget(t.policy_accounts);
        expect_client(&t, "l", table[i][1], entry);
    }
    accounts_test_close(&t);
}

static void
broken(const struct sqltest *test)
{
    struct accounts_test t;
    g_autofree char *entry = NULL;
    gboolean stale = FALSE;

    accounts_test_open(&t, test, script);
    expect_address(&t, "friends", "bob@a.test", "bob@a.test");
    sqltest_script(t.sql, "ALTER TABLE policy_list RENAME TO hidden\n;\n");
    assert_int_equal(policy_list_address(t.policy_accounts, "friends", "who@b.test", TRUE, NOW, &entry, NULL), LOOKUP_UNKNOWN);
    assert_null(entry);
    assert_int_equal(policy_list_client(t.policy_accounts, "friends", "192.0.2.1", FALSE, NOW, &entry, NULL), LOOKUP_WOULD_BLOCK);
    assert_null(entry);
    assert_int_equal(policy_list_address(t.policy_accounts, "friends", "bob@a.test", TRUE, NOW + 60000, &entry, &stale), LOOKUP_YES);
    assert_string_equal(entry, "bob@a.test");
    assert_true(stale);
    policy_accounts_free(&t.policy_accounts);
    t.policy_accounts = policy_accounts_new(&(struct policy_accounts_options){.cache = lookup_cache_defaults});
    expect_address(&t, "friends", "bob@a.test", NULL); /* no database, no lists */
    accounts_test_close(&t);
}

static gboolean
plan_row(const struct sql_row *row, gpointer data)
{
    const char *detail = sql_row_text(row, 3, NULL);
    if (g_str_has_prefix(detail, "SCAN"))
        fail_msg("%s: %s", (const char *)data, detail);
    return TRUE;
}

/* How SQLite would run a named statement: never row by row. */
static void
explain(struct sql *sql, const struct sql_statement *statement)
{
    static const struct sql_value none[64];
    g_autofree char *text = g_strconcat("EXPLAIN QUERY PLAN ", statement->text[0], NULL);
    const struct sql_statement plan = {"plan", {text, text}};
    g_autoptr(GError) error = NULL;
    guint n = 0;

    for (const char *at = text; *at; at++)
        n += *at == '?';
    if (!sql_run_statement(sql, &plan, none, n, plan_row, (gpointer)statement->name, NULL, &error))
        fail_msg("%s: %s", statement->name, error->message);
    sql_drop(sql); /* it would be kept under the address of plan */
}

/* Lookups go by primary keys, however many entries there are. */
static void
no_scan(const struct sqltest *test)
{
    SQLTEST_STATEMENT(insert, "INSERT INTO policy_list (list, entry) VALUES ('big', ?)");
    SQLTEST_STATEMENT(reads, "SELECT SUM(CAST(VARIABLE_VALUE AS INT)) FROM information_schema.GLOBAL_STATUS "
                             "WHERE VARIABLE_NAME IN ('HANDLER_READ_RND_NEXT', 'HANDLER_READ_NEXT')");
    struct accounts_test t;

    accounts_test_open(&t, test, "");
    assert_true(sql_begin(t.sql, NULL));
    for (guint i = 0; i < 10000; i++) {
        g_autofree char *entry = g_strdup_printf("@d%u.test", i);
        sqltest_exec(t.sql, &insert, (struct sql_value[]){SQL_T(entry)}, 1);
    }
    assert_true(sql_commit(t.sql, NULL));
    gint64 before = test->mariadb ? sqltest_int(t.sql, &reads, NULL, 0) : 0;
    expect_address(&t, "big", "x@d9999.test", "@d9999.test");
    expect_client(&t, "big", "192.0.2.1", NULL);
    expect_client(&t, "big", "2001:db8::1", NULL);
    if (test->mariadb)
        assert_in_range(sqltest_int(t.sql, &reads, NULL, 0) - before, 0, 3000);
    for (guint i = 0; i < sql_n_statements && !test->mariadb; i++)
        if (g_str_has_prefix(sql_statements[i].name, "account_") || g_str_has_prefix(sql_statements[i].name, "policy_li") ||
            g_str_has_prefix(sql_statements[i].name, "policy_sender_"))
            explain(t.sql, &sql_statements[i]);
    accounts_test_close(&t);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        SQLTEST(addresses), SQLTEST(clients), SQLTEST(entries_are_found), SQLTEST(broken), SQLTEST(no_scan),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
