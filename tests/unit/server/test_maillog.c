/* The reader of Postfix's log: which messages came into the queue. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <string.h>
#include "cli/maillog.h"

#define NOW 1790000000 /* 2026-09-21 */

static struct maillog *
read_lines(const char *const *lines)
{
    struct maillog *maillog = maillog_new(NOW);

    for (; *lines; lines++)
        maillog_line(maillog, *lines, strlen(*lines));
    return maillog;
}

static const struct maillog_message *
message(struct maillog *maillog, guint n)
{
    assert_true(n < maillog_messages(maillog)->len);
    return maillog_messages(maillog)->pdata[n];
}

static void
test_smtp_and_sendmail(void **state)
{
    const char *const lines[] = {
        "Sep 20 10:00:00 mx postfix/smtpd[7]: connect from c[192.0.2.1]",
        "Sep 20 10:00:01 mx postfix/smtpd[7]: 4XAbc12345z: client=c[192.0.2.1], sasl_method=PLAIN, sasl_username=u",
        "Sep 20 10:00:01 mx postfix/cleanup[8]: 4XAbc12345z: message-id=<one@example.org>",
        "Sep 20 10:00:02 mx postfix/qmgr[9]: 4XAbc12345z: from=<a@example.org>, size=512, nrcpt=1 (queue active)",
        "Sep 20 10:00:03 mx postfix/lmtp[9]: 4XAbc12345z: to=<b@example.com>, relay=x, status=sent (250 ok)",
        "Sep 20 10:00:03 mx postfix/qmgr[9]: 4XAbc12345z: removed",
        "Sep 20 10:00:04 mx postfix/pickup[5]: 1A2B3C4D5E: uid=0 from=<root>",
        "Sep 20 10:00:04 mx postfix/cleanup[8]: 1A2B3C4D5E: message-id=<two@example.org>",
        "Sep 20 10:00:04 mx postfix/qmgr[9]: 1A2B3C4D5E: from=<root@example.org>, size=300, nrcpt=2 (queue active)",
        NULL};
    struct maillog *maillog = read_lines(lines);

    (void)state;
    assert_int_equal(maillog_messages(maillog)->len, 2);
    assert_string_equal(message(maillog, 0)->queue_id, "4XAbc12345z");
    assert_string_equal(message(maillog, 0)->from, "a@example.org");
    assert_string_equal(message(maillog, 0)->message_id, "<one@example.org>");
    assert_false(message(maillog, 0)->local);
    assert_true(message(maillog, 1)->local);
    assert_string_equal(message(maillog, 1)->queue_id, "1A2B3C4D5E");
    maillog_free(&maillog);
}

/* Bounces, forwards, rejects, discards, what a filter handed back, what was broken off: none is counted. */
static void
test_not_counted(void **state)
{
    const char *const lines[] = {
        "Sep 20 10:00:00 mx postfix/bounce[3]: 4XAAAAAAAAz: sender non-delivery notification: 4XBBBBBBBBz",
        "Sep 20 10:00:00 mx postfix/cleanup[8]: 4XBBBBBBBBz: message-id=<b@mx>",
        "Sep 20 10:00:00 mx postfix/qmgr[9]: 4XBBBBBBBBz: from=<>, size=2512, nrcpt=1 (queue active)",
        "Sep 20 10:00:01 mx postfix/smtpd[7]: 4XCCCCCCCCz: client=c[192.0.2.1]",
        "Sep 20 10:00:01 mx postfix/cleanup[8]: 4XCCCCCCCCz: milter-reject: END-OF-MESSAGE from c[192.0.2.1]: 4.7.1 x",
        "Sep 20 10:00:01 mx postfix/smtpd[7]: 4XDDDDDDDDz: client=c[192.0.2.1]",
        "Sep 20 10:00:01 mx postfix/cleanup[8]: 4XDDDDDDDDz: message-id=<d@mx>",
        "Sep 20 10:00:01 mx postfix/smtpd[7]: lost connection after DATA from c[192.0.2.1]",
        "Sep 20 10:00:01 mx postfix/smtpd[7]: 4XEEEEEEEEz: client=localhost[127.0.0.1], orig_queue_id=4XFF, orig_client=x",
        "Sep 20 10:00:01 mx postfix/qmgr[9]: 4XEEEEEEEEz: from=<a@b>, size=2512, nrcpt=1 (queue active)",
        "Sep 20 10:00:01 mx postfix/smtpd[7]: NOQUEUE: reject: RCPT from c[192.0.2.1]: 550 5.1.1 <x>: no",
        "Sep 20 10:00:01 mx dovecot: lmtp(1): msgid=<x>: saved",
        "Sep 20 10:00:01 mx postfix/qmgr[9]: 4XGGGGGGGGz: from=<a@b>, size=2512, nrcpt=1 (queue active)",
        NULL};
    struct maillog *maillog = read_lines(lines);

    (void)state;
    assert_int_equal(maillog_messages(maillog)->len, 0);
    assert_true(maillog_lines(maillog) > 5);
    maillog_free(&maillog);
}

static void
test_hold_instances_and_reuse(void **state)
{
    const char *const lines[] = {
        "2026-09-20T10:00:00.123456+08:00 mx postfix-in/submission/smtpd[7]: A1B2C3D4: client=c[192.0.2.1]",
        "2026-09-20T10:00:00.223456+08:00 mx postfix-in/cleanup[7]: A1B2C3D4: hold: header Subject: x from c",
        "2026-09-20T12:00:00+0800 mx postfix-in/smtpd[7]: A1B2C3D4: client=c[192.0.2.1]",
        "2026-09-20T12:00:01+0800 mx postfix-in/qmgr[7]: A1B2C3D4: from=<>, size=1, nrcpt=1 (queue active)",
        "2026-09-20T12:00:09+0800 mx postfix-in/qmgr[7]: A1B2C3D4: from=<>, size=1, nrcpt=1 (queue active)",
        NULL};
    struct maillog *maillog = read_lines(lines);

    (void)state;
    assert_int_equal(maillog_messages(maillog)->len, 2);
    assert_int_equal(message(maillog, 1)->time - message(maillog, 0)->time, 7201);
    assert_string_equal(message(maillog, 1)->from, "");
    maillog_free(&maillog);
}

static gint64
time_of(const char *line)
{
    gsize rest = 0;

    return maillog_time(line, strlen(line), NOW, &rest);
}

static void
test_times(void **state)
{
    (void)state;
    assert_int_equal(time_of("2026-09-20T10:00:00.5+08:00 x"), 1789869600);
    assert_int_equal(time_of("2026-09-20T02:00:00Z x"), 1789869600);
    assert_int_equal(time_of("2026-09-19T21:00:00-0500 x"), 1789869600);
    assert_int_equal(time_of("2026-09-20 02:00:00 x"), time_of("Sep 20 02:00:00 x")); /* local time */
    assert_int_equal(time_of("2026-13-20T02:00:00Z x"), -1);
    assert_int_equal(time_of("2026-09-20T25:00:00Z x"), -1);
    /* A traditional time is never more than a day ahead: December is last year's. */
    gint64 december = time_of("Dec 31 23:59:59 mx x"), september = time_of("Sep  1 00:00:00 mx x");
    assert_true(december < NOW && december > NOW - 366 * 86400);
    assert_true(september < NOW && september > NOW - 366 * 86400);
    assert_true(september > december);
    assert_int_equal(time_of("Xyz 31 23:59:59 mx x"), -1);
    assert_int_equal(time_of("Feb 31 23:59:59 mx x"), -1);
    assert_int_equal(time_of(""), -1);
}

/* Amavis: the answer to the delivery names the second queue id; a relay elsewhere may name any id. */
static void
test_handed_back(void **state)
{
    static const char *const lines[] = {
        "Sep 20 10:00:00 mx postfix/pickup[6]: 4XAAAAAAAAz: uid=0 from=<root>",
        "Sep 20 10:00:00 mx postfix/qmgr[9]: 4XAAAAAAAAz: from=<root@b>, size=2512, nrcpt=1 (queue active)",
        "Sep 20 10:00:01 mx postfix/smtpd[7]: 4XBBBBBBBBz: client=localhost[127.0.0.1]",
        "Sep 20 10:00:01 mx postfix/qmgr[9]: 4XBBBBBBBBz: from=<root@b>, size=2600, nrcpt=1 (queue active)",
        "Sep 20 10:00:01 mx postfix/smtpd[7]: 4XDDDDDDDDz: client=c[192.0.2.1]",
        "Sep 20 10:00:01 mx postfix/qmgr[9]: 4XDDDDDDDDz: from=<d@b>, size=2600, nrcpt=1 (queue active)",
        "Sep 20 10:00:02 mx postfix/smtp[8]: 4XAAAAAAAAz: to=<a@b>, relay=127.0.0.1[127.0.0.1]:10024, delay=1, "
        "status=sent (250 2.0.0 from MTA(smtp:[127.0.0.1]:10025): 250 2.0.0 Ok: queued as 4XBBBBBBBBz)",
        "Sep 20 10:00:02 mx postfix/smtp[8]: 4XAAAAAAAAz: to=<c@d>, relay=mx.d[192.0.2.9]:25, delay=1, "
        "status=sent (250 2.0.0 Ok: queued as 4XDDDDDDDDz)",
        NULL};
    struct maillog *maillog = read_lines(lines);

    (void)state;
    for (int round = 0; round < 2; round++) {
        const GPtrArray *messages = maillog_messages(maillog);
        assert_int_equal(messages->len, 2);
        assert_string_equal(((struct maillog_message *)messages->pdata[0])->queue_id, "4XAAAAAAAAz");
        assert_string_equal(((struct maillog_message *)messages->pdata[1])->queue_id, "4XDDDDDDDDz");
    }
    maillog_free(&maillog);
}

/* Every prefix of a line, and lines with bytes of all kinds, are taken without harm. */
static void
test_hostile(void **state)
{
    const char *line = "Sep 20 10:00:01 mx postfix/smtpd[7]: 4XAbc12345z: client=c[192.0.2.1], orig_queue_id=4XZ";
    struct maillog *maillog = maillog_new(NOW);

    (void)state;
    for (gsize n = 0; n <= strlen(line); n++) {
        g_autofree char *part = g_memdup2(line, n);
        maillog_line(maillog, part ? part : "", n);
    }
    for (int byte = 0; byte < 256; byte++) {
        g_autofree char *changed = g_strdup(line);
        for (gsize n = 0; n < strlen(line); n++) {
            char kept = changed[n];
            changed[n] = (char)byte;
            maillog_line(maillog, changed, strlen(line));
            changed[n] = kept;
        }
    }
    assert_int_equal(maillog_messages(maillog)->len, 0);
    maillog_free(&maillog);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_smtp_and_sendmail), cmocka_unit_test(test_not_counted),
        cmocka_unit_test(test_hold_instances_and_reuse), cmocka_unit_test(test_times),
        cmocka_unit_test(test_handed_back), cmocka_unit_test(test_hostile),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
