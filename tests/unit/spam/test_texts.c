/* test_texts.c: body and rawbody elements: white space, paragraphs, cuts. */
#include "tests/unit/spam/view_test.h"
#include "lib/spam/view/html_view.h"
#include "lib/spam/view/perl_text.h"
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

/* What a text becomes, a character at a time: a run of white space is one blank, or with two line ends one of them, with blanks where there
 * was more around. */
static void
append_plainly(GString *out, const GString *text, gboolean is_chars)
{
    gsize size;

    for (gsize i = 0; i < text->len;) {
        struct perl_text all = {text->str, text->len, is_chars};
        gsize start = i, first = 0, last = 0;
        guint ends = 0;
        for (; i < text->len && perl_is_space(perl_text_char(all, i, &size), is_chars); i += size) {
            if (text->str[i] != '\n')
                continue;
            first = ends++ == 0 ? i : first;
            last = i;
        }
        if (i == start) {
            perl_text_char(all, i, &size);
            g_string_append_len(out, text->str[i] == '\0' ? "\n" : text->str + i, (gssize)size);
            i += size;
        } else if (ends < 2) {
            g_string_append_c(out, ' ');
        } else {
            g_string_append(out, first > start ? " \n" : "\n");
            g_string_append(out, last + 1 < i ? " " : "");
        }
    }
}

static void
white_space_of_all_sorts(void **state)
{
    static const char *const pieces[] = {"a", "bc", " ", " ", "  ", "\n", "\n\n", "\t", "\r", "\xc2\xa0", "\xc2\x85", "\xc3\xa9", "\xe1\x9a\x80",
                                         "\xe2\x80\x8a", "\xe2\x80\x8b", "\xe2\x80\xa8", "\xe2\x80\xaf", "\xe2\x81\x9f", "\xe3\x80\x80",
                                         "\xe3\x80\x82", "\xe4\xb8\xad", ""};
    g_autoptr(GRand) random = g_rand_new_with_seed(29);
    g_autoptr(GString) text = g_string_new(NULL), expected = g_string_new(NULL), found = g_string_new(NULL);
    struct html_view view = {.rendered = {text, FALSE}};

    (void)state;
    for (guint i = 0; i < 20000; i++) {
        struct spam_tree *tree = tree_new("Content-Type: text/html\n\nx", 26);
        view.rendered.is_chars = g_rand_boolean(random);
        g_string_truncate(text, 0);
        for (gint n = g_rand_int_range(random, 0, 12); n > 0; n--) {
            const char *piece = pieces[g_rand_int_range(random, 0, G_N_ELEMENTS(pieces))];
            g_string_append_len(text, piece, *piece != '\0' ? -1 : 1); /* the last is a NUL */
        }
        g_string_assign(expected, "\n");
        append_plainly(expected, text, view.rendered.is_chars);
        g_autoptr(GPtrArray) body = texts_body(tree, TEXTS_BODY, &options, render, &view);
        g_string_truncate(found, 0);
        for (guint k = 0; k < body->len; k++)
            g_string_append_len(found, ((GString *)body->pdata[k])->str, (gssize)((GString *)body->pdata[k])->len);
        assert_true(g_string_equal(found, expected));
        tree_free(&tree);
    }
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
    const struct CMUnitTest tests[] = { cmocka_unit_test(paragraphs),     cmocka_unit_test(white_space_of_all_sorts), cmocka_unit_test(long_lines),
                                        cmocka_unit_test(parts_are_cut),  cmocka_unit_test(html_and_plain),
                                        cmocka_unit_test(rawbody) };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
