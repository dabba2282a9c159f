/* test_abuse.c: from what is seen of accounts to what is done about them, with made-up times; the state is real, in SQLite. */
#include <glib/gstdio.h>
#include "policyd/abuse/abuse_private.h"
#include "policyd/abuse/notice_text.h"
#include "policyd/reports/lessons.h"
#include "policyd/signin/signin.h"
#include "policyd/state/marks.h"
#include "tests/unit/base/test.h"

#define MINUTE_MS G_GINT64_CONSTANT(60000)
#define HOUR_MS (60 * MINUTE_MS)
#define USER "bob@example.test"

/* Some moment of today: what is long over to the clock, the state forgets by itself. */
static gint64 T0_MS;

struct world {
    char *dir, *path, *file;
    struct config *config;
    struct state *state;
    struct abuse abuse; /* without its thread: the tests take the events themselves */
};

/* text: of the section abuse. */
static void
configure(struct world *w, const char *text)
{
    struct settings_report *report = settings_report_new();
    g_autofree char *all = g_strdup_printf("abuse {\n%s mail_to = \"\"\n %s\n}\naccount main { }\npolicyd { checks = {main} }\n",
                                           strstr(text, "enabled") == NULL ? " enabled = yes\n" : "", text);

    assert_true(g_file_set_contents(w->file, all, -1, NULL));
    config_unref(w->config);
    w->config = config_load(w->file, report);
    if (w->config == NULL)
        fail_msg("%s", (const char *)g_ptr_array_index(report->errors, 0));
    settings_report_free(&report);
    abuse_configure(&w->abuse, w->config);
}

static struct world *
world_new(const char *text)
{
    struct world *w = g_new0(struct world, 1);
    struct state_options options = {.node = "a"};
    g_autoptr(GError) error = NULL;

    w->dir = g_dir_make_tmp("abuse-XXXXXX", NULL);
    w->path = g_build_filename(w->dir, "policy.db", NULL);
    w->file = g_build_filename(w->dir, "postern.conf", NULL);
    options.sql = (struct sql_options){.driver = "sqlite", .path = w->path, .create = TRUE};
    w->state = state_open(&options, &error);
    assert_null(error);
    w->abuse.state = w->state;
    w->abuse.events = g_async_queue_new();
    w->abuse.unsettled = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
    g_mutex_init(&w->abuse.lock);
    abuse_register_metrics();
    w->abuse.notices = notices_start(w->state);
    configure(w, text);
    return w;
}

static void
world_free(struct world *w)
{
    g_autoptr(GDir) dir = g_dir_open(w->dir, 0, NULL);

    notices_stop(&w->abuse.notices);
    abuse_rules_unref(w->abuse.rules);
    g_async_queue_unref(w->abuse.events);
    g_hash_table_unref(w->abuse.unsettled);
    g_mutex_clear(&w->abuse.lock);
    state_close(&w->state);
    config_unref(w->config);
    for (const char *name; (name = g_dir_read_name(dir)) != NULL;) {
        g_autofree char *path = g_build_filename(w->dir, name, NULL);
        g_unlink(path);
    }
    g_rmdir(w->dir);
    g_free(w->dir);
    g_free(w->path);
    g_free(w->file);
    g_free(w);
}

/* What the thread would do; how many events there were. */
static guint
take_all(struct world *w)
{
    struct abuse_event *event;
    guint n = 0;

    for (; (event = g_async_queue_try_pop(w->abuse.events)) != NULL; n++) {
        abuse_take(&w->abuse, w->abuse.rules, event);
        g_free(event->account);
        g_free(event->address);
        g_free(event);
    }
    return n;
}

static void
signal_n(struct world *w, enum abuse_signal signal, const char *account, guint n, gint64 now_ms)
{
    for (guint i = 0; i < n; i++)
        abuse_signal(&w->abuse, signal, account, now_ms);
    take_all(w);
}

/* Reason of what was decided; NULL: nothing. Caller frees. */
static char *
decided(struct world *w, enum fact_kind kind, const char *account, gint64 now_ms)
{
    struct fact *fact = fact_get(w->state, kind, account, now_ms);
    char *value = fact != NULL ? g_strdup(fact->value) : NULL;

    assert_true(fact == NULL || strcmp(fact->by, "policyd") == 0);
    fact_unref(fact);
    return value;
}
#define assert_decided(w, kind, account, now_ms, text)                       \
    do {                                                                     \
        g_autofree char *value_ = decided(w, kind, account, now_ms);         \
        assert_non_null(value_);                                             \
        assert_non_null(strstr(value_, text));                               \
    } while (0)
#define assert_undecided(w, kind, account, now_ms)                           \
    do {                                                                     \
        g_autofree char *value_ = decided(w, kind, account, now_ms);         \
        assert_null(value_);                                                 \
    } while (0)

static double
score(struct world *w, const char *account, gint64 now_ms)
{
    return abuse_score(w->state, &w->config->abuse, account, now_ms);
}

static gboolean
count_line(const struct state_audit *line, gpointer data)
{
    (void)line;
    ++*(guint *)data;
    return TRUE;
}

static guint
audit_lines(struct world *w, const char *account)
{
    guint n = 0;

    assert_true(state_audit_list(w->state, account, 100, count_line, &n, NULL));
    return n;
}

/* ---- scores and levels ---- */

#define LEVELS "points_spam = 10\n slow_at = 30\n hold_at = 60\n suspend_at = 100\n window = 24h\n expires = 48h\n cool_down = 1h\n"

static void
test_a_score_rises_and_drains(void **data)
{
    struct world *w = world_new("points_spam = 10\n points_burst = 5\n suspend_at = 240\n window = 24h\n");

    (void)data;
    signal_n(w, ABUSE_SPAM, USER, 5, T0_MS);
    signal_n(w, ABUSE_BURST, USER, 3, T0_MS); /* the same minute: one */
    assert_true(score(w, USER, T0_MS) == 55);
    signal_n(w, ABUSE_BURST, USER, 1, T0_MS + MINUTE_MS);
    assert_int_equal((int)(score(w, USER, T0_MS + HOUR_MS) + 0.5), 50); /* 240 in a day are 10 an hour */
    assert_true(score(w, USER, T0_MS + 7 * HOUR_MS) == 0);
    assert_true(score(w, "eve@example.test", T0_MS) == 0);
    g_autofree char *reasons = abuse_score_reasons(w->state, &w->config->abuse, USER, T0_MS + MINUTE_MS);
    assert_string_equal(reasons, "spam 5, burst 2");
    world_free(w);
}

static void
test_levels_one_after_the_other_and_each_once(void **data)
{
    struct world *w = world_new(LEVELS);

    (void)data;
    signal_n(w, ABUSE_SPAM, USER, 2, T0_MS);
    assert_undecided(w, FACT_SLOW, USER, T0_MS);
    signal_n(w, ABUSE_SPAM, USER, 1, T0_MS);
    assert_decided(w, FACT_SLOW, USER, T0_MS, "score 30 of 30: spam 3");
    assert_undecided(w, FACT_HOLD, USER, T0_MS);
    signal_n(w, ABUSE_SPAM, USER, 2, T0_MS);
    assert_int_equal(audit_lines(w, USER), 1);
    signal_n(w, ABUSE_SPAM, USER, 1, T0_MS);
    assert_decided(w, FACT_HOLD, USER, T0_MS, "score 60 of 60");
    signal_n(w, ABUSE_SPAM, USER, 30, T0_MS);
    assert_decided(w, FACT_SUSPENSION, USER, T0_MS, "score 100 of 100");
    assert_int_equal(audit_lines(w, USER), 3);
    assert_undecided(w, FACT_SUSPENSION, USER, T0_MS + 48 * HOUR_MS); /* it expires */
    assert_undecided(w, FACT_SLOW, "eve@example.test", T0_MS);
    world_free(w);
}

static void
test_released_accounts_begin_anew(void **data)
{
    struct world *w = world_new(LEVELS);
    gint64 at = T0_MS + MINUTE_MS;

    (void)data;
    signal_n(w, ABUSE_SPAM, USER, 10, T0_MS);
    assert_decided(w, FACT_SUSPENSION, USER, T0_MS, "spam 10");
    assert_true(fact_drop(w->state, FACT_SUSPENSION, USER, &(struct fact_change){.by = "admin"}, at, NULL, NULL));
    assert_true(fact_drop(w->state, FACT_SLOW, USER, &(struct fact_change){.by = "admin"}, at, NULL, NULL));
    assert_true(fact_drop(w->state, FACT_HOLD, USER, &(struct fact_change){.by = "admin"}, at, NULL, NULL));
    abuse_release(w->state, USER, at);
    assert_true(score(w, USER, at) == 0);
    signal_n(w, ABUSE_SPAM, USER, 10, at + 1);
    assert_undecided(w, FACT_SUSPENSION, USER, at + 1); /* left alone for an hour */
    signal_n(w, ABUSE_SPAM, USER, 1, at + HOUR_MS);
    assert_decided(w, FACT_SUSPENSION, USER, at + HOUR_MS, "score 10");
    world_free(w);
}

static void
test_dry_run_exempt_and_off(void **data)
{
    struct world *w = world_new(LEVELS "dry_run = yes\n");

    (void)data;
    signal_n(w, ABUSE_SPAM, USER, 20, T0_MS);
    assert_true(score(w, USER, T0_MS) == 200);
    assert_undecided(w, FACT_SUSPENSION, USER, T0_MS);
    configure(w, LEVELS "exempt = {\"@example.test\", \"!bob@example.test\"}\n");
    signal_n(w, ABUSE_SPAM, "eve@example.test", 20, T0_MS);
    assert_true(score(w, "eve@example.test", T0_MS) == 0);
    configure(w, "enabled = no\n");
    signal_n(w, ABUSE_SPAM, "eve@example.test", 20, T0_MS);
    assert_true(score(w, "eve@example.test", T0_MS) == 0);
    signal_n(w, ABUSE_SPAM, "", 20, T0_MS);
    signal_n(w, ABUSE_SPAM, "\xff@x", 20, T0_MS);
    world_free(w);
}

static void
test_what_can_not_be_written_is_tried_again(void **data)
{
    struct world *w = world_new(LEVELS);
    const struct sql_options options = {.driver = "sqlite", .path = w->path};
    struct sql *other = sql_open(&options, NULL);

    (void)data;
    assert_true(state_flush(w->state, NULL));
    assert_true(sql_begin(other, NULL)); /* nobody else writes now */
    signal_n(w, ABUSE_SPAM, USER, 3, T0_MS);
    assert_undecided(w, FACT_SLOW, USER, T0_MS);
    assert_int_equal(g_hash_table_size(w->abuse.unsettled), 1);
    abuse_retry(&w->abuse, w->abuse.rules, T0_MS);
    assert_int_equal(g_hash_table_size(w->abuse.unsettled), 1);
    sql_rollback(other);
    abuse_retry(&w->abuse, w->abuse.rules, T0_MS);
    assert_int_equal(g_hash_table_size(w->abuse.unsettled), 0);
    assert_decided(w, FACT_SLOW, USER, T0_MS, "score 30");
    sql_close(&other);
    world_free(w);
}

static void
test_clock_jumps(void **data)
{
    struct world *w = world_new(LEVELS);

    (void)data;
    signal_n(w, ABUSE_SPAM, USER, 2, T0_MS + 1000 * HOUR_MS);
    signal_n(w, ABUSE_SPAM, USER, 1, T0_MS); /* the clock was put right: the score goes on */
    assert_decided(w, FACT_SLOW, USER, T0_MS, "score 30");
    assert_true(score(w, USER, T0_MS + 24 * HOUR_MS) == 0);
    world_free(w);
}

/* ---- what is seen ---- */

static void
test_many_networks(void **data)
{
    struct world *w = world_new("networks = 3\n points_networks = 20\n suspend_at = 100\n");

    (void)data;
    for (guint i = 0; i < 3; i++) {
        g_autofree char *address = g_strdup_printf("192.0.%u.7", i);
        abuse_saw_network(&w->abuse, USER, address, T0_MS);
        abuse_saw_network(&w->abuse, USER, address, T0_MS + 1000);
    }
    assert_int_equal(take_all(w), 0);
    abuse_saw_network(&w->abuse, USER, "192.0.2.200", T0_MS + 2000); /* a network that is known */
    assert_int_equal(take_all(w), 0);
    abuse_saw_network(&w->abuse, USER, "198.51.100.1", T0_MS + 2000);
    abuse_saw_network(&w->abuse, USER, "2001:db8::1", T0_MS + 2000);
    abuse_saw_network(&w->abuse, USER, "2001:db8::2", T0_MS + 2000);
    assert_int_equal(take_all(w), 2);
    assert_true(score(w, USER, T0_MS + 2000) == 40);
    abuse_saw_network(&w->abuse, "eve@example.test", "198.51.100.1", T0_MS + 2000);
    assert_int_equal(take_all(w), 0);
    abuse_release(w->state, USER, T0_MS + 3000); /* from then on three more are usual */
    for (guint i = 0; i < 4; i++) {
        g_autofree char *address = g_strdup_printf("203.0.%u.7", i);
        abuse_saw_network(&w->abuse, USER, address, T0_MS + 4000);
    }
    assert_int_equal(take_all(w), 1);
    world_free(w);
}

static void
test_sign_ins_from_many_networks(void **data)
{
    struct world *w = world_new("networks = 1\n points_networks = 20\n suspend_at = 100\n");
    struct signin *signin = signin_new(w->state, w->config);
    const char *problem;
    gboolean banned;

    (void)data;
    signin_set_abuse(signin, &w->abuse);
    for (guint i = 0; i < 6; i++) {
        g_autofree char *body = g_strdup_printf("{\"login\":\"Bob@example.test\",\"remote\":\"198.51.%u.1\",\"pwhash\":\"00\",\"success\":%s}", i % 3,
                                                i < 5 ? "true" : "false");
        struct signin_request *request = signin_request_parse(body, strlen(body), &problem);
        assert_non_null(request);
        signin_report(signin, request, T0_MS, &banned);
        signin_request_free(request);
    }
    assert_int_equal(take_all(w), 2);
    assert_true(score(w, USER, T0_MS) == 40);
    signin_free(&signin);
    world_free(w);
}

static void
bounce(struct world *w, guint n, gint64 now_ms)
{
    for (guint i = 0; i < n; i++)
        abuse_saw_bounce(&w->abuse, USER, now_ms);
    take_all(w);
}

static void
test_bounces_by_their_share(void **data)
{
    struct world *w = world_new("bounce_share = 20\n points_bounce = 5\n suspend_at = 100\n");

    (void)data;
    abuse_saw_sent(&w->abuse, USER, 100, T0_MS);
    bounce(w, 20, T0_MS);
    assert_true(score(w, USER, T0_MS) == 0); /* 20 of 100 */
    bounce(w, 2, T0_MS);
    assert_true(score(w, USER, T0_MS) == 10);
    abuse_saw_sent(&w->abuse, USER, 1000, T0_MS);
    bounce(w, 10, T0_MS);
    assert_true(score(w, USER, T0_MS) == 10);
    bounce(w, 4, T0_MS + 60 * HOUR_MS); /* days later: fewer than five say nothing */
    assert_true(score(w, USER, T0_MS + 60 * HOUR_MS) == 0);
    bounce(w, 1, T0_MS + 60 * HOUR_MS);
    assert_true(score(w, USER, T0_MS + 60 * HOUR_MS) == 5);
    world_free(w);
}

static void
test_recent_forgets_by_parts(void **data)
{
    struct world *w = world_new("");
    gint64 now_ms = T0_MS;

    (void)data;
    for (guint hour = 0; hour < 24 * 20; hour++, now_ms += HOUR_MS)
        abuse_recent(w->state, METER_SENT, USER, 10, now_ms);
    double recent = abuse_recent(w->state, METER_SENT, USER, 0, now_ms);
    assert_true(recent > 200 && recent < 260); /* ten an hour for weeks are a day's 240 */
    assert_true(abuse_recent(w->state, METER_SENT, USER, 0, now_ms + 30 * HOUR_MS) == 0);
    world_free(w);
}

/* ---- reports ---- */

static void
set(char **text, const char *value)
{
    g_free(*text);
    *text = g_strdup(value);
}

static struct policy_report *
report_new(const char *queue_id, const char *login)
{
    struct policy_report *report = policy_report_new();

    set(&report->instance, "in");
    set(&report->queue_id, queue_id);
    set(&report->login, login);
    set(&report->client, "192.0.2.9");
    set(&report->sender, "News@Shop.test");
    set(&report->author, "shop.test");
    report->recipients = 3;
    report->judged = TRUE;
    return report;
}

/* How often the network has passed for the domain. */
static guint
passed(struct world *w, const char *domain)
{
    g_autofree char *text = g_strdup_printf("192.0.2.0/24 %s", domain);
    struct mark mark;

    return marks_get(w->state, MARK_ORIGIN, text, (guint32)(T0_MS / 1000), &mark) ? mark.count : 0;
}

static gboolean
learn(struct world *w, struct policy_report *report)
{
    return lessons_learn(w->state, &w->abuse, report, T0_MS);
}

static void
test_reports_count_once(void **data)
{
    struct world *w = world_new(LEVELS "points_virus = 50\n");
    struct policy_report *report = report_new("1", "Bob@Example.test");

    (void)data;
    report->spam = TRUE;
    report->from = REPORT_FROM_SUBMISSION;
    assert_true(learn(w, report));
    assert_false(learn(w, report));
    assert_int_equal(take_all(w), 1);
    assert_true(score(w, USER, T0_MS) == 10);
    set(&report->instance, "other");
    report->spam = FALSE;
    set(&report->virus, "Eicar");
    assert_true(learn(w, report));
    take_all(w);
    assert_true(score(w, USER, T0_MS) == 60);
    assert_int_equal((int)abuse_recent(w->state, METER_SENT, USER, 0, T0_MS), 6);
    policy_report_free(report);
    world_free(w);
}

static void
test_signatures_make_networks_known(void **data)
{
    struct world *w = world_new("");
    struct policy_report *report = report_new("1", "");

    (void)data;
    assert_true(learn(w, report));
    assert_int_equal(passed(w, "shop.test"), 0); /* no signature */
    policy_report_add_dkim(report, "mail.shop.test", TRUE);
    set(&report->queue_id, "2");
    assert_true(learn(w, report));
    assert_int_equal(passed(w, "shop.test"), 1);
    set(&report->queue_id, "3");
    set(&report->sender, "b@list.test"); /* the author's domain alone is vouched for */
    assert_true(learn(w, report));
    assert_int_equal(passed(w, "shop.test"), 2);
    assert_int_equal(passed(w, "list.test"), 0);
    set(&report->queue_id, "4");
    set(&report->author, "victim.test");
    ((struct policy_report_dkim *)g_ptr_array_index(report->dkim, 0))->aligned = FALSE;
    assert_true(learn(w, report)); /* a signature of neither */
    assert_int_equal(passed(w, "victim.test") + passed(w, "list.test"), 0);
    set(&report->sender, "a@shop.test");
    for (guint i = 0; i < 4; i++) { /* spam, viruses, what was refused, and what did not come from outside teach nothing */
        g_autofree char *id = g_strdup_printf("x%u", i);
        set(&report->queue_id, id);
        report->spam = i == 0;
        set(&report->virus, i == 1 ? "Eicar" : "");
        report->verdict = i == 2 ? VERDICT_REJECT : VERDICT_ACCEPT;
        report->from = i == 3 ? REPORT_FROM_LOCAL : REPORT_FROM_SMTP;
        assert_true(learn(w, report));
    }
    assert_int_equal(passed(w, "shop.test"), 2);
    report->from = REPORT_FROM_SMTP;
    set(&report->queue_id, "5");
    assert_true(learn(w, report)); /* the envelope's domain alone */
    assert_int_equal(passed(w, "shop.test"), 3);
    policy_report_free(report);
    world_free(w);
}

static void
test_only_our_own_bounces_count(void **data)
{
    struct world *w = world_new("points_bounce = 5\n suspend_at = 100\n");
    struct policy_report *report = report_new("", "");

    (void)data;
    set(&report->sender, "");
    set(&report->recipient, "Bob@example.test");
    for (guint i = 0; i < 20; i++) {
        g_autofree char *id = g_strdup_printf("q%u", i);
        set(&report->ref, id);
        report->bounce = i < 6;
        report->from = report->bounce ? REPORT_FROM_LOCAL : REPORT_FROM_SMTP; /* anybody can send what looks like one */
        assert_true(learn(w, report));
    }
    take_all(w);
    assert_true(score(w, USER, T0_MS) == 10); /* the fifth and the sixth */
    policy_report_free(report);
    world_free(w);
}

/* ---- what is told ---- */

static void
test_texts(void **data)
{
    struct notice_text text = {.level = ABUSE_SUSPEND, .account = USER, .reason = "score 100 of 100: spam 10", .node = "a", .score = 100,
                               .since_ms = 1790000000000, .expires_ms = 1790003600000};
    g_autofree char *json = notice_json(&text), *kick = notice_kick(USER), *pattern = notice_kick("*@example.test");
    g_autofree char *network = notice_kick("192.0.2.1"), *to = notice_address("postmaster@{domain}", USER), *plain = notice_address("a@b.test", "bob");
    g_autoptr(GString) mail = notice_mail(&text, "postmaster@example.test", to, FALSE, 1790000000000);
    g_autoptr(GString) user_mail = notice_mail(&text, "postmaster@example.test", USER, TRUE, 0);

    (void)data;
    assert_string_equal(json, "{\"event\":\"abuse\",\"account\":\"bob@example.test\",\"action\":\"suspension\",\"score\":100.0,\"reason\":\"score 100 of 100: "
                              "spam 10\",\"since\":1790000000,\"until\":1790003600,\"node\":\"a\"}");
    assert_string_equal(kick, "[[\"kick\",{\"mask\":[\"bob@example.test\"]},\"postern\"]]");
    assert_null(pattern);
    assert_null(network);
    assert_string_equal(to, "postmaster@example.test");
    assert_string_equal(plain, "a@b.test");
    assert_non_null(strstr(mail->str, "\r\nSubject: Sending suspended: bob@example.test\r\nDate: Mon, 21 Sep 2026 14:13:20 +0000\r\n"));
    assert_non_null(strstr(mail->str, "\r\nWhy: score 100 of 100: spam 10\r\n"));
    assert_non_null(strstr(user_mail->str, "base64"));
    assert_non_null(strstr(mail->str, "\r\nAuto-Submitted: auto-generated\r\n"));
    assert_null(strstr(user_mail->str, "spam"));
    for (gsize i = 0; i < mail->len; i++)
        assert_true((guchar)mail->str[i] < 128);
    text.account = "a\r\nBcc: x@y.test\xff@example.test";
    g_autoptr(GString) hostile = notice_mail(&text, "p@example.test", "p@example.test", FALSE, 0);
    assert_null(strstr(hostile->str, "\nBcc"));
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_score_rises_and_drains),
        cmocka_unit_test(test_levels_one_after_the_other_and_each_once),
        cmocka_unit_test(test_released_accounts_begin_anew),
        cmocka_unit_test(test_dry_run_exempt_and_off),
        cmocka_unit_test(test_what_can_not_be_written_is_tried_again),
        cmocka_unit_test(test_clock_jumps),
        cmocka_unit_test(test_sign_ins_from_many_networks),
        cmocka_unit_test(test_many_networks),
        cmocka_unit_test(test_bounces_by_their_share),
        cmocka_unit_test(test_recent_forgets_by_parts),
        cmocka_unit_test(test_reports_count_once),
        cmocka_unit_test(test_signatures_make_networks_known),
        cmocka_unit_test(test_only_our_own_bounces_count),
        cmocka_unit_test(test_texts),
    };
    T0_MS = g_get_real_time() / 1000;
    return cmocka_run_group_tests(tests, NULL, NULL);
}
