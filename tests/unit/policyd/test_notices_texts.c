/* test_notices_texts.c: texts of notices, from a site's files and built-in, and what is put into them. */
#include "policyd/notices/texts.h"
#include "tests/unit/base/test.h"

static const struct text_kind over = {"over",
                                      {[TEXT_EN] = "Subject: {used} of {limit}\n\nIt holds {used}, {user} {else}\n",
                                       [TEXT_ZH_TW] = "Subject: 空間 {used}\n\n您好：{user}\n"}};

static void
make(const char *folder, const char *domain, const char *language, const char *user, struct text *text_r)
{
    g_autoptr(GArray) values = text_values_new();

    text_values_add(values, "{used}", g_strdup("821 MB"));
    text_values_add(values, "{limit}", g_strdup("1.0 GB"));
    text_values_add(values, "{user}", g_strdup(user));
    text_values_add(values, "{domain}", g_strdup(domain));
    texts_make(folder, domain, language, &over, values, text_r);
    assert_true(g_utf8_validate(text_r->subject, -1, NULL) && g_utf8_validate(text_r->body, -1, NULL));
}

static void
expect(const char *folder, const char *domain, const char *language, const char *user, const char *subject, const char *body)
{
    struct text text = {0};

    make(folder, domain, language, user, &text);
    assert_string_equal(text.subject, subject);
    assert_string_equal(text.body, body);
    text_clear(&text);
}

static void
test_built_in(void **state)
{
    (void)state;
    expect("", "a.test", "en", "x@a.test", "821 MB of 1.0 GB", "It holds 821 MB, x@a.test {else}\n");
    expect("/nonexistent", "a.test", "ZH-tw", "x", "空間 821 MB", "您好：x\n");
    expect("", "", "fr", "x", "821 MB of 1.0 GB", "It holds 821 MB, x {else}\n");
}

/* What is put in breaks no line, turns no text around and stands for nothing itself. */
static void
test_hostile_values(void **state)
{
    (void)state;
    g_autofree char *long_one = g_strnfill(5000, 'x');
    struct text text = {0};

    expect("", "{user}", "en", "a\r\nBcc: b\x1b[2J{limit}@x", "821 MB of 1.0 GB", "It holds 821 MB, a??Bcc: b?[2J{limit}@x {else}\n");
    expect("", "a.test", "en", "a\xff\xe2\x80\xae@x", "821 MB of 1.0 GB", "It holds 821 MB, a??@x {else}\n");
    make("", "a.test", "en", long_one, &text);
    assert_in_range(strlen(text.body), 400, 450);
    text_clear(&text);
}

static void
test_languages(void **state)
{
    (void)state;
    char *languages[] = {(char *)"example.tw=zh-TW", (char *)"b.test=fr", NULL};

    assert_string_equal(texts_language(languages, "en", "example.tw"), "zh-TW");
    assert_string_equal(texts_language(languages, "en", "b.test"), "fr");
    assert_string_equal(texts_language(languages, "en", "b.tes"), "en");
    assert_string_equal(texts_language(languages, "en", "sub.b.test"), "en");
    assert_string_equal(texts_language(languages, "en", ""), "en");
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
    g_autofree char *many = g_strnfill(TEXTS_MAX, 'x'), *big = g_strconcat("Subject: x\n", many, NULL);
    g_autofree char *many_places = g_strnfill(60000, ' ');
    g_autofree char *remove = g_strdup_printf("rm -r %s", folder);

    put(folder, "a.test", "en", "over.txt", "Subject: {user} at {percent}\r\n\r\n{domain}: {used}/{limit}\r\n");
    put(folder, "default", "en", "over.txt", "Subject:  all  \nno empty line");
    put(folder, "b.test", "en", "over.txt", "Dear user\n"); /* no subject */
    put(folder, "c.test", "en", "over.txt", "Subject: \xff\n\n");
    put(folder, "d.test", "en", "over.txt", big);
    put(folder, "..", "en", "over.txt", "Subject: out\n\n");
    put(folder, "e.test", "fr", "over.txt", "Subject: place\n\nà {user}\n");
    for (int i = 0; i < 59000; i += 7)
        memcpy(many_places + i, "{user} ", 7);
    g_autofree char *places = g_strconcat("Subject: x\n\n", many_places, NULL);
    put(folder, "f.test", "en", "over.txt", places);
    expect(folder, "a.test", "en", "x@a.test", "x@a.test at {percent}", "a.test: 821 MB/1.0 GB\n");
    expect(folder, "a.test", "en", "x\ny", "x?y at {percent}", "a.test: 821 MB/1.0 GB\n");
    expect(folder, "other.test", "en", "x", "all", "no empty line");
    expect(folder, "b.test", "en", "x", "all", "no empty line");
    expect(folder, "c.test", "en", "x", "all", "no empty line");
    expect(folder, "d.test", "en", "x", "all", "no empty line");
    expect(folder, "..", "en", "x", "all", "no empty line");
    expect(folder, "../../a", "en", "x", "all", "no empty line");
    expect(folder, "e.test", "fr", "x@e.test", "place", "à x@e.test\n");
    struct text text = {0}; /* a file that would grow without end by what is put in */
    make(folder, "f.test", "en", "a-rather-long-name-of-a-user@f.test", &text);
    assert_in_range(strlen(text.body), 50000, TEXTS_MAX);
    text_clear(&text);
    assert_true(g_spawn_command_line_sync(remove, NULL, NULL, NULL, NULL));
}

int
main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_built_in), cmocka_unit_test(test_hostile_values), cmocka_unit_test(test_languages),
                                       cmocka_unit_test(test_files)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
