/* From a message to what is indexed: owners, hidden recipients; JSON of hostile bytes. */
#include "tests/unit/server/test.h"
#include "archive-store/server/document.h"
#include "archive-store/server/render.h"
#include "archive-store/server/rows.h"

static struct capture *
capture_of(const char *message, gsize length)
{
    struct capture *capture = capture_new();

    capture->message = g_bytes_new(message, length);
    return capture;
}

static void
set_text(char **field, const char *text)
{
    g_free(*field);
    *field = g_strdup(text);
}

static void
add_recipient(struct capture *capture, const char *original, const char *mailboxes, enum capture_expansion expansion)
{
    struct capture_recipient *recipient = capture_add_recipient(capture, original);

    recipient->expansion = expansion;
    g_strfreev(recipient->mailboxes);
    recipient->mailboxes = g_strsplit(mailboxes, " ", 0);
}

/* "from! alice@x" where ! means owner; sorted and joined, so that order does not matter. */
static gboolean
has_address(const GArray *addresses, enum index_role role, gboolean owner, const char *text)
{
    for (guint n = 0; n < addresses->len; n++) {
        const struct index_address *address = &g_array_index(addresses, struct index_address, n);
        if (address->role == role && !address->owner == !owner && g_str_equal(address->address, text))
            return TRUE;
    }
    return FALSE;
}

static const char plain[] =
    "From: =?UTF-8?B?546L5bCP5piO?= <Wang@Example.TW>\r\n"
    "Sender: secretary@example.tw\r\n"
    "To: Alice <alice@example.test>, \"B, C\" <bob@example.test>\r\n"
    "Cc: carol@example.test\r\n"
    "Subject: =?big5?B?t3zEsw==?= minutes\r\n"
    "Message-ID: <id-1@example.tw>\r\n"
    "Date: Mon, 03 Feb 2025 10:20:30 +0800\r\n"
    "Content-Type: multipart/mixed; boundary=b\r\n\r\n"
    "--b\r\nContent-Type: text/plain; charset=utf-8\r\n\r\nhello \xe4\xb8\x96\xe7\x95\x8c\r\n"
    "--b\r\nContent-Type: application/pdf\r\nContent-Disposition: attachment; filename=\"a\tb.pdf\"\r\n\r\nx\r\n"
    "--b--\r\n";

static void
test_fields(void **state)
{
    struct capture *capture = capture_of(plain, strlen(plain));
    struct document *document;

    (void)state;
    capture->source = CAPTURE_SMTP;
    set_text(&capture->mail_from, "bounce@example.tw");
    add_recipient(capture, "Alice+x@example.test", "alice@example.test", CAPTURE_EXPANDED);
    add_recipient(capture, "secret@example.test", "dave@example.test eve@example.test", CAPTURE_EXPANDED);
    add_recipient(capture, "later@example.test", "", CAPTURE_PENDING);
    document = document_new(77, capture);
    assert_string_equal(document->subject, "會議 minutes");
    assert_string_equal(document->message_id, "id-1@example.tw");
    assert_int_equal(document->date, 1738549230);
    assert_int_equal(document->size, strlen(plain));
    assert_non_null(strstr(document->text, "hello 世界"));
    assert_non_null(strstr(document->from, "王小明"));
    assert_string_equal(document->senders->pdata[0], "王小明 <Wang@Example.TW>");
    assert_int_equal(document->recipients->len, 3);
    assert_int_equal(document->names->len, 1);
    assert_null(strchr(document->names->pdata[0], '\t'));
    assert_true(document->index.has_attachment);
    assert_true(has_address(document->addresses, INDEX_FROM, FALSE, "wang@example.tw"));
    assert_true(has_address(document->addresses, INDEX_FROM, FALSE, "secretary@example.tw"));
    assert_true(has_address(document->addresses, INDEX_FROM, FALSE, "bounce@example.tw"));
    assert_false(has_address(document->addresses, INDEX_FROM, TRUE, "bounce@example.tw")); /* proves nothing */
    assert_true(has_address(document->addresses, INDEX_RCPT, TRUE, "alice@example.test"));
    assert_true(has_address(document->addresses, INDEX_RCPT, FALSE, "secret@example.test"));
    assert_false(has_address(document->addresses, INDEX_RCPT, TRUE, "secret@example.test")); /* its mailboxes are */
    assert_true(has_address(document->addresses, INDEX_RCPT, TRUE, "dave@example.test"));
    assert_true(has_address(document->addresses, INDEX_RCPT, TRUE, "eve@example.test"));
    assert_true(has_address(document->addresses, INDEX_RCPT, TRUE, "later@example.test"));
    assert_false(has_address(document->addresses, INDEX_RCPT, TRUE, "carol@example.test")); /* only a header says so */

    json_t *private = rows_from_document(document, capture, TRUE);
    json_t *all = rows_from_document(document, capture, FALSE);
    assert_null(json_object_get(private, "envelope_to")); /* Bcc must not show to other recipients */
    json_t *hidden = json_object_get(all, "envelope_to");
    assert_int_equal(json_array_size(hidden), 3);
    json_decref(private);
    json_decref(all);
    document_free(&document);
    capture_free(&capture);
}

static void
test_proven_senders(void **state)
{
    struct capture *capture = capture_of(plain, strlen(plain));
    g_autoptr(GPtrArray) text = NULL;

    (void)state;
    capture->source = CAPTURE_SUBMISSION;
    set_text(&capture->mail_from, "Alias@Example.test");
    set_text(&capture->auth_user, "alice@example.test");
    g_autoptr(GArray) addresses = document_event_addresses(capture, &text);
    assert_int_equal(addresses->len, 2);
    assert_true(has_address(addresses, INDEX_FROM, TRUE, "alias@example.test"));
    assert_true(has_address(addresses, INDEX_FROM, TRUE, "alice@example.test"));
    capture_free(&capture);
}

static void
test_expansion(void **state)
{
    g_auto(GStrv) mailboxes = g_strsplit("a@example.test b@example.test a@example.test", " ", 0);
    g_autoptr(GPtrArray) text = NULL;
    g_autoptr(GArray) addresses = document_expansion_addresses(mailboxes, &text);

    (void)state;
    assert_int_equal(addresses->len, 2);
    assert_true(has_address(addresses, INDEX_RCPT, TRUE, "b@example.test"));
}

/* Anything is a message: no header, only NULs, nothing at all. */
static void
test_hostile_messages(void **state)
{
    static const char nul[64] = {0};
    const struct { const char *bytes; gsize length; } messages[] = {
        {"", 0}, {nul, sizeof nul}, {"no header at all", 16}, {"\r\n\r\n", 4}, {"Subject: \xff\xfe\x80\r\n\r\n\xff", 17},
        {"From: <<<>>>,,,;\r\nTo: a:b:c;;@@\r\n\r\n", 36}, {"Message-ID: <>\n\n", 16}, {"Message-ID: >x<\n\n", 17},
    };

    (void)state;
    for (guint n = 0; n < G_N_ELEMENTS(messages); n++) {
        struct capture *capture = capture_of(messages[n].bytes, messages[n].length);
        struct document *document = document_new(n + 1, capture);
        assert_true(g_utf8_validate(document->subject, -1, NULL));
        assert_true(g_utf8_validate(document->text, -1, NULL));
        assert_true(g_utf8_validate(document->from, -1, NULL));
        assert_true(document_weight(document) > 0);
        json_t *row = rows_from_document(document, capture, FALSE);
        g_autoptr(GBytes) bytes = render_bytes(row);
        assert_true(g_bytes_get_size(bytes) > 20);
        document_free(&document);
        capture_free(&capture);
    }
}

static void
test_render_hostile(void **state)
{
    struct capture *capture = capture_of("x", 1);

    (void)state;
    set_text(&capture->mail_from, "a\xff\"\\\x01@b");
    set_text(&capture->helo, "\xc3");
    g_ptr_array_add(capture->notes, g_strdup("k=\x80v"));
    verdict_edit(capture->verdict, EDIT_DELETE_HEADER, 1, "X-\xfe", NULL);
    verdict_add(capture->verdict, VERDICT_TAG, "envelope", "r\xff", NULL, NULL, 0);
    add_recipient(capture, "a@b", "a@b", CAPTURE_EXPANDED);
    add_recipient(capture, "a@b", "a@b", CAPTURE_EXPANDED);
    add_recipient(capture, "c@d", "", CAPTURE_PENDING);
    g_autoptr(GBytes) bytes = render_bytes(render_event(5, capture));
    gsize length;
    const char *text = g_bytes_get_data(bytes, &length);
    json_t *json = json_loadb(text, length, 0, NULL);
    assert_non_null(json);
    assert_int_equal(json_array_size(json_object_get(json, "x_envelope_to")), 2);
    const json_t *edits = json_object_get(json_object_get(json, "verdict"), "edits");
    assert_int_equal(json_array_size(edits), 1);
    assert_null(json_object_get(json_array_get(edits, 0), "value"));
    json_decref(json);
    g_autoptr(GBytes) failed = render_failed("bad", FALSE, "\xff text");
    text = g_bytes_get_data(failed, &length);
    json = json_loadb(text, length, 0, NULL);
    assert_string_equal(json_string_value(json_object_get(json, "code")), "bad");
    assert_true(json_is_false(json_object_get(json, "temporary")));
    json_decref(json);
    json_t *time = render_time(1789869600123);
    assert_string_equal(json_string_value(time), "2026-09-20T02:00:00.123Z");
    json_decref(time);
    time = render_time(G_MAXINT64);
    assert_string_equal(json_string_value(time), "");
    json_decref(time);
    capture_free(&capture);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_fields),       cmocka_unit_test(test_proven_senders),
        cmocka_unit_test(test_expansion),    cmocka_unit_test(test_hostile_messages),
        cmocka_unit_test(test_render_hostile),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
