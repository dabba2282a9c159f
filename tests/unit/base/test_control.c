/* test_control.c: commands over the control socket, and clients that misbehave. */
#include "lib/base/control.h"
#include "lib/base/log.h"
#include "lib/base/net.h"
#include "tests/unit/base/test.h"
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

static gboolean
do_echo(const char *args, GString *answer, gpointer data)
{
    g_string_append_printf(answer, "%s|%s", (const char *)data, args);
    return TRUE;
}

static gboolean
do_fail(const char *args, GString *answer, gpointer data)
{
    (void)args;
    (void)data;
    g_string_append(answer, "postern.conf:3: bad\npostern.conf:4: worse\n");
    return FALSE;
}

static gboolean
do_nothing(const char *args, GString *answer, gpointer data)
{
    (void)args;
    (void)answer;
    (void)data;
    return TRUE;
}

static const struct control_command commands[] = {{"echo", "says it back", do_echo},
                                                  {"fail", "fails", do_fail},
                                                  {"quiet", "says nothing", do_nothing},
                                                  {NULL, NULL, NULL}};

static void
expect(const char *address, const char *command, gboolean ok, const char *text)
{
    g_autoptr(GString) answer = g_string_new(NULL);
    g_autoptr(GError) error = NULL;
    assert_int_equal(control_call(address, command, 2000, answer, &error), ok);
    assert_string_equal(answer->str, text);
    assert_int_equal(error == NULL, ok);
}

static void
test_commands(void **state)
{
    (void)state;
    char *dir = test_dir();
    g_autofree char *path = g_strdup_printf("%s/c", dir), *address = g_strconcat("unix:", path, NULL);
    struct control *control = control_start(address, commands, (gpointer) "me", NULL);
    struct stat st;
    assert_non_null(control);
    assert_int_equal(stat(path, &st), 0);
    assert_int_equal(st.st_mode & 0777, 0660);
    expect(address, "echo", TRUE, "me|");
    expect(address, "  echo   a b", TRUE, "me|a b");
    expect(address, "quiet", TRUE, "");
    expect(address, "fail", FALSE, "postern.conf:3: bad; postern.conf:4: worse");
    expect(address, "help", TRUE, "echo: says it back; fail: fails; quiet: says nothing; help: lists the commands");
    g_autoptr(GString) answer = g_string_new(NULL);
    assert_false(control_call(address, "no\x1bpe x", 2000, answer, NULL));
    assert_true(g_str_has_prefix(answer->str, "unknown command \"no?pe\"; echo: "));
    control_stop(&control);
    assert_null(control);
    assert_false(control_call(address, "quiet", 200, answer, NULL));
    test_dir_free(dir);
}

static void
test_bad_clients(void **state)
{
    (void)state;
    char *dir = test_dir();
    g_autofree char *address = g_strdup_printf("unix:%s/c", dir);
    struct control *control = control_start(address, commands, (gpointer) "me", NULL);
    assert_non_null(control);
    int gone = net_connect(address, 1000, NULL); /* leaves without a line */
    close(gone);
    int fd = net_connect(address, 1000, NULL);
    g_autofree char *flood = g_strnfill(20000, 'x');
    net_write_full(fd, flood, 20000, 1000, NULL);
    char answer[64] = "";
    assert_true(recv(fd, answer, sizeof answer - 1, 0) > 0);
    assert_true(g_str_has_prefix(answer, "ERROR a line of more than 16384 bytes"));
    close(fd);
    expect(address, "echo still", TRUE, "me|still");
    control_stop(&control);
    g_autoptr(GError) error = NULL;
    assert_null(control_start("inet:4000@127.0.0.1", commands, NULL, &error));
    assert_true(g_error_matches(error, NET_ERROR, NET_ERROR_SYNTAX));
    test_dir_free(dir);
}

int
main(void)
{
    log_open("test_control", LOG_TO_STDERR, LOG_AS_TEXT, LOG_SEV_ERROR);
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_commands), cmocka_unit_test(test_bad_clients)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
