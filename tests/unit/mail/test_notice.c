/* test_notice.c: mails of the system, byte by byte. */
#include "lib/mail/notice.h"
#include "tests/unit/base/test.h"

#define NOW G_GINT64_CONSTANT(1796000000000)

static char *
compose(const char *subject, const char *body)
{
    GString *text = notice_compose(&(struct notice){.from = "postmaster@example.tw", .to = "alice@example.tw", .subject = subject, .body = body,
                                                    .now_ms = NOW});
    g_assert_true(g_str_is_ascii(text->str));
    return g_string_free(text, FALSE);
}

static void
test_plain(void **state)
{
    (void)state;
    g_autofree char *text = compose("Your mailbox is 81 % full", "Dear user,\n.\nyours"), *again = compose("x", "y");
    char *id = strstr(text, "Message-ID: <");

    assert_non_null(id);
    char *end = strstr(id, "@example.tw>\r\n");
    assert_non_null(end);
    g_autofree char *one = g_strndup(id, (gsize)(end - id));
    assert_null(strstr(again, one)); /* another each time */
    memmove(id + 12, end, strlen(end) + 1);
    assert_string_equal(text, "From: <postmaster@example.tw>\r\nTo: <alice@example.tw>\r\nSubject: Your mailbox is 81 % full\r\n"
                              "Date: Mon, 30 Nov 2026 00:53:20 +0000\r\nMessage-ID: @example.tw>\r\nAuto-Submitted: auto-generated\r\n"
                              "MIME-Version: 1.0\r\nContent-Type: text/plain; charset=us-ascii\r\nContent-Transfer-Encoding: 7bit\r\n\r\n"
                              "Dear user,\r\n.\r\nyours\r\n");
}

static void
test_chinese(void **state)
{
    (void)state;
    g_autofree char *text = compose("您的信箱空間即將用完，請儘快刪除不再需要的郵件，以免無法收信", "您好：\r\n信箱\n");
    g_autoptr(GString) subject = g_string_new(NULL);
    const char *from = strstr(text, "Subject: "), *body = strstr(text, "\r\n\r\n");
    gsize length;

    assert_non_null(strstr(text, "charset=utf-8\r\nContent-Transfer-Encoding: base64\r\n\r\n"));
    g_autofree guchar *plain = g_base64_decode(body + 4, &length);
    assert_int_equal(length, strlen("您好：\r\n信箱\r\n"));
    assert_memory_equal(plain, "您好：\r\n信箱\r\n", length);
    /* Encoded words of at most 75 characters, each whole characters, folded. */
    for (const char *word = strstr(from, "=?UTF-8?B?"); word != NULL && word < strstr(text, "\r\nDate:"); word = strstr(word + 3, "=?UTF-8?B?")) {
        const char *stop = strstr(word + 10, "?=");
        g_autofree char *encoded = g_strndup(word + 10, (gsize)(stop - word - 10));
        g_autofree guchar *piece = g_base64_decode(encoded, &length);
        assert_true(stop + 2 - word <= 75);
        assert_true(g_utf8_validate((char *)piece, (gssize)length, NULL));
        g_string_append_len(subject, (char *)piece, (gssize)length);
        assert_true(g_str_has_prefix(stop, "?=\r\n"));
    }
    assert_string_equal(subject->str, "您的信箱空間即將用完，請儘快刪除不再需要的郵件，以免無法收信");
}

static void
test_hostile(void **state)
{
    (void)state;
    g_autofree char *subject = g_strdup("a\r\nBcc: x@y\001\xff"), *line = g_strnfill(2000, 'x');
    g_autofree char *text = compose(subject, line), *body = compose("=?x?=", "\xff\r");

    assert_null(strstr(text, "\nBcc"));
    assert_non_null(strstr(text, "base64")); /* the line is too long for 7bit */
    assert_non_null(strstr(body, "Subject: =?UTF-8?B?PT94Pz0=?=\r\n"));
    for (const char *at = text; *at != '\0'; at = strchr(at, '\n') + 1)
        assert_true(strcspn(at, "\n") < 998);
    GString *odd = notice_compose(&(struct notice){.from = "a", .to = "x>\r\ny", .subject = "", .body = "", .now_ms = -5});
    assert_non_null(strstr(odd->str, "To: <x>y>\r\n"));
    assert_non_null(strstr(odd->str, "Date: Thu, 01 Jan 1970"));
    g_string_free(odd, TRUE);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_plain), cmocka_unit_test(test_chinese), cmocka_unit_test(test_hostile)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
