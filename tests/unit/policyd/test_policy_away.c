/* test_policy_away.c: a database that is not there yet, goes away while it is asked, and comes back. */
#include "policyd/accounts/account_limits.h"
#include "policyd/accounts/mailboxes.h"
#include "policyd/accounts/policy_lists.h"
#include "policyd/accounts/sender_owner.h"
#include "tests/unit/policyd/accounts_test.h"
#include <string.h>

static const char script[] =
    "INSERT INTO mailbox (username, quota) VALUES ('bob@a.test', 1000), ('carol@a.test', 0)\n;\n"
    "INSERT INTO policy_limit (subject, meter, amount, seconds) VALUES ('bob@a.test', 'm', 5, 60)\n;\n"
    "INSERT INTO policy_list (list, entry) VALUES ('l', '@b.test')\n;\n";
static const struct sender_rules rules = {0};

/* All five questions. */
static void
ask(struct accounts_test *t, const char *user, gint64 now_ms, gboolean may_block, enum lookup answers_r[5], gboolean *all_stale_r)
{
    struct sender_answer sender;
    struct account_limits limits;
    struct mailbox_quota quota;
    g_auto(GStrv) mailboxes = NULL;
    g_autofree char *address = g_strconcat(user, "@a.test", NULL), *client = g_strconcat(user, "@b.test", NULL);
    gboolean stale[2];

    answers_r[0] = sender_owner_may_send(t->policy_accounts, address, address, may_block, now_ms, &rules, &sender);
    answers_r[1] = account_limits_find(t->policy_accounts, address, "m", may_block, now_ms, &limits);
    answers_r[2] = policy_list_address(t->policy_accounts, "l", client, may_block, now_ms, NULL, &stale[0]);
    answers_r[3] = mailboxes_of(t->policy_accounts, address, may_block, now_ms, &mailboxes, &stale[1]);
    answers_r[4] = mailbox_quota_find(t->policy_accounts, address, may_block, now_ms, &quota);
    *all_stale_r = sender.stale && limits.stale && stale[0] && stale[1] && quota.stale;
}

static void
expect(struct accounts_test *t, const char *user, gint64 now_ms, gboolean may_block, enum lookup want, gboolean want_stale)
{
    enum lookup answers[5];
    gboolean stale;

    ask(t, user, now_ms, may_block, answers, &stale);
    for (guint i = 0; i < G_N_ELEMENTS(answers); i++)
        if (answers[i] != want)
            fail_msg("question %u of %s: %d, want %d", i, user, answers[i], want);
    assert_int_equal(stale, want_stale);
}

static void
server_killed(const struct sqltest *test)
{
    struct sqltest hasty = *test;
    struct accounts_test t;
    const struct mailbox_use use = {"bob@a.test", 1, 1};
    g_autoptr(GError) error = NULL;

    hasty.options.retry_ms = 200;
    accounts_test_open(&t, &hasty, script);
    expect(&t, "bob", NOW, TRUE, LOOKUP_YES, FALSE);
    sqltest_kill_server();
    expect(&t, "bob", NOW + 1000, FALSE, LOOKUP_YES, FALSE);
    gint64 before = g_get_monotonic_time();
    for (guint i = 0; i < 20; i++) { /* never a hang */
        expect(&t, "stranger", NOW, TRUE, LOOKUP_UNKNOWN, FALSE);
        expect(&t, "bob", NOW + 61000, TRUE, LOOKUP_YES, TRUE);
    }
    expect(&t, "bob", NOW + 61000, FALSE, LOOKUP_YES, TRUE);
    assert_in_range(g_get_monotonic_time() - before, 0, 5000000);
    policy_accounts_forget(t.policy_accounts); /* a reload meanwhile */
    expect(&t, "bob", NOW + 61000, TRUE, LOOKUP_YES, TRUE);
    assert_false(mailbox_quota_write(t.policy_accounts, &use, 1, &error));
    assert_true(g_error_matches(error, SQL_ERROR, SQL_ERROR_AWAY));
    expect(&t, "bob", NOW + 3600 * 1000, TRUE, LOOKUP_UNKNOWN, FALSE); /* an hour is long enough */

    sqltest_start_server();
    g_usleep(250000); /* the pause */
    expect(&t, "bob", NOW + 64000, TRUE, LOOKUP_YES, FALSE);
    assert_true(mailbox_quota_write(t.policy_accounts, &use, 1, NULL));
    accounts_test_close(&t);
}

/* policyd starts before its databases are there. */
static void
not_there_yet(const struct sqltest *test)
{
    struct accounts_test later, t = {0};
    struct sql_options options = test->options;

    options.create = FALSE;
    t.accounts = sql_pool_new(&options, 1);
    t.policy = sql_pool_new(&options, 1);
    t.policy_accounts = policy_accounts_new(&(struct policy_accounts_options){
        .accounts = t.accounts, .policy = t.policy, .recipient_delimiter = "+", .cache = lookup_cache_defaults});
    expect(&t, "bob", NOW, TRUE, LOOKUP_UNKNOWN, FALSE);
    expect(&t, "bob", NOW, FALSE, LOOKUP_WOULD_BLOCK, FALSE);
    accounts_test_open(&later, test, script);
    expect(&t, "bob", NOW, TRUE, LOOKUP_YES, FALSE);
    expect(&t, "bob", NOW, FALSE, LOOKUP_YES, FALSE);
    accounts_test_close(&t);
    accounts_test_close(&later);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {SQLTEST_SQLITE(not_there_yet), SQLTEST_MARIADB(server_killed)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
