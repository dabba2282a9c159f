/* test_html_view.c: HTML as SpamAssassin renders it. What is expected here was printed by SpamAssassin 4.0.1 itself. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include "lib/spam/view/html_tags.h"
#include "lib/spam/view/html_tokens.h"
#include "lib/spam/view/html_uris.h"
#include "lib/spam/view/html_view.h"
#include <string.h>

static struct html_view *
view_of(const char *text)
{
    return html_view_new((struct spam_slice){text, strlen(text), TRUE}, FALSE, strlen(text));
}

static void
renders(const char *text, const char *rendered, const char *invisible)
{
    struct html_view *view = view_of(text);

    assert_string_equal(view->rendered.text->str, rendered);
    assert_string_equal(view->invisible.text->str, invisible);
    html_view_free(&view);
}

static void
test_text_and_space(void **state)
{
    (void)state;
    renders("a  b\n c<br>d<p>e</p>f", "a b c\nd\n\ne\n\nf", "");
    renders("<td> x </td> y", " x y", "");
    renders("a<br/>b<hr />c", "a\nb\n\nc", "");
    renders("x&nbsp;y", "x y", "");
    renders("<style>no</style>a<script>no</script>b", "ab", "");
    renders("<title>t</title>b", "\n\nt\n\nb", "");
    renders("a<script>lost", "a", ""); /* what follows an open script is gone */
}

static void
test_entities(void **state)
{
    (void)state;
    renders("&amp;&lt&eacute&#65;&#x42&#8364;&alpha;&alpha", "&<\xc3\xa9" "AB\xe2\x82\xac\xce\xb1&alpha", "");
    renders("&ampfoo &unknown; &#; &#x110000;", "&foo &unknown; &#; &#x110000;", "");
    renders("&#xd83d;&#xde00;&#xd800;x", "\xf0\x9f\x98\x80\xef\xbf\xbdx", "");
}

static void
test_markup(void **state)
{
    (void)state;
    renders("a<!-- x > y -- >b<!foo>c<!>d<?php?>e</>f", "abcdef", "");
    renders("a<![CDATA[<b>&amp;]]>c", "a<b>&amp;c", "");
    renders("a<![IGNORE[b<br>]]>c", "ac", "");
    renders("a<![if !mso]>b<![endif]>", "ab", "");
    renders("1 < 2 <3 <b>x</b>", "1 < 2 <3 x", "");
    renders("a<!-- never closed <b>x</b> y", "ax y", ""); /* then the first '>' ends it */
    renders("<xmp><b>x</b></xmp>", "\n\n<b>x</b>\n\n", "");
    renders("<_x>a<1x>b", "a<1x>b", "");
}

static void
test_invisible(void **state)
{
    (void)state;
    renders("<font color=white>a</font>b", "ab", "a");
    renders("<font color=\"#fefefe\">a</font>b", "ab", "a");
    renders("<div style='display:none'>a</div><span style='visibility: hidden'>b</span>c", "\na\nbc", "ab");
    renders("<span style='color:#123;background-color:#112233'>a</span>b", "ab", "a");
    renders("<span style='background: url(a b) red, blue; color: rgb(0,0,255)'>a</span>b", "ab", "a");
    renders("<font size=1>a</font><font size='+1'>b</font>", "ab", "a");
    renders("<font color=nonsense>a</font>", "a", "a");
    renders("<td style='color:white'>a<td>b</td>c", " a b c", "a");
}

static void
test_bytes_stay_bytes(void **state)
{
    struct html_view *view = html_view_new((struct spam_slice){"&eacute;", 8, FALSE}, FALSE, 8);

    (void)state;
    assert_false(view->rendered.is_chars);
    assert_string_equal(view->rendered.text->str, "\xe9");
    html_view_free(&view);
    view = html_view_new((struct spam_slice){"&eacute;&#8364;", 15, FALSE}, FALSE, 15);
    assert_true(view->rendered.is_chars); /* a character beyond Latin-1 makes characters of all */
    assert_string_equal(view->rendered.text->str, "\xc3\xa9\xe2\x82\xac");
    html_view_free(&view);
    view = html_view_new((struct spam_slice){"\xff&eacute;", 9, FALSE}, TRUE, 9);
    assert_false(view->rendered.is_chars);
    assert_string_equal(view->rendered.text->str, "\xc3\xbf\xc3\xa9");
    html_view_free(&view);
}

static double
result(const struct html_view *view, const char *name)
{
    double value = -99;

    return html_results_get(&view->results, name, &value) ? value : -1;
}

static void
test_results(void **state)
{
    struct html_view *view = view_of("<html><body><b>ab<foo>cd</b></b><img width=100 height='50%'><font face='-x' size=7>x</font></body>");
    gint64 count;

    (void)state;
    assert_true(result(view, "image_area") == 30000);
    assert_true(result(view, "max_size") == 7);
    assert_true(result(view, "backhair_count") == 2);
    assert_true(result(view, "font_face_bad") == 1);
    assert_true(result(view, "font_low_contrast") == -1);
    assert_true(result(view, "closed_extra_ratio") == 0.1);
    assert_true(result(view, "html_length") == 5);
    assert_true(html_inside_get(view->results.inside, "html", 4, &count));
    assert_int_equal(count, 1);
    assert_true(html_inside_get(view->results.inside, "foo", 3, &count));
    assert_false(html_inside_get(view->results.inside, "table", 5, &count));
    html_view_free(&view);
}

/* SpamAssassin dies at a background without a value, and in an ignored section it does not see the document's end. */
static void
test_incomplete(void **state)
{
    struct html_view *view = view_of("a<div style='background: '>b");

    (void)state;
    assert_false(view->results.complete);
    assert_string_equal(view->rendered.text->str, "a");
    assert_true(result(view, "length") == -1);
    assert_true(result(view, "html") == 1);
    assert_null(html_results_texts(&view->results, "title"));
    html_view_free(&view);
    view = view_of("a<![IGNORE[b");
    assert_false(view->results.complete);
    html_view_free(&view);
}

static char *
repeated(const char *unit, guint count)
{
    GString *text = g_string_new(NULL);

    while (count-- > 0)
        g_string_append(text, unit);
    return g_string_free(text, FALSE);
}

static void
test_caps(void **state)
{
    g_autofree char *anchors = repeated("<a>", HTML_VIEW_KEPT_MAX + 10);
    g_autofree char *comments = repeated("<!>", HTML_VIEW_KEPT_MAX + 10);
    struct html_view *view = view_of(anchors);

    (void)state;
    assert_int_equal(view->results.anchors->len, HTML_VIEW_KEPT_MAX);
    html_view_free(&view);
    view = view_of(comments);
    assert_int_equal(view->results.comments->len, HTML_VIEW_KEPT_MAX);
    html_view_free(&view);
}

static void
test_caps_of_names(void **state)
{
    g_autoptr(GString) tags = g_string_new(NULL);
    g_autoptr(GString) attributes = g_string_new("<a ");
    struct html_view *view;
    gint64 count;

    (void)state;
    for (guint i = 0; i < HTML_TAGS_MAX + 10; i++)
        g_string_append_printf(tags, "<t%u>", i);
    view = view_of(tags->str);
    assert_true(html_inside_get(view->results.inside, "t65535", 6, &count));
    assert_false(html_inside_get(view->results.inside, "t65536", 6, &count));
    html_view_free(&view);
    for (guint i = 0; i < HTML_ATTRIBUTES_MAX; i++)
        g_string_append(attributes, "x ");
    g_string_append(attributes, "href=http://late/>");
    view = view_of(attributes->str);
    assert_int_equal(view->results.uris->len, 1); /* only the anchor's, without a URI */
    html_view_free(&view);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_text_and_space), cmocka_unit_test(test_entities),   cmocka_unit_test(test_markup),
        cmocka_unit_test(test_invisible),      cmocka_unit_test(test_bytes_stay_bytes), cmocka_unit_test(test_results),
        cmocka_unit_test(test_incomplete),     cmocka_unit_test(test_caps),       cmocka_unit_test(test_caps_of_names),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
