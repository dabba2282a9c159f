/* test_eom.c: the steps at end of message against a recorded MTA: what is told to it, in which order, and
 * what decides the reply. The archive is away in all of them, so that the spool decides what is kept. */
#include "tests/unit/milter/mta_double.h"
#include "tests/unit/milter/test.h"
#include <unistd.h>
#include "lib/base/net.h"
#include "milters/eom.h"
#include "milters/reports.h"
#include "milters/stats.h"

struct world {
    char *dir;
    struct config config;
    struct runtime runtime;
    struct session *session;
    struct mta_double mta;
};

static int
no_accounts(gpointer source, const char *address, char ***mailboxes_r, GError **error)
{
    char *one[] = {(char *)(uintptr_t)address, NULL};

    (void)source, (void)error;
    *mailboxes_r = g_strdupv(one);
    return 0;
}

/* The module with that letter in the names below: a for archive, e for envelope (which then tags). */
static gboolean
is_wanted(const struct milter_module *module, const char *modules)
{
    return (module == &archive_module && strchr(modules, 'a') != NULL) ||
           (module == &envelope_module && strchr(modules, 'e') != NULL);
}

static struct world *
world_new(const char *modules, guint64 spool_max)
{
    struct world *w = g_new0(struct world, 1);
    struct runtime *runtime = &w->runtime;

    stats_init();
    w->dir = g_dir_make_tmp("eom-XXXXXX", NULL);
    w->config.milter.max_message = 1000;
    w->config.envelope.tag_delivered = TRUE;
    w->config.envelope.header = (char *)(uintptr_t)"X-Envelope-To";
    runtime->config = &w->config;
    runtime->instance = "inbound";
    g_atomic_ref_count_init(&runtime->refs);
    runtime->spool = spool_open(w->dir, "inbound", spool_max, 0, NULL);
    runtime->archive = archive_client_new("unix:/nonexistent/archived.sock", 1000);
    runtime->expander = expander_new(no_accounts, NULL, 1000);
    for (guint i = 0; milter_modules[i] != NULL; i++) {
        if (!is_wanted(milter_modules[i], modules))
            continue;
        runtime->selected |= 1u << i;
        runtime->needs |= milter_modules[i]->needs(&w->config);
        runtime->states[i] = milter_modules[i]->open(runtime, NULL);
    }
    w->mta.told = g_string_new(NULL);
    w->session = session_new(runtime_ref(runtime));
    session_client(w->session, "client.test", "192.0.2.1", 99);
    return w;
}

static void
world_free(struct world *w)
{
    session_free(&w->session);
    for (guint i = 0; milter_modules[i] != NULL; i++)
        if (w->runtime.states[i] != NULL)
            milter_modules[i]->close(w->runtime.states[i]);
    archive_client_free(&w->runtime.archive);
    expander_free(&w->runtime.expander);
    spool_close(&w->runtime.spool);
    g_string_free(w->mta.told, TRUE);
    test_remove_tree(w->dir);
    g_free(w->dir);
    g_free(w);
}

static struct transaction *
begin(struct world *w)
{
    g_string_truncate(w->mta.told, 0);
    session_mail(w->session, "<a@b.test>", NULL, NULL, NULL);
    transaction_rcpt(w->session->tx, "<x@y.test>");
    transaction_rcpt(w->session->tx, "<z@y.test>");
    transaction_header(w->session->tx, "Subject", " hi", TRUE);
    transaction_body(w->session->tx, "body\r\n", 6);
    return w->session->tx;
}

static enum mta_answer
end(struct world *w)
{
    enum mta_answer answer = eom_run(w->session, "4Q", &ops, &w->mta);

    assert_null(w->session->tx);
    return answer;
}

static guint64
spooled(struct world *w)
{
    guint64 files, bytes;

    spool_count(w->runtime.spool, &files, &bytes);
    return files;
}

static struct capture *
spooled_capture(struct world *w)
{
    g_autoptr(GPtrArray) names = spool_list(w->runtime.spool, NULL);
    g_autoptr(GBytes) record = spool_read(w->runtime.spool, names->pdata[names->len - 1], NULL);

    return capture_decode(record, NULL);
}

static void
test_accepted_only_when_kept(void **state)
{
    struct world *w = world_new("a", 1000);
    struct capture *capture;
    int n = 0;

    (void)state;
    begin(w);
    assert_int_equal(end(w), MTA_ACCEPT);
    assert_string_equal(w->mta.told->str, "");
    assert_int_equal(spooled(w), 1);
    capture = spooled_capture(w);
    assert_string_equal(capture->queue_id, "4Q");
    assert_string_equal(capture->client_address, "192.0.2.1");
    assert_int_equal(capture->source, CAPTURE_SMTP);
    assert_int_equal(capture->recipients->len, 2);
    assert_int_equal(g_bytes_get_size(capture->message), strlen("Subject: hi\r\n\r\nbody\r\n"));
    capture_free(&capture);
    while (begin(w), end(w) == MTA_ACCEPT) /* until the spool is full */
        assert_true(++n < 10);
    assert_true(n > 0);
    assert_non_null(strstr(w->mta.told->str, "y451 4.3.0 "));
    assert_non_null(strstr(w->mta.told->str, "(ref "));
    assert_int_equal(metrics_get(stats.archive, ARCHIVE_NOT_KEPT), 1);
    world_free(w);
}

static void
test_limits(void **state)
{
    struct world *w = world_new("ae", 1 << 20);

    (void)state;
    for (int i = 0; i < 200; i++)
        transaction_body(i == 0 ? begin(w) : w->session->tx, "0123456789", 10);
    assert_int_equal(end(w), MTA_REJECT);
    assert_int_equal(strncmp(w->mta.told->str, "y552 5.3.4 ", 11), 0); /* and no edit */
    begin(w);
    w->session->tx->limit = TRANSACTION_TOO_MANY_RECIPIENTS;
    assert_int_equal(end(w), MTA_TEMPFAIL);
    assert_int_equal(strncmp(w->mta.told->str, "y452 4.5.3 ", 11), 0);
    begin(w);
    w->session->tx->limit = TRANSACTION_ARGUMENT_TOO_LONG;
    assert_int_equal(end(w), MTA_REJECT);
    assert_int_equal(strncmp(w->mta.told->str, "y553 5.1.3 ", 11), 0);
    assert_int_equal(spooled(w), 0);
    world_free(w);
}

static void
test_tag_and_forged_tag(void **state)
{
    struct world *w = world_new("ae", 1 << 20);
    struct capture *capture;

    (void)state;
    transaction_header(begin(w), "Subject", " in the body by now", TRUE);
    assert_int_equal(end(w), MTA_ACCEPT);
    assert_string_equal(w->mta.told->str, "+X-Envelope-To=x@y.test,\n\tz@y.test;");
    capture = spooled_capture(w);
    assert_int_equal(capture->verdict->edits->len, 1); /* the record has the edit */
    capture_free(&capture);
    g_string_truncate(w->mta.told, 0);
    session_mail(w->session, "<a@b.test>", NULL, NULL, NULL);
    transaction_rcpt(w->session->tx, "<e\nvil@y.test>");
    transaction_header(w->session->tx, "X-ENVELOPE-TO", " forged@y.test", TRUE);
    transaction_header(w->session->tx, "x-envelope-to", " forged2@y.test", TRUE);
    assert_int_equal(end(w), MTA_ACCEPT);
    assert_string_equal(w->mta.told->str, "c2 X-Envelope-To=(delete);c1 X-Envelope-To=(delete);"
                                          "+X-Envelope-To=e?vil@y.test;");
    world_free(w);
}

static void
test_many_recipients_make_several_fields(void **state)
{
    struct world *w = world_new("e", 1 << 20);
    guint fields = 0;

    (void)state;
    begin(w);
    for (int i = 0; i < 1000; i++)
        transaction_rcpt(w->session->tx, "<recipient@y.test>");
    assert_int_equal(end(w), MTA_ACCEPT);
    for (const char *p = w->mta.told->str; (p = strstr(p, "+X-Envelope-To=")) != NULL; p++)
        fields++;
    assert_true(fields >= 4 && fields <= 6);
    world_free(w);
}

/* A decision of some module: put into the verdict as a module would. */
static void
test_decisions(void **state)
{
    struct world *w = world_new("a", 1 << 20);
    const guint second = 1;

    (void)state;
    verdict_add(begin(w)->capture->verdict, VERDICT_REJECT, "test", "no", "5.7.1 Go 100% away\n", NULL, 0);
    assert_int_equal(end(w), MTA_REJECT);
    assert_int_equal(strncmp(w->mta.told->str, "y550 5.7.1 Go 100% away? (ref ", 30), 0);
    verdict_add(begin(w)->capture->verdict, VERDICT_TEMPFAIL, "test", "later", NULL, &second, 1);
    assert_int_equal(end(w), MTA_TEMPFAIL);
    assert_int_equal(strncmp(w->mta.told->str, "y451 4.3.0 ", 11), 0);
    assert_int_equal(spooled(w), 0); /* what is not accepted is not archived */
    verdict_add(begin(w)->capture->verdict, VERDICT_DISCARD, "test", "drop", NULL, NULL, 0);
    assert_int_equal(end(w), MTA_DISCARD);
    assert_int_equal(spooled(w), 1);
    verdict_add(begin(w)->capture->verdict, VERDICT_QUARANTINE, "test", "hold", NULL, NULL, 0);
    assert_int_equal(end(w), MTA_DISCARD);
    assert_int_equal(spooled(w), 2);
    verdict_add(begin(w)->capture->verdict, VERDICT_DISCARD, "test", "one", NULL, &second, 1);
    verdict_edit(w->session->tx->capture->verdict, EDIT_INSERT_HEADER, 1, "X-A", "b");
    verdict_edit(w->session->tx->capture->verdict, EDIT_CHANGE_HEADER, 1, "Subject", "c");
    assert_int_equal(end(w), MTA_ACCEPT);
    assert_string_equal(w->mta.told->str, "-<z@y.test>;i1 X-A=b;c1 Subject=c;");
    world_free(w);
}

static void
test_mta_refuses_edits(void **state)
{
    struct world *w = world_new("ae", 1 << 20);

    (void)state;
    w->mta.refuses = TRUE;
    begin(w);
    assert_int_equal(end(w), MTA_TEMPFAIL);
    assert_int_equal(strncmp(w->mta.told->str, "+X-Envelope-To", 14), 0);
    world_free(w);
}

static void
test_quarantine_needs_the_archive(void **state)
{
    struct world *w = world_new("e", 1 << 20);

    (void)state;
    verdict_add(begin(w)->capture->verdict, VERDICT_QUARANTINE, "test", "hold", NULL, NULL, 0);
    assert_int_equal(end(w), MTA_TEMPFAIL);
    world_free(w);
}

static void
test_a_bounce_of_our_own_is_never_refused(void **state)
{
    struct world *w = world_new("a", 1 << 20);
    struct session *local = session_new(runtime_ref(&w->runtime));

    (void)state;
    session_client(local, "localhost", "127.0.0.1", 0); /* as Postfix has it for its own mail */
    session_mail(local, "<>", NULL, NULL, NULL);
    transaction_rcpt(local->tx, "<x@y.test>");
    verdict_add(local->tx->capture->verdict, VERDICT_REJECT, "test", "spam", NULL, NULL, 0);
    assert_int_equal(eom_run(local, "4Q", &ops, &w->mta), MTA_ACCEPT);
    session_free(&local);
    session_mail(w->session, "<>", NULL, NULL, NULL); /* by SMTP anybody may say so */
    transaction_rcpt(w->session->tx, "<x@y.test>");
    verdict_add(w->session->tx->capture->verdict, VERDICT_REJECT, "test", "spam", NULL, NULL, 0);
    assert_int_equal(end(w), MTA_REJECT);
    world_free(w);
}

/* The report that is there; NULL when there is none. */
static struct policy_report *
receive(int fd)
{
    char data[POLICY_REPORT_BYTES];
    const char *problem;
    guint uid;
    gssize length = net_receive_datagram(fd, data, sizeof data, &uid);
    struct policy_report *report = length >= 0 ? policy_report_parse(data, (gsize)length, &problem) : NULL;

    assert_true(length < 0 || (report != NULL && uid == getuid()));
    return report;
}

static void
test_the_policy_daemon_is_told(void **state)
{
    struct world *w = world_new("a", 1 << 20);
    g_autofree char *address = g_strdup_printf("unix:%s/report.sock", w->dir);
    struct policy_report *report;
    int fd;

    (void)state;
    w->config.milter.reports = address;
    begin(w); /* nobody there: nothing of it is seen */
    assert_int_equal(end(w), MTA_ACCEPT);
    assert_int_equal(metrics_get(stats.reports, STATS_REPORTS_LOST), 1);
    fd = net_listen_datagram(address, 0600, NULL, NULL);
    assert_true(fd >= 0);
    begin(w)->spam = g_new0(struct spam_findings, 1);
    w->session->tx->spam->level = SPAM_SPAM;
    w->session->tx->spam->score = 6.5;
    w->session->tx->spam->tests = g_strdup("GTUBE");
    assert_int_equal(end(w), MTA_ACCEPT);
    report = receive(fd);
    assert_string_equal(report->client, "192.0.2.1");
    assert_string_equal(report->queue_id, "4Q");
    assert_string_equal(report->instance, "inbound");
    assert_string_equal(report->sender, "a@b.test");
    assert_string_equal(report->recipient, "x@y.test");
    assert_int_equal(report->recipients, 2);
    assert_int_equal(report->from, REPORT_FROM_SMTP);
    assert_true(report->spam && !report->bounce && report->score > 6.4 && report->score < 6.6);
    policy_report_free(report);
    verdict_add(begin(w)->capture->verdict, VERDICT_REJECT, "test", "no", NULL, NULL, 0);
    assert_int_equal(end(w), MTA_REJECT);
    report = receive(fd);
    assert_true(report->verdict == VERDICT_REJECT && !report->judged);
    policy_report_free(report);
    verdict_add(begin(w)->capture->verdict, VERDICT_TEMPFAIL, "test", "later", NULL, NULL, 0);
    assert_int_equal(end(w), MTA_TEMPFAIL);
    assert_null(receive(fd)); /* it comes again */
    assert_int_equal(metrics_get(stats.reports, STATS_REPORTS_SENT), 2);
    close(fd);
    world_free(w);
}

static void
assert_reply(enum verdict_action action, const char *reply_text, const char *want)
{
    char code[4], enhanced[12];
    g_autoptr(GString) text = g_string_new(NULL), all = g_string_new(NULL);

    eom_reply_parts(action, reply_text, "r", code, enhanced, text);
    g_string_printf(all, "%s %s %s", code, enhanced, text->str);
    assert_string_equal(all->str, want);
}

static void
test_reply_parts(void **state)
{
    g_autofree char *long_text = g_strnfill(5000, 'x');
    g_autoptr(GString) text = g_string_new(NULL);
    char code[4], enhanced[12];

    (void)state;
    assert_reply(VERDICT_REJECT, "5.7.28 Too much", "550 5.7.28 Too much (ref r)");
    assert_reply(VERDICT_REJECT, "4.3.0 class differs", "550 5.7.1 4.3.0 class differs (ref r)");
    assert_reply(VERDICT_REJECT, "plain", "550 5.7.1 plain (ref r)");
    assert_reply(VERDICT_REJECT, "5.7.", "550 5.7.1 5.7. (ref r)");
    assert_reply(VERDICT_REJECT, "5.7.1111 x", "550 5.7.1 5.7.1111 x (ref r)");
    assert_reply(VERDICT_TEMPFAIL, "4.123.456", "451 4.123.456 (ref r)");
    assert_reply(VERDICT_TEMPFAIL, "4.5.3 Many", "452 4.5.3 Many (ref r)");
    assert_reply(VERDICT_TEMPFAIL, NULL, "451 4.3.0 Message can't be taken now, please try again later (ref r)");
    assert_reply(VERDICT_REJECT, NULL, "550 5.7.1 Message refused (ref r)");
    eom_reply_parts(VERDICT_REJECT, long_text, "r", code, enhanced, text);
    assert_true(text->len < 500);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_accepted_only_when_kept),
        cmocka_unit_test(test_limits),
        cmocka_unit_test(test_tag_and_forged_tag),
        cmocka_unit_test(test_many_recipients_make_several_fields),
        cmocka_unit_test(test_decisions),
        cmocka_unit_test(test_mta_refuses_edits),
        cmocka_unit_test(test_quarantine_needs_the_archive),
        cmocka_unit_test(test_a_bounce_of_our_own_is_never_refused),
        cmocka_unit_test(test_the_policy_daemon_is_told),
        cmocka_unit_test(test_reply_parts),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
