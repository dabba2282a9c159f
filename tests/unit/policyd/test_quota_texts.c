/* test_quota_texts.c: what notices of quotas say. */
#include "policyd/quota/texts.h"
#include "tests/unit/base/test.h"

static const struct quota_root full = {.name = "User quota", .used = 861000123, .limit = 1073741824, .messages = 9121, .percent = 80, .level = 80};

static void
expect(const char *language, enum quota_kind kind, const struct quota_root *root, const char *subject, const char *part)
{
    g_autoptr(GArray) values = quota_texts_values(language, root);
    struct text text = {0};

    text_values_add(values, "{user}", g_strdup("alice@example.tw"));
    text_values_add(values, "{domain}", g_strdup("example.tw"));
    texts_make("", "example.tw", language, &quota_texts[kind], values, &text);
    assert_string_equal(text.subject, subject);
    if (strstr(text.body, part) == NULL)
        fail_msg("\"%s\" is not in:\n%s", part, text.body);
    assert_true(g_utf8_validate(text.body, -1, NULL));
    assert_null(strchr(text.body, '{'));
    text_clear(&text);
}

static void
test_built_in(void **state)
{
    (void)state;
    struct quota_root many = {.used = 5, .limit = 1000, .messages = 990, .messages_limit = 1000, .percent = 99}, none = {.percent = 80};

    expect("en", QUOTA_OVER, &full, "Your mailbox is 80 % full", "Your mailbox alice@example.tw is 80 % full: it holds 821 MB of 1.0 GB.\n");
    expect("zh-TW", QUOTA_OVER, &full, "您的信箱已使用 80% 的空間", "（目前 821 MB，上限 1.0 GB）");
    expect("zh-tw", QUOTA_UNDER, &full, "您的信箱空間已恢復正常", "本信由 example.tw 郵件系統自動寄出");
    expect("en", QUOTA_UNDER, &full, "Your mailbox has room again", "821 MB");
    expect("fr", QUOTA_REJECTED, &full, "A message for your mailbox was refused", "holds 821 MB of 1.0 GB\n(80 %)");
    expect("zh-TW", QUOTA_REJECTED, &many, "信箱空間不足，有郵件無法收下", "目前 990 封郵件，上限 1000 封郵件");
    expect("en", QUOTA_OVER, &none, "Your mailbox is 80 % full", "it holds an unknown amount of an unknown amount.");
}

static void
test_sizes(void **state)
{
    (void)state;
    static const struct {
        gint64 bytes;
        const char *text;
    } cases[] = {{0, "0 KB"}, {1536, "2 KB"}, {1023 * 1024, "1023 KB"}, {1048575, "1.0 MB"}, {1048576, "1.0 MB"}, {10 << 20, "10 MB"},
                 {G_GINT64_CONSTANT(1) << 50, "1024 TB"}};

    for (guint i = 0; i < G_N_ELEMENTS(cases); i++) {
        g_autoptr(GString) text = g_string_new(NULL);
        quota_texts_size(text, cases[i].bytes);
        assert_string_equal(text->str, cases[i].text);
    }
}

int
main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_built_in), cmocka_unit_test(test_sizes)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
