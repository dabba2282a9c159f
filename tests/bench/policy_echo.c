/* policy_echo: the quickest possible policy server, to see what the load generator itself can do: one thread, one answer to all.
 *
 * SYNOPSIS  policy_echo PATH [ACTION]    listens on a unix socket (mode 0666), prints "ready", serves until it is killed. */
#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

enum { EVENTS = 256, DESCRIPTORS = 65536 };
static char last[DESCRIPTORS]; /* whether what came so far on a connection ends in a newline */

static int
listen_on(const char *path)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    if (strlen(path) >= sizeof address.sun_path)
        return -1;
    memcpy(address.sun_path, path, strlen(path));
    int listener = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (listener < 0 || bind(listener, (struct sockaddr *)&address, sizeof address) < 0 || chmod(path, 0666) < 0 ||
        listen(listener, 4096) < 0)
        return -1;
    return listener;
}

/* Answers each empty line. A client has one request outstanding, so the answer always has room in the socket. */
static bool
serve(int connection, const char *answer, size_t length)
{
    char input[65536];
    ssize_t n = read(connection, input, sizeof input);
    if (n <= 0)
        return n < 0 && errno == EAGAIN;
    for (ssize_t i = 0; i < n; i++) {
        bool newline = input[i] == '\n';
        bool end = newline && last[connection];
        if (end && write(connection, answer, length) != (ssize_t)length)
            return false;
        last[connection] = newline && !end;
    }
    return true;
}

int
main(int argc, char **argv)
{
    char answer[1024];
    int listener = argc < 2 ? -1 : listen_on(argv[1]), poll = epoll_create1(EPOLL_CLOEXEC);
    struct epoll_event events[EVENTS], event = {.events = EPOLLIN, .data.fd = listener};
    if (listener < 0 || epoll_ctl(poll, EPOLL_CTL_ADD, listener, &event) < 0) {
        fprintf(stderr, "policy_echo: %s: %s\n", argc < 2 ? "PATH is missing" : argv[1], strerror(errno));
        return 1;
    }
    int length = snprintf(answer, sizeof answer, "action=%s\n\n", argc > 2 ? argv[2] : "DUNNO");
    puts("ready");
    fflush(stdout);
    for (;;) {
        int n = epoll_wait(poll, events, EVENTS, -1);
        for (int i = 0; i < n; i++) {
            int fd = events[i].data.fd;
            if (fd != listener) {
                if (!serve(fd, answer, (size_t)length))
                    close(fd);
                continue;
            }
            int connection = accept4(listener, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
            event.data.fd = connection;
            if (connection >= DESCRIPTORS || (connection >= 0 && epoll_ctl(poll, EPOLL_CTL_ADD, connection, &event) < 0))
                close(connection);
            else if (connection >= 0)
                last[connection] = 0;
        }
    }
}
