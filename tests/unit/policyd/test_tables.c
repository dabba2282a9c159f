/* test_tables.c: lists, senders and limits by the control socket's commands, on both engines: what checks find then, what the audit says,
 * and that what is wrong changes nothing. */
#include <jansson.h>
#include <stdlib.h>
#include "policyd/accounts/account_limits.h"
#include "policyd/accounts/policy_lists.h"
#include "policyd/accounts/sender_owner.h"
#include "policyd/daemon.h"
#include "policyd/tables/admin.h"
#include "tests/unit/policyd/accounts_test.h"
#include "tests/unit/policyd/state_sql.h"

struct world {
    struct accounts_test accounts;
    struct policyd policyd;
};

static void
world_open(struct world *w, const struct sqltest *test)
{
    struct settings_report *report = settings_report_new();

    accounts_test_open(&w->accounts, test, "");
    w->policyd = (struct policyd){.policy_pool = w->accounts.policy, .config = config_load(NULL, report)};
    settings_report_free(&report);
    w->policyd.parts.state = open_state(test, "a", FALSE);
    w->policyd.parts.accounts = w->accounts.policy_accounts;
}

static void
world_close(struct world *w)
{
    state_close(&w->policyd.parts.state);
    config_unref(w->policyd.config);
    accounts_test_close(&w->accounts);
}

typedef gboolean (*handler)(const char *args, GString *answer, gpointer data);

static void
does(struct world *w, handler run, const char *args, const char *want)
{
    g_autoptr(GString) answer = g_string_new(NULL);

    if (!run(args, answer, &w->policyd) || strcmp(answer->str, want) != 0)
        fail_msg("%s: %s; want %s", args, answer->str, want);
}

static void
refuses(struct world *w, handler run, const char *args, const char *want)
{
    g_autoptr(GString) answer = g_string_new(NULL);

    if (run(args, answer, &w->policyd) || strstr(answer->str, want) == NULL)
        fail_msg("%s: %s; want %s", args, answer->str, want);
}

static gboolean
see_line(const struct state_audit *line, gpointer data)
{
    g_string_append_printf(data, "%s|%s|%s|%s;", line->who, line->action, line->subject, line->detail);
    return TRUE;
}

/* Newest first. */
static void
assert_audit(struct world *w, const char *subject, const char *want)
{
    g_autoptr(GString) seen = g_string_new(NULL);

    assert_true(state_audit_list(w->policyd.parts.state, subject, 100, see_line, seen, NULL));
    assert_string_equal(seen->str, want);
}

/* How often SQL was asked so far by checks. */
static guint64
asked(struct world *w)
{
    struct lookup_cache_stats stats;

    policy_accounts_read_stats(w->policyd.parts.accounts, &stats);
    return stats.asked;
}

/* ---- lists ---- */

static enum lookup
is_listed(struct world *w, const char *address)
{
    return policy_list_address(w->policyd.parts.accounts, "friends", address, TRUE, NOW, NULL, NULL);
}

static void
lists(const struct sqltest *test)
{
    struct world w;

    world_open(&w, test);
    assert_int_equal(is_listed(&w, "bob@a.test"), LOOKUP_NO);
    does(&w, tables_admin_list_add, "friends ann why%20not Bob@A.Test .C.test 192.0.2.0/24", "{\"changed\":3,\"same\":[]}");
    assert_int_equal(is_listed(&w, "bob@a.test"), LOOKUP_YES); /* the cache had it otherwise */
    assert_int_equal(is_listed(&w, "x@d.c.test"), LOOKUP_YES);
    assert_int_equal(policy_list_client(w.policyd.parts.accounts, "friends", "192.0.2.7", TRUE, NOW, NULL, NULL), LOOKUP_YES);
    does(&w, tables_admin_list_add, "friends ann %20 bob@a.test <> <>", "{\"changed\":1,\"same\":[\"bob@a.test\",\"<>\"]}");
    does(&w, tables_admin_list_add, "other.list ann %20 bob@a.test", "{\"changed\":1,\"same\":[]}");
    does(&w, tables_admin_lists, "%20", "{\"rows\":[{\"list\":\"friends\",\"entries\":4},{\"list\":\"other.list\",\"entries\":1}],\"more\":false}");
    does(&w, tables_admin_lists, "friends", "{\"rows\":[{\"list\":\"other.list\",\"entries\":1}],\"more\":false}");
    does(&w, tables_admin_list_show, "friends %20",
         "{\"rows\":[{\"member\":\".c.test\"},{\"member\":\"192.0.2.0/24\"},{\"member\":\"<>\"},{\"member\":\"bob@a.test\"}],\"more\":false}");
    does(&w, tables_admin_list_show, "friends <>", "{\"rows\":[{\"member\":\"bob@a.test\"}],\"more\":false}");
    does(&w, tables_admin_list_show, "nosuch %20", "{\"rows\":[],\"more\":false}");
    does(&w, tables_admin_list_remove, "friends ben gone BOB@a.test who@a.test", "{\"changed\":1,\"same\":[\"who@a.test\"]}");
    assert_int_equal(is_listed(&w, "bob@a.test"), LOOKUP_NO);
    assert_audit(&w, "bob@a.test", "ben|list remove|bob@a.test|friends: gone;ann|list add|bob@a.test|other.list;"
                                   "ann|list add|bob@a.test|friends: why not;");
    assert_audit(&w, "<>", "ann|list add|<>|friends;");
    assert_audit(&w, "who@a.test", "");
    world_close(&w);
}

/* One that is wrong, and nothing is done; nor when the audit can't be written. */
static void
all_or_nothing(const struct sqltest *test)
{
    struct world w;

    world_open(&w, test);
    does(&w, tables_admin_list_add, "friends ann %20 old@a.test", "{\"changed\":1,\"same\":[]}");
    refuses(&w, tables_admin_list_add, "friends ann %20 bob@a.test 192.0.2.1/24", "did you mean 192.0.2.0/24?; nothing was changed");
    refuses(&w, tables_admin_list_remove, "friends ann %20 old@a.test a.test", "nothing was changed");
    refuses(&w, tables_admin_list_add, "my%20friends ann %20 bob@a.test", "a list's name is");
    refuses(&w, tables_admin_list_add, "friends ann %20", "words are needed");
    refuses(&w, tables_admin_list_add, "friends %2 why bob@a.test", "words are needed, percent-encoded");
    refuses(&w, tables_admin_list_show, "%27 %20", "a list's name is");
    refuses(&w, tables_admin_sender_add, "bob@a.test ann %20 info@a.test .b.test", "a sender is an address");
    refuses(&w, tables_admin_sender_add, "@a.test ann %20 info@a.test", "no login");
    refuses(&w, tables_admin_limit_put, "bob@a.test letters ann %20 5/hour", "messages or recipients");
    refuses(&w, tables_admin_limit_put, "bob@a.test messages ann %20 5/hour 6/week", "\"6/week\" is no limit");
    refuses(&w, tables_admin_limit_put, "bob@a.test messages ann %20 5/hour none", "\"none\" is no limit");
    refuses(&w, tables_admin_limit_put, "bob@a.test messages ann %20 5/hour 6/hour", "two limits of a hour");
    refuses(&w, tables_admin_limit_put, ".a.test messages ann %20 5/hour", "@domain or *");
    refuses(&w, tables_admin_limit_drop, "bob@a.test messages week ann %20", "a window is");
    refuses(&w, tables_admin_limit_drop, "bob@a.test letters hour ann %20", "messages or recipients");
    does(&w, tables_admin_list_show, "friends %20", "{\"rows\":[{\"member\":\"old@a.test\"}],\"more\":false}");
    does(&w, tables_admin_limits, "%20", "{\"rows\":[],\"more\":false}");
    sqltest_script(w.accounts.sql, "ALTER TABLE policy_audit RENAME TO hidden\n;\n");
    refuses(&w, tables_admin_list_add, "friends ann %20 bob@a.test", "policy_audit");
    refuses(&w, tables_admin_sender_add, "bob@a.test ann %20 info@a.test", "policy_audit");
    refuses(&w, tables_admin_limit_put, "bob@a.test messages ann %20 5/hour", "policy_audit");
    sqltest_script(w.accounts.sql, "ALTER TABLE hidden RENAME TO policy_audit\n;\n");
    does(&w, tables_admin_list_show, "friends %20", "{\"rows\":[{\"member\":\"old@a.test\"}],\"more\":false}");
    does(&w, tables_admin_senders, "bob@a.test %20", "{\"rows\":[],\"more\":false}");
    does(&w, tables_admin_limits, "%20", "{\"rows\":[],\"more\":false}");
    assert_audit(&w, NULL, "ann|list add|old@a.test|friends;");
    world_close(&w);
}

/* A long list comes in pages. */
static void
pages(const struct sqltest *test)
{
    SQLTEST_STATEMENT(insert, "INSERT INTO policy_list (list, entry) VALUES ('big', ?)");
    g_autoptr(GString) args = g_string_new("big %20");
    struct world w;
    guint seen = 0, rounds = 0;
    gboolean more = TRUE;

    world_open(&w, test);
    assert_true(sql_begin(w.accounts.sql, NULL));
    for (guint i = 0; i < 2500; i++) {
        g_autofree char *entry = g_strdup_printf("@d%04u.test", i);
        sqltest_exec(w.accounts.sql, &insert, (struct sql_value[]){SQL_T(entry)}, 1);
    }
    assert_true(sql_commit(w.accounts.sql, NULL));
    for (; more && rounds < 10; rounds++) {
        g_autoptr(GString) answer = g_string_new(NULL);
        assert_true(tables_admin_list_show(args->str, answer, &w.policyd));
        json_t *told = json_loads(answer->str, 0, NULL), *rows = json_object_get(told, "rows");
        seen += (guint)json_array_size(rows);
        more = json_is_true(json_object_get(told, "more"));
        g_string_printf(args, "big %s", json_string_value(json_object_get(json_array_get(rows, json_array_size(rows) - 1), "member")));
        json_decref(told);
    }
    assert_int_equal(seen, 2500);
    assert_int_equal(rounds, 3);
    assert_string_equal(args->str, "big @d2499.test");
    world_close(&w);
}

/* ---- senders ---- */

static enum lookup
may_send(struct world *w, const char *sender)
{
    const struct sender_rules rules = {0};

    return sender_owner_may_send(w->policyd.parts.accounts, "shop@x.test", sender, TRUE, NOW, &rules, NULL);
}

static void
senders(const struct sqltest *test)
{
    struct world w;

    world_open(&w, test);
    assert_int_equal(may_send(&w, "info@b.test"), LOOKUP_NO);
    does(&w, tables_admin_sender_add, "Shop@X.test ann shared Info@B.test @c.test", "{\"changed\":2,\"same\":[]}");
    assert_int_equal(may_send(&w, "info@b.test"), LOOKUP_YES);
    assert_int_equal(may_send(&w, "any@c.test"), LOOKUP_YES);
    does(&w, tables_admin_senders, "shop@x.test %20", "{\"rows\":[{\"member\":\"@c.test\"},{\"member\":\"info@b.test\"}],\"more\":false}");
    does(&w, tables_admin_sender_remove, "shop@x.test ann %20 info@b.test", "{\"changed\":1,\"same\":[]}");
    assert_int_equal(may_send(&w, "info@b.test"), LOOKUP_NO);
    assert_int_equal(may_send(&w, "any@c.test"), LOOKUP_YES);
    assert_audit(&w, "shop@x.test", "ann|sender remove|shop@x.test|info@b.test;ann|sender add|shop@x.test|@c.test: shared;"
                                    "ann|sender add|shop@x.test|info@b.test: shared;");
    world_close(&w);
}

/* ---- limits ---- */

static void
assert_limits(struct world *w, const char *subject, const char *want)
{
    g_autoptr(GString) text = g_string_new(NULL);
    struct account_limits limits;

    account_limits_find(w->policyd.parts.accounts, subject, "messages", TRUE, NOW, &limits);
    for (guint i = 0; i < limits.n; i++)
        g_string_append_printf(text, "%" G_GINT64_FORMAT "/%u ", limits.limit[i].amount, limits.limit[i].seconds);
    assert_string_equal(text->str, want);
}

static void
limits(const struct sqltest *test)
{
    struct world w;

    world_open(&w, test);
    assert_limits(&w, "bob@a.test", "");
    does(&w, tables_admin_limit_put, "Bob@A.test messages ann busy 500/hour 0/day", "{}");
    assert_limits(&w, "bob@a.test", "500/3600 0/86400 ");
    does(&w, tables_admin_limit_put, "bob@a.test messages ann %20 600/hour", "{}");
    assert_limits(&w, "bob@a.test", "600/3600 0/86400 ");
    does(&w, tables_admin_limit_put, "* messages ann %20 none", "{}");
    does(&w, tables_admin_limit_put, "@a.test recipients ann %20 7/minute", "{}");
    sqltest_script(w.accounts.sql, "INSERT INTO policy_limit (subject, meter, seconds, amount) VALUES ('bobby', 'letters', 7200, 9)\n;\n");
    assert_limits(&w, "bob@a.test", "-1/60 600/3600 0/86400 ");
    does(&w, tables_admin_limits, "BOB@a.test",
         "{\"rows\":[{\"subject\":\"*\",\"meter\":\"messages\",\"limit\":\"none/minute\"},{\"subject\":\"*\",\"meter\":\"messages\",\"limit\":\"none/hour\"},"
         "{\"subject\":\"*\",\"meter\":\"messages\",\"limit\":\"none/day\"},{\"subject\":\"@a.test\",\"meter\":\"recipients\",\"limit\":\"7/minute\"},"
         "{\"subject\":\"bob@a.test\",\"meter\":\"messages\",\"limit\":\"600/hour\"},{\"subject\":\"bob@a.test\",\"meter\":\"messages\",\"limit\":\"0/day\"}],"
         "\"more\":false}");
    does(&w, tables_admin_limits, "bobb", "{\"rows\":[{\"subject\":\"*\",\"meter\":\"messages\",\"limit\":\"none/minute\"},"
                                          "{\"subject\":\"*\",\"meter\":\"messages\",\"limit\":\"none/hour\"},{\"subject\":\"*\",\"meter\":\"messages\","
                                          "\"limit\":\"none/day\"},{\"subject\":\"bobby\",\"meter\":\"letters\",\"limit\":\"9/7200s\"}],\"more\":false}");
    does(&w, tables_admin_limit_drop, "bob@a.test messages day ann %20", "{\"dropped\":1}");
    assert_limits(&w, "bob@a.test", "-1/60 600/3600 -1/86400 ");
    does(&w, tables_admin_limit_drop, "* messages %20 ann quiet", "{\"dropped\":3}");
    does(&w, tables_admin_limit_drop, "bobby %20 %20 ann %20", "{\"dropped\":1}");
    does(&w, tables_admin_limit_drop, "bob@a.test recipients %20 ann %20", "{\"dropped\":0}");
    assert_limits(&w, "bob@a.test", "600/3600 ");
    does(&w, tables_admin_limit_drop, "bob@a.test %20 hour ann %20", "{\"dropped\":1}");
    assert_limits(&w, "bob@a.test", "");
    assert_audit(&w, "bob@a.test", "ann|rate unset|bob@a.test|all/hour;ann|rate unset|bob@a.test|messages/day;ann|rate limit|bob@a.test|messages 600/hour;"
                                   "ann|rate limit|bob@a.test|messages 0/day: busy;ann|rate limit|bob@a.test|messages 500/hour: busy;");
    assert_audit(&w, "*", "ann|rate unset|*|messages: quiet;ann|rate limit|*|messages none/day;ann|rate limit|*|messages none/hour;"
                          "ann|rate limit|*|messages none/minute;");
    world_close(&w);
}

/* ---- the cache ---- */

/* Asks a list, a sender and limits: how many of them the cache did not know. */
static guint
news(struct world *w)
{
    guint64 before = asked(w);
    struct account_limits limits;

    is_listed(w, "bob@a.test");
    may_send(w, "info@b.test");
    account_limits_find(w->policyd.parts.accounts, "bob@a.test", "messages", TRUE, NOW, &limits);
    return (guint)(asked(w) - before);
}

static void
only_what_changed_is_asked_anew(const struct sqltest *test)
{
    struct world w;

    world_open(&w, test);
    does(&w, tables_admin_list_add, "friends ann %20 bob@a.test", "{\"changed\":1,\"same\":[]}");
    assert_int_equal(news(&w), 3);
    assert_int_equal(news(&w), 0);
    does(&w, tables_admin_list_add, "friends ann %20 bob@a.test carol@a.test", "{\"changed\":1,\"same\":[\"bob@a.test\"]}");
    assert_int_equal(news(&w), 1);
    does(&w, tables_admin_sender_add, "shop@x.test ann %20 info@b.test", "{\"changed\":1,\"same\":[]}");
    assert_int_equal(news(&w), 1);
    does(&w, tables_admin_limit_put, "bob@a.test messages ann %20 5/hour", "{}");
    assert_int_equal(news(&w), 1);
    does(&w, tables_admin_list_add, "friends ann %20 bob@a.test", "{\"changed\":0,\"same\":[\"bob@a.test\"]}");
    does(&w, tables_admin_sender_remove, "shop@x.test ann %20 who@b.test", "{\"changed\":0,\"same\":[\"who@b.test\"]}");
    does(&w, tables_admin_limit_drop, "bob@a.test recipients %20 ann %20", "{\"dropped\":0}");
    assert_int_equal(news(&w), 0);
    does(&w, tables_admin_limit_drop, "bob@a.test messages %20 ann %20", "{\"dropped\":1}");
    assert_int_equal(news(&w), 1);
    world_close(&w);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {SQLTEST(lists),   SQLTEST(all_or_nothing), SQLTEST(pages),
                                       SQLTEST(senders), SQLTEST(limits),         SQLTEST(only_what_changed_is_asked_anew)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
