/* quota_sender.c: one datagram, one attempt. */
#include "dovecot-plugins/quota_sender.h"
#include "ioloop.h"
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#define QUIET_SECONDS 600

/* Of this process. An imap process has one user, so a socket that is away for long is told by each session that has an event. */
static unsigned int lost; /* since it was last told */
static bool told;         /* a warning stands, to be followed by a better word */
static time_t quiet_until;

/* 0, or errno. Descriptors are not kept: events are rare, and a daemon that was restarted has another socket at the same path. */
static int
send_once(const char *path, const void *datagram, size_t length)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    int result = 0;

    if (i_strocpy(address.sun_path, path, sizeof address.sun_path) < 0)
        return ENAMETOOLONG;
    int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (fd < 0)
        return errno;
    if (sendto(fd, datagram, length, MSG_DONTWAIT | MSG_NOSIGNAL, (const struct sockaddr *)&address, sizeof address) < 0)
        result = errno;
    i_close_fd(&fd);
    return result;
}

static void
tell_loss(struct event *log, const char *path, int error)
{
    lost++;
    if (ioloop_time < quiet_until)
        return;
    quiet_until = ioloop_time + QUIET_SECONDS;
    told = TRUE;
    e_warning(log, "postern_quota: no event could be sent to %s: %s%s; more of this is not told for %d minutes", path, strerror(error),
              error == EAGAIN ? " (it is full: the daemon does not read)" : "", QUIET_SECONDS / 60);
}

void
pq_send(struct event *log, const char *path, const void *datagram, size_t length)
{
    int error = send_once(path, datagram, length);

    if (error != 0) {
        tell_loss(log, path, error);
        return;
    }
    /* The quiet time goes on: a daemon that is a little too slow for a flood would be told of with every other event. */
    if (told) {
        e_info(log, "postern_quota: events are taken again by %s; %u were lost", path, lost);
        told = FALSE;
        lost = 0;
    }
    e_debug(log, "postern_quota: sent to %s: %.*s", path, (int)length - 1, (const char *)datagram);
}
