/* test_capture.c: the capture codec: what goes in comes out, and nothing malformed does. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <string.h>
#include "lib/mail/capture.h"

static void
set(char **string, const char *value)
{
    g_free(*string);
    *string = g_strdup(value);
}

static struct capture *
full_capture(void)
{
    static const char message[] = "Subject: x\r\n\r\n\0body\xff";
    struct capture *capture = capture_new();
    struct capture_recipient *recipient;
    const guint one[] = {1};

    capture->source = CAPTURE_SUBMISSION;
    set(&capture->instance, "outbound");
    set(&capture->client_name, "mail.example.com");
    set(&capture->client_address, "2001:db8::1");
    set(&capture->helo, "helo.example");
    set(&capture->auth_user, "user@example.com");
    set(&capture->queue_id, "4Tabc123");
    set(&capture->protocol, "ESMTP");
    set(&capture->mail_from, "\xe7\x8e\x8b@example.com");
    recipient = capture_add_recipient(capture, "Info@example.com");
    recipient->expansion = CAPTURE_EXPANDED;
    g_strfreev(recipient->mailboxes);
    recipient->mailboxes = g_strsplit("a@example.com,b@example.com", ",", -1);
    recipient = capture_add_recipient(capture, "other@example.net");
    recipient->expansion = CAPTURE_PENDING;
    verdict_add(capture->verdict, VERDICT_TAG, "spam", "score=7", NULL, one, 1);
    verdict_add(capture->verdict, VERDICT_REJECT, "virus", "", "5.7.1 no", NULL, 0);
    verdict_add(capture->verdict, VERDICT_DISCARD, "none", "", NULL, one, 0);
    verdict_edit(capture->verdict, EDIT_INSERT_HEADER, -1, "X-Test", "one\n two");
    verdict_edit(capture->verdict, EDIT_DELETE_HEADER, 2, "X-Gone", NULL);
    g_ptr_array_add(capture->notes, g_strdup("key=value"));
    capture->message = g_bytes_new(message, sizeof message - 1);
    return capture;
}

static void
round_trip(void **state)
{
    struct capture *in = full_capture();
    g_autoptr(GBytes) bytes = capture_encode(in, TRUE);
    g_autoptr(GError) error = NULL;
    struct capture *out = capture_decode(bytes, &error);
    g_autoptr(GBytes) again = NULL;
    const struct capture_recipient *recipient;
    const struct outcome *outcome;
    const struct edit *edit;

    (void)state;
    assert_null(error);
    assert_non_null(out);
    again = capture_encode(out, TRUE);
    assert_true(g_bytes_equal(bytes, again));
    assert_memory_equal(in->transaction, out->transaction, 16);
    assert_int_equal(in->received_us, out->received_us);
    assert_int_equal(out->source, CAPTURE_SUBMISSION);
    assert_string_equal(out->mail_from, in->mail_from);
    assert_string_equal(out->protocol, "ESMTP");
    recipient = g_ptr_array_index(out->recipients, 0);
    assert_string_equal(recipient->original, "Info@example.com");
    assert_string_equal(recipient->mailboxes[1], "b@example.com");
    assert_null(recipient->mailboxes[2]);
    recipient = g_ptr_array_index(out->recipients, 1);
    assert_int_equal(recipient->expansion, CAPTURE_PENDING);
    assert_non_null(recipient->mailboxes);
    outcome = g_ptr_array_index(out->verdict->outcomes, 0);
    assert_int_equal(g_array_index(outcome->recipients, guint, 0), 1);
    assert_null(outcome->reply);
    outcome = g_ptr_array_index(out->verdict->outcomes, 1);
    assert_null(outcome->recipients);
    assert_string_equal(outcome->reply, "5.7.1 no");
    outcome = g_ptr_array_index(out->verdict->outcomes, 2);
    assert_int_equal(outcome->recipients->len, 0);
    edit = g_ptr_array_index(out->verdict->edits, 0);
    assert_int_equal(edit->index, -1);
    assert_string_equal(edit->value, "one\n two");
    edit = g_ptr_array_index(out->verdict->edits, 1);
    assert_null(edit->value);
    assert_string_equal(g_ptr_array_index(out->notes, 0), "key=value");
    assert_true(g_bytes_equal(in->message, out->message));
    capture_free(&in);
    capture_free(&out);
    assert_null(out);
}

static void
without_message(void **state)
{
    struct capture *in = full_capture();
    g_autoptr(GBytes) bytes = capture_encode(in, FALSE);
    struct capture *out = capture_decode(bytes, NULL);

    (void)state;
    assert_non_null(out);
    assert_null(out->message);
    capture_free(&in);
    capture_free(&out);
}

static void
message_is_a_slice(void **state)
{
    struct capture *in = full_capture();
    GBytes *bytes = capture_encode(in, TRUE);
    struct capture *out = capture_decode(bytes, NULL);
    gsize all, part;
    const guint8 *whole = g_bytes_get_data(bytes, &all);
    const guint8 *slice = g_bytes_get_data(out->message, &part);

    (void)state;
    assert_ptr_equal(slice + part, whole + all);
    g_bytes_unref(bytes); /* the slice keeps it alive */
    assert_true(g_bytes_equal(in->message, out->message));
    capture_free(&in);
    capture_free(&out);
}

/* A record cut anywhere is refused, or (at a field border) lacks only its last fields; never more than it
 * had. */
static void
every_cut_is_safe(void **state)
{
    struct capture *in = full_capture();
    g_autoptr(GBytes) bytes = capture_encode(in, TRUE);
    gsize length, whole = 0;
    const guint8 *data = g_bytes_get_data(bytes, &length);

    (void)state;
    for (gsize cut = 0; cut < length; cut++) {
        /* an own exact allocation, so that a read past it is seen */
        g_autoptr(GBytes) part = g_bytes_new(data, cut);
        g_autoptr(GError) error = NULL;
        struct capture *out = capture_decode(part, &error);

        assert_true((out == NULL) == (error != NULL));
        if (out != NULL) {
            assert_null(out->message);
            whole++;
        }
        capture_free(&out);
    }
    assert_in_range(whole, 1, 30);
    capture_free(&in);
}

static GBytes *
append(GBytes *bytes, guint16 tag, guint32 length, const void *payload, gsize payload_length)
{
    GByteArray *array = g_byte_array_new();
    guint8 head[6] = {(guint8)tag, (guint8)(tag >> 8), (guint8)length, (guint8)(length >> 8),
                      (guint8)(length >> 16), (guint8)(length >> 24)};

    g_byte_array_append(array, g_bytes_get_data(bytes, NULL), (guint)g_bytes_get_size(bytes));
    g_byte_array_append(array, head, sizeof head);
    g_byte_array_append(array, payload, (guint)payload_length);
    return g_byte_array_free_to_bytes(array);
}

static void
assert_appended(GBytes *base, guint16 tag, guint32 length, const void *payload, gsize payload_length, int code)
{
    g_autoptr(GBytes) bytes = append(base, tag, length, payload, payload_length);
    g_autoptr(GError) error = NULL;
    struct capture *out = capture_decode(bytes, &error);

    if (code < 0) {
        assert_non_null(out);
    } else {
        assert_null(out);
        assert_true(g_error_matches(error, CAPTURE_ERROR, code));
    }
    capture_free(&out);
}

static void
strictness(void **state)
{
    struct capture *in = full_capture();
    g_autoptr(GBytes) base = capture_encode(in, FALSE);
    g_autoptr(GBytes) with_message = capture_encode(in, TRUE);
    static const guint8 bad_recipients[] = {1, 0, 1, 0, 0, 0, 0, 5, 0, 4, 0, 0, 0, 2, 0, 0, 0};

    (void)state;
    assert_appended(base, 999, 3, "new", 3, -1);                                 /* unknown: skipped */
    assert_appended(base, 999, 4, "new", 3, CAPTURE_ERROR_FORMAT);               /* longer than there is */
    assert_appended(base, 999, G_MAXUINT32, "new", 3, CAPTURE_ERROR_FORMAT);
    assert_appended(base, 4, 3, "dup", 3, CAPTURE_ERROR_FORMAT);                 /* instance twice */
    assert_appended(base, 15, 3, "a\0b", 3, CAPTURE_ERROR_FORMAT);               /* NUL in a string */
    assert_appended(base, 13, 0, "", 0, CAPTURE_ERROR_FORMAT);                   /* outcome without action */
    assert_appended(base, 13, 7, "\1\0\1\0\0\0\x06", 7, CAPTURE_ERROR_FORMAT);   /* action 6 */
    assert_appended(base, 13, 17, bad_recipients, 17, CAPTURE_ERROR_FORMAT);     /* recipient 2 of 2 */
    assert_appended(base, 12, 7, "\2\0\1\0\0\0\x03", 7, CAPTURE_ERROR_FORMAT);   /* expansion 3 */
    assert_appended(base, 12, 9, "\x63\0\3\0\0\0new", 9, -1);                    /* unknown within a recipient */
    assert_appended(base, 14, 7, "\1\0\1\0\0\0\x04", 7, CAPTURE_ERROR_FORMAT);   /* edit kind 4 */
    assert_appended(with_message, 15, 3, "a=b", 3, CAPTURE_ERROR_FORMAT);        /* after the message */
    capture_free(&in);
}

static void
foreign_versions_and_magics(void **state)
{
    static const char *const wrong[] = {"", "PCA", "PCAP", "PCAP\1", "XCAP\1\0"};
    g_autoptr(GBytes) newer = g_bytes_new_static("PCAP\2\0", 6);
    g_autoptr(GBytes) bare = g_bytes_new_static("PCAP\1\0", 6);
    g_autoptr(GError) error = NULL;

    (void)state;
    for (gsize i = 0; i < G_N_ELEMENTS(wrong); i++) {
        g_autoptr(GBytes) bytes = g_bytes_new(wrong[i], strlen(wrong[i]));

        assert_null(capture_decode(bytes, NULL));
    }
    assert_null(capture_decode(newer, &error));
    assert_non_null(strstr(error->message, "newer"));
    assert_null(capture_decode(bare, NULL)); /* no transaction, no time */
}

static void
counts_are_capped(void **state)
{
    struct capture *in = capture_new();
    g_autoptr(GBytes) fits = NULL, over = NULL;
    g_autoptr(GError) error = NULL;
    struct capture *out;

    (void)state;
    for (guint i = 0; i < 10000; i++)
        capture_add_recipient(in, "a@b");
    fits = capture_encode(in, TRUE);
    out = capture_decode(fits, NULL);
    assert_non_null(out);
    assert_int_equal(out->recipients->len, 10000);
    capture_free(&out);
    capture_add_recipient(in, "a@b");
    over = capture_encode(in, TRUE);
    assert_null(capture_decode(over, &error));
    assert_true(g_error_matches(error, CAPTURE_ERROR, CAPTURE_ERROR_TOO_BIG));
    capture_free(&in);
}

static void
mailboxes_are_capped_over_all_recipients(void **state)
{
    struct capture *in = capture_new();
    g_autoptr(GBytes) over = NULL;
    g_autoptr(GError) error = NULL;

    (void)state;
    for (guint i = 0; i < 101; i++) {
        struct capture_recipient *recipient = capture_add_recipient(in, "a@b");

        g_strfreev(recipient->mailboxes);
        recipient->mailboxes = g_new0(char *, 1001);
        for (guint j = 0; j < 1000; j++)
            recipient->mailboxes[j] = g_strdup("m");
    }
    over = capture_encode(in, TRUE);
    assert_null(capture_decode(over, &error));
    assert_true(g_error_matches(error, CAPTURE_ERROR, CAPTURE_ERROR_TOO_BIG));
    capture_free(&in);
}

static void
transactions_differ(void **state)
{
    struct capture *a = capture_new(), *b = capture_new();

    (void)state;
    assert_memory_not_equal(a->transaction, b->transaction, 16);
    capture_free(&a);
    capture_free(&b);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(round_trip),
        cmocka_unit_test(without_message),
        cmocka_unit_test(message_is_a_slice),
        cmocka_unit_test(every_cut_is_safe),
        cmocka_unit_test(strictness),
        cmocka_unit_test(foreign_versions_and_magics),
        cmocka_unit_test(counts_are_capped),
        cmocka_unit_test(mailboxes_are_capped_over_all_recipients),
        cmocka_unit_test(transactions_differ),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
