/* test_html_eval.c: what rules ask of HTML, and the little Perl in their arguments. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include "lib/spam/eval/html_eval.h"
#include <string.h>

static void
test_expression(void **state)
{
    (void)state;
    assert_true(html_eval_expression(2, "> 1"));
    assert_false(html_eval_expression(1, "> 1"));
    assert_true(html_eval_expression(1, "!= 0"));
    assert_true(html_eval_expression(0, "<= -0"));
    assert_true(html_eval_expression(3, "- 1 == 2"));
    assert_true(html_eval_expression(8, "== 010")); /* octal, as in Perl */
    assert_true(html_eval_expression(2, "> 1 == 1"));
    assert_false(html_eval_expression(5, "< 6 < 6"));
    assert_true(html_eval_expression(1, "<=> 2"));
    assert_true(html_eval_expression(7, ""  " "));
}

static void
test_expression_that_is_none(void **state)
{
    g_autofree char *signs = g_strnfill(1000, '!');

    (void)state;
    assert_false(html_eval_expression(2, ""));
    assert_false(html_eval_expression(2, "> 08"));
    assert_false(html_eval_expression(2, "> x"));
    assert_false(html_eval_expression(2, "> 1; 1"));
    assert_false(html_eval_expression(2, ">"));
    assert_false(html_eval_expression(2, "1"));
    assert_false(html_eval_expression(2, "=== 2"));
    assert_false(html_eval_expression(2, "> --1"));
    assert_false(html_eval_expression(2, signs));
    assert_false(html_eval_expression(2, NULL));
}

static void
test_numify(void **state)
{
    (void)state;
    assert_true(html_eval_numify("0800") == 800);
    assert_true(html_eval_numify(" .5x") == 0.5);
    assert_true(html_eval_numify("0x10") == 0);
    assert_true(html_eval_numify("") == 0);
    assert_true(html_eval_numify(NULL) == 0);
}

static gboolean
contains(struct spam_slice text, gpointer word)
{
    return memmem(text.data, text.length, word, strlen(word)) != NULL;
}

static GPtrArray *
views_of(const char *first, const char *second)
{
    GPtrArray *views = g_ptr_array_new();

    g_ptr_array_add(views, html_view_new((struct spam_slice){first, strlen(first), FALSE}, FALSE, strlen(first)));
    g_ptr_array_add(views, html_view_new((struct spam_slice){second, strlen(second), FALSE}, FALSE, strlen(second)));
    return views;
}

static void
views_free(GPtrArray *views)
{
    for (guint i = 0; i < views->len; i++) {
        struct html_view *view = g_ptr_array_index(views, i);

        html_view_free(&view);
    }
    g_ptr_array_unref(views);
}

static void
test_questions(void **state)
{
    GPtrArray *views = views_of("<p>x", "<html><title>a long title</title><img width=10 height=10><iframe src=x></iframe><!-- c --><b>y");

    (void)state;
    assert_true(html_eval_tag_exists(views, "iframe"));
    assert_false(html_eval_tag_exists(views, "table"));
    assert_true(html_eval_tag_balance(views, "b", "> 0"));
    assert_false(html_eval_tag_balance(views, "title", "> 0"));
    assert_false(html_eval_tag_balance(views, "o:p", "== 0"));
    assert_true(html_eval_test(views, "html"));
    assert_false(html_eval_test(views, "embeds"));
    assert_true(html_eval_range(views, "length", "0", "10"));
    assert_false(html_eval_range(views, "length", "1000", "inf"));
    assert_true(html_eval_range(views, "image_area", "99", NULL));
    assert_true(html_eval_image_only(views, "0", "1000"));
    assert_true(html_eval_image_ratio(views, "0.05", "1"));
    assert_true(html_eval_number(views, "image_area", "== 100"));
    assert_true(html_eval_text_match(views, "comment", contains, (gpointer)"-- c"));
    assert_false(html_eval_text_match(views, "comment", contains, (gpointer)"nothing"));
    assert_true(html_eval_text_not_match(views, "title", contains, (gpointer)"nothing"));
    assert_true(html_eval_text_match(views, "uri", contains, (gpointer)"x"));
    assert_true(html_eval_title_subject_ratio(views, 3, "3.5"));
    assert_false(html_eval_title_subject_ratio(views, 0, "3.5"));
    assert_true(html_eval_iframe_src(views));
    views_free(views);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_expression), cmocka_unit_test(test_expression_that_is_none), cmocka_unit_test(test_numify),
        cmocka_unit_test(test_questions),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
