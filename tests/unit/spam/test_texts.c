/* test_texts.c: body and rawbody elements: white space, paragraphs, cuts. */
#include "tests/unit/spam/view_test.h"
#include "lib/spam/view/html_view.h"
#include "lib/spam/view/texts.h"

static const struct texts_options options = { 50000, 500000 };

/* Stands in for rendering: characters where there are any, one byte of Latin-1 else. */
static const struct html_view *
render(gpointer data, struct spam_part *part, const GString *text, gboolean is_chars, gsize source_length)
{
    struct html_view *view = data;

    (void)part;
    (void)text;
    (void)is_chars;
    (void)source_length;
    return view;
}

static char *
body_of(const char *text, gsize length, enum texts_kind kind, struct html_view *view)
{
    struct spam_tree *tree = tree_new(text, length);
    g_autoptr(GPtrArray) body = texts_body(tree, kind, &options, render, view);
    char *out = joined(body);

    tree_free(&tree);
    return out;
}

static void
check(const char *text, const char *expected)
{
    g_autofree char *found = body_of(text, strlen(text), TEXTS_BODY, NULL);
    assert_string_equal(found, expected);
}

static void
paragraphs(void **state)
{
    (void)state;
    check("Subject: s\n\na\nb  c\t\n\n \nd\n", "s\n|a b c \n|d ");
    check("\na", "\n|a");
    check("Subject: s\nContent-Type: text/plain; charset=utf-8\n\na\xc2\xa0\n\xe3\x80\x80\n\xe2\x80\x83" "b", "s\n|a \n| b");
    check("Subject: s\nContent-Type: image/png\n\na", "s\n");
    static const char nul[] = "Subject: s\n\na\0b";
    g_autofree char *found = body_of(nul, sizeof nul - 1, TEXTS_BODY, NULL);
    assert_string_equal(found, "s\n|a\n|b");
}

static void
long_lines(void **state)
{
    (void)state;
    g_autofree char *word = g_strnfill(2040, 'x'), *run = g_strnfill(3000, 'y');
    g_autofree char *text = g_strconcat("\n", word, " ", run, NULL);
    struct spam_tree *tree = tree_new(text, strlen(text));
    g_autoptr(GPtrArray) body = texts_body(tree, TEXTS_BODY, &options, render, NULL);
    assert_int_equal(body->len, 4);
    assert_int_equal(((GString *)body->pdata[1])->len, 2041);
    assert_int_equal(((GString *)body->pdata[2])->len, 2048);
    assert_int_equal(((GString *)body->pdata[3])->len, 952);
    tree_free(&tree);
}

static void
parts_are_cut(void **state)
{
    (void)state;
    g_autoptr(GString) text = g_string_new("Content-Type: text/plain; charset=utf-8\n\n");
    for (int i = 0; i < 50000; i++)
        g_string_append(text, "é");
    g_string_append(text, "tail\nrest");
    struct spam_tree *tree = tree_new(text->str, text->len);
    g_autoptr(GPtrArray) body = texts_body(tree, TEXTS_BODY, &options, render, NULL);
    gsize total = 0;
    for (guint i = 1; i < body->len; i++)
        total += ((GString *)body->pdata[i])->len;
    assert_int_equal(total, 2 * 50000 + strlen("tail ")); /* characters count, and a line's end near by is taken */
    tree_free(&tree);
}

static void
html_and_plain(void **state)
{
    (void)state;
    g_autoptr(GString) rendered = g_string_new("h\xe9"), visible = g_string_new("v"), invisible = g_string_new("i");
    struct html_view view = { .rendered = { rendered, FALSE }, .visible = { visible, FALSE }, .invisible = { invisible, FALSE } };
    static const char text[] = "Subject: s\nContent-Type: multipart/mixed; boundary=b\n\n--b\nContent-Type: text/html\n\n<p>\n--b\n"
                               "Content-Type: text/plain; charset=utf-8\n\né\n--b--\n";
    g_autofree char *body = body_of(text, strlen(text), TEXTS_BODY, &view);
    g_autofree char *seen = body_of(text, strlen(text), TEXTS_VISIBLE, &view);
    g_autofree char *unseen = body_of(text, strlen(text), TEXTS_INVISIBLE, &view);
    assert_string_equal(body, "s\n|hé é"); /* bytes beside characters become characters */
    assert_string_equal(seen, "s\n|v é");
    assert_string_equal(unseen, "i ");
}

static void
rawbody(void **state)
{
    (void)state;
    g_autofree char *fill = g_strnfill(2048, 'x'), *more = g_strnfill(3000, 'y');
    g_autofree char *text = g_strconcat("Content-Type: text/html\n\n", fill, "<b>", more, NULL);
    struct spam_tree *tree = tree_new(text, strlen(text));
    g_autoptr(GPtrArray) raw = texts_rawbody(tree, &options);
    assert_int_equal(raw->len, 2);
    assert_int_equal(((GString *)raw->pdata[0])->len, 2051); /* behind the tag */
    tree_free(&tree);
    tree = tree_new("Content-Type: text/calendar\n\nx", 30);
    g_autoptr(GPtrArray) none = texts_rawbody(tree, &options);
    assert_int_equal(none->len, 0);
    tree_free(&tree);
}

int
main(void)
{
    const struct CMUnitTest tests[] = { cmocka_unit_test(paragraphs),     cmocka_unit_test(long_lines),
                                        cmocka_unit_test(parts_are_cut),  cmocka_unit_test(html_and_plain),
                                        cmocka_unit_test(rawbody) };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
