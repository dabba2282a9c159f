/* test_html.c: HTML to words. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <string.h>
#include "lib/mail/text.h"

static void
assert_words(const char *html, const char *expected)
{
    g_autoptr(GString) out = g_string_new(NULL);

    text_html_to_plain(html, strlen(html), 1 << 20, out);
    assert_string_equal(out->str, expected);
}

static void
words_and_blocks(void **state)
{
    (void)state;
    assert_words("<p>One <b>t</b>wo</p>\n<p>three<br>four</p>", "One two\nthree\nfour");
    assert_words("a  \r\n b", "a b");
    assert_words("<table><tr><td>a<td>b</tr><tr><td>c</table>", "a b\nc");
    assert_words("<pre>a\n  b</pre>", "a\nb");
    assert_words("1 < 2 <3 a<b", "1 < 2 <3 a");
    assert_words("<P CLASS=x>中文<P>", "中文");
    assert_words("<img src=x alt='a &amp; b'>c<a alt=no>", "a & b c");
    assert_words("<a href=\"x>y\" title='a>b'>z</a>", "z");
    assert_words("a<input value=x alt=y>b", "a y b");
}

static void
what_is_left_out(void **state)
{
    (void)state;
    assert_words("<head><title>T</title><style>p{}</style></head>a<script>if(a<b)</script>b", "ab");
    assert_words("a<!-- x > <b> -->b<!-->c<![CDATA[d]]>e<!doctype html>f<?xml ?>g", "abcefg");
    assert_words("a<STYLE>x</style >b", "ab");
    assert_words("a<!-- open", "a");
    assert_words("a<script>open", "a");
    assert_words("<title>open <p>still a mail", "open\nstill a mail");
    assert_words("a\xc2\xad" "b&shy;c&#8203;d", "abcd");
}

static void
entities(void **state)
{
    (void)state;
    assert_words("&lt;&eacute;&Eacute;&euro;&hellip;&nbsp;x&apos;", "<éÉ€… x'");
    assert_words("&#20013;&#x6587;&#X41;", "中文A");
    assert_words("&#128;&#150;", "€–");
    assert_words("&#0;&#xd800;&#99999999999999999999;", "\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd");
    assert_words("a & b &unknown; &copy 2024 &#; &#x;", "a & b &unknown; © 2024 &#; &#x;");
    assert_words("R&D", "R&D");
}

static void
capped(void **state)
{
    g_autoptr(GString) out = g_string_new("kept");

    (void)state;
    text_html_to_plain("中文中", 9, 7, out);
    assert_string_equal(out->str, "kept中文");
}

/* Megabytes of openings: finishing at all shows that no search is repeated. */
static void
hostile_input_stays_linear(void **state)
{
    static const char *const pieces[] = {"<!--", "<![CDATA[", "<title>", "<script", "<a ", "<a b=\"", "&", "<", "a=b ",
                                         "<pre>", "&#", "</", "<!", "<style></style", "<p alt='"};

    (void)state;
    for (gsize i = 0; i < G_N_ELEMENTS(pieces); i++) {
        g_autoptr(GString) html = g_string_new(i == 8 ? "<a " : NULL), out = g_string_new(NULL);

        while (html->len < 1 << 20)
            g_string_append(html, pieces[i]);
        text_html_to_plain(html->str, html->len, 1 << 22, out);
        assert_true(out->len <= html->len);
    }
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(words_and_blocks), cmocka_unit_test(what_is_left_out), cmocka_unit_test(entities),
        cmocka_unit_test(capped),           cmocka_unit_test(hostile_input_stays_linear),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
