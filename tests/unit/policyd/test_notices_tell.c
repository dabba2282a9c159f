/* test_notices_tell.c: a notice on its whole way, to an LMTP server that keeps it: language, text and addresses. */
#include "policyd/notices/tell.h"
#include <sys/socket.h>
#include <unistd.h>
#include "lib/base/net.h"
#include "tests/unit/base/test.h"

static const struct text_kind kind = {"rate", {[TEXT_EN] = "Subject: To {user}\n\n{what} at {domain}\n", [TEXT_ZH_TW] = "Subject: 給 {user}\n\n{what}，{domain}\n"}};

/* One delivery: what the client has said. Caller frees. */
static GString *
take_one(int listener)
{
    static const char *const replies[] = {"220 x\r\n", "250 x\r\n", "250 x\r\n", "250 x\r\n", "354 x\r\n"};
    GString *said = g_string_new(NULL);
    int fd = accept(listener, NULL, NULL);
    char piece[4096];
    ssize_t got;

    for (guint i = 0; i < G_N_ELEMENTS(replies); i++) {
        (void)!send(fd, replies[i], strlen(replies[i]), MSG_NOSIGNAL);
        got = recv(fd, piece, sizeof piece, 0);
        assert_true(got > 0);
        g_string_append_len(said, piece, got);
    }
    while (!g_str_has_suffix(said->str, "\r\n.\r\n") && (got = recv(fd, piece, sizeof piece, 0)) > 0)
        g_string_append_len(said, piece, got);
    (void)!send(fd, "250 saved\r\n", 11, MSG_NOSIGNAL);
    close(fd);
    return said;
}

static struct config *
configure(const char *dir)
{
    g_autofree char *path = g_strdup_printf("%s/conf", dir);
    g_autofree char *text = g_strdup_printf("quota { from = postmaster@b.test lmtp = \"unix:%s/s\" languages = {\"b.test=zh-TW\"} templates = \"%s/texts\" }\n",
                                            dir, dir);
    struct settings_report *report = settings_report_new();
    struct config *config;

    assert_true(g_file_set_contents(path, text, -1, NULL));
    config = config_load(path, report);
    if (config == NULL)
        fail_msg("%s", (const char *)g_ptr_array_index(report->errors, 0));
    settings_report_free(&report);
    return config;
}

static void
expect(GString *said, const char *const *parts)
{
    for (; *parts != NULL; parts++)
        if (strstr(said->str, *parts) == NULL)
            fail_msg("\"%s\" is not in:\n%s", *parts, said->str);
    g_string_free(said, TRUE);
}

static void
tell(struct mailer *mailer, struct config *config, const char *user)
{
    GArray *values = text_values_new();

    text_values_add(values, "{what}", g_strdup("news"));
    assert_true(tell_user(mailer, config, user, &kind, values, 1796000000000));
}

static void
test_a_notice(void **state)
{
    (void)state;
    char *dir = test_dir();
    g_autofree char *address = g_strdup_printf("unix:%s/s", dir);
    int listener = net_listen(address, 0600, NULL, 4, NULL);
    struct config *config = configure(dir);
    struct mailer *mailer = mailer_new(&(struct mailer_options){0});

    assert_true(tell_is_possible(&config->quota));
    assert_string_equal(tell_language(&config->quota, "x@a.test"), "en");
    assert_string_equal(tell_language(&config->quota, "x"), "zh-TW");
    tell(mailer, config, "x@a.test");
    expect(take_one(listener), (const char *const[]){"MAIL FROM:<>", "RCPT TO:<x@a.test>", "From: <postmaster@b.test>", "To: <x@a.test>", "Subject: To x@a.test",
                                                     "\r\nDate: Mon, 30 Nov 2026", "Auto-Submitted: auto-generated", "\r\n\r\nnews at a.test\r\n", NULL});
    /* Who signs in without a domain has the mailbox of that name, and is of the domain that the notices are from. */
    tell(mailer, config, "x");
    expect(take_one(listener), (const char *const[]){"RCPT TO:<x>", "To: <x@b.test>", "Subject: =?UTF-8?B?57WmIHg=?=", "bmV3c++8jGIudGVzdA0K", NULL});
    mailer_free(&mailer);
    config_unref(config);
    close(listener);
    test_dir_free(dir);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_a_notice)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
