/* Terminal text: widths, cutting, and nothing that commands the terminal. mbox and X-Envelope-To. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <string.h>
#include "cli/archive_export.h"
#include "cli/terminal.h"

static char *
cleaned(const char *text, gsize length, gboolean lines)
{
    GString *out = g_string_new(NULL);

    terminal_clean(out, text, length, lines);
    return g_string_free(out, FALSE);
}

static void
test_widths(void **state)
{
    g_autoptr(GString) out = g_string_new(NULL);

    (void)state;
    assert_int_equal(terminal_width("abc"), 3);
    assert_int_equal(terminal_width("中文信件"), 8);
    assert_int_equal(terminal_width("e\xcc\x81"), 1);
    assert_int_equal(terminal_width("\x02" "ab" "\x03"), 2);
    terminal_fit(out, "中文信件", 6);
    assert_string_equal(out->str, "中文… ");
    g_string_truncate(out, 0);
    terminal_fit(out, "中文", 6);
    assert_string_equal(out->str, "中文  ");
    g_string_truncate(out, 0);
    terminal_fit(out, "ab\x02" "cdefgh\x03", 6);
    assert_string_equal(out->str, "ab\x02" "cde\x03…");
}

static void
test_clean(void **state)
{
    (void)state;
    g_autofree char *escape = cleaned("a\033]0;x\007b\302\233c", 12, FALSE);
    assert_null(strchr(escape, '\033'));
    assert_null(strchr(escape, '\007'));
    assert_null(strstr(escape, "\302\233"));
    g_autofree char *bidi = cleaned("x\xe2\x80\xaey", 5, FALSE);
    assert_string_equal(bidi, "x\xef\xbf\xbdy");
    g_autofree char *bad = cleaned("a\xff\0b", 4, FALSE);
    assert_string_equal(bad, "a\xef\xbf\xbd\xef\xbf\xbd"
                             "b");
    g_autofree char *lines = cleaned("a\r\nb\tc\n", 7, TRUE);
    assert_string_equal(lines, "a\nb\tc\n");
    g_autofree char *one_line = cleaned("a\r\nb\tc", 6, FALSE);
    assert_string_equal(one_line, "a b c");
}

static void
test_marks(void **state)
{
    g_autoptr(GString) plain = g_string_new(NULL), colour = g_string_new(NULL);

    (void)state;
    terminal_marked(plain, "a\x02word\x03z", FALSE);
    assert_string_equal(plain->str, "awordz");
    terminal_marked(colour, "a\x02word\x03z", TRUE);
    assert_string_equal(colour->str, "a\033[1;33mword\033[0mz");
}

static void
test_mbox(void **state)
{
    g_autoptr(GString) out = g_string_new(NULL);
    const char *message = "Subject: x\r\n\r\nFrom here\r\n>From there\r\n>>Fromage\r\nend";

    (void)state;
    export_mbox_entry(out, "a b@example.org", 0, "X-Envelope-To: c@d\n", message, strlen(message));
    assert_string_equal(out->str, "From a_b@example.org Thu Jan  1 00:00:00 1970\nX-Envelope-To: c@d\nSubject: x\n\n"
                                  ">From here\n>>From there\n>>Fromage\nend\n\n");
    g_string_truncate(out, 0);
    export_mbox_entry(out, "", 1789869600, NULL, "", 0);
    assert_string_equal(out->str, "From MAILER-DAEMON Sun Sep 20 02:00:00 2026\n\n");
}

static void
test_envelope_header(void **state)
{
    g_autoptr(GString) out = g_string_new(NULL);
    json_t *list = json_pack("[s,s,s]", "first-recipient-with-a-long-name@example.org",
                             "second-recipient-with-a-long-name@example.org", "x\r\nBcc: y@z");

    (void)state;
    export_envelope_header(out, "X-Envelope-To", list, TRUE);
    json_decref(list);
    assert_string_equal(out->str, "X-Envelope-To: first-recipient-with-a-long-name@example.org,\r\n"
                                  " second-recipient-with-a-long-name@example.org, x??Bcc: y@z\r\n");
    assert_true(export_uses_crlf("a\r\nb", 4));
    assert_false(export_uses_crlf("a\nb\r\n", 5));
    assert_false(export_uses_crlf("\n", 1));
    assert_false(export_uses_crlf(NULL, 0));
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_widths), cmocka_unit_test(test_clean),  cmocka_unit_test(test_marks),
        cmocka_unit_test(test_mbox),   cmocka_unit_test(test_envelope_header),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
