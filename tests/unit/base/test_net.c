/* test_net.c: addresses, listening (rename over a live socket), deadlines and frames. */
#include "lib/base/net.h"
#include "tests/unit/base/test.h"
#include <fcntl.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#define assert_net_error(e, which)                                                                             \
    do {                                                                                                       \
        assert_true(g_error_matches(e, NET_ERROR, which));                                                     \
        g_clear_error(&e);                                                                                     \
    } while (0)

static void
test_addresses(void **state)
{
    (void)state;
    static const char *const good[] = {"unix:/run/x.sock", "inet:1@localhost", "inet:65535@::1", "inet:25@*",
                                       "fd:3", "systemd:milter"};
    static const char *const bad[] = {"", "/run/x", "unix:", "unix:x", "unix:/", "unix:/run/", "inet:25",
                                      "inet:@h", "inet:0@h", "inet:65536@h", "inet:99999999999@h", "inet:2x@h",
                                      "inet:-1@h", "inet:25@", "inet:25@[::1]", "fd:", "fd:x", "fd:-1",
                                      "systemd:", "local:/x"};
    GError *error = NULL;
    for (guint i = 0; i < G_N_ELEMENTS(good); i++)
        assert_true(net_check_address(good[i], &error));
    for (guint i = 0; i < G_N_ELEMENTS(bad); i++) {
        assert_false(net_check_address(bad[i], &error));
        assert_net_error(error, NET_ERROR_SYNTAX);
    }
    g_autofree char *longest = g_strnfill(107, 'a'), *over = g_strnfill(108, 'a');
    longest[0] = over[0] = '/';
    g_autofree char *fits = g_strconcat("unix:", longest, NULL), *does_not = g_strconcat("unix:", over, NULL);
    assert_true(net_check_address(fits, NULL));
    assert_false(net_check_address(does_not, NULL));
}

static char
accept_byte(int listener)
{
    char byte = 0;
    int fd = accept(listener, NULL, NULL);
    assert_true(fd >= 0);
    assert_true(net_read_full(fd, &byte, 1, 2000, NULL));
    close(fd);
    return byte;
}

static void
test_rename_over_live_socket(void **state)
{
    (void)state;
    char *dir = test_dir();
    g_autofree char *path = g_strdup_printf("%s/s", dir), *address = g_strconcat("unix:", path, NULL);
    struct stat st;
    GError *error = NULL;
    int old = net_listen(address, 0640, NULL, 4, &error);
    assert_true(old >= 0);
    assert_int_equal(stat(path, &st), 0);
    assert_int_equal(st.st_mode & 07777, 0640);
    assert_true(fcntl(old, F_GETFD) & FD_CLOEXEC);
    int waiting = net_connect(address, 1000, NULL); /* in the old one's backlog */
    assert_true(waiting >= 0);
    int new = net_listen(address, 0660, "0", 4, &error);
    assert_true(new >= 0);
    assert_int_equal(stat(path, &st), 0);
    assert_int_equal(st.st_mode & 07777, 0660);
    int fresh = net_connect(address, 1000, NULL);
    assert_true(fresh >= 0);
    assert_true(net_write_full(waiting, "o", 1, 1000, NULL));
    assert_true(net_write_full(fresh, "n", 1, 1000, NULL));
    assert_int_equal(accept_byte(old), 'o'); /* the one that had connected is still served */
    assert_int_equal(accept_byte(new), 'n');
    close(old);
    assert_int_equal(stat(path, &st), 0); /* the old one's end doesn't take the name away */
    close(waiting);
    close(fresh);
    close(new);
    test_dir_free(dir); /* and no temporary name is left, or rmdir would fail */
}

static void
test_listen_refusals(void **state)
{
    (void)state;
    char *dir = test_dir();
    GError *error = NULL;
    g_autofree char *file = g_strdup_printf("%s/file", dir), *address = g_strconcat("unix:", file, NULL);
    assert_true(g_file_set_contents(file, "mail", 4, NULL));
    assert_int_equal(net_listen(address, 0660, NULL, 4, &error), -1);
    assert_net_error(error, NET_ERROR_SYSTEM);
    assert_int_equal(net_listen("unix:/nonexistent-dir/s", 0660, NULL, 4, &error), -1);
    assert_net_error(error, NET_ERROR_SYSTEM);
    g_autofree char *other = g_strdup_printf("unix:%s/s", dir);
    assert_int_equal(net_listen(other, 0660, "no-such-group", 4, &error), -1);
    assert_net_error(error, NET_ERROR_SYSTEM);
    assert_int_equal(net_listen("fd:0", 0, NULL, 4, &error), -1);
    assert_net_error(error, NET_ERROR_SYSTEM);
    assert_int_equal(net_listen("systemd:none", 0, NULL, 4, &error), -1);
    assert_net_error(error, NET_ERROR_SYSTEM);
    assert_int_equal(net_connect("fd:0", 100, &error), -1);
    assert_net_error(error, NET_ERROR_SYNTAX);
    assert_int_equal(net_connect(address, 100, &error), -1);
    assert_net_error(error, NET_ERROR_ABSENT);
    assert_int_equal(net_connect(other, 100, &error), -1);
    assert_net_error(error, NET_ERROR_ABSENT);
    test_dir_free(dir);
}

static void
test_inherited_descriptors(void **state)
{
    (void)state;
    char *dir = test_dir();
    g_autofree char *address = g_strdup_printf("unix:%s/s", dir);
    int listener = net_listen(address, 0660, NULL, 4, NULL);
    g_autofree char *by_number = g_strdup_printf("fd:%d", listener);
    assert_int_equal(net_listen(by_number, 0, NULL, 0, NULL), listener);
    /* As systemd passes them: from descriptor 3 on, for this process only. */
    int spare = dup2(listener, 4), first = open("/dev/null", O_RDONLY);
    if (first != 3)
        assert_int_equal(dup2(first, 3), 3);
    g_autofree char *pid = g_strdup_printf("%d", (int)getpid());
    g_setenv("LISTEN_PID", pid, TRUE);
    g_setenv("LISTEN_FDS", "2", TRUE);
    g_setenv("LISTEN_FDNAMES", "other:milter", TRUE);
    GError *error = NULL;
    assert_int_equal(net_listen("systemd:milter", 0, NULL, 0, &error), spare);
    assert_int_equal(net_listen("systemd:other", 0, NULL, 0, &error), -1); /* /dev/null doesn't listen */
    assert_net_error(error, NET_ERROR_SYSTEM);
    g_unsetenv("LISTEN_FDS");
    test_dir_free(dir);
}

static void
test_inet(void **state)
{
    (void)state;
    /* A free port: one that the kernel just gave to a socket that is closed again. */
    struct sockaddr_in sin = {.sin_family = AF_INET, .sin_addr = {htonl(INADDR_LOOPBACK)}};
    socklen_t size = sizeof sin;
    int probe = socket(AF_INET, SOCK_STREAM, 0);
    assert_int_equal(bind(probe, (struct sockaddr *)&sin, sizeof sin), 0);
    assert_int_equal(getsockname(probe, (struct sockaddr *)&sin, &size), 0);
    close(probe);
    g_autofree char *address = g_strdup_printf("inet:%d@127.0.0.1", ntohs(sin.sin_port));
    g_autofree char *any = g_strdup_printf("inet:%d@*", ntohs(sin.sin_port));
    GError *error = NULL;
    assert_int_equal(net_connect(address, 1000, &error), -1);
    assert_net_error(error, NET_ERROR_SYSTEM);
    for (int i = 0; i < 2; i++) {
        int listener = net_listen(i == 0 ? address : any, 0, NULL, 4, &error);
        assert_true(listener >= 0);
        int fd = net_connect(address, 1000, &error);
        assert_true(fd >= 0);
        assert_false(fcntl(fd, F_GETFL) & O_NONBLOCK);
        assert_true(net_write_full(fd, "x", 1, 1000, NULL));
        assert_int_equal(accept_byte(listener), 'x');
        close(fd);
        close(listener);
    }
}

static void
test_deadlines(void **state)
{
    (void)state;
    int pair[2];
    char buf[8];
    GError *error = NULL;
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, pair), 0);
    assert_int_equal(write(pair[1], "abc", 3), 3);
    gint64 began = g_get_monotonic_time();
    assert_false(net_read_full(pair[0], buf, 4, 50, &error));
    assert_net_error(error, NET_ERROR_TIMEOUT);
    gint64 took = g_get_monotonic_time() - began;
    assert_true(took >= 49000 && took < 1000000);
    g_autofree char *much = g_malloc0(8 << 20);
    assert_false(net_write_full(pair[0], much, 8 << 20, 50, &error)); /* nobody reads */
    assert_net_error(error, NET_ERROR_TIMEOUT);
    assert_int_equal(write(pair[1], "de", 2), 2);
    close(pair[1]);
    assert_false(net_read_full(pair[0], buf, 4, 50, &error)); /* ends after two bytes */
    assert_net_error(error, NET_ERROR_SYSTEM);
    assert_false(net_read_full(pair[0], buf, 4, 50, &error));
    assert_net_error(error, NET_ERROR_CLOSED);
    assert_false(net_write_full(pair[0], buf, 1, 50, &error)); /* no SIGPIPE */
    assert_net_error(error, NET_ERROR_CLOSED);
    close(pair[0]);
    assert_int_equal(pipe(pair), 0); /* descriptors that are not sockets work too */
    assert_true(net_write_full(pair[1], "pipe", 4, 1000, NULL));
    assert_true(net_read_full(pair[0], buf, 4, 1000, NULL));
    assert_memory_equal(buf, "pipe", 4);
    close(pair[0]);
    close(pair[1]);
}

struct writer {
    int fd;
    const guint8 *data;
    gsize length;
};

static gpointer
write_frame(gpointer data)
{
    struct writer *w = data;
    assert_true(net_frame_write(w->fd, 9, w->data, w->length, 5000, NULL));
    return NULL;
}

static void
test_frames(void **state)
{
    (void)state;
    int pair[2];
    struct net_frame frame;
    GError *error = NULL;
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, pair), 0);
    /* The bytes are the contract. */
    guint8 raw[8];
    assert_true(net_frame_write(pair[0], 7, "abc", 3, 1000, NULL));
    assert_true(net_read_full(pair[1], raw, 8, 1000, NULL));
    assert_memory_equal(raw, "\3\0\0\0\7abc", 8);
    assert_true(net_frame_write(pair[0], 0x81, NULL, 0, 1000, NULL));
    assert_true(net_frame_read(pair[1], 0, 1000, &frame, NULL));
    assert_int_equal(frame.type, 0x81);
    assert_int_equal(g_bytes_get_size(frame.payload), 0);
    net_frame_clear(&frame);
    assert_null(frame.payload);
    /* 3 MiB: grows in pieces, and is more than a socket's buffer. */
    g_autofree guint8 *big = g_malloc(3 << 20);
    for (guint i = 0; i < 3u << 20; i++)
        big[i] = (guint8)(i * 7);
    struct writer w = {pair[0], big, 3 << 20};
    GThread *thread = g_thread_new("writer", write_frame, &w);
    assert_true(net_frame_read(pair[1], 3 << 20, 5000, &frame, NULL));
    g_thread_join(thread);
    assert_int_equal(g_bytes_get_size(frame.payload), 3 << 20);
    assert_memory_equal(g_bytes_get_data(frame.payload, NULL), big, 3 << 20);
    net_frame_clear(&frame);
    /* Over max: refused by the header alone. */
    assert_true(net_write_full(pair[0], "\x0b\0\0\0\1", 5, 1000, NULL));
    assert_false(net_frame_read(pair[1], 10, 1000, &frame, &error));
    assert_net_error(error, NET_ERROR_TOO_BIG);
    /* Ends: inside a payload, right after a header, inside a header, and between frames. */
    assert_true(net_write_full(pair[0], "\2\0\0\0\1x", 6, 1000, NULL));
    shutdown(pair[0], SHUT_WR);
    assert_false(net_frame_read(pair[1], 10, 1000, &frame, &error));
    assert_net_error(error, NET_ERROR_SYSTEM);
    assert_null(frame.payload);
    assert_false(net_frame_read(pair[1], 10, 1000, &frame, &error));
    assert_net_error(error, NET_ERROR_CLOSED);
    close(pair[0]);
    close(pair[1]);
    static const gsize cuts[] = {5, 2};
    for (guint i = 0; i < G_N_ELEMENTS(cuts); i++) {
        assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, pair), 0);
        assert_true(net_write_full(pair[0], "\2\0\0\0\1", cuts[i], 1000, NULL));
        close(pair[0]);
        assert_false(net_frame_read(pair[1], 10, 1000, &frame, &error));
        assert_net_error(error, NET_ERROR_SYSTEM);
        close(pair[1]);
    }
}

/* A socket of datagrams takes the place of an old one, and is written to by whom its mode lets in. */
static void
test_datagrams(void **state)
{
    (void)state;
    char *dir = test_dir(), text[16];
    g_autofree char *path = g_strdup_printf("%s/s", dir), *address = g_strconcat("unix:", path, NULL);
    struct sockaddr_un sun = {.sun_family = AF_UNIX};
    struct stat st;
    GError *error = NULL;

    close(net_listen(address, 0600, NULL, 4, NULL));
    int fd = net_listen_datagram(address, 0666, "", &error), client = socket(AF_UNIX, SOCK_DGRAM, 0);
    assert_true(fd >= 0);
    assert_int_equal(stat(path, &st), 0);
    assert_int_equal(st.st_mode & 0777, 0666);
    g_strlcpy(sun.sun_path, path, sizeof sun.sun_path);
    assert_int_equal(sendto(client, "one", 3, 0, (struct sockaddr *)&sun, sizeof sun), 3);
    assert_int_equal(sendto(client, "two!", 4, 0, (struct sockaddr *)&sun, sizeof sun), 4);
    assert_int_equal(recv(fd, text, sizeof text, 0), 3);
    assert_int_equal(recv(fd, text, sizeof text, 0), 4);
    assert_int_equal(net_listen_datagram("inet:25@localhost", 0666, NULL, &error), -1);
    assert_net_error(error, NET_ERROR_SYNTAX);
    close(client);
    close(fd);
    test_dir_free(dir);
}

static void
test_urls(void **state)
{
    (void)state;
    static const struct {
        const char *address, *url, *socket;
    } cases[] = {{"inet:25@mx.example.org", "smtp://mx.example.org:25/me", NULL}, {"inet:25@::1", "smtp://[::1]:25/me", NULL},
                 {"unix:/run/s", "smtp://localhost/me", "/run/s"}, {"fd:3", NULL, NULL}, {"nonsense", NULL, NULL}};

    for (guint i = 0; i < G_N_ELEMENTS(cases); i++) {
        const char *socket = "x";
        g_autofree char *url = net_url("smtp", cases[i].address, "me", &socket);
        assert_int_equal(g_strcmp0(url, cases[i].url), 0);
        assert_int_equal(g_strcmp0(socket, cases[i].socket), 0);
    }
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_addresses),       cmocka_unit_test(test_rename_over_live_socket),
        cmocka_unit_test(test_listen_refusals), cmocka_unit_test(test_inherited_descriptors),
        cmocka_unit_test(test_inet),            cmocka_unit_test(test_deadlines),
        cmocka_unit_test(test_frames),          cmocka_unit_test(test_datagrams), cmocka_unit_test(test_urls)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
