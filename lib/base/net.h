/* net.h: socket addresses as admins write them, and listening and connecting by them.
 *
 * unix:/path, inet:PORT@HOST (HOST a name or a literal, IPv6 without brackets, "*" = any; milter syntax),
 * fd:N (an inherited, already listening descriptor) or systemd:NAME (the descriptor that the socket unit
 * passed under FileDescriptorName=NAME). */
#pragma once
#include <glib.h>

#define NET_ERROR net_error_quark()
GQuark net_error_quark(void);
enum net_error { NET_ERROR_SYNTAX, NET_ERROR_SYSTEM, NET_ERROR_TIMEOUT, NET_ERROR_CLOSED, NET_ERROR_TOO_BIG, NET_ERROR_ABSENT };

/* TRUE if address has one of the forms above; error says what is wrong. */
gboolean net_check_address(const char *address, GError **error);
/* A listening, close-on-exec descriptor, or -1. A unix socket is bound to a temporary name in the same
 * directory and renamed over path, so that a live older socket is replaced without a gap; mode (0660, ...)
 * and group (NULL or "" = leave) apply before the rename. Missing parent directories are not made. */
int net_listen(const char *address, guint mode, const char *group, int backlog, GError **error);
/* The same for datagrams, address unix:/path only: a non-blocking descriptor that tells who sends (SO_PASSCRED), or -1. */
int net_listen_datagram(const char *address, guint mode, const char *group, GError **error);
/* One datagram of such a descriptor: its length, also when that is above size (the rest is lost); -1 when there is none now, errno says
 * why. *uid_r: who sent it, as the kernel says. */
gssize net_receive_datagram(int fd, void *buf, gsize size, guint *uid_r);
/* The URL of an inet: or unix: address, as libcurl takes it: "smtp://host:25/PATH"; *socket_r: of a unix socket, the path that libcurl is to
 * connect to instead (borrowed from address), else NULL. Other forms give NULL. Caller frees. */
char *net_url(const char *scheme, const char *address, const char *path, const char **socket_r);
/* A connected descriptor (blocking, close-on-exec), or -1. timeout_ms bounds the connect (not the look-up of
 * a host name). NET_ERROR_ABSENT: there is no such unix socket, or it is left from a process that ended. */
int net_connect(const char *address, int timeout_ms, GError **error);
/* Reads or writes exactly n bytes with one deadline for the whole call; handles EINTR and short counts.
 * A negative timeout_ms never ends. Reading fails with NET_ERROR_CLOSED when the peer closed before the
 * first byte and with NET_ERROR_SYSTEM after it; writing to a peer that left is NET_ERROR_CLOSED. */
gboolean net_read_full(int fd, void *buf, gsize n, int timeout_ms, GError **error);
gboolean net_write_full(int fd, const void *buf, gsize n, int timeout_ms, GError **error);

/* Frames: a u32 little-endian payload length, a u8 type, the payload. Every socket protocol of Postern's
 * own uses them. A length over max is an error before anything is allocated. */
struct net_frame {
    guint8 type;
    GBytes *payload; /* owned by the holder of the frame */
};
gboolean net_frame_write(int fd, guint8 type, const void *payload, gsize length, int timeout_ms, GError **error);
/* One frame from a socket; NET_ERROR_CLOSED when the peer closed between frames. */
gboolean net_frame_read(int fd, gsize max, int timeout_ms, struct net_frame *frame_r, GError **error);
void net_frame_clear(struct net_frame *frame);
