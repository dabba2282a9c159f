/* net_io.c: exact reads and writes with one deadline, and Postern's frames on top of them.
 *
 * A frame on the wire:  u32 little-endian length of the payload | u8 type | payload
 *
 * Descriptors may be blocking: sockets are used with MSG_DONTWAIT and poll(), so that the deadline holds
 * also when the peer takes or sends a byte now and then. */
#include "lib/base/net.h"
#include <errno.h>
#include <poll.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <unistd.h>

#define FRAME_HEADER 5u
#define FRAME_FIRST_PIECE ((gsize)1 << 20)

/* net_deadline - when timeout_ms from now is; a negative timeout never comes */
static gint64
net_deadline(int timeout_ms)
{
    return timeout_ms < 0 ? G_MAXINT64 : g_get_monotonic_time() + timeout_ms * G_GINT64_CONSTANT(1000);
}

/* net_wait - until fd is ready for events or the deadline has passed */
static gboolean
net_wait(int fd, short events, gint64 deadline, GError **error)
{
    for (;;) {
        struct pollfd pfd = {.fd = fd, .events = events};
        gint64 left = deadline == G_MAXINT64 ? -1 : (deadline - g_get_monotonic_time() + 999) / 1000;
        if (deadline != G_MAXINT64 && left < 0)
            left = 0;
        int rc = poll(&pfd, 1, (int)MIN(left, G_MAXINT));
        if (rc > 0)
            return TRUE;
        if (rc == 0) {
            g_set_error(error, NET_ERROR, NET_ERROR_TIMEOUT, "the peer was too slow");
            return FALSE;
        }
        if (errno != EINTR) {
            g_set_error(error, NET_ERROR, NET_ERROR_SYSTEM, "poll: %s", g_strerror(errno));
            return FALSE;
        }
    }
}

/* net_read_some - read() for pipes and files, recv() without waiting for sockets */
static ssize_t
net_read_some(int fd, void *buf, gsize n)
{
    ssize_t got = recv(fd, buf, n, MSG_DONTWAIT);
    if (got < 0 && errno == ENOTSOCK)
        got = read(fd, buf, n);
    return got;
}

/* net_read_until - n bytes before the deadline; *got_r tells how many came, also on failure */
static gboolean
net_read_until(int fd, void *buf, gsize n, gint64 deadline, gsize *got_r, GError **error)
{
    gsize got = 0;
    gboolean ok = TRUE;
    while (ok && got < n) {
        ssize_t rc = net_read_some(fd, (char *)buf + got, n - got);
        if (rc > 0) {
            got += (gsize)rc;
        } else if (rc == 0) {
            if (got == 0)
                g_set_error(error, NET_ERROR, NET_ERROR_CLOSED, "the peer closed the connection");
            else
                g_set_error(error, NET_ERROR, NET_ERROR_SYSTEM,
                            "the peer closed the connection after %zu of %zu bytes", got, n);
            ok = FALSE;
        } else if (errno == EAGAIN || errno == EWOULDBLOCK) {
            ok = net_wait(fd, POLLIN, deadline, error);
        } else if (errno != EINTR) {
            g_set_error(error, NET_ERROR, NET_ERROR_SYSTEM, "read: %s", g_strerror(errno));
            ok = FALSE;
        }
    }
    *got_r = got;
    return ok;
}

gboolean
net_read_full(int fd, void *buf, gsize n, int timeout_ms, GError **error)
{
    gsize got;
    return net_read_until(fd, buf, n, net_deadline(timeout_ms), &got, error);
}

/* net_write_some - like writev(); never raises SIGPIPE on a socket */
static ssize_t
net_write_some(int fd, struct iovec *iov, int n_iov)
{
    struct msghdr msg = {.msg_iov = iov, .msg_iovlen = (gsize)n_iov};
    ssize_t put = sendmsg(fd, &msg, MSG_DONTWAIT | MSG_NOSIGNAL);
    if (put < 0 && errno == ENOTSOCK)
        put = writev(fd, iov, n_iov);
    return put;
}

/* net_writev_until - all bytes of iov (which is used up) before the deadline */
static gboolean
net_writev_until(int fd, struct iovec *iov, int n_iov, gint64 deadline, GError **error)
{
    while (n_iov > 0) {
        if (iov->iov_len == 0) {
            iov++;
            n_iov--;
            continue;
        }
        ssize_t rc = net_write_some(fd, iov, n_iov);
        if (rc < 0 && (errno == EAGAIN || errno == EWOULDBLOCK)) {
            if (!net_wait(fd, POLLOUT, deadline, error))
                return FALSE;
        } else if (rc < 0 && errno != EINTR) {
            gboolean gone = errno == EPIPE || errno == ECONNRESET;
            g_set_error(error, NET_ERROR, gone ? NET_ERROR_CLOSED : NET_ERROR_SYSTEM, "write: %s",
                        g_strerror(errno));
            return FALSE;
        }
        while (rc > 0) {
            gsize used = MIN((gsize)rc, iov->iov_len);
            iov->iov_base = (char *)iov->iov_base + used;
            iov->iov_len -= used;
            rc -= (ssize_t)used;
            if (iov->iov_len == 0) {
                iov++;
                n_iov--;
            }
        }
    }
    return TRUE;
}

gboolean
net_write_full(int fd, const void *buf, gsize n, int timeout_ms, GError **error)
{
    struct iovec iov = {.iov_base = (void *)(guintptr)buf, .iov_len = n};
    return net_writev_until(fd, &iov, 1, net_deadline(timeout_ms), error);
}

gboolean
net_frame_write(int fd, guint8 type, const void *payload, gsize length, int timeout_ms, GError **error)
{
    if (length > G_MAXUINT32) {
        g_set_error(error, NET_ERROR, NET_ERROR_TOO_BIG, "a frame of %zu bytes can't be written", length);
        return FALSE;
    }
    guint8 header[FRAME_HEADER];
    guint32 wire = GUINT32_TO_LE((guint32)length);
    memcpy(header, &wire, sizeof wire);
    header[4] = type;
    struct iovec iov[2] = {{.iov_base = header, .iov_len = sizeof header},
                           {.iov_base = (void *)(guintptr)payload, .iov_len = length}};
    return net_writev_until(fd, iov, 2, net_deadline(timeout_ms), error);
}

/* net_frame_read_payload - grows with what has come, so that a length alone doesn't cost memory */
static guint8 *
net_frame_read_payload(int fd, gsize length, gint64 deadline, GError **error)
{
    gsize have = 0, room = MIN(length, FRAME_FIRST_PIECE);
    guint8 *payload = g_malloc(room + 1);
    while (have < length) {
        gsize got;
        if (have == room) {
            room = MIN(length, room * 2);
            payload = g_realloc(payload, room + 1);
        }
        gboolean ok = net_read_until(fd, payload + have, room - have, deadline, &got, error);
        have += got;
        if (!ok) {
            g_free(payload);
            return NULL;
        }
    }
    return payload;
}

gboolean
net_frame_read(int fd, gsize max, int timeout_ms, struct net_frame *frame_r, GError **error)
{
    guint8 header[FRAME_HEADER];
    gint64 deadline = net_deadline(timeout_ms);
    gsize got;
    guint32 wire;
    GError *failure = NULL;
    frame_r->type = 0;
    frame_r->payload = NULL;
    if (!net_read_until(fd, header, sizeof header, deadline, &got, error))
        return FALSE;
    memcpy(&wire, header, sizeof wire);
    gsize length = GUINT32_FROM_LE(wire);
    if (length > max) {
        g_set_error(error, NET_ERROR, NET_ERROR_TOO_BIG, "a frame of %zu bytes; at most %zu are allowed", length,
                    max);
        return FALSE;
    }
    guint8 *payload = net_frame_read_payload(fd, length, deadline, &failure);
    if (!payload) {
        /* CLOSED is kept for the clean end between two frames. */
        if (failure->code == NET_ERROR_CLOSED)
            failure->code = NET_ERROR_SYSTEM;
        g_propagate_error(error, failure);
        return FALSE;
    }
#ifdef POSTERN_PLANTED_BUGS
    if (header[4] == 0x7f && length > 0 && payload[length + (gsize)payload[0]] == 1)
        header[4] = 0; /* planted: reads past the payload */
#endif
    frame_r->type = header[4];
    frame_r->payload = g_bytes_new_take(payload, length);
    return TRUE;
}

void
net_frame_clear(struct net_frame *frame)
{
    g_clear_pointer(&frame->payload, g_bytes_unref);
    frame->type = 0;
}

gssize
net_receive_datagram(int fd, void *buf, gsize size, guint *uid_r)
{
    union {
        struct cmsghdr align;
        char bytes[CMSG_SPACE(sizeof(struct ucred))];
    } control;
    struct iovec vec = {.iov_base = buf, .iov_len = size};
    struct msghdr message = {.msg_iov = &vec, .msg_iovlen = 1, .msg_control = control.bytes, .msg_controllen = sizeof control.bytes};
    gssize length = recvmsg(fd, &message, MSG_TRUNC | MSG_DONTWAIT | MSG_CMSG_CLOEXEC);

    *uid_r = G_MAXUINT; /* nobody */
    for (struct cmsghdr *header = length >= 0 ? CMSG_FIRSTHDR(&message) : NULL; header != NULL; header = CMSG_NXTHDR(&message, header)) {
        struct ucred sender;
        if (header->cmsg_level != SOL_SOCKET || header->cmsg_type != SCM_CREDENTIALS)
            continue;
        memcpy(&sender, CMSG_DATA(header), sizeof sender);
        *uid_r = sender.uid;
    }
    return length;
}
