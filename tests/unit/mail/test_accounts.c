/* test_accounts.c: expansion through PostfixAdmin's tables, on both engines. */
#include "lib/mail/accounts.h"
#include "lib/mail/databases.h"
#include "tests/support/sqltest.h"
#include <string.h>

static const char data[] =
    "INSERT INTO mailbox (username) VALUES ('bob@a.test'), ('carol@a.test'), ('dora@a.test'), ('only@a.test'), "
    "('alone@c.test'), ('fwd@a.test'), ('mixed@a.test')\n;\n"
    "INSERT INTO mailbox (username, active) VALUES ('off@a.test', 0)\n;\n"
    "INSERT INTO alias (address, goto) VALUES ('bob@a.test', 'bob@a.test'), ('carol@a.test', 'carol@a.test'), "
    "('dora@a.test', 'dora@a.test,bob@a.test'), ('fwd@a.test', 'away@elsewhere.test'), "
    "('team@a.test', 'bob@a.test, carol@a.test ,,dora@a.test'), ('chain1@a.test', 'chain2@a.test'), "
    "('chain2@a.test', 'Chain3@A.test'), ('chain3@a.test', 'carol@a.test'), "
    "('loop1@a.test', 'loop2@a.test'), ('loop2@a.test', 'loop1@a.test'), "
    "('spiral@a.test', 'spiral@a.test,loop1@a.test'), ('tagged@a.test', 'bob+list@a.test'), "
    "('exact+ext@a.test', 'carol@a.test'), ('empty@a.test', ' , ,'), ('program@a.test', '|/usr/bin/x,root'), "
    "('@catch.test', 'bob@a.test'), ('known@catch.test', 'carol@a.test'), ('@moved.test', '@a.test'), "
    "('@c.test', 'bob@a.test'), ('lines@a.test', 'bob@a.test\ncarol@a.test')\n;\n"
    "INSERT INTO alias (address, goto, active) VALUES ('off@a.test', 'off@a.test', 0), "
    "('dead@a.test', 'bob@a.test', 0)\n;\n"
    "INSERT INTO alias_domain (alias_domain, target_domain) VALUES ('b.test', 'a.test'), ('cc.test', 'catch.test'), "
    "('self.test', 'self.test')\n;\n"
    "INSERT INTO alias_domain (alias_domain, target_domain, active) VALUES ('old.test', 'a.test', 0)\n;\n";

static struct sql *
fill(const struct sqltest *test)
{
    struct sql *sql = sqltest_open(test);
    g_autofree char *path = g_strdup_printf("%s/tests/sql/postfixadmin.%s.sql", g_getenv("POSTERN_SOURCE"),
                                            test->mariadb ? "mariadb" : "sqlite");
    sqltest_script_file(sql, path);
    sqltest_script(sql, data);
    return sql;
}

static void
expand(struct accounts *accounts, const char *address, const char *want)
{
    g_auto(GStrv) mailboxes = NULL;
    g_autoptr(GError) error = NULL;
    int result = accounts_expand(accounts, address, &mailboxes, &error);
    if (result < 0)
        fail_msg("%s: %s", address, error->message);
    assert_int_equal(result, 1);
    g_autofree char *got = g_strjoinv(" ", mailboxes);
    if (strcmp(got, want) != 0)
        fail_msg("%s: got \"%s\", want \"%s\"", address, got, want);
}

static void
cases(const struct sqltest *test)
{
    struct sql *sql = fill(test);
    sql_close(&sql);
    struct sql_options options = test->options;
    options.read_only = TRUE;
    struct sql_pool *pool = sql_pool_new(&options, 2);
    struct accounts *accounts = accounts_new(pool, "+");
    static const char *const table[][2] = {
        {"bob@a.test", "bob@a.test"},                    /* the alias that PostfixAdmin makes for each mailbox */
        {"BOB@A.Test", "bob@a.test"},
        {"dora@a.test", "bob@a.test dora@a.test"},       /* forwards and keeps */
        {"fwd@a.test", "away@elsewhere.test"},           /* forwards and keeps nothing */
        {"only@a.test", "only@a.test"},                  /* a mailbox without an alias */
        {"alone@c.test", "alone@c.test"},                /* ... is not the catch-all's */
        {"other@c.test", "bob@a.test"},
        {"team@a.test", "bob@a.test carol@a.test dora@a.test"},
        {"lines@a.test", "bob@a.test carol@a.test"},
        {"chain1@a.test", "carol@a.test"},
        {"loop1@a.test", "loop1@a.test"},
        {"spiral@a.test", "spiral@a.test"},
        {"empty@a.test", "empty@a.test"},
        {"off@a.test", "off@a.test"},                    /* inactive everywhere: as it is */
        {"dead@a.test", "dead@a.test"},
        {"unknown@a.test", "unknown@a.test"},
        {"x@outside.test", "x@outside.test"},
        {"x+y@outside.test", "x+y@outside.test"},        /* not ours: untouched */
        {"anyone@catch.test", "bob@a.test"},
        {"known@catch.test", "carol@a.test"},
        {"known+ext@catch.test", "carol@a.test"},        /* without extension comes before the catch-all */
        {"who@moved.test", "who@a.test"},                /* @domain as a target: the same local part */
        {"dora@moved.test", "bob@a.test dora@a.test"},
        {"bob@b.test", "bob@a.test"},                    /* alias domain */
        {"team@b.test", "bob@a.test carol@a.test dora@a.test"},
        {"only@b.test", "only@a.test"},
        {"unknown@b.test", "unknown@b.test"},
        {"bob+x@b.test", "bob@a.test"},
        {"anyone@cc.test", "bob@a.test"},                /* the target's catch-all */
        {"known@cc.test", "carol@a.test"},
        {"bob@old.test", "bob@old.test"},                /* inactive alias domain */
        {"x@self.test", "x@self.test"},
        {"bob+lists@a.test", "bob@a.test"},
        {"bob+a+b@a.test", "bob@a.test"},
        {"only+x@a.test", "only@a.test"},
        {"exact+ext@a.test", "carol@a.test"},            /* an alias of its own */
        {"tagged@a.test", "bob@a.test"},                 /* an extension in a target */
        {"+x@a.test", "+x@a.test"},
        {"program@a.test", "root |/usr/bin/x"},
        {"' OR 1=1 -- @a.test", "' or 1=1 -- @a.test"},
        {"postmaster", "postmaster"},
        {"", ""},
        {"@a.test", "@a.test"},
        {"b\xc3\xb6" "b@a.test", "b\xc3\xb6" "b@a.test"}, /* not the same as bob, whatever the collation says */
        {"\xe9\x99\xb3@a.test", "\xe9\x99\xb3@a.test"},   /* can't be in a latin1 column: no row, no error */
        {"bob @a.test", "bob @a.test"},
    };
    for (guint i = 0; i < G_N_ELEMENTS(table); i++)
        expand(accounts, table[i][0], table[i][1]);
    accounts_free(&accounts);

    accounts = accounts_new(pool, "");
    expand(accounts, "bob+lists@a.test", "bob+lists@a.test");
    accounts_free(&accounts);
    accounts = accounts_new(pool, "-+");
    expand(accounts, "bob-lists@a.test", "bob@a.test");
    expand(accounts, "bob+lists@a.test", "bob@a.test");
    expand(accounts, "owner-bob@a.test", "owner-bob@a.test");
    expand(accounts, "bob-request@a.test", "bob-request@a.test");
    accounts_free(&accounts);
    assert_null(accounts);
    sql_pool_free(&pool);
}

static guint
expand_count(struct accounts *accounts, const char *address)
{
    g_auto(GStrv) mailboxes = NULL;
    g_autoptr(GError) error = NULL;
    assert_int_equal(accounts_expand(accounts, address, &mailboxes, &error), 1);
    for (guint i = 1; mailboxes[i]; i++)
        assert_true(strcmp(mailboxes[i - 1], mailboxes[i]) < 0); /* sorted, unique */
    return g_strv_length(mailboxes);
}

static void
limits(const struct sqltest *test)
{
    SQLTEST_STATEMENT(add_alias, "INSERT INTO alias (address, goto) VALUES (?, ?)");
    struct sql *sql = fill(test);
    GString *many = g_string_new(NULL);
    for (int i = 0; i < 4000; i++)
        g_string_append_printf(many, "%su%04d@far.test", i ? "," : "", i);
    sqltest_exec(sql, &add_alias, (struct sql_value[]){SQL_T("many@a.test"), SQL_T(many->str)}, 2);
    for (int i = 0; i < 30; i++) { /* a chain of 30, to carol */
        g_autofree char *from = g_strdup_printf("deep%d@a.test", i);
        g_autofree char *next = i == 29 ? g_strdup("carol@a.test") : g_strdup_printf("deep%d@a.test", i + 1);
        sqltest_exec(sql, &add_alias, (struct sql_value[]){SQL_T(from), SQL_T(next)}, 2);
    }
    g_string_free(many, TRUE);
    sql_close(&sql);
    struct sql_pool *pool = sql_pool_new(&test->options, 2);
    struct accounts *accounts = accounts_new(pool, "+");
    assert_int_equal(expand_count(accounts, "many@a.test"), 1000);
    expand(accounts, "deep15@a.test", "carol@a.test");
    expand(accounts, "deep0@a.test", "deep0@a.test"); /* too deep: left out, so itself */
    g_auto(GStrv) owners = NULL;
    assert_int_equal(accounts_owners(accounts, "many@a.test", &owners, NULL, NULL), 1);
    assert_int_equal(g_strv_length(owners), 1000);
    accounts_free(&accounts);
    sql_pool_free(&pool);
}

static const char owner_data[] =
    "INSERT INTO domain (domain) VALUES ('a.test'), ('catch.test')\n;\n"
    "INSERT INTO domain (domain, active) VALUES ('dead.test', 0), ('gone.test', 0)\n;\n"
    "INSERT INTO mailbox (username) VALUES ('x@dead.test')\n;\n"
    "INSERT INTO mailbox (username, active) VALUES ('left@a.test', 0), ('left@catch.test', 0)\n;\n"
    "INSERT INTO alias (address, goto) VALUES ('x@dead.test', 'bob@a.test'), ('left@a.test', 'bob@a.test'), "
    "('all@a.test', 'left@a.test,dora@a.test,away@elsewhere.test,x@dead.test')\n;\n"
    "INSERT INTO alias (address, goto, active) VALUES ('quiet@catch.test', 'carol@a.test', 0)\n;\n"
    "INSERT INTO alias_domain (alias_domain, target_domain) VALUES ('todead.test', 'dead.test')\n;\n"
    "INSERT INTO alias_domain (alias_domain, target_domain) VALUES ('gone.test', 'a.test')\n;\n";

static void
owners_are(struct accounts *accounts, const char *address, const char *want)
{
    g_auto(GStrv) owners = NULL;
    g_autoptr(GError) error = NULL;
    gboolean catch_all = FALSE;
    if (accounts_owners(accounts, address, &owners, &catch_all, &error) != 1)
        fail_msg("%s: %s", address, error->message);
    g_autofree char *joined = g_strjoinv(" ", owners);
    g_autofree char *got = g_strconcat(catch_all ? "by catch-all: " : "", joined, NULL);
    if (strcmp(got, want) != 0)
        fail_msg("%s: got \"%s\", want \"%s\"", address, got, want);
}

static void
owners(const struct sqltest *test)
{
    struct sql *sql = fill(test);
    sqltest_script(sql, owner_data);
    sql_close(&sql);
    struct sql_options options = test->options;
    options.read_only = TRUE;
    struct sql_pool *pool = sql_pool_new(&options, 1);
    struct accounts *accounts = accounts_new(pool, "+");
    static const char *const table[][2] = {
        {"bob@a.test", "bob@a.test"},
        {"BOB+x@B.test", "bob@a.test"},
        {"dora@a.test", "dora@a.test"},                  /* she forwards to bob, and stays the owner */
        {"fwd@a.test", "fwd@a.test"},
        {"only@a.test", "only@a.test"},
        {"team@a.test", "bob@a.test carol@a.test dora@a.test"},
        {"team@b.test", "bob@a.test carol@a.test dora@a.test"},
        {"chain1@a.test", "carol@a.test"},
        {"exact+ext@a.test", "carol@a.test"},
        {"all@a.test", "away@elsewhere.test dora@a.test"}, /* members outside count, those switched off don't */
        {"other@catch.test", "by catch-all: bob@a.test"},
        {"known@catch.test", "carol@a.test"},
        {"left@catch.test", ""},                         /* an account that is off isn't the catch-all's */
        {"left+x@catch.test", ""},
        {"quiet@catch.test", ""},
        {"bob@moved.test", "by catch-all: bob@a.test"},
        {"left@a.test", ""}, {"left@b.test", ""}, {"off@a.test", ""}, {"dead@a.test", ""},
        {"x@dead.test", ""}, {"x@todead.test", ""}, {"bob@gone.test", ""}, {"bob@old.test", ""},
        {"nobody@a.test", ""}, {"someone@elsewhere.test", ""}, {"root", ""}, {"", ""}, {"loop1@a.test", ""},
        {"program@a.test", "root |/usr/bin/x"},
    };
    for (guint i = 0; i < G_N_ELEMENTS(table); i++)
        owners_are(accounts, table[i][0], table[i][1]);
    accounts_free(&accounts);
    sql_pool_free(&pool);
    accounts = accounts_new(NULL, "+");
    char *untouched[] = {NULL}, **none = untouched;
    assert_int_equal(accounts_owners(accounts, "bob@a.test", &none, NULL, NULL), 0);
    assert_ptr_equal(none, untouched);
    accounts_free(&accounts);
}

static void
away(const struct sqltest *test)
{
    struct sql_options options = test->options;
    if (test->mariadb)
        options.database = "no_such_database";
    else
        options.create = FALSE;
    struct sql_pool *pool = sql_pool_new(&options, 1);
    struct accounts *accounts = accounts_new(pool, "+");
    char *untouched[] = {NULL}, **mailboxes = untouched;
    g_autoptr(GError) error = NULL;
    assert_int_equal(accounts_expand(accounts, "bob@a.test", &mailboxes, &error), -1);
    assert_true(g_error_matches(error, SQL_ERROR, SQL_ERROR_AWAY));
    assert_ptr_equal(mailboxes, untouched);
    accounts_free(&accounts);
    sql_pool_free(&pool);

    /* There, but not PostfixAdmin's: an error too, never "no such alias". */
    pool = sql_pool_new(&test->options, 1);
    accounts = accounts_new(pool, "+");
    g_clear_error(&error);
    assert_int_equal(accounts_expand(accounts, "bob@a.test", &mailboxes, &error), -1);
    assert_true(g_error_matches(error, SQL_ERROR, SQL_ERROR_STATEMENT));
    accounts_free(&accounts);
    sql_pool_free(&pool);
}

static void
not_configured(void **state G_GNUC_UNUSED)
{
    struct accounts *accounts = accounts_new(NULL, "+");
    g_auto(GStrv) mailboxes = NULL;
    g_autoptr(GError) error = NULL;
    assert_int_equal(accounts_expand(accounts, "Bob+x@A.test", &mailboxes, &error), 0);
    assert_string_equal(mailboxes[0], "bob+x@a.test");
    assert_null(mailboxes[1]);
    accounts_free(&accounts);
}

static void
options_from_config(void **state G_GNUC_UNUSED)
{
    struct config_accounts accounts = {.path = (char *)"/p", .host = (char *)"h", .port = 3307, .retry = 5000};
    struct sql_options options;
    assert_false(databases_accounts(&accounts, &options));
    accounts.driver = 1;
    assert_true(databases_accounts(&accounts, &options));
    assert_string_equal(options.driver, "sqlite");
    assert_string_equal(options.path, "/p");
    assert_true(options.read_only);
    accounts.driver = 2;
    assert_true(databases_accounts(&accounts, &options));
    assert_string_equal(options.driver, "mariadb");
    assert_int_equal(options.port, 3307);
    assert_int_equal(options.retry_ms, 5000);
    struct config_archived archived = {.dir = (char *)"/var/lib/x", .catalogue_host = (char *)"h"};
    g_autofree char *path = NULL;
    databases_catalogue(&archived, &options, &path);
    assert_string_equal(options.path, "/var/lib/x/catalogue.db");
    assert_false(options.read_only);
    g_clear_pointer(&path, g_free);
    archived.catalogue_driver = 1;
    databases_catalogue(&archived, &options, &path);
    assert_null(path);
    assert_string_equal(options.host, "h");
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        SQLTEST(cases),
        SQLTEST(limits),
        SQLTEST(owners),
        SQLTEST(away),
        cmocka_unit_test(not_configured),
        cmocka_unit_test(options_from_config),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
