/* test_quota.c: news of mailboxes become facts and quota2, outlive a restart, and answer whether there is room; on both engines. */
#include <jansson.h>
#include <string.h>
#include "policyd/accounts/mailboxes.h"
#include "policyd/quota/quota_private.h"
#include "policyd/state/facts.h"
#include "tests/unit/policyd/accounts_test.h"

#define USER "bob@a.test"
#define MIB 1048576

static const char script[] =
    "INSERT INTO domain (domain, active) VALUES ('a.test', 1)\n;\n"
    "INSERT INTO mailbox (username, quota) VALUES ('bob@a.test', 1048576), ('carol@a.test', 1048576), ('dora@a.test', 0)\n;\n"
    "INSERT INTO quota2 (username, bytes, messages) VALUES ('carol@a.test', 1048576, 3), ('dora@a.test', 5000000, 3)\n;\n";

struct fixture {
    struct sql *sql;
    struct sql_pool *accounts, *writable;
    struct policy_accounts *policy_accounts;
    struct state *state;
    struct config *config;
    struct mailer *mailer;
    struct quota *quota;
    char *path;
};

static gint64
now_ms(void)
{
    return g_get_real_time() / 1000;
}

static struct config *
configure(struct fixture *f, const char *settings)
{
    struct settings_report *report = settings_report_new();
    g_autofree char *text = g_strdup_printf("accounts { driver = sqlite path = /x }\nquota {\n listen = \"\"\n %s\n}\n", settings);
    struct config *config;

    assert_true(g_file_set_contents(f->path, text, -1, NULL));
    config = config_load(f->path, report);
    if (config == NULL)
        fail_msg("%s", (const char *)g_ptr_array_index(report->errors, 0));
    settings_report_free(&report);
    return config;
}

static void
start(struct fixture *f, const struct sqltest *test, const char *settings)
{
    struct state_options options = {.sql = test->options, .node = "n"};
    const struct quota_sockets none = {-1, -1};
    GError *error = NULL;

    f->config = configure(f, settings);
    f->state = state_open(&options, &error);
    if (f->state == NULL)
        fail_msg("%s", error->message);
    f->policy_accounts = policy_accounts_new(&(struct policy_accounts_options){.accounts = f->accounts, .quota = f->writable, .recipient_delimiter = "+",
                                                                               .cache = lookup_cache_defaults});
    f->mailer = mailer_new(&(struct mailer_options){0});
    f->quota = quota_start(f->config, &none, f->state, f->policy_accounts, f->mailer);
}

static void
stop(struct fixture *f)
{
    quota_stop(&f->quota);
    mailer_free(&f->mailer);
    assert_null(f->quota);
    policy_accounts_free(&f->policy_accounts);
    state_close(&f->state);
    config_unref(f->config);
}

static void
begin(struct fixture *f, const struct sqltest *test, const char *settings)
{
    g_autofree char *tables = g_strdup_printf("%s/tests/sql/postfixadmin.%s.sql", g_getenv("POSTERN_SOURCE"), test->mariadb ? "mariadb" : "sqlite");
    struct sql_options options = test->options;

    f->path = g_strdup_printf("%s/postern-test-%d.conf", g_get_tmp_dir(), (int)getpid());
    f->sql = sqltest_open(test);
    sqltest_script_file(f->sql, tables);
    sqltest_script(f->sql, script);
    options.keep_journal = TRUE;
    f->writable = sql_pool_new(&options, 1);
    options.read_only = TRUE;
    f->accounts = sql_pool_new(&options, 2);
    start(f, test, settings);
}

static void
end(struct fixture *f)
{
    stop(f);
    sql_pool_free(&f->accounts);
    sql_pool_free(&f->writable);
    sql_close(&f->sql);
    unlink(f->path);
    g_free(f->path);
}

static void
hear(struct fixture *f, const char *user, const char *root, gint64 used, gint64 limit)
{
    const struct quota_sample sample = {.root = root, .used = used, .limit = limit, .messages = 7, .percent = -1, .at_ms = now_ms()};
    struct quota_setup *setup = quota_setup_ref(f->quota);

    quota_take(f->quota, setup, &(struct quota_news){.user = user, .samples = &sample, .n = 1, .source = "test", .detail = "", .uid = 0}, now_ms());
    quota_setup_unref(setup);
}

static struct quota_roots
known(struct fixture *f, const char *user)
{
    struct fact *fact = fact_get(f->state, FACT_QUOTA, user, now_ms());
    struct quota_roots roots;

    quota_roots_read(fact != NULL ? fact->value : NULL, &roots);
    fact_unref(fact);
    return roots;
}

static enum quota_room
room(struct fixture *f, const char *mailbox, gint64 size, gboolean may_block, gint64 at_ms)
{
    guint asks = 5;

    return quota_room_in(f->quota, &(struct quota_question){.mailbox = mailbox, .size = size, .grace = 1000, .may_block = may_block, .now_ms = at_ms,
                                                            .asks_left = &asks}, NULL);
}

static void
news_outlive_a_restart(const struct sqltest *test)
{
    struct fixture f;
    struct quota_roots roots;

    begin(&f, test, "");
    hear(&f, USER, "User quota", 900000, MIB);
    roots = known(&f, USER);
    assert_int_equal(roots.n, 1);
    assert_int_equal(roots.root[0].told, 80);
    stop(&f);
    start(&f, test, "");
    roots = known(&f, USER);
    assert_int_equal(roots.n, 1);
    assert_int_equal(roots.root[0].used, 900000);
    assert_int_equal(roots.root[0].told, 80);
    assert_int_equal(roots.root[0].level, 80);
    /* What doveadm says are all roots that there are. */
    hear(&f, USER, "Old quota", 1, MIB);
    assert_int_equal(known(&f, USER).n, 2);
    struct doveadm_answer answer = {.known = TRUE, .n = 1, .roots = {{.name = "User quota", .used = 899072, .limit = 2 * MIB, .messages = 8}}};
    struct quota_setup *setup = quota_setup_ref(f.quota);
    quota_take_answer(f.quota, setup, USER, &answer, NULL, now_ms() + 5);
    answer.known = FALSE;
    answer.roots[0].used = 1;
    quota_take_answer(f.quota, setup, USER, &answer, NULL, now_ms() + 6);
    quota_setup_unref(setup);
    roots = known(&f, USER);
    assert_int_equal(roots.n, 1);
    assert_int_equal(roots.root[0].limit, 2 * MIB);
    assert_int_equal(roots.root[0].used, 900000 / 1024 * 1024 == 899072 ? 900000 : 899072);
    end(&f);
}

static void
is_there_room(const struct sqltest *test)
{
    struct fixture f;
    gint64 now;

    begin(&f, test, "stale = 1h");
    hear(&f, USER, "User quota", MIB, MIB);
    now = now_ms();
    assert_int_equal(room(&f, USER, 0, FALSE, now), QUOTA_FULL);
    assert_int_equal(room(&f, USER, 0, FALSE, now + 3500000), QUOTA_FULL);
    assert_int_equal(room(&f, USER, 0, TRUE, now + 3700000), QUOTA_ROOM); /* too old */
    assert_int_equal(room(&f, USER, 0, FALSE, now - 86400000), QUOTA_FULL); /* the clock is behind */
    assert_int_equal(room(&f, "who@elsewhere.test", 0, TRUE, now), QUOTA_ROOM);
    hear(&f, USER, "User quota", MIB - 500, MIB);
    assert_int_equal(room(&f, USER, 0, FALSE, now), QUOTA_ROOM);
    assert_int_equal(room(&f, USER, 1400, FALSE, now), QUOTA_ROOM); /* within the grace */
    assert_int_equal(room(&f, USER, 1600, FALSE, now), QUOTA_FULL);
    assert_int_equal(room(&f, USER, G_MAXINT64, FALSE, now), QUOTA_FULL);
    /* With a root for something else, both have to be full, unless one is named. */
    hear(&f, USER, "Archive quota", 5, 100);
    assert_int_equal(room(&f, USER, 1600, FALSE, now), QUOTA_FULL);
    assert_int_equal(room(&f, USER, 1050, FALSE, now), QUOTA_ROOM);
    struct config *other = configure(&f, "root = \"Archive quota\"");
    quota_reload(f.quota, other);
    config_unref(other);
    assert_int_equal(room(&f, USER, 1600, FALSE, now), QUOTA_FULL);
    assert_int_equal(room(&f, USER, 1050, FALSE, now), QUOTA_ROOM);
    hear(&f, USER, "User quota", 5, MIB);
    hear(&f, USER, "Archive quota", 100, 100);
    assert_int_equal(room(&f, USER, 0, FALSE, now), QUOTA_FULL);
    other = configure(&f, "root = nonesuch");
    quota_reload(f.quota, other);
    config_unref(other);
    assert_int_equal(room(&f, USER, 0, TRUE, now), QUOTA_ROOM);
    end(&f);
}

/* quota2 of a Dovecot that writes it. */
static void
by_quota2(const struct sqltest *test)
{
    struct fixture f;
    gint64 now = now_ms();

    begin(&f, test, "quota2 = read");
    assert_int_equal(room(&f, "carol@a.test", 0, FALSE, now), QUOTA_WOULD_BLOCK);
    assert_int_equal(room(&f, "carol@a.test", 0, TRUE, now), QUOTA_FULL);
    assert_int_equal(room(&f, "carol@a.test", 0, FALSE, now), QUOTA_FULL);
    assert_int_equal(room(&f, "dora@a.test", 0, TRUE, now), QUOTA_ROOM);   /* no limit */
    assert_int_equal(room(&f, "bob@a.test", 0, TRUE, now), QUOTA_ROOM);    /* no row */
    assert_int_equal(room(&f, "nobody@a.test", 0, TRUE, now), QUOTA_ROOM);
    hear(&f, "carol@a.test", "User quota", 5, MIB); /* news are better */
    assert_int_equal(room(&f, "carol@a.test", 0, FALSE, now), QUOTA_ROOM);
    stop(&f);
    start(&f, test, "");
    assert_int_equal(room(&f, "carol@a.test", 0, TRUE, now + 7200000), QUOTA_ROOM); /* not believed unless it is said so */
    end(&f);
}

static void
quota2_is_written(const struct sqltest *test)
{
    SQLTEST_STATEMENT(bytes, "SELECT bytes FROM quota2 WHERE username = ?");
    SQLTEST_STATEMENT(messages, "SELECT messages FROM quota2 WHERE username = ?");
    const struct sql_value bob[] = {SQL_T(USER)};
    struct fixture f;
    gint64 got = 0;

    begin(&f, test, "quota2 = write\n root = \"User quota\"");
    for (gint64 i = 1; i <= 100; i++)
        hear(&f, USER, "User quota", i * 1000, MIB);
    hear(&f, USER, "Archive quota", 5, MIB);
    for (guint i = 0; i < 400 && got != 100000; i++) {
        g_usleep(10000);
        got = sqltest_int(f.sql, &bytes, bob, 1);
    }
    assert_int_equal(got, 100000);
    assert_int_equal(sqltest_int(f.sql, &messages, bob, 1), 7);
    hear(&f, USER, "User quota", 200000, MIB);
    stop(&f); /* writes what is left */
    assert_int_equal(sqltest_int(f.sql, &bytes, bob, 1), 200000);
    start(&f, test, "");
    hear(&f, USER, "User quota", 300000, MIB);
    end(&f);
}

/* Scripts without doveadm: the limit is PostfixAdmin's, and a known one is better. */
static void
scripts(const struct sqltest *test)
{
    struct fixture f;
    struct quota_script said = {.kind = QUOTA_OVER, .percent = 80, .user = USER};
    struct quota_roots roots;

    begin(&f, test, "settle = 0");
    assert_true(quota_keeper_hear(f.quota->keeper, &said));
    for (guint i = 0; i < 400 && known(&f, USER).n == 0; i++)
        g_usleep(10000);
    roots = known(&f, USER);
    assert_int_equal(roots.root[0].limit, MIB);
    assert_int_equal(roots.root[0].level, 80);
    assert_string_equal(roots.root[0].name, "");
    said.kind = QUOTA_UNDER;
    assert_true(quota_keeper_hear(f.quota->keeper, &said));
    for (guint i = 0; i < 400 && known(&f, USER).root[0].level != 0; i++)
        g_usleep(10000);
    roots = known(&f, USER);
    assert_int_equal(roots.root[0].level, 0);
    assert_int_equal(roots.root[0].percent, 79);
    end(&f);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {SQLTEST(news_outlive_a_restart), SQLTEST(is_there_room), SQLTEST(by_quota2), SQLTEST(quota2_is_written),
                                       SQLTEST(scripts)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
