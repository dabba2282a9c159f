/* test_mailboxes.c: mailboxes of a recipient, what they may hold and do hold, and writing quota2, on both engines. */
#include "policyd/accounts/mailboxes.h"
#include "tests/unit/policyd/accounts_test.h"
#include <string.h>

static const char script[] =
    "INSERT INTO domain (domain, active) VALUES ('a.test', 1), ('dead.test', 0)\n;\n"
    "INSERT INTO mailbox (username, quota) VALUES ('bob@a.test', 1048576), ('carol@a.test', 0), ('dora@a.test', 5000000000000), "
    "('x@dead.test', 1)\n;\n"
    "INSERT INTO mailbox (username, quota, active) VALUES ('off@a.test', 1, 0)\n;\n"
    "INSERT INTO alias (address, goto) VALUES ('bob@a.test', 'bob@a.test'), ('team@a.test', 'bob@a.test,carol@a.test'), "
    "('out@a.test', 'who@elsewhere.test'), ('@catch.test', 'dora@a.test')\n;\n"
    "INSERT INTO alias_domain (alias_domain, target_domain) VALUES ('b.test', 'a.test')\n;\n"
    "INSERT INTO quota2 (username, bytes, messages) VALUES ('bob@a.test', 1000000, 12), ('dora@a.test', -5, -1), "
    "('nobody@a.test', 1, 1)\n;\n";

static void
expect(struct accounts_test *t, const char *address, enum lookup want, const char *want_mailboxes)
{
    for (guint round = 0; round < 2; round++) { /* from SQL, then from the cache */
        g_auto(GStrv) mailboxes = NULL;
        gboolean stale = TRUE;
        enum lookup got = mailboxes_of(t->policy_accounts, address, round == 0, NOW, &mailboxes, &stale);
        g_autofree char *text = g_strjoinv(" ", mailboxes);
        if (got != want || strcmp(text, want_mailboxes) != 0 || stale)
            fail_msg("%s: %d, \"%s\"", address, got, text);
    }
}

static void
expansion(const struct sqltest *test)
{
    struct accounts_test t;

    accounts_test_open(&t, test, script);
    expect(&t, "bob@a.test", LOOKUP_YES, "bob@a.test");
    expect(&t, "bob+x@b.test", LOOKUP_YES, "bob@a.test");
    expect(&t, "team@a.test", LOOKUP_YES, "bob@a.test carol@a.test");
    expect(&t, "out@a.test", LOOKUP_YES, "who@elsewhere.test");
    expect(&t, "any@catch.test", LOOKUP_YES, "dora@a.test");
    expect(&t, "nobody@a.test", LOOKUP_NO, "nobody@a.test");
    expect(&t, "off@a.test", LOOKUP_NO, "off@a.test");
    expect(&t, "x@dead.test", LOOKUP_NO, "x@dead.test");
    expect(&t, "who@elsewhere.test", LOOKUP_NO, "who@elsewhere.test");
    expect(&t, "", LOOKUP_NO, "");
    g_autofree char *local = g_strnfill(400, 'x');
    g_autofree char *long_address = g_strconcat(local, "@catch.test", NULL);
    expect(&t, long_address, LOOKUP_NO, long_address);
    accounts_test_close(&t);
}

static void
expect_quota(struct accounts_test *t, const char *mailbox, gint64 limit, gboolean counted, gint64 bytes, gint64 messages)
{
    struct mailbox_quota quota;
    if (mailbox_quota_find(t->policy_accounts, mailbox, TRUE, NOW, &quota) != LOOKUP_YES)
        fail_msg("%s: not found", mailbox);
    assert_int_equal(quota.limit, limit);
    assert_int_equal(quota.counted, counted);
    assert_int_equal(quota.bytes, bytes);
    assert_int_equal(quota.messages, messages);
    assert_false(quota.stale);
}

static void
quotas(const struct sqltest *test)
{
    struct accounts_test t;
    struct mailbox_quota quota;

    accounts_test_open(&t, test, script);
    assert_int_equal(mailbox_quota_find(t.policy_accounts, "bob@a.test", FALSE, NOW, &quota), LOOKUP_WOULD_BLOCK);
    expect_quota(&t, "bob@a.test", 1048576, TRUE, 1000000, 12);
    expect_quota(&t, "carol@a.test", 0, FALSE, 0, 0);
    expect_quota(&t, "dora@a.test", G_GINT64_CONSTANT(5000000000000), TRUE, 0, 0); /* less than nothing is nothing */
    static const char *const none[] = {"off@a.test", "nobody@a.test", "", "bob@a.test' OR '1'='1", "\xe4\xb8\x8a@a.test"};
    for (guint i = 0; i < G_N_ELEMENTS(none); i++) {
        assert_int_equal(mailbox_quota_find(t.policy_accounts, none[i], TRUE, NOW, &quota), LOOKUP_NO);
        assert_int_equal(quota.limit, 0);
    }
    sqltest_script(t.sql, "ALTER TABLE quota2 RENAME TO hidden\n;\n");
    assert_int_equal(mailbox_quota_find(t.policy_accounts, "bob@a.test", TRUE, NOW + 60000, &quota), LOOKUP_YES);
    assert_true(quota.stale);
    assert_int_equal(quota.bytes, 1000000);
    assert_int_equal(mailbox_quota_find(t.policy_accounts, "off@a.test", TRUE, NOW + 60000, &quota), LOOKUP_UNKNOWN);
    accounts_test_close(&t);
}

static void
writing(const struct sqltest *test)
{
    SQLTEST_STATEMENT(count, "SELECT COUNT(*) FROM quota2");
    SQLTEST_STATEMENT(long_one, "SELECT COUNT(*) FROM quota2 WHERE username LIKE 'xx%'");
    struct accounts_test t;
    g_autoptr(GError) error = NULL;
    g_autofree char *local = g_strnfill(100, 'x');
    g_autofree char *too_long = g_strconcat(local, "@a.test", NULL);
    const struct mailbox_use uses[] = {
        {"bob@a.test", 2000000, 13}, {"carol@a.test", G_GINT64_CONSTANT(7000000000), 5}, {too_long, 1, 1},
        {"dora@a.test", -1, G_GINT64_CONSTANT(5000000000)},
    };

    accounts_test_open(&t, test, script);
    expect_quota(&t, "bob@a.test", 1048576, TRUE, 1000000, 12);
    if (!mailbox_quota_write(t.policy_accounts, uses, G_N_ELEMENTS(uses), &error))
        fail_msg("%s", error->message);
    /* Also what the cache had. */
    expect_quota(&t, "bob@a.test", 1048576, TRUE, 2000000, 13);
    expect_quota(&t, "carol@a.test", 0, TRUE, G_GINT64_CONSTANT(7000000000), 5);
    expect_quota(&t, "dora@a.test", G_GINT64_CONSTANT(5000000000000), TRUE, 0, G_MAXINT32);
    assert_int_equal(sqltest_int(t.sql, &count, NULL, 0), 4);
    assert_int_equal(sqltest_int(t.sql, &long_one, NULL, 0), 0);
    assert_true(mailbox_quota_write(t.policy_accounts, NULL, 0, NULL));

    /* All or nothing. */
    sqltest_script(t.sql, test->mariadb
                              ? "CREATE TRIGGER refuse BEFORE UPDATE ON quota2 FOR EACH ROW IF NEW.username = 'carol@a.test' THEN "
                                "SIGNAL SQLSTATE '45000'; END IF\n;\n"
                              : "CREATE TRIGGER refuse BEFORE UPDATE ON quota2 WHEN NEW.username = 'carol@a.test' BEGIN "
                                "SELECT RAISE(ABORT, 'no'); END\n;\n");
    const struct mailbox_use refused[] = {{"bob@a.test", 3, 3}, {"carol@a.test", 3, 3}};
    assert_false(mailbox_quota_write(t.policy_accounts, refused, 2, &error));
    assert_non_null(error);
    g_clear_error(&error);
    policy_accounts_forget(t.policy_accounts);
    expect_quota(&t, "bob@a.test", 1048576, TRUE, 2000000, 13);
    assert_true(mailbox_quota_write(t.policy_accounts, refused, 1, &error));
    expect_quota(&t, "bob@a.test", 1048576, TRUE, 3, 3);

    policy_accounts_free(&t.policy_accounts);
    t.policy_accounts = policy_accounts_new(&(struct policy_accounts_options){.accounts = t.accounts, .cache = lookup_cache_defaults});
    assert_false(mailbox_quota_write(t.policy_accounts, uses, 1, &error));
    assert_true(g_error_matches(error, SQL_ERROR, SQL_ERROR_STATEMENT));
    accounts_test_close(&t);
}

/* All active mailboxes, a page at a time. */
static void
pages(const struct sqltest *test)
{
    SQLTEST_STATEMENT(insert, "INSERT INTO mailbox (username) VALUES (?)");
    g_autoptr(GPtrArray) names = g_ptr_array_new_with_free_func(g_free);
    struct accounts_test t;

    accounts_test_open(&t, test, script);
    assert_int_equal(mailboxes_page(t.policy_accounts, "", names), LOOKUP_YES);
    assert_int_equal(names->len, 4); /* without the one that is switched off */
    assert_string_equal(g_ptr_array_index(names, 0), "bob@a.test");
    assert_true(sql_begin(t.sql, NULL));
    for (guint i = 0; i < 2000; i++) {
        g_autofree char *name = g_strdup_printf("u%04u@a.test", i);
        sqltest_exec(t.sql, &insert, (struct sql_value[]){SQL_T(name)}, 1);
    }
    assert_true(sql_commit(t.sql, NULL));
    g_ptr_array_set_size(names, 0);
    assert_int_equal(mailboxes_page(t.policy_accounts, "", names), LOOKUP_YES);
    assert_int_equal(names->len, MAILBOXES_PAGE);
    assert_int_equal(mailboxes_page(t.policy_accounts, g_ptr_array_index(names, names->len - 1), names), LOOKUP_YES);
    assert_int_equal(mailboxes_page(t.policy_accounts, g_ptr_array_index(names, names->len - 1), names), LOOKUP_YES);
    assert_int_equal(names->len, 2004);
    assert_string_equal(g_ptr_array_index(names, 2003), "x@dead.test");
    policy_accounts_free(&t.policy_accounts);
    t.policy_accounts = policy_accounts_new(&(struct policy_accounts_options){.cache = lookup_cache_defaults});
    assert_int_equal(mailboxes_page(t.policy_accounts, "", names), LOOKUP_NO);
    accounts_test_close(&t);
}

/* Names that the tables' character set hasn't cost no more than others. */
static void
odd_names(const struct sqltest *test)
{
    SQLTEST_STATEMENT(insert, "INSERT INTO alias (address, goto) VALUES (?, 'bob@a.test')");
    SQLTEST_STATEMENT(reads, "SELECT SUM(CAST(VARIABLE_VALUE AS INT)) FROM information_schema.GLOBAL_STATUS "
                             "WHERE VARIABLE_NAME IN ('HANDLER_READ_RND_NEXT', 'HANDLER_READ_NEXT')");
    struct accounts_test t;
    struct mailbox_quota quota;

    accounts_test_open(&t, test, script);
    assert_true(sql_begin(t.sql, NULL));
    for (guint i = 0; i < 4000; i++) {
        g_autofree char *name = g_strdup_printf("u%u@a.test", i);
        sqltest_exec(t.sql, &insert, (struct sql_value[]){SQL_T(name)}, 1);
    }
    assert_true(sql_commit(t.sql, NULL));
    gint64 before = sqltest_int(t.sql, &reads, NULL, 0);
    for (guint i = 0; i < 5; i++) {
        g_autofree char *name = g_strdup_printf("\xe4\xb8\x8a%u\xf0\x9f\x98\x80@a.test", i);
        expect(&t, name, LOOKUP_NO, name);
        assert_int_equal(mailbox_quota_find(t.policy_accounts, name, TRUE, NOW, &quota), LOOKUP_NO);
    }
    assert_in_range(sqltest_int(t.sql, &reads, NULL, 0) - before, 0, 4000);
    accounts_test_close(&t);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {SQLTEST(expansion), SQLTEST(quotas), SQLTEST(writing), SQLTEST(pages), SQLTEST_MARIADB(odd_names)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
