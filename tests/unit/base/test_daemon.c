/* test_daemon.c: dropping root (in a child), signals, stop by request, directories, sd_notify. */
#include "lib/base/daemon.h"
#include "lib/base/log.h"
#include "tests/unit/base/test.h"
#include <fcntl.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

/* in_child - runs f in a fork; gives its exit status */
static int
in_child(int (*f)(void))
{
    int status = 0;
    pid_t pid = fork();
    if (pid == 0)
        _exit(f());
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_true(WIFEXITED(status));
    return WEXITSTATUS(status);
}

static int
drop_to_nobody(void)
{
    static const char *const extra[] = {"mail", NULL};
    g_autoptr(GError) error = NULL;
    gid_t groups[64];
    struct rlimit core;
    gboolean has_mail = FALSE;
    if (!daemon_drop_privileges("nobody", extra, &error))
        return 1;
    if (getuid() == 0 || geteuid() == 0 || setuid(0) == 0 || setgid(0) == 0)
        return 2;
    int n = getgroups(64, groups);
    for (int i = 0; i < n; i++) {
        has_mail |= groups[i] == 8; /* Debian's static number */
        if (groups[i] == 0)
            return 3;
    }
    if (!has_mail || prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0) != 1 || prctl(PR_GET_DUMPABLE, 0, 0, 0, 0) != 0)
        return 4;
    if (getrlimit(RLIMIT_CORE, &core) != 0 || core.rlim_max != 0 || umask(0) != 027)
        return 5;
    /* Not root any more: only our own name or "" pass. */
    if (!daemon_drop_privileges("nobody", NULL, NULL) || !daemon_drop_privileges("", NULL, NULL) ||
        daemon_drop_privileges("root", NULL, NULL))
        return 6;
    return 0;
}

static int
refused_users(void)
{
    static const char *const no_group[] = {"no-such-group", NULL};
    return daemon_drop_privileges("", NULL, NULL) || daemon_drop_privileges("root", NULL, NULL) ||
           daemon_drop_privileges("no-such-user", NULL, NULL) ||
           daemon_drop_privileges("nobody", no_group, NULL) || geteuid() != 0;
}

static void
test_drop_privileges(void **state)
{
    (void)state;
    if (geteuid() != 0) {
        print_message("skipped: needs root\n");
        skip();
    }
    assert_int_equal(in_child(drop_to_nobody), 0);
    assert_int_equal(in_child(refused_users), 0);
}

static int
closed_descriptors(void)
{
    close(0);
    close(2);
    daemon_prepare();
    struct stat zero, two, null;
    if (fstat(0, &zero) != 0 || fstat(2, &two) != 0 || stat("/dev/null", &null) != 0)
        return 1;
    return zero.st_rdev != null.st_rdev || two.st_rdev != null.st_rdev;
}

static int
waits(void)
{
    daemon_prepare();
    raise(SIGPIPE);
    kill(getpid(), SIGHUP); /* is passed by */
    g_usleep(1000);
    kill(getpid(), SIGTERM);
    if (daemon_wait() != SIGTERM)
        return 1;
    daemon_request_stop();
    return daemon_wait() != 0;
}

static void
test_prepare_and_wait(void **state)
{
    (void)state;
    assert_int_equal(in_child(closed_descriptors), 0);
    assert_int_equal(in_child(waits), 0);
}

static void
test_ensure_dir(void **state)
{
    (void)state;
    char *dir = test_dir();
    g_autofree char *parent = g_build_filename(dir, "a", NULL), *deep = g_build_filename(parent, "b", NULL);
    g_autofree char *file = g_build_filename(dir, "file", NULL);
    g_autoptr(GError) error = NULL;
    struct stat st;
    assert_true(daemon_ensure_dir(deep, geteuid() == 0 ? "nobody" : "", &error));
    assert_int_equal(stat(deep, &st), 0);
    assert_int_equal(st.st_mode & 07777, 0750);
    if (geteuid() == 0)
        assert_true(st.st_uid != 0);
    assert_true(daemon_ensure_dir(deep, "", NULL));
    assert_int_equal(chmod(deep, 0777), 0);
    assert_false(daemon_ensure_dir(deep, "", &error));
    assert_non_null(strstr(error->message, "chmod o-w"));
    g_clear_error(&error);
    assert_true(g_file_set_contents(file, "", 0, NULL));
    assert_false(daemon_ensure_dir(file, "", &error));
    g_clear_error(&error);
    g_autofree char *below = g_build_filename(file, "x", NULL);
    assert_false(daemon_ensure_dir(below, "", &error));
    g_rmdir(deep);
    test_dir_free(dir);
}

static void
test_notify(void **state)
{
    (void)state;
    char *dir = test_dir();
    struct sockaddr_un sun = {.sun_family = AF_UNIX};
    g_snprintf(sun.sun_path, sizeof sun.sun_path, "%s/notify", dir);
    int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    assert_int_equal(bind(fd, (struct sockaddr *)&sun, sizeof sun), 0);
    daemon_notify_ready("no manager"); /* nothing to tell: must not fail */
    g_setenv("NOTIFY_SOCKET", sun.sun_path, TRUE);
    static const char *const expected[] = {"READY=1\nSTATUS=up", "STATUS=draining", "STOPPING=1"};
    daemon_notify_ready("up");
    daemon_notify_status("draining");
    daemon_notify_stopping();
    for (int i = 0; i < 3; i++) {
        char buf[256];
        ssize_t n = recv(fd, buf, sizeof buf - 1, 0);
        assert_true(n > 0);
        buf[n] = '\0';
        assert_string_equal(g_strchomp(buf), expected[i]);
    }
    g_unsetenv("NOTIFY_SOCKET");
    close(fd);
    test_dir_free(dir);
}

int
main(void)
{
    log_open("test_daemon", LOG_TO_STDERR, LOG_AS_TEXT, LOG_SEV_ERROR);
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_drop_privileges),
                                       cmocka_unit_test(test_prepare_and_wait), cmocka_unit_test(test_ensure_dir),
                                       cmocka_unit_test(test_notify)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
