/* accounts_test.c: see accounts_test.h. */
#include "tests/unit/policyd/accounts_test.h"

void
accounts_test_open(struct accounts_test *t, const struct sqltest *test, const char *script)
{
    struct sql_options options = test->options;
    g_autofree char *path = g_strdup_printf("%s/tests/sql/postfixadmin.%s.sql", g_getenv("POSTERN_SOURCE"),
                                            test->mariadb ? "mariadb" : "sqlite");
    g_autoptr(GError) error = NULL;

    t->sql = sqltest_open(test);
    sqltest_script_file(t->sql, path);
    if (!sql_migrate(t->sql, "policy", NULL, &error))
        fail_msg("%s", error->message);
    sqltest_script(t->sql, script);
    options.keep_journal = TRUE;
    t->quota = sql_pool_new(&options, 1);
    options.read_only = TRUE;
    t->accounts = sql_pool_new(&options, 2);
    t->policy = sql_pool_new(&options, 2);
    t->policy_accounts = policy_accounts_new(&(struct policy_accounts_options){
        .accounts = t->accounts, .policy = t->policy, .quota = t->quota, .recipient_delimiter = "+", .cache = lookup_cache_defaults});
}

void
accounts_test_close(struct accounts_test *t)
{
    policy_accounts_free(&t->policy_accounts);
    sql_pool_free(&t->accounts);
    sql_pool_free(&t->policy);
    sql_pool_free(&t->quota);
    sql_close(&t->sql);
}
