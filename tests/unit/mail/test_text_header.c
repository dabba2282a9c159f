/* test_text_header.c: RFC 2047 as real senders write it. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <string.h>
#include "lib/mail/text.h"

static void
assert_header(const char *value, const char *expected)
{
    g_autoptr(GString) out = g_string_new(NULL);

    text_header_to_utf8(value, strlen(value), 1 << 16, out);
    assert_string_equal(out->str, expected);
}

static void
encoded_words(void **state)
{
    (void)state;
    assert_header(" plain\r\n", "plain");
    assert_header(" =?gb2312?B?ofEgx+nIy73atcS9z8G/?=\r\n", "● 情人节的较量");
    assert_header("=?utf-8?Q?a=C3=A9_b?=", "aé b");
    assert_header("=?ISO-8859-1?q?Keld_J=F8rn?= Simonsen", "Keld Jørn Simonsen");
    assert_header("before =?utf-8?Q?x?= after", "before x after");
    assert_header("=?utf-8*zh-tw?B?5Lit?=", "中");
    assert_header("\"=?utf-8?B?5Lit?=\"", "\"中\"");
    assert_header("Re:=?utf-8?B?5Lit?=", "Re:中");
    assert_header("=?utf-8?B?5Lit?==?utf-8?B?5paH?=", "中文");
}

static void
words_are_joined(void **state)
{
    (void)state;
    /* white space between words is not shown, characters may be cut in two */
    assert_header("=?utf-8?B?5Lg=?=\r\n =?UTF-8?B?rQ==?=", "中");
    assert_header("=?gb2312?Q?=D6?= =?gb2312?Q?=D0?=", "中");
    assert_header("=?utf-8?Q?a?=  =?gb2312?Q?=D6=D0?=", "a中");
    assert_header("=?utf-8?Q?a?= b =?utf-8?Q?c?=", "a b c");
    assert_header("=?ISO-2022-JP?B?GyRCRnxLXBsoQg==?=\r\n =?ISO-2022-JP?B?GyRCOGwbKEI=?=", "日本語");
}

static void
tolerated(void **state)
{
    (void)state;
    assert_header("=?utf-8?B?5Lit5pY?=", "中\xef\xbf\xbd\xef\xbf\xbd"); /* half a character at the end */
    assert_header("=?utf-8?B?5LitYQ?=", "中a");           /* no padding */
    assert_header("=?utf-8?Q?How are you?=", "How are you"); /* raw spaces */
    assert_header("=?utf-8?Q?What?" "?=", "What?");
    assert_header("=?utf-8?Q?=E4=B8=AD=ZZ?=", "中=ZZ");
    assert_header("a =? b", "a =? b");
    assert_header("=?utf-8?Q?open", "=?utf-8?Q?open");
    assert_header("=?utf-8?X?a?=", "=?utf-8?X?a?=");
    assert_header("=??Q?a?=", "=??Q?a?=");
    assert_header("=?nowhere?Q?=D6=D0=CE=C4=B5=C4?=", "中文的");
    assert_header("=?utf-8?Q?a=0D=0AInjected:_x?=", "a  Injected: x");
}

static void
raw_bytes(void **state)
{
    (void)state;
    assert_header(" \xc7\xeb\xb2\xe9\xca\xd5\xb7\xa2\xc6\xb1\r\n", "请查收发票");
    assert_header("\xe4\xb8\xad\xe6\x96\x87", "中文");
    /* the piece after the word is read as the whole value says */
    assert_header("=?us-ascii?Q?x?= \xb7\xd0\xbb\xe1\xd2\xe9\xcd\xa8\xd6\xaa\xb5\xc4", "x 沸会议通知的");
    assert_header("a\tb\r\n\tc", "a b c");
}

static void
capped(void **state)
{
    g_autoptr(GString) out = g_string_new("kept");

    (void)state;
    text_header_to_utf8("=?utf-8?B?5Lit5paH?= abc", 24, 4, out);
    assert_string_equal(out->str, "kept中");
}

/* A million openings: finishing at all shows that no search is repeated. */
static void
openings_stay_linear(void **state)
{
    static const char *const pieces[] = {"=?", "=?u?Q?", "=?utf-8?B?x", "=?u?Q?\?= ", "=?u?q?=?="};

    (void)state;
    for (gsize i = 0; i < G_N_ELEMENTS(pieces); i++) {
        g_autoptr(GString) value = g_string_new(NULL), out = g_string_new(NULL);

        while (value->len < 1 << 20)
            g_string_append(value, pieces[i]);
        text_header_to_utf8(value->str, value->len, 1 << 22, out);
        assert_true(out->len <= value->len);
    }
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(encoded_words), cmocka_unit_test(words_are_joined), cmocka_unit_test(tolerated),
        cmocka_unit_test(raw_bytes),     cmocka_unit_test(capped),           cmocka_unit_test(openings_stay_linear),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
