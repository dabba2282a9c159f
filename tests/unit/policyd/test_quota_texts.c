/* test_quota_texts.c: what notices say, built-in and from a site's files. */
#include "policyd/quota/texts.h"
#include "tests/unit/base/test.h"

static const struct quota_root full = {.name = "User quota", .used = 861000123, .limit = 1073741824, .messages = 9121, .percent = 80, .level = 80};

static void
expect(const char *folder, const char *language, enum quota_kind kind, const char *user, const struct quota_root *root, const char *subject,
       const char *part)
{
    struct quota_text text = {0};

    quota_texts_make(folder, language, kind, user, root, &text);
    assert_string_equal(text.subject, subject);
    if (strstr(text.body, part) == NULL)
        fail_msg("\"%s\" is not in:\n%s", part, text.body);
    assert_true(g_utf8_validate(text.body, -1, NULL));
    assert_null(strchr(text.body, '{'));
    quota_text_clear(&text);
}

static void
test_built_in(void **state)
{
    (void)state;
    struct quota_root many = {.used = 5, .limit = 1000, .messages = 990, .messages_limit = 1000, .percent = 99}, none = {.percent = 80};

    expect("", "en", QUOTA_OVER, "alice@example.com", &full, "Your mailbox is 80 % full",
           "Your mailbox alice@example.com is 80 % full: it holds 821 MB of 1.0 GB.\n");
    expect("", "zh-TW", QUOTA_OVER, "alice@example.tw", &full, "您的信箱已使用 80% 的空間", "（目前 821 MB，上限 1.0 GB）");
    expect("", "zh-tw", QUOTA_UNDER, "alice@example.tw", &full, "您的信箱空間已恢復正常", "本信由 example.tw 郵件系統自動寄出");
    expect("", "en", QUOTA_UNDER, "alice@example.com", &full, "Your mailbox has room again", "821 MB");
    expect("", "fr", QUOTA_REJECTED, "alice@example.com", &full, "A message for your mailbox was refused", "holds 821 MB of 1.0 GB\n(80 %)");
    expect("", "zh-TW", QUOTA_REJECTED, "a@b.tw", &many, "信箱空間不足，有郵件無法收下", "目前 990 封郵件，上限 1000 封郵件");
    expect("", "en", QUOTA_OVER, "alice@example.com", &none, "Your mailbox is 80 % full", "it holds an unknown amount of an unknown amount.");
    expect("/nonexistent", "en", QUOTA_OVER, "root", &full, "Your mailbox is 80 % full", "Your mailbox root is");
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

static void
test_languages(void **state)
{
    (void)state;
    char *languages[] = {(char *)"example.tw=zh-TW", (char *)"b.test=fr", NULL};

    assert_string_equal(quota_texts_language(languages, "en", "example.tw"), "zh-TW");
    assert_string_equal(quota_texts_language(languages, "en", "b.test"), "fr");
    assert_string_equal(quota_texts_language(languages, "en", "b.tes"), "en");
    assert_string_equal(quota_texts_language(languages, "en", "sub.b.test"), "en");
    assert_string_equal(quota_texts_language(languages, "en", ""), "en");
}

static void
put(const char *folder, const char *domain, const char *language, const char *name, const char *text)
{
    g_autofree char *path = g_build_filename(folder, domain, language, NULL), *file = g_build_filename(path, name, NULL);

    assert_int_equal(g_mkdir_with_parents(path, 0700), 0);
    assert_true(g_file_set_contents(file, text, -1, NULL));
}

static void
test_files(void **state)
{
    (void)state;
    g_autofree char *folder = g_dir_make_tmp("postern-test-XXXXXX", NULL);
    g_autofree char *many = g_strnfill(QUOTA_TEXT_MAX, 'x'), *big = g_strconcat("Subject: x\n", many, NULL);
    g_autofree char *many_places = g_strnfill(60000, ' ');
    g_autofree char *remove = g_strdup_printf("rm -r %s", folder);

    put(folder, "a.test", "en", "over.txt", "Subject: {user} at {percent}\r\n\r\n{domain}: {used}/{limit}\r\n");
    put(folder, "default", "en", "over.txt", "Subject:  all  \nno empty line");
    put(folder, "b.test", "en", "over.txt", "Dear user\n"); /* no subject */
    put(folder, "c.test", "en", "over.txt", "Subject: \xff\n\n");
    put(folder, "d.test", "en", "over.txt", big);
    put(folder, "..", "en", "over.txt", "Subject: out\n\n");
    put(folder, "e.test", "fr", "under.txt", "Subject: place\n\nà {user}\n");
    for (int i = 0; i < 59000; i += 7)
        memcpy(many_places + i, "{user} ", 7);
    g_autofree char *places = g_strconcat("Subject: x\n\n", many_places, NULL);
    put(folder, "f.test", "en", "over.txt", places);
    expect(folder, "en", QUOTA_OVER, "x@a.test", &full, "x@a.test at 80", "a.test: 821 MB/1.0 GB\n");
    expect(folder, "en", QUOTA_OVER, "x@other.test", &full, "all", "no empty line");
    expect(folder, "en", QUOTA_OVER, "x@b.test", &full, "all", "");
    expect(folder, "en", QUOTA_OVER, "x@c.test", &full, "all", "");
    expect(folder, "en", QUOTA_OVER, "x@d.test", &full, "all", "");
    expect(folder, "en", QUOTA_OVER, "x@..", &full, "all", "");
    expect(folder, "en", QUOTA_OVER, "x@../../a", &full, "all", "");
    expect(folder, "fr", QUOTA_UNDER, "x@e.test", &full, "place", "à x@e.test");
    struct quota_text text = {0}; /* a file that would grow without end by what is put in */
    quota_texts_make(folder, "en", QUOTA_OVER, "a-rather-long-name-of-a-user@f.test", &full, &text);
    assert_in_range(strlen(text.body), 50000, QUOTA_TEXT_MAX);
    quota_text_clear(&text);
    assert_true(g_spawn_command_line_sync(remove, NULL, NULL, NULL, NULL));
}

int
main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_built_in), cmocka_unit_test(test_sizes), cmocka_unit_test(test_languages),
                                       cmocka_unit_test(test_files)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
