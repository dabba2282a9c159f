/* test_transaction.c: messages are rebuilt byte for byte, caps hold and are remembered, and the source of a
 * message is told right. */
#include "tests/unit/milter/test.h"
#include "milters/session.h"
#include "milters/stats.h"

static void
assert_content(struct transaction *tx, const char *want, gsize length)
{
    gsize got_length;
    const char *got;

    transaction_finish(tx);
    got = g_bytes_get_data(tx->capture->message, &got_length);
    assert_int_equal(got_length, length);
    assert_memory_equal(got, want, length);
}
#define assert_text(tx, text) assert_content(tx, text, sizeof text - 1)

static void
test_rebuild(void **state)
{
    struct transaction *tx = transaction_new("inbound", 1 << 20);

    (void)state;
    transaction_header(tx, "From", " a@b.test", TRUE);
    transaction_header(tx, "Subject", "\tno space\n\tfolded\n  twice", TRUE);
    transaction_header(tx, "X-Empty", "", TRUE);
    transaction_header(tx, "X-Tight", "x\r\n y\rz", TRUE); /* CRLF stays, a bare CR too */
    transaction_header(tx, "message-id", "  <1@b.test>\n ", TRUE);
    transaction_header(tx, "Message-ID", " <2@b.test>", TRUE);
    transaction_body(tx, "body\r\n\0", 7);
    transaction_body(tx, "\xff.\r\n", 4);
    assert_string_equal(tx->message_id, "<1@b.test>");
    assert_text(tx, "From: a@b.test\r\nSubject:\tno space\r\n\tfolded\r\n  twice\r\nX-Empty:\r\nX-Tight:x\r\n y\rz\r\n"
                    "message-id:  <1@b.test>\r\n \r\nMessage-ID: <2@b.test>\r\n\r\nbody\r\n\0\xff.\r\n");
    assert_int_equal(tx->limit, TRANSACTION_WHOLE);
    assert_int_equal(tx->size, g_bytes_get_size(tx->capture->message));
    transaction_free(&tx);
    assert_null(tx);
}

static void
test_rebuild_without_leading_space(void **state)
{
    struct transaction *tx = transaction_new("inbound", 1 << 20);

    (void)state;
    transaction_header(tx, "From", "a@b.test", FALSE);
    transaction_header(tx, "X-Empty", "", FALSE);
    assert_text(tx, "From: a@b.test\r\nX-Empty:\r\n\r\n");
    transaction_free(&tx);
}

static void
test_no_header_no_body(void **state)
{
    struct transaction *a = transaction_new("inbound", 100), *b = transaction_new("inbound", 100);

    (void)state;
    assert_text(a, "\r\n");
    transaction_body(b, "x", 1);
    assert_text(b, "\r\nx");
    transaction_free(&a);
    transaction_free(&b);
}

static void
test_too_big(void **state)
{
    struct transaction *tx = transaction_new("inbound", 20);

    (void)state;
    transaction_body(tx, "0123456789", 10);
    transaction_body(tx, "01234567", 8); /* 20 with the empty line */
    assert_int_equal(tx->limit, TRANSACTION_WHOLE);
    for (int i = 0; i < 1000; i++)
        transaction_body(tx, "0123456789", 10);
    assert_int_equal(tx->limit, TRANSACTION_TOO_BIG);
    assert_int_equal(tx->size, 10020);
    transaction_finish(tx);
    assert_int_equal(g_bytes_get_size(tx->capture->message), 20);
    transaction_free(&tx);
}

static void
test_envelope(void **state)
{
    struct transaction *tx = transaction_new("inbound", 100);
    g_autofree char *long_one = g_strnfill(TRANSACTION_ARGUMENT_MAX + 1, 'a');
    const struct capture_recipient *recipient;

    (void)state;
    transaction_mail(tx, "<>");
    assert_string_equal(tx->capture->mail_from, "");
    transaction_mail(tx, "<a@b.test>");
    assert_string_equal(tx->capture->mail_from, "a@b.test");
    assert_string_equal(tx->capture->instance, "inbound");
    assert_int_equal(strlen(tx->ref), 12);
    transaction_rcpt(tx, "<x@y.test>");
    transaction_rcpt(tx, "<odd\x01one@y.test>"); /* what the MTA took is recorded */
    assert_int_equal(tx->limit, TRANSACTION_WHOLE);
    recipient = g_ptr_array_index(tx->capture->recipients, 0);
    assert_string_equal(recipient->original, "x@y.test");
    recipient = g_ptr_array_index(tx->capture->recipients, 1);
    assert_string_equal(recipient->original, "odd\x01one@y.test");
    assert_string_equal(tx->rcpt_arguments->pdata[0], "<x@y.test>");
    transaction_rcpt(tx, long_one);
    assert_int_equal(tx->limit, TRANSACTION_ARGUMENT_TOO_LONG);
    transaction_free(&tx);
}

static void
test_recipient_cap(void **state)
{
    struct transaction *tx = transaction_new("inbound", 100);

    (void)state;
    for (guint i = 0; i < TRANSACTION_RECIPIENTS_MAX; i++)
        transaction_rcpt(tx, "<x@y.test>");
    assert_int_equal(tx->limit, TRANSACTION_WHOLE);
    transaction_rcpt(tx, "<x@y.test>");
    assert_int_equal(tx->limit, TRANSACTION_TOO_MANY_RECIPIENTS);
    assert_int_equal(tx->capture->recipients->len, TRANSACTION_RECIPIENTS_MAX);
    transaction_free(&tx);
}

static enum capture_source
source_of(const char *address, guint port, const char *daemon, const char *daemon_port, const char *user)
{
    struct session session = {0};
    enum capture_source source;

    session_client(&session, "name", address, port);
    session_daemon(&session, daemon, daemon_port);
    source = session_source(&session, user);
    g_free(session.client_name);
    g_free(session.client_address);
    g_free(session.daemon_name);
    return source;
}

static void
test_source(void **state)
{
    (void)state;
    assert_int_equal(source_of("192.0.2.1", 4711, "mx.test", "25", NULL), CAPTURE_SMTP);
    assert_int_equal(source_of("192.0.2.1", 4711, "mx.test", "25", "u@b.test"), CAPTURE_SUBMISSION);
    assert_int_equal(source_of("192.0.2.1", 4711, "mx.test", "587", ""), CAPTURE_SUBMISSION);
    assert_int_equal(source_of("192.0.2.1", 4711, "ORIGINATING", NULL, NULL), CAPTURE_SUBMISSION);
    assert_int_equal(source_of("192.0.2.1", 0, "mx.test", "99999999999", NULL), CAPTURE_SMTP);
    assert_int_equal(source_of("127.0.0.1", 0, "mx.test", NULL, NULL), CAPTURE_LOCAL);
    assert_int_equal(source_of("::1", 0, "mx.test", "0", NULL), CAPTURE_LOCAL);
    assert_int_equal(source_of(NULL, 0, NULL, NULL, NULL), CAPTURE_LOCAL);
    assert_int_equal(source_of("127.0.0.1", 4711, "mx.test", "25", NULL), CAPTURE_SMTP);
}

static void
test_protocol_and_counts(void **state)
{
    struct config config = {.milter.max_message = 1000};
    struct runtime runtime = {.config = &config, .instance = "outbound"};
    struct session *session;

    (void)state;
    stats_init();
    g_atomic_ref_count_init(&runtime.refs);
    session = session_new(runtime_ref(&runtime));
    assert_int_equal(metrics_get(stats.sessions, 0), 1);
    session_client(session, "c.test", "192.0.2.1", 1);
    session_helo(session, "helo.test");
    assert_string_equal(session->client_name, "c.test");
    session_mail(session, "<a@b.test>", "user", "TLSv1.3", NULL);
    assert_string_equal(session->tx->capture->protocol, "ESMTPSA");
    assert_string_equal(session->tx->capture->auth_user, "user");
    assert_string_equal(session->tx->capture->helo, "helo.test");
    assert_string_equal(session->tx->capture->instance, "outbound");
    assert_string_equal(session->tx->capture->notes->pdata[0], "tls=TLSv1.3");
    session_mail(session, "<a@b.test>", NULL, NULL, "SMTP"); /* the one before was not ended */
    assert_string_equal(session->tx->capture->protocol, "SMTP");
    assert_int_equal(metrics_get(stats.transactions, 0), 1);
    session_mail(session, "<a@b.test>", NULL, NULL, NULL);
    assert_string_equal(session->tx->capture->protocol, "");
    session_client(session, "[192.0.2.1]", "192.0.2.1", 1);
    session_mail(session, "<a@b.test>", NULL, NULL, NULL);
    assert_string_equal(session->tx->capture->client_name, "");
    session_free(&session);
    assert_int_equal(metrics_get(stats.transactions, 0), 0);
    assert_int_equal(metrics_get(stats.sessions, 0), 0);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_rebuild),
        cmocka_unit_test(test_rebuild_without_leading_space),
        cmocka_unit_test(test_no_header_no_body),
        cmocka_unit_test(test_too_big),
        cmocka_unit_test(test_envelope),
        cmocka_unit_test(test_recipient_cap),
        cmocka_unit_test(test_source),
        cmocka_unit_test(test_protocol_and_counts),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
