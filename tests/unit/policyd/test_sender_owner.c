/* test_sender_owner.c: who may send as whom, on both engines. */
#include "policyd/accounts/sender_owner.h"
#include "tests/unit/policyd/accounts_test.h"
#include <string.h>

static const char script[] =
    "INSERT INTO domain (domain) VALUES ('a.test'), ('b.test'), ('catch.test'), ('shared.test')\n;\n"
    "INSERT INTO domain (domain, active) VALUES ('dead.test', 0)\n;\n"
    "INSERT INTO mailbox (username) VALUES ('bob@a.test'), ('carol@a.test'), ('dora@a.test'), ('info@a.test'), ('x@dead.test'), "
    "('known@catch.test')\n;\n"
    "INSERT INTO mailbox (username, active) VALUES ('off@a.test', 0), ('left@catch.test', 0)\n;\n"
    "INSERT INTO alias (address, goto) VALUES ('bob@a.test', 'bob@a.test'), ('dora@a.test', 'dora@a.test,bob@a.test'), "
    "('team@a.test', 'bob@a.test,carol@a.test'), ('wide@a.test', 'team@a.test,dora@a.test'), ('off@a.test', 'off@a.test'), "
    "('old@a.test', 'off@a.test'), ('@catch.test', 'bob@a.test'), ('sales@catch.test', 'carol@a.test'), "
    "('bob+priv@a.test', 'carol@a.test'), ('x@dead.test', 'x@dead.test,bob@a.test'), ('out@a.test', 'someone@elsewhere.test')\n;\n"
    "INSERT INTO alias_domain (alias_domain, target_domain) VALUES ('b.test', 'a.test')\n;\n"
    "INSERT INTO policy_sender (login, sender) VALUES ('bob@a.test', 'info@a.test'), ('bob@a.test', '@shared.test'), "
    "('printer', 'scan@a.test'), ('bob@a.test', 'bob@elsewhere.test'), ('off@a.test', 'info@a.test'), "
    "('bob@a.test', 'any@dead.test'), ('carol@a.test', 'list+owner@shared.test'), "
    "('carol@a.test', 'pad@shared.test ')\n;\n";

static void
expect(struct accounts_test *t, const struct sender_rules *rules, const char *login, const char *sender, enum lookup want,
       enum sender_why why)
{
    struct sender_answer answer;
    enum lookup got = sender_owner_may_send(t->policy_accounts, login, sender, TRUE, NOW, rules, &answer);
    if (got != want || answer.why != why || answer.stale)
        fail_msg("%s as <%s>: %d, %s; want %d, %s", login, sender, got, sender_why_text(answer.why), want, sender_why_text(why));
    /* Then it is known without waiting. */
    got = sender_owner_may_send(t->policy_accounts, login, sender, FALSE, NOW, rules, &answer);
    if (got != (want == LOOKUP_UNKNOWN ? LOOKUP_WOULD_BLOCK : want) || answer.why != why)
        fail_msg("%s as <%s>: then %d, %s", login, sender, got, sender_why_text(answer.why));
}

static const struct {
    const char *login, *sender;
    enum lookup answer;
    enum sender_why why;
} table[] = {
    {"bob@a.test", "bob@a.test", LOOKUP_YES, SENDER_OWN},
    {"Bob@A.test", "bob@a.test", LOOKUP_YES, SENDER_OWN},
    {"bob@a.test", "bob+x@a.test", LOOKUP_YES, SENDER_OWN},
    {"bob@a.test", "bob@b.test", LOOKUP_YES, SENDER_OWN},
    {"bob@a.test", "bob+x@b.test", LOOKUP_YES, SENDER_OWN},
    {"bob@a.test", "team@a.test", LOOKUP_YES, SENDER_ALIAS},
    {"bob@a.test", "team+x@b.test", LOOKUP_YES, SENDER_ALIAS},
    {"bob@a.test", "wide@a.test", LOOKUP_YES, SENDER_ALIAS},
    {"dora@a.test", "team@a.test", LOOKUP_NO, SENDER_NOT_OWNED},
    {"bob@a.test", "any@catch.test", LOOKUP_YES, SENDER_CATCH_ALL},
    {"carol@a.test", "any@catch.test", LOOKUP_NO, SENDER_NOT_OWNED},
    {"bob@a.test", "known@catch.test", LOOKUP_NO, SENDER_NOT_OWNED},  /* a mailbox */
    {"bob@a.test", "known+x@catch.test", LOOKUP_NO, SENDER_NOT_OWNED},
    {"bob@a.test", "left@catch.test", LOOKUP_NO, SENDER_NOT_OWNED},   /* ... also when it is off */
    {"bob@a.test", "sales@catch.test", LOOKUP_NO, SENDER_NOT_OWNED},  /* another alias */
    {"carol@a.test", "sales@catch.test", LOOKUP_YES, SENDER_ALIAS},
    {"bob@a.test", "@catch.test", LOOKUP_NO, SENDER_NOT_OWNED},
    {"bob@a.test", "carol@a.test", LOOKUP_NO, SENDER_NOT_OWNED},
    {"bob@a.test", "dora@a.test", LOOKUP_NO, SENDER_NOT_OWNED},       /* gets copies of her mail, no more */
    {"bob@a.test", "bob+priv@a.test", LOOKUP_NO, SENDER_NOT_OWNED},   /* looks like his, is carol's */
    {"carol@a.test", "bob+priv@a.test", LOOKUP_YES, SENDER_ALIAS},
    {"bob@a.test", "out@a.test", LOOKUP_NO, SENDER_NOT_OWNED},
    {"someone@elsewhere.test", "out@a.test", LOOKUP_NO, SENDER_NOT_OWNED}, /* no account here */
    {"someone@elsewhere.test", "someone@elsewhere.test", LOOKUP_NO, SENDER_NOT_OWNED},
    {"bob@a.test", "nobody@a.test", LOOKUP_NO, SENDER_NOT_OWNED},
    {"bob@a.test", "bob@gmail.test", LOOKUP_NO, SENDER_NOT_OWNED},
    {"bob@a.test", "bob", LOOKUP_NO, SENDER_NOT_OWNED},
    {"off@a.test", "off@a.test", LOOKUP_NO, SENDER_LOGIN_OFF},
    {"off@a.test", "old@a.test", LOOKUP_NO, SENDER_LOGIN_OFF},
    {"off@a.test", "info@a.test", LOOKUP_NO, SENDER_LOGIN_OFF},       /* whatever the table says */
    {"x@dead.test", "x@dead.test", LOOKUP_NO, SENDER_LOGIN_OFF},
    {"bob@a.test", "x@dead.test", LOOKUP_NO, SENDER_DOMAIN_OFF},
    {"bob@a.test", "any@dead.test", LOOKUP_NO, SENDER_DOMAIN_OFF},
    {"bob@a.test", "info@a.test", LOOKUP_YES, SENDER_TABLE},
    {"bob@a.test", "info+x@a.test", LOOKUP_YES, SENDER_TABLE},
    {"bob@a.test", "who@shared.test", LOOKUP_YES, SENDER_TABLE},
    {"bob@a.test", "who@sub.shared.test", LOOKUP_NO, SENDER_NOT_OWNED},
    {"bob@a.test", "bob@elsewhere.test", LOOKUP_YES, SENDER_TABLE},
    {"carol@a.test", "info@a.test", LOOKUP_NO, SENDER_NOT_OWNED},
    {"carol@a.test", "list+owner@shared.test", LOOKUP_YES, SENDER_TABLE},
    {"carol@a.test", "list@shared.test", LOOKUP_NO, SENDER_NOT_OWNED},
    {"carol@a.test", "pad@shared.test", LOOKUP_NO, SENDER_NOT_OWNED}, /* a row of another address, whatever PAD SPACE says */
    {"printer", "scan@a.test", LOOKUP_YES, SENDER_TABLE},
    {"printer", "printer@a.test", LOOKUP_NO, SENDER_NOT_OWNED},
    {"bob", "bob@a.test", LOOKUP_NO, SENDER_NOT_OWNED},
    {"", "bob@a.test", LOOKUP_NO, SENDER_NOT_OWNED},
    {"bob@a.test' OR '1'='1", "carol@a.test", LOOKUP_NO, SENDER_NOT_OWNED},
    {"bob@a.test", "carol@a.test' OR '1'='1", LOOKUP_NO, SENDER_NOT_OWNED},
    {"bob@a.test", "\xff\xfe@a.test", LOOKUP_NO, SENDER_NOT_OWNED},
    {"b\xc3\xb6" "b@a.test", "b\xc3\xb6" "b@a.test", LOOKUP_NO, SENDER_NOT_OWNED},
    {"bob@a.test", "\xe4\xb8\x8a@\xe6\xb5\xb7.test", LOOKUP_NO, SENDER_NOT_OWNED},
};

static void
cases(const struct sqltest *test)
{
    struct accounts_test t;
    const struct sender_rules rules = {0};

    accounts_test_open(&t, test, script);
    for (guint i = 0; i < G_N_ELEMENTS(table); i++)
        expect(&t, &rules, table[i].login, table[i].sender, table[i].answer, table[i].why);
    assert_int_equal(sender_owner_may_send(t.policy_accounts, "bob@a.test", "bob@a.test", TRUE, NOW, &rules, NULL), LOOKUP_YES);
    g_autofree char *local = g_strnfill(320, 'x');
    g_autofree char *long_address = g_strconcat(local, "@catch.test", NULL);
    expect(&t, &rules, "bob@a.test", long_address, LOOKUP_NO, SENDER_NOT_OWNED);
    accounts_test_close(&t);
}

static void
rules_count(const struct sqltest *test)
{
    struct accounts_test t;
    struct sender_rules rules = {0};

    accounts_test_open(&t, test, script);
    expect(&t, &rules, "bob@a.test", "", LOOKUP_NO, SENDER_NULL);
    rules.null_sender = TRUE;
    expect(&t, &rules, "bob@a.test", "", LOOKUP_YES, SENDER_NULL);
    rules.default_domain = "A.test";
    expect(&t, &rules, "bob", "bob@a.test", LOOKUP_YES, SENDER_OWN);
    expect(&t, &rules, "bob@b.test", "bob@a.test", LOOKUP_NO, SENDER_NOT_OWNED); /* a login is a mailbox's name as it is */
    /* Each bound has answers of its own. */
    expect(&t, &rules, "bob@a.test", "wide@a.test", LOOKUP_YES, SENDER_ALIAS);
    rules.members_max = 2;
    expect(&t, &rules, "bob@a.test", "wide@a.test", LOOKUP_NO, SENDER_TOO_MANY_MEMBERS);
    expect(&t, &rules, "bob@a.test", "team@a.test", LOOKUP_YES, SENDER_ALIAS);
    rules.members_max = 1;
    expect(&t, &rules, "bob@a.test", "team@a.test", LOOKUP_NO, SENDER_TOO_MANY_MEMBERS);
    expect(&t, &rules, "bob@a.test", "bob+x@a.test", LOOKUP_YES, SENDER_OWN);
    expect(&t, &rules, "bob@a.test", "info@a.test", LOOKUP_YES, SENDER_TABLE);
    rules.members_max = 0;
    rules.forwards = TRUE;
    expect(&t, &rules, "bob@a.test", "dora@a.test", LOOKUP_YES, SENDER_FORWARDED);
    expect(&t, &rules, "carol@a.test", "dora@a.test", LOOKUP_NO, SENDER_NOT_OWNED);
    expect(&t, &rules, "bob@a.test", "x@dead.test", LOOKUP_NO, SENDER_DOMAIN_OFF);
    expect(&t, &rules, "dora@a.test", "dora@a.test", LOOKUP_YES, SENDER_OWN);
    accounts_test_close(&t);
}

/* What the tables say now is answered when the cache's time is over, or after a reload. */
static void
changes(const struct sqltest *test)
{
    struct accounts_test t;
    const struct sender_rules rules = {0};
    struct sender_answer answer;

    accounts_test_open(&t, test, script);
    assert_int_equal(sender_owner_may_send(t.policy_accounts, "bob@a.test", "bob@a.test", FALSE, NOW, &rules, &answer),
                     LOOKUP_WOULD_BLOCK);
    assert_int_equal(answer.why, SENDER_UNTOLD);
    expect(&t, &rules, "bob@a.test", "bob@a.test", LOOKUP_YES, SENDER_OWN);
    sqltest_script(t.sql, "UPDATE mailbox SET active = 0 WHERE username = 'bob@a.test'\n;\n");
    expect(&t, &rules, "bob@a.test", "bob@a.test", LOOKUP_YES, SENDER_OWN);
    assert_int_equal(sender_owner_may_send(t.policy_accounts, "bob@a.test", "bob@a.test", TRUE, NOW + 60000, &rules, &answer),
                     LOOKUP_NO);
    assert_int_equal(answer.why, SENDER_LOGIN_OFF);
    expect(&t, &rules, "carol@a.test", "info@a.test", LOOKUP_NO, SENDER_NOT_OWNED);
    sqltest_script(t.sql, "INSERT INTO policy_sender VALUES ('carol@a.test', 'info@a.test')\n;\n");
    expect(&t, &rules, "carol@a.test", "info@a.test", LOOKUP_NO, SENDER_NOT_OWNED);
    policy_accounts_forget(t.policy_accounts);
    expect(&t, &rules, "carol@a.test", "info@a.test", LOOKUP_YES, SENDER_TABLE);
    accounts_test_close(&t);
}

/* One database is broken, or both: "unknown", never "no", and what was found is still answered. */
static void
broken(const struct sqltest *test)
{
    struct accounts_test t;
    const struct sender_rules rules = {0};
    struct sender_answer answer;

    accounts_test_open(&t, test, script);
    expect(&t, &rules, "bob@a.test", "team@a.test", LOOKUP_YES, SENDER_ALIAS);
    sqltest_script(t.sql, "ALTER TABLE policy_sender RENAME TO hidden\n;\n");
    expect(&t, &rules, "bob@a.test", "wide@a.test", LOOKUP_YES, SENDER_ALIAS); /* the table needn't be asked */
    expect(&t, &rules, "bob@a.test", "carol@a.test", LOOKUP_UNKNOWN, SENDER_UNTOLD);
    expect(&t, &rules, "off@a.test", "info@a.test", LOOKUP_NO, SENDER_LOGIN_OFF);
    sqltest_script(t.sql, "ALTER TABLE hidden RENAME TO policy_sender\n;\n");
    static const char *const names[] = {"alias", "mailbox", "domain", "alias_domain"};
    for (guint i = 0; i < G_N_ELEMENTS(names); i++) {
        g_autofree char *hide = g_strdup_printf("ALTER TABLE %s RENAME TO hidden\n;\n", names[i]);
        g_autofree char *show = g_strdup_printf("ALTER TABLE hidden RENAME TO %s\n;\n", names[i]);
        policy_accounts_forget(t.policy_accounts);
        sqltest_script(t.sql, hide);
        expect(&t, &rules, "bob@a.test", "dora@a.test", LOOKUP_UNKNOWN, SENDER_UNTOLD);
        assert_int_equal(sender_owner_may_send(t.policy_accounts, "bob@a.test", "team@a.test", TRUE, NOW + 60000, &rules, &answer),
                         LOOKUP_YES);
        assert_true(answer.stale);
        assert_int_equal(answer.why, SENDER_ALIAS);
        sqltest_script(t.sql, show);
    }
    expect(&t, &rules, "bob@a.test", "carol@a.test", LOOKUP_NO, SENDER_NOT_OWNED);
    accounts_test_close(&t);
}

static void
not_configured(const struct sqltest *test)
{
    struct accounts_test t;
    const struct sender_rules rules = {0};

    accounts_test_open(&t, test, script);
    policy_accounts_free(&t.policy_accounts);
    struct policy_accounts_options options = {.policy = t.policy, .cache = lookup_cache_defaults};
    t.policy_accounts = policy_accounts_new(&options);
    expect(&t, &rules, "bob@a.test", "info@a.test", LOOKUP_YES, SENDER_TABLE);
    expect(&t, &rules, "bob@a.test", "bob@a.test", LOOKUP_UNKNOWN, SENDER_UNTOLD);
    policy_accounts_free(&t.policy_accounts);
    options = (struct policy_accounts_options){.accounts = t.accounts, .cache = lookup_cache_defaults};
    t.policy_accounts = policy_accounts_new(&options);
    expect(&t, &rules, "bob@a.test", "info@a.test", LOOKUP_NO, SENDER_NOT_OWNED);
    expect(&t, &rules, "bob@a.test", "team@a.test", LOOKUP_YES, SENDER_ALIAS);
    expect(&t, &rules, "bob@a.test", "team+x@a.test", LOOKUP_NO, SENDER_NOT_OWNED); /* no delimiter is set */
    accounts_test_close(&t);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        SQLTEST(cases), SQLTEST(rules_count), SQLTEST(changes), SQLTEST(broken), SQLTEST(not_configured),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
