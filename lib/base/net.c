/* net.c: parses socket addresses, listens and connects by them.
 *
 * A unix socket is never unlinked by us: the one that listens is bound to a temporary name and renamed over
 * the old one, so that a client finds either the old or the new process and never nothing. */
#include "lib/base/net.h"
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <netdb.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <systemd/sd-daemon.h>
#include <unistd.h>

G_DEFINE_QUARK(postern-net-error, net_error)

enum net_kind { NET_UNIX, NET_INET, NET_FD, NET_SYSTEMD };

struct net_address {
    enum net_kind kind;
    const char *name;  /* path, host or systemd name: points into the text */
    char port[8];      /* NET_INET */
    int fd;            /* NET_FD */
};

/* net_parse_number - the decimal digits of p[0..n) as a number of at most max, or -1 */
static long
net_parse_number(const char *p, gsize n, long max)
{
    long value = 0;
    if (n == 0)
        return -1;
    for (gsize i = 0; i < n; i++) {
        if (!g_ascii_isdigit(p[i]))
            return -1;
        value = value * 10 + (p[i] - '0');
        if (value > max)
            return -1;
    }
    return value;
}

static gboolean
net_parse_inet(const char *text, struct net_address *address_r, GError **error)
{
    const char *at = strchr(text, '@');
    long port = net_parse_number(text, at ? (gsize)(at - text) : strlen(text), 65535);
    if (!at || at[1] == '\0' || port <= 0) {
        g_set_error(error, NET_ERROR, NET_ERROR_SYNTAX,
                    "\"inet:%s\" is not inet:PORT@HOST with a port of 1 to 65535, as inet:9870@127.0.0.1", text);
        return FALSE;
    }
    if (strchr(at, '[') || strchr(at, ' ')) {
        g_set_error(error, NET_ERROR, NET_ERROR_SYNTAX,
                    "\"inet:%s\": write the host without brackets or spaces, as inet:9870@::1", text);
        return FALSE;
    }
    address_r->kind = NET_INET;
    address_r->name = at + 1;
    g_snprintf(address_r->port, sizeof address_r->port, "%ld", port);
    return TRUE;
}

static gboolean
net_parse_unix(const char *path, struct net_address *address_r, GError **error)
{
    if (path[0] != '/' || path[1] == '\0' || g_str_has_suffix(path, "/")) {
        g_set_error(error, NET_ERROR, NET_ERROR_SYNTAX, "\"unix:%s\" needs an absolute path, as unix:/run/x.sock",
                    path);
        return FALSE;
    }
    if (strlen(path) >= sizeof ((struct sockaddr_un *)NULL)->sun_path) {
        g_set_error(error, NET_ERROR, NET_ERROR_SYNTAX, "\"unix:%s\" is longer than the %zu bytes of a socket path",
                    path, sizeof ((struct sockaddr_un *)NULL)->sun_path - 1);
        return FALSE;
    }
    address_r->kind = NET_UNIX;
    address_r->name = path;
    return TRUE;
}

static gboolean
net_parse(const char *text, struct net_address *address_r, GError **error)
{
    g_assert(text != NULL); /* g_str_has_prefix of newer GLib takes NULL, so gcc 14 asks */
    if (g_str_has_prefix(text, "unix:"))
        return net_parse_unix(text + 5, address_r, error);
    if (g_str_has_prefix(text, "inet:"))
        return net_parse_inet(text + 5, address_r, error);
    if (g_str_has_prefix(text, "fd:")) {
        long fd = net_parse_number(text + 3, strlen(text + 3), 65535);
        if (fd >= 0) {
            address_r->kind = NET_FD;
            address_r->fd = (int)fd;
            return TRUE;
        }
    }
    if (g_str_has_prefix(text, "systemd:") && text[8] != '\0') {
        address_r->kind = NET_SYSTEMD;
        address_r->name = text + 8;
        return TRUE;
    }
    g_set_error(error, NET_ERROR, NET_ERROR_SYNTAX,
                "\"%s\" is not a socket address: use unix:/path, inet:PORT@HOST, fd:N or systemd:NAME", text);
    return FALSE;
}

gboolean
net_check_address(const char *address, GError **error)
{
    struct net_address parsed;
    return net_parse(address, &parsed, error);
}

static void
net_set_errno(GError **error, enum net_error code, const char *what, const char *address)
{
    int saved = errno;
    g_set_error(error, NET_ERROR, code, "%s %s: %s", what, address, g_strerror(saved));
}

static void
net_set_system_error(GError **error, const char *what, const char *address)
{
    net_set_errno(error, NET_ERROR_SYSTEM, what, address);
}

/* net_close_keep_errno - for error paths that still have to report errno */
static int
net_close_keep_errno(int fd)
{
    int saved = errno;
    close(fd);
    errno = saved;
    return -1;
}

/* net_group_id - a group's number by name or by digits */
static gboolean
net_group_id(const char *group, gid_t *gid_r, GError **error)
{
    long number = net_parse_number(group, strlen(group), G_MAXINT);
    if (number >= 0) {
        *gid_r = (gid_t)number;
        return TRUE;
    }
    struct group entry, *found = NULL;
    gsize size = 4096;
    g_autofree char *buf = g_malloc(size);
    int rc;
    while ((rc = getgrnam_r(group, &entry, buf, size, &found)) == ERANGE && size < 1u << 20) {
        size *= 4;
        buf = g_realloc(buf, size);
    }
    if (!found) {
        g_set_error(error, NET_ERROR, NET_ERROR_SYSTEM, "there is no group \"%s\"%s%s", group, rc ? ": " : "",
                    rc ? g_strerror(rc) : "");
        return FALSE;
    }
    *gid_r = found->gr_gid;
    return TRUE;
}

/* net_bind_temporary - binds fd to temporary, with mode and group already right, and listens (backlog < 0: it needs not) */
static gboolean
net_bind_temporary(int fd, const char *temporary, guint mode, const gid_t *gid, int backlog)
{
    struct sockaddr_un sun = {.sun_family = AF_UNIX};
    g_strlcpy(sun.sun_path, temporary, sizeof sun.sun_path);
    /* The inode gets the descriptor's mode less the umask: closed to others until chmod. */
    if (fchmod(fd, 0600) != 0 || bind(fd, (struct sockaddr *)&sun, sizeof sun) != 0)
        return FALSE;
    if ((gid && lchown(temporary, (uid_t)-1, *gid) != 0) || chmod(temporary, mode) != 0 ||
        (backlog >= 0 && listen(fd, backlog) != 0)) {
        int saved = errno;
        unlink(temporary);
        errno = saved;
        return FALSE;
    }
    return TRUE;
}

/* net_listen_unix - a socket of the type that listens at path, or (datagrams, backlog below 0) takes what is sent there */
static int
net_listen_unix(const char *path, guint mode, const char *group, int type, int backlog, GError **error)
{
    static gint counter;
    gid_t gid = 0;
    struct stat st;
    if (group && *group && !net_group_id(group, &gid, error))
        return -1;
    if (lstat(path, &st) == 0 && !S_ISSOCK(st.st_mode)) {
        g_set_error(error, NET_ERROR, NET_ERROR_SYSTEM,
                    "%s exists and is not a socket: move it away or choose another path", path);
        return -1;
    }
    g_autofree char *dir = g_path_get_dirname(path);
    g_autofree char *temporary = g_strdup_printf("%s/.%x-%x", dir, (guint)getpid(),
                                                 (guint)g_atomic_int_add(&counter, 1) & 0xff);
    if (strlen(temporary) >= sizeof ((struct sockaddr_un *)NULL)->sun_path) {
        g_set_error(error, NET_ERROR, NET_ERROR_SYNTAX, "the directory of %s is too long for a socket", path);
        return -1;
    }
    int fd = socket(AF_UNIX, type | SOCK_CLOEXEC, 0);
    if (fd < 0) {
        net_set_system_error(error, "can't make a socket for", path);
        return -1;
    }
    unlink(temporary); /* left by a killed process that had our number */
    if (!net_bind_temporary(fd, temporary, mode, group && *group ? &gid : NULL, backlog)) {
        net_set_system_error(error, "can't listen on", path);
        return net_close_keep_errno(fd);
    }
    if (rename(temporary, path) != 0) {
        net_set_system_error(error, "can't put the socket at", path);
        unlink(temporary);
        return net_close_keep_errno(fd);
    }
    return fd;
}

/* net_resolve - getaddrinfo for a stream socket; host "*" is any address */
static struct addrinfo *
net_resolve(const struct net_address *address, gboolean passive, const char *text, GError **error)
{
    struct addrinfo hints = {.ai_socktype = SOCK_STREAM, .ai_flags = AI_NUMERICSERV}, *list = NULL;
    gboolean any = strcmp(address->name, "*") == 0;
    if (passive)
        hints.ai_flags |= AI_PASSIVE;
    int rc = getaddrinfo(any ? NULL : address->name, address->port, &hints, &list);
    if (rc != 0) {
        g_set_error(error, NET_ERROR, NET_ERROR_SYSTEM, "can't find the host of %s: %s", text,
                    rc == EAI_SYSTEM ? g_strerror(errno) : gai_strerror(rc));
        return NULL;
    }
    return list;
}

/* net_listen_one - a listening descriptor at one resolved address, or -1 with errno */
static int
net_listen_one(const struct addrinfo *ai, gboolean any, int backlog)
{
    int on = 1, off = 0;
    int fd = socket(ai->ai_family, SOCK_STREAM | SOCK_CLOEXEC, ai->ai_protocol);
    if (fd < 0)
        return -1;
    if (setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on) != 0)
        return net_close_keep_errno(fd);
    if (any && ai->ai_family == AF_INET6 &&
        setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &off, sizeof off) != 0)
        return net_close_keep_errno(fd);
    if (bind(fd, ai->ai_addr, ai->ai_addrlen) != 0 || listen(fd, backlog) != 0)
        return net_close_keep_errno(fd);
    return fd;
}

static int
net_listen_inet(const struct net_address *address, const char *text, int backlog, GError **error)
{
    struct addrinfo *list = net_resolve(address, TRUE, text, error);
    gboolean any = strcmp(address->name, "*") == 0;
    int fd = -1;
    if (!list)
        return -1;
    /* "*": an IPv6 socket also takes IPv4; IPv4 alone only where the machine has no IPv6. */
    for (int pass = any ? 0 : 1; pass < 2 && fd < 0; pass++)
        for (struct addrinfo *ai = list; ai && fd < 0; ai = ai->ai_next)
            if (pass == 1 || ai->ai_family == AF_INET6)
                fd = net_listen_one(ai, any, backlog);
    if (fd < 0)
        net_set_system_error(error, "can't listen on", text);
    freeaddrinfo(list);
    return fd;
}

/* net_take_fd - checks that fd listens, and keeps it from children */
static int
net_take_fd(int fd, const char *text, GError **error)
{
    int listening = 0;
    socklen_t size = sizeof listening;
    if (getsockopt(fd, SOL_SOCKET, SO_ACCEPTCONN, &listening, &size) != 0) {
        net_set_system_error(error, "can't use", text);
        return -1;
    }
    if (!listening) {
        g_set_error(error, NET_ERROR, NET_ERROR_SYSTEM, "%s is not a listening socket", text);
        return -1;
    }
    if (fcntl(fd, F_SETFD, FD_CLOEXEC) != 0) {
        net_set_system_error(error, "can't use", text);
        return -1;
    }
    return fd;
}

static int
net_listen_systemd(const char *name, const char *text, GError **error)
{
    char **names = NULL;
    int fd = -1;
    int n = sd_listen_fds_with_names(0, &names); /* the environment stays, for the next name */
    for (int i = 0; i < n; i++) {
        if (fd < 0 && names && strcmp(names[i], name) == 0)
            fd = SD_LISTEN_FDS_START + i;
        if (names)
            free(names[i]);
    }
    free(names);
    if (fd < 0) {
        g_set_error(error, NET_ERROR, NET_ERROR_SYSTEM,
                    "systemd passed no socket named \"%s\": set FileDescriptorName=%s in the socket unit", name,
                    name);
        return -1;
    }
    return net_take_fd(fd, text, error);
}

int
net_listen_datagram(const char *address, guint mode, const char *group, GError **error)
{
    struct net_address parsed;
    int on = 1, fd;

    if (!net_parse(address, &parsed, error))
        return -1;
    if (parsed.kind != NET_UNIX) {
        g_set_error(error, NET_ERROR, NET_ERROR_SYNTAX, "%s: datagrams come by a unix socket only, as unix:/run/x.sock", address);
        return -1;
    }
    fd = net_listen_unix(parsed.name, mode, group, SOCK_DGRAM | SOCK_NONBLOCK, -1, error);
    if (fd < 0 || setsockopt(fd, SOL_SOCKET, SO_PASSCRED, &on, sizeof on) == 0)
        return fd;
    net_set_system_error(error, "can't ask who sends to", address);
    return net_close_keep_errno(fd);
}

int
net_listen(const char *address, guint mode, const char *group, int backlog, GError **error)
{
    struct net_address parsed;
    if (!net_parse(address, &parsed, error))
        return -1;
    switch (parsed.kind) {
    case NET_UNIX:
        return net_listen_unix(parsed.name, mode, group, SOCK_STREAM, backlog, error);
    case NET_INET:
        return net_listen_inet(&parsed, address, backlog, error);
    case NET_SYSTEMD:
        return net_listen_systemd(parsed.name, address, error);
    case NET_FD:
        break;
    }
    return net_take_fd(parsed.fd, address, error);
}

/* net_connect_unix - the kernel bounds the wait for a full backlog by the send timeout */
static int
net_connect_unix(const char *path, const char *text, int timeout_ms, GError **error)
{
    struct sockaddr_un sun = {.sun_family = AF_UNIX};
    struct timeval limit = {.tv_sec = timeout_ms / 1000, .tv_usec = timeout_ms % 1000 * 1000}, none = {0};
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0), rc;
    g_strlcpy(sun.sun_path, path, sizeof sun.sun_path);
    if (fd < 0) {
        net_set_system_error(error, "can't connect to", text);
        return -1;
    }
    if (timeout_ms > 0)
        setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &limit, sizeof limit);
    do {
        rc = connect(fd, (struct sockaddr *)&sun, sizeof sun);
    } while (rc != 0 && errno == EINTR);
    if (rc != 0) {
        if (errno == EAGAIN)
            g_set_error(error, NET_ERROR, NET_ERROR_TIMEOUT, "no answer from %s in %d ms", text, timeout_ms);
        else
            net_set_errno(error, errno == ENOENT || errno == ECONNREFUSED ? NET_ERROR_ABSENT : NET_ERROR_SYSTEM, "can't connect to", text);
        return net_close_keep_errno(fd);
    }
    setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &none, sizeof none);
    return fd;
}

/* net_connect_one - connects to one resolved address before the deadline, or -1 with errno */
static int
net_connect_one(const struct addrinfo *ai, gint64 deadline)
{
    int fd = socket(ai->ai_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, ai->ai_protocol);
    if (fd < 0)
        return -1;
    int rc = connect(fd, ai->ai_addr, ai->ai_addrlen);
    if (rc != 0 && errno != EINPROGRESS)
        return net_close_keep_errno(fd);
    while (rc != 0) {
        struct pollfd pfd = {.fd = fd, .events = POLLOUT};
        gint64 left = (deadline - g_get_monotonic_time() + 999) / 1000;
        int ready = left > 0 ? poll(&pfd, 1, (int)MIN(left, G_MAXINT)) : 0;
        if (ready < 0 && errno == EINTR)
            continue;
        int failure = ready == 0 ? ETIMEDOUT : 0;
        socklen_t size = sizeof failure;
        if (ready < 0 || (ready > 0 && getsockopt(fd, SOL_SOCKET, SO_ERROR, &failure, &size) != 0))
            return net_close_keep_errno(fd);
        if (failure) {
            errno = failure;
            return net_close_keep_errno(fd);
        }
        rc = 0;
    }
    if (fcntl(fd, F_SETFL, 0) != 0)
        return net_close_keep_errno(fd);
    return fd;
}

static int
net_connect_inet(const struct net_address *address, const char *text, int timeout_ms, GError **error)
{
    gint64 deadline = g_get_monotonic_time() + (timeout_ms < 0 ? G_MAXINT : timeout_ms) * G_GINT64_CONSTANT(1000);
    struct addrinfo *list = net_resolve(address, FALSE, text, error);
    int fd = -1;
    if (!list)
        return -1;
    for (struct addrinfo *ai = list; ai && fd < 0; ai = ai->ai_next)
        fd = net_connect_one(ai, deadline);
    if (fd < 0 && errno == ETIMEDOUT)
        g_set_error(error, NET_ERROR, NET_ERROR_TIMEOUT, "no answer from %s in %d ms", text, timeout_ms);
    else if (fd < 0)
        net_set_system_error(error, "can't connect to", text);
    freeaddrinfo(list);
    return fd;
}

int
net_connect(const char *address, int timeout_ms, GError **error)
{
    struct net_address parsed;
    if (!net_parse(address, &parsed, error))
        return -1;
    if (parsed.kind == NET_UNIX)
        return net_connect_unix(parsed.name, address, timeout_ms, error);
    if (parsed.kind == NET_INET)
        return net_connect_inet(&parsed, address, timeout_ms, error);
    g_set_error(error, NET_ERROR, NET_ERROR_SYNTAX, "can't connect to %s: only to unix:/path or inet:PORT@HOST",
                address);
    return -1;
}

char *
net_url(const char *scheme, const char *address, const char *path, const char **socket_r)
{
    struct net_address parsed;

    *socket_r = NULL;
    if (!net_parse(address, &parsed, NULL))
        return NULL;
    if (parsed.kind == NET_UNIX) {
        *socket_r = parsed.name;
        return g_strdup_printf("%s://localhost/%s", scheme, path);
    }
    if (parsed.kind != NET_INET)
        return NULL;
    gboolean is_v6 = strchr(parsed.name, ':') != NULL;
    return g_strdup_printf("%s://%s%s%s:%s/%s", scheme, is_v6 ? "[" : "", parsed.name, is_v6 ? "]" : "", parsed.port, path);
}
