/* test_rate_warnings.c: users are told once that a limit of a check of the kind rate comes near, and what they are told; on both engines. */
#include <string.h>
#include <unistd.h>
#include "lib/base/metrics.h"
#include "policyd/policy.h"
#include "policyd/rates/warning.h"
#include "policyd/state/private.h"
#include "tests/support/sqltest.h"

#define USER "bob@a.test"
#define NOTICES "quota { listen = \"\" from = postmaster@a.test lmtp = \"unix:/nonexistent/s\" templates = \"\" }\n"
#define HOUR 3600u
#define DAY 86400u

struct fixture {
    struct state *state;
    struct config *config;
    struct mailer *mailer;
    struct policy *policy;
    gint64 now_ms, tries; /* tries: before this fixture */
    guint messages;
};

static struct config *
configure(const char *check)
{
    g_autofree char *path = g_strdup_printf("%s/postern-test-%d.conf", g_get_tmp_dir(), (int)getpid());
    g_autofree char *text = g_strdup_printf(NOTICES "policyd { checks = {out} }\nrate out { sign_in = yes warn_user = yes %s }\n", check);
    struct settings_report *report = settings_report_new();
    struct config *config;

    assert_true(g_file_set_contents(path, text, -1, NULL));
    config = config_load(path, report);
    if (config == NULL)
        fail_msg("%s", (const char *)g_ptr_array_index(report->errors, 0));
    settings_report_free(&report);
    unlink(path);
    return config;
}

static gint64
count_tries(void)
{
    static const char *const outcomes[] = {"delivered", "later", "refused", "dropped", NULL};

    return metrics_get(metrics_counter("postern_policy_notices_total", "", "outcome", outcomes), 1);
}

static void
open_node(struct fixture *f, const struct sqltest *test, const char *node)
{
    struct state_options options = {.sql = test->options, .node = node, .shared = test->mariadb, .flush_ms = 100, .pull_ms = 100};
    GError *error = NULL;

    f->state = state_open(&options, &error);
    if (f->state == NULL)
        fail_msg("%s", error->message);
    f->policy = policy_new(f->config, &(struct check_parts){.state = f->state, .mailer = f->mailer});
}

static void
close_node(struct fixture *f)
{
    policy_unref(f->policy);
    state_close(&f->state);
}

static void
begin(struct fixture *f, const struct sqltest *test, const char *check)
{
    f->config = configure(check);
    f->mailer = mailer_new(&(struct mailer_options){0});
    f->tries = count_tries();
    f->now_ms = g_get_real_time() / 1000;
    open_node(f, test, "n1");
}

/* So many mails were written, and none more. */
static void
expect_mails(struct fixture *f, guint n)
{
    for (guint i = 0; i < 500 && (count_tries() - f->tries < n || mailer_waiting(f->mailer) < n); i++)
        g_usleep(10000);
    g_usleep(50000);
    assert_int_equal(count_tries() - f->tries, n);
    assert_int_equal(mailer_waiting(f->mailer), n);
}

static void
end(struct fixture *f)
{
    close_node(f);
    mailer_free(&f->mailer);
    config_unref(f->config);
}

/* A message of the user to n recipients, asked at DATA or, for one, at RCPT. TRUE: it is let through. */
static gboolean
ask(struct fixture *f, const char *user, guint n, gboolean trial)
{
    g_autofree char *text = g_strdup_printf("request=smtpd_access_policy\nprotocol_state=%s\nsasl_username=%s\nsender=shop@a.test\nrecipient=%s\n"
                                            "recipient_count=%u\ninstance=i%u\nclient_address=192.0.2.1\n",
                                            n == 1 ? "RCPT" : "DATA", user, n == 1 ? "x@b.test" : "", n, f->messages++);
    struct policy_request *request = policy_request_parse(text, strlen(text), NULL);
    struct evaluation *evaluation = evaluation_new(f->policy, request, f->now_ms);
    gboolean through;

    evaluation->trial = trial;
    assert_true(evaluation_run(evaluation, TRUE));
    through = strcmp(evaluation->answer->str, "DUNNO") == 0;
    evaluation_free(evaluation);
    return through;
}

static void
send(struct fixture *f, guint n)
{
    for (guint i = 0; i < n; i++)
        assert_true(ask(f, USER, 1, FALSE));
}

static void
told_once(const struct sqltest *test)
{
    struct fixture f = {0};

    begin(&f, test, "messages_per_hour = 10");
    send(&f, 7);
    expect_mails(&f, 0);
    send(&f, 1);
    expect_mails(&f, 1);
    send(&f, 2);
    assert_false(ask(&f, USER, 1, FALSE));
    assert_true(ask(&f, "carol@a.test", 1, FALSE));
    expect_mails(&f, 1);
    /* Up and down at the share, for hours: six minutes give back one. */
    for (guint i = 0; i < 60; i++) {
        f.now_ms += 6 * 60000;
        send(&f, 1);
    }
    expect_mails(&f, 1);
    /* A restart forgets nothing of it. */
    close_node(&f);
    open_node(&f, test, "n1");
    f.now_ms += 12 * 60000;
    send(&f, 2);
    expect_mails(&f, 1);
    /* It was below the share for long: from ten to none in an hour. */
    f.now_ms += HOUR * 1000;
    send(&f, 8);
    expect_mails(&f, 2);
    /* Too early for another mail; the level is still there when it is time. */
    f.now_ms += HOUR / 2 * 1000;
    send(&f, 6);
    expect_mails(&f, 2);
    for (guint i = 0; i < 6; i++) {
        f.now_ms += 6 * 60000;
        send(&f, 1);
    }
    expect_mails(&f, 3);
    end(&f);
}

/* Each limit by itself; one of a minute brings no mail. */
static void
by_limit(const struct sqltest *test)
{
    struct fixture f = {0};

    begin(&f, test, "messages_per_minute = 5 messages_per_hour = 100 recipients_per_hour = 10 recipients_per_day = 12 states = {DATA} warn_at = 50");
    assert_true(ask(&f, USER, 4, FALSE));
    expect_mails(&f, 0);
    assert_true(ask(&f, USER, 2, FALSE));
    expect_mails(&f, 2); /* recipients by hour and by day */
    assert_true(ask(&f, USER, 2, FALSE));
    assert_true(ask(&f, USER, 2, FALSE));
    expect_mails(&f, 2);
    end(&f);
}

/* What is refused, tried or only logged warns nobody. */
static void
no_mail(const struct sqltest *test)
{
    struct fixture f = {0};

    begin(&f, test, "messages_per_hour = 4 recipients_per_hour = 20 states = {DATA} warn_at = 50");
    assert_false(ask(&f, USER, 21, FALSE)); /* the message is given back when its recipients are too many */
    assert_true(ask(&f, USER, 19, TRUE));
    expect_mails(&f, 0);
    f.state->loaded = FALSE; /* what SQL knows is not there yet: it may know that the user was told */
    assert_true(ask(&f, USER, 2, FALSE));
    assert_true(ask(&f, USER, 2, FALSE));
    expect_mails(&f, 0);
    f.state->loaded = TRUE;
    assert_true(ask(&f, USER, 2, FALSE));
    expect_mails(&f, 1);
    end(&f);
    begin(&f, test, "messages_per_day = 2 warn_at = 50 dry_run = yes");
    send(&f, 4);
    expect_mails(&f, 0);
    end(&f);
}

static GString *
write_nothing(gpointer data)
{
    (void)data;
    return g_string_new("\r\n");
}

static void
free_nothing(gpointer data)
{
    (void)data;
}

/* When too many mails wait, the user is not taken to be told. */
static void
no_room(const struct sqltest *test)
{
    struct fixture f = {0};

    begin(&f, test, "messages_per_hour = 10");
    for (guint i = 0; i < MAILER_WAITING_MAX; i++)
        assert_true(mailer_add(f.mailer, f.config->quota.lmtp, "x@a.test", write_nothing, NULL, free_nothing));
    expect_mails(&f, MAILER_WAITING_MAX);
    send(&f, 8);
    assert_false(marks_get(f.state, MARK_WARNED, "rate out messages 3600 " USER, (guint32)(f.now_ms / 1000), NULL));
    end(&f);
}

/* With a limit of its own that leaves no room after the share, there is no mail: it would come with the last message. */
static void
no_room_after_it(const struct sqltest *test)
{
    struct fixture f = {0};

    begin(&f, test, "messages_per_hour = 10");
    policy_unref(f.policy);
    ((struct config_rate *)g_ptr_array_index(f.config->rate, 0))->messages_per_hour = 3;
    f.policy = policy_new(f.config, &(struct check_parts){.state = f.state, .mailer = f.mailer});
    send(&f, 3);
    assert_false(ask(&f, USER, 1, FALSE));
    expect_mails(&f, 0);
    end(&f);
}

/* Senders have the limit then, whoever signs in as them. */
static void
of_senders(const struct sqltest *test)
{
    struct fixture f = {0};

    begin(&f, test, "of = sender messages_per_hour = 10");
    for (guint i = 0; i < 5; i++) {
        assert_true(ask(&f, USER, 1, FALSE));
        assert_true(ask(&f, "carol", 1, FALSE));
    }
    expect_mails(&f, 1);
    assert_true(marks_get(f.state, MARK_WARNED, "rate out messages 3600 shop@a.test", (guint32)(f.now_ms / 1000), NULL));
    end(&f);
}

/* A clock that was a month ahead when a user was told stops no mail for that time. */
static void
clock_jumps(const struct sqltest *test)
{
    struct fixture f = {0};
    gint64 real_ms;

    begin(&f, test, "messages_per_hour = 2 warn_at = 50");
    real_ms = f.now_ms;
    f.now_ms += 30 * (gint64)DAY * 1000;
    send(&f, 2);
    expect_mails(&f, 1);
    f.now_ms = real_ms;
    (void)ask(&f, USER, 1, FALSE);
    expect_mails(&f, 1);
    f.now_ms += 2 * HOUR * 1000;
    send(&f, 2);
    f.now_ms += 2 * HOUR * 1000;
    send(&f, 2);
    expect_mails(&f, 2);
    end(&f);
}

/* Another node knows that the user was told. */
static void
two_nodes(const struct sqltest *test)
{
    struct fixture f = {0}, g;
    gboolean known = FALSE;

    begin(&f, test, "messages_per_hour = 10");
    g = f;
    g.messages = 1000;
    open_node(&g, test, "n2");
    send(&f, 8);
    expect_mails(&f, 1);
    for (guint i = 0; i < 500 && !known; i++) {
        g_usleep(10000);
        known = marks_get(g.state, MARK_WARNED, "rate out messages 3600 " USER, (guint32)(g.now_ms / 1000), NULL);
    }
    assert_true(known);
    send(&g, 2);
    expect_mails(&f, 1);
    close_node(&g);
    end(&f);
}

/* ---- what it says ---- */

static void
expect_text(const char *language, const struct rate_warning *warning, const char *subject, const char *const *parts)
{
    g_autoptr(GArray) values = rate_warning_values(language, warning);
    struct text text = {0};

    text_values_add(values, "{user}", g_strdup(USER));
    text_values_add(values, "{domain}", g_strdup("a.test"));
    texts_make("", "a.test", language, &rate_warning_text, values, &text);
    assert_string_equal(text.subject, subject);
    for (; *parts != NULL; parts++)
        if (strstr(text.body, *parts) == NULL)
            fail_msg("\"%s\" is not in:\n%s", *parts, text.body);
    assert_null(strchr(text.body, '{'));
    text_clear(&text);
}

static void
test_texts(void **state)
{
    (void)state;
    const struct rate_warning hour = {"out", USER, RATE_MESSAGES, 200, HOUR, 160}, day = {"out", "sales@a.test", RATE_RECIPIENTS, 12, DAY, 10.9},
                              many = {"out", USER, RATE_MESSAGES, 100000, HOUR, 90000};

    expect_text("en", &hour, "80 % of your sending limit is used",
                (const char *const[]){"For mail from " USER "\nthere is a limit of 200 messages in an hour. 160 of them are used\n(80 %).\n", "for one more about every 18 seconds;",
                                      "all of it is back in 48 minutes.", "ask your postmaster at once, and change your password",
                                      "the mail system of a.test.\n", NULL});
    expect_text("zh-TW", &hour, "您的寄信量已達上限的 80%",
                (const char *const[]){USER " 每小時的寄信上限為 200 封郵件，目前已使用 160（80%）。", "約每 18 秒恢復 1 封郵件的額度；若不再寄信，約 48 分鐘後完全恢復。",
                                      "請立即聯絡郵件管理員", NULL});
    expect_text("en", &day, "91 % of your sending limit is used",
                (const char *const[]){"from sales@a.test\nthere is a limit of 12 recipients in a day. 11 of them are used", "every 2 hours;", "back in 22 hours.", NULL});
    expect_text("zh-TW", &day, "您的寄信量已達上限的 91%",
                (const char *const[]){"sales@a.test 每天的寄信上限為 12 位收件人，目前已使用 11（91%）。", "約每 2 小時恢復 1 位收件人的額度", NULL});
    expect_text("fr", &many, "90 % of your sending limit is used", (const char *const[]){"every 1 second;", "back in 54 minutes.", NULL});
}

/* A sender's name comes from outside: it adds no line and no field, and looks like what it is. */
static void
test_hostile_subjects(void **state)
{
    (void)state;
    struct rate_warning warning = {"out", "x\nBcc: y\r\n\r\nYour {limit}\xe2\x80\xae\xff@a.test", RATE_MESSAGES, 200, HOUR, 160};
    g_autoptr(GArray) values = rate_warning_values("en", &warning);
    struct text text = {0};

    texts_make("", "a.test", "en", &rate_warning_text, values, &text);
    assert_string_equal(text.subject, "80 % of your sending limit is used");
    assert_non_null(strstr(text.body, "For mail from x?Bcc: y????Your {limit}??@a.test\nthere is"));
    text_clear(&text);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_texts), cmocka_unit_test(test_hostile_subjects), SQLTEST(told_once), SQLTEST(by_limit),
                                       SQLTEST(no_mail), SQLTEST(no_room), SQLTEST(no_room_after_it), SQLTEST(of_senders), SQLTEST(clock_jumps), SQLTEST_MARIADB(two_nodes)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
