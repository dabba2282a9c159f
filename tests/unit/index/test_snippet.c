/* test_snippet.c: the piece of text that a hit list shows. */
#include "tests/unit/index/fixture.h"
#include "archive-store/index/query.h"

static void
shows(const char *text, const char *query, gsize max, const char *expected)
{
    g_autoptr(query_t) parsed = query_parse(query, NULL, NULL, NULL);
    g_autofree char *snippet = index_snippet(text, strlen(text), parsed->words, max, "<", ">");

    assert_string_equal(snippet, expected);
}

static void
marks_words(void **state)
{
    (void)state;
    shows("The Annual report, annually", "annual", 80, "The <Annual> report, annually");
    shows("The Annual report, annually", "annual*", 80, "The <Annual> report, <annually>");
    shows("an annual\n  report on reports", "\"annual report\"", 80, "an <annual report> on reports");
    shows("一個軟體公司和软体", "软体", 80, "一個<軟體>公司和<软体>");
    shows("一個軟體公司", "軟體 體公", 80, "一個<軟體公>司");
    shows("Ｃａｆé cafe\xcc\x81 x", "CAFE", 80, "<Ｃａｆé> <cafe\xcc\x81> x");
    shows("上海公\n司在", "公司", 80, "上海<公 司>在");
    shows("x budget", "budget -x from:ann", 80, "x <budget>");
}

static void
cuts(void **state)
{
    g_autoptr(GString) text = g_string_new(NULL);

    (void)state;
    for (int i = 0; i < 1000; i++)
        g_string_append(text, "filler words ");
    g_string_append(text, "then the needle comes and goes ");
    for (int i = 0; i < 1000; i++)
        g_string_append(text, "more 文字 ");
    shows(text->str, "needle", 30, "…then the <needle> comes and goes…");
    shows(text->str, "absent", 30, "filler words filler words fill…");
    shows("short", "absent", 30, "short");
    shows("", "absent", 30, "");
    shows("needle", "needle", 0, "…");
    /* an unending word is cut too */
    g_string_assign(text, "");
    for (int i = 0; i < 1000; i++)
        g_string_append(text, "字");
    g_autofree char *word = index_snippet(text->str, text->len, NULL, 10, "<", ">");
    assert_string_equal(word, "字字字字字字字字字字…");
}

static void
is_valid_text(void **state)
{
    const char bytes[] = "ab\0\xff\xe4\xb8 \x01<needle\x7f> \xf0\x9f\x98\x80 \xc2\x85";
    g_autoptr(GPtrArray) words = g_ptr_array_new();
    g_autoptr(GRand) rand = g_rand_new_with_seed(5);

    (void)state;
    g_ptr_array_add(words, (char *)"needle");
    g_autofree char *snippet = index_snippet(bytes, sizeof(bytes) - 1, words, 100, "[", "]");
    assert_string_equal(snippet, "ab \xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd <[needle] > \xf0\x9f\x98\x80 ");
    for (int round = 0; round < 3000; round++) {
        char random[120];
        gsize n = (gsize)g_rand_int_range(rand, 0, sizeof(random));
        for (gsize i = 0; i < n; i++)
            random[i] = (char)g_rand_int_range(rand, 0, 256);
        if (n > 40)
            memcpy(random + n / 2, " needle", 7);
        g_autofree char *s = index_snippet(random, n, words, 20, "[", "]");
        assert_true(g_utf8_validate(s, -1, NULL));
        if (n > 40 && strstr(s, "[needle]") == NULL && strstr(s, "needle]") != NULL)
            fail_msg("half marked: %s", s);
    }
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(marks_words),
        cmocka_unit_test(cuts),
        cmocka_unit_test(is_valid_text),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
