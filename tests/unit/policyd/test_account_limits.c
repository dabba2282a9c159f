/* test_account_limits.c: limits of their own, the most specific first, on both engines. */
#include "policyd/accounts/account_limits.h"
#include "tests/unit/policyd/accounts_test.h"
#include <string.h>

static const char script[] =
    "INSERT INTO policy_limit (subject, meter, amount, seconds) VALUES ('*', 'messages', 100, 3600), ('*', 'messages', 500, 86400), "
    "('@a.test', 'messages', 200, 3600), ('bob@a.test', 'messages', 1000, 86400), ('bob@a.test', 'messages', -7, 60), "
    "('bob+bulk@a.test', 'messages', 9, 60), ('bob@a.test', 'recipients', 0, 60), ('fred', 'messages', 5, 3600), "
    "('@b.test', 'messages', 1, 0), ('@b.test', 'messages', 2, 4294967295), ('carol@a.test ', 'messages', 3, 3600)\n;\n";

static void
expect(struct accounts_test *t, const char *subject, const char *meter, const char *want)
{
    static const char *const whose[] = {"address", "domain", "all"};
    struct account_limits limits;

    for (guint round = 0; round < 2; round++) { /* from SQL, then from the cache */
        enum lookup got = account_limits_find(t->policy_accounts, subject, meter, round == 0, NOW, &limits);
        GString *text = g_string_new(NULL);
        for (guint i = 0; i < limits.n; i++)
            g_string_append_printf(text, "%s%" G_GINT64_FORMAT "/%u %s", i ? ", " : "", limits.limit[i].amount, limits.limit[i].seconds,
                                   whose[limits.limit[i].subject]);
        if (got != (*want ? LOOKUP_YES : LOOKUP_NO) || strcmp(text->str, want) != 0)
            fail_msg("%s, %s: %d, \"%s\"; want \"%s\"", subject, meter, got, text->str, want);
        assert_false(limits.stale);
        g_string_free(text, TRUE);
    }
}

static void
cases(const struct sqltest *test)
{
    struct accounts_test t;

    accounts_test_open(&t, test, script);
    expect(&t, "bob@a.test", "messages", "-1/60 address, 200/3600 domain, 1000/86400 address");
    expect(&t, "bob+bulk@a.test", "messages", "9/60 address, 200/3600 domain, 1000/86400 address");
    expect(&t, "bob+x@a.test", "messages", "-1/60 address, 200/3600 domain, 1000/86400 address");
    expect(&t, "carol@a.test", "messages", "200/3600 domain, 500/86400 all");
    expect(&t, "@a.test", "messages", "200/3600 domain, 500/86400 all");
    expect(&t, "who@c.test", "messages", "100/3600 all, 500/86400 all");
    expect(&t, "fred", "messages", "5/3600 address, 500/86400 all");
    expect(&t, "who@b.test", "messages", "100/3600 all, 500/86400 all, 2/4294967295 domain"); /* a window of nothing is none */
    expect(&t, "bob@a.test", "recipients", "0/60 address");
    expect(&t, "carol@a.test", "recipients", "");
    expect(&t, "carol@a.test", "nosuch", "");
    expect(&t, "*", "messages", "100/3600 all, 500/86400 all");
    expect(&t, "", "messages", "100/3600 all, 500/86400 all");
    g_autofree char *local = g_strnfill(400, 'x');
    g_autofree char *long_address = g_strconcat(local, "@a.test", NULL);
    expect(&t, long_address, "messages", "100/3600 all, 500/86400 all");
    expect(&t, "bob@a.test", local, "");
    accounts_test_close(&t);
}

static void
too_many(const struct sqltest *test)
{
    SQLTEST_STATEMENT(insert, "INSERT INTO policy_limit (subject, meter, amount, seconds) VALUES ('*', 'm', 1, ?)");
    struct accounts_test t;
    struct account_limits limits;

    accounts_test_open(&t, test, "");
    for (gint i = 20; i > 0; i--)
        sqltest_exec(t.sql, &insert, (struct sql_value[]){SQL_I(i * 10)}, 1);
    assert_int_equal(account_limits_find(t.policy_accounts, "bob@a.test", "m", TRUE, NOW, &limits), LOOKUP_YES);
    assert_int_equal(limits.n, ACCOUNT_LIMITS_MAX);
    assert_int_equal(limits.limit[0].seconds, 10);
    assert_int_equal(limits.limit[ACCOUNT_LIMITS_MAX - 1].seconds, 80);
    accounts_test_close(&t);
}

static void
broken(const struct sqltest *test)
{
    struct accounts_test t;
    struct account_limits limits;

    accounts_test_open(&t, test, script);
    expect(&t, "fred", "messages", "5/3600 address, 500/86400 all");
    sqltest_script(t.sql, "ALTER TABLE policy_limit RENAME TO hidden\n;\n");
    assert_int_equal(account_limits_find(t.policy_accounts, "bob@a.test", "messages", FALSE, NOW, &limits), LOOKUP_WOULD_BLOCK);
    assert_int_equal(account_limits_find(t.policy_accounts, "bob@a.test", "messages", TRUE, NOW, &limits), LOOKUP_UNKNOWN);
    assert_int_equal(limits.n, 0);
    assert_int_equal(account_limits_find(t.policy_accounts, "fred", "messages", TRUE, NOW + 60000, &limits), LOOKUP_YES);
    assert_int_equal(limits.n, 2);
    assert_true(limits.stale);
    policy_accounts_free(&t.policy_accounts);
    t.policy_accounts = policy_accounts_new(&(struct policy_accounts_options){.cache = lookup_cache_defaults});
    assert_int_equal(account_limits_find(t.policy_accounts, "fred", "messages", FALSE, NOW, &limits), LOOKUP_NO);
    accounts_test_close(&t);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {SQLTEST(cases), SQLTEST(too_many), SQLTEST(broken)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
