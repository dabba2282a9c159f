/* test_html_uris.c: the URIs of HTML documents. What is expected here was printed by SpamAssassin 4.0.1 itself. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include "lib/spam/view/html_uris.h"
#include <string.h>

static struct spam_slice
bytes(const char *text)
{
    return (struct spam_slice){text, strlen(text), FALSE};
}

static void
resolves(const char *base, const char *reference, const char *target)
{
    struct spam_string *got = html_uri_resolve(bytes(base), bytes(reference));

    assert_string_equal(got->text->str, target);
    spam_string_free(got);
}

static void
test_resolve(void **state)
{
    (void)state;
    resolves("http://a/b/c/", "g", "http://a/b/c/g");
    resolves("http://a/b/c/", "../g?x", "http://a/b/g?x");
    resolves("http://a/b/c/", "/g", "http://a/g");
    resolves("http://a/b/c/", "//h/g", "http://h/g");
    resolves("http://a/b/c/", "#f", "http://a/b/c/#f");
    resolves("http://a/b/c/", "http:g", "http://a/b/c/g");
    resolves("http://a/b/c/", "ftp://x/./y/../z", "ftp://x/z");
    resolves("http://a", "g", "http://a/g");
    resolves("", "//www.x.com/", "http://www.x.com/");
    resolves("", "//ftp2.x.com/", "ftp://ftp2.x.com/");
    resolves("", "//x.com/", "//x.com/");
    resolves("", "0", "");
    resolves("", "a/..", "/");
    resolves("", "#a\nb", "#a");
}

/* Every URI of the document with its elements and anchor texts: "uri a,img [text][text]; ..". */
static char *
uris_of(const char *text)
{
    struct html_view *view = html_view_new(bytes(text), FALSE, strlen(text));
    GString *all = g_string_new(NULL);

    for (guint i = 0; i < view->results.uris->len; i++) {
        const struct html_uri *uri = g_ptr_array_index(view->results.uris, i);

        g_string_append_printf(all, "%s%s ", i > 0 ? "; " : "", uri->uri->text->str);
        for (guint t = 0; t < uri->types->len; t++)
            g_string_append_printf(all, "%s%s", t > 0 ? "," : "", (const char *)g_ptr_array_index(uri->types, t));
        for (guint t = 0; t < uri->anchor_texts->len; t++)
            g_string_append_printf(all, "[%s]", ((const struct spam_string *)g_ptr_array_index(uri->anchor_texts, t))->text->str);
    }
    html_view_free(&view);
    return g_string_free(all, FALSE);
}

static void
has_uris(const char *text, const char *expected)
{
    g_autofree char *got = uris_of(text);

    assert_string_equal(got, expected);
}

static void
test_of_documents(void **state)
{
    (void)state;
    has_uris("<a href=http://x/>one</a><a href=\" http://x/ \">t<img src=i>wo</a>", "http://x/ a[one][t<img>\nwo]; i img");
    has_uris("<base href=http://b/d/i.html><a href=f>", "http://b/d/i.html base; http://b/d/f a; f []");
    has_uris("<base href=mailto:x><a href=f>", "mailto:x base; f a[]");
    has_uris("<a>x</a>", " [x]");
    has_uris("<td background=a><link href=b><form action=c><script src=d></script><embed src=e><body background=f><iframe src=g>",
             "a td; b link; c form; d script; e embed; f body; g iframe");
    has_uris("<p href=x><a x/href=http://glued/>y", "http://glued/ a[y]");
}

static void
test_of_refresh(void **state)
{
    (void)state;
    has_uris("<meta http-equiv=Refresh content='5; url=http://r/ ;x'>", "http://r/ meta");
    has_uris("<meta http-equiv=refresh content='curl=x'><meta http-equiv=x content='url=x'>", "");
}

static void
test_caps(void **state)
{
    g_autoptr(GString) text = g_string_new(NULL);
    struct html_view *view;

    (void)state;
    for (guint i = 0; i < HTML_URIS_MAX + 10; i++)
        g_string_append_printf(text, "<img src=%u>", i);
    view = html_view_new(bytes(text->str), FALSE, text->len);
    assert_int_equal(view->results.uris->len, HTML_URIS_MAX);
    html_view_free(&view);
    g_string_assign(text, "<img src=");
    while (text->len < HTML_URI_MAX_CHARS + 100)
        g_string_append_c(text, 'x');
    g_string_append_c(text, '>');
    view = html_view_new(bytes(text->str), FALSE, text->len);
    assert_true(view->results.uri_truncated);
    assert_int_equal(((const struct html_uri *)g_ptr_array_index(view->results.uris, 0))->uri->text->len, HTML_URI_MAX_CHARS);
    html_view_free(&view);
}

/* A base of 8000 bytes before very many short references: they stop counting, and time with them. */
static void
test_cap_of_long_bases(void **state)
{
    g_autoptr(GString) text = g_string_new("<base href=http://x/");
    struct html_view *view;

    (void)state;
    while (text->len < 8000)
        g_string_append(text, "y/");
    g_string_append_c(text, '>');
    for (guint i = 0; i < 20000; i++)
        g_string_append_printf(text, "<img src=%u>", i);
    view = html_view_new(bytes(text->str), FALSE, text->len);
    assert_in_range(view->results.uris->len, 1000, 10000);
    html_view_free(&view);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_resolve), cmocka_unit_test(test_of_documents),      cmocka_unit_test(test_of_refresh),
        cmocka_unit_test(test_caps),    cmocka_unit_test(test_cap_of_long_bases),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
