/* daemon.c: start and stop of a daemon: descriptors, signals, privileges, directories, systemd.
 *
 * Signals come through a signalfd in daemon_wait; a stop by request through an eventfd beside it. */
#include "lib/base/daemon.h"
#include "lib/base/log.h"
#include <errno.h>
#include <fcntl.h>
#include <gio/gio.h>
#include <grp.h>
#include <poll.h>
#include <pwd.h>
#include <signal.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/signalfd.h>
#include <sys/stat.h>
#include <systemd/sd-daemon.h>
#include <unistd.h>

static int stop_event = -1;

static void
daemon_set_error(GError **error, const char *what, const char *name)
{
    int saved = errno;
    g_set_error(error, G_IO_ERROR, g_io_error_from_errno(saved), "%s %s: %s", what, name, g_strerror(saved));
}

/* daemon_signals - the signals that daemon_wait takes */
static sigset_t
daemon_signals(void)
{
    sigset_t set;
    sigemptyset(&set);
    sigaddset(&set, SIGTERM);
    sigaddset(&set, SIGINT);
    sigaddset(&set, SIGHUP);
    return set;
}

void
daemon_prepare(void)
{
    /* open() takes the lowest free number, so this fills 0, 1 and 2 in order. */
    for (int fd = open("/dev/null", O_RDWR); fd >= 0; fd = open("/dev/null", O_RDWR)) {
        if (fd > STDERR_FILENO) {
            close(fd);
            break;
        }
    }
    signal(SIGPIPE, SIG_IGN);
    sigset_t set = daemon_signals();
    pthread_sigmask(SIG_BLOCK, &set, NULL);
    if (stop_event < 0)
        stop_event = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    if (stop_event < 0)
        g_error("eventfd: %s", g_strerror(errno));
}

int
daemon_wait(void)
{
    sigset_t set = daemon_signals();
    int signals = signalfd(-1, &set, SFD_CLOEXEC), result = -1;
    if (signals < 0)
        g_error("signalfd: %s", g_strerror(errno));
    while (result < 0) {
        struct pollfd pfd[2] = {{.fd = stop_event, .events = POLLIN}, {.fd = signals, .events = POLLIN}};
        struct signalfd_siginfo info;
        if (poll(pfd, 2, -1) < 0)
            continue;
        if (pfd[0].revents)
            result = 0;
        else if (pfd[1].revents && read(signals, &info, sizeof info) == (ssize_t)sizeof info) {
            if (info.ssi_signo == SIGHUP)
                log_text(LOG_SEV_WARNING, "signal", "SIGHUP is ignored; to load the configuration again use "
                                                    "`postern reload`");
            else
                result = (int)info.ssi_signo;
        }
    }
    close(signals);
    return result;
}

void
daemon_request_stop(void)
{
    guint64 one = 1;
    while (write(stop_event, &one, sizeof one) < 0 && errno == EINTR)
        ;
}

struct daemon_identity {
    uid_t uid;
    gid_t gid;
};

/* daemon_find_user - the account's numbers, or an error that says what to do */
static gboolean
daemon_find_user(const char *user, struct daemon_identity *id_r, GError **error)
{
    struct passwd entry, *found = NULL;
    gsize size = 4096;
    g_autofree char *buf = g_malloc(size);
    int rc;
    while ((rc = getpwnam_r(user, &entry, buf, size, &found)) == ERANGE && size < 1u << 20) {
        size *= 4;
        buf = g_realloc(buf, size);
    }
    if (!found) {
        g_set_error(error, G_IO_ERROR, G_IO_ERROR_NOT_FOUND,
                    "there is no user \"%s\"%s%s; make it with: adduser --system --group --no-create-home %s",
                    user, rc ? ": " : "", rc ? g_strerror(rc) : "", user);
        return FALSE;
    }
    id_r->uid = found->pw_uid;
    id_r->gid = found->pw_gid;
    return TRUE;
}

/* daemon_group_list - the user's groups and the extra ones */
static GArray *
daemon_group_list(const char *user, gid_t gid, const char *const *extra_groups, GError **error)
{
    int n = 64;
    g_autoptr(GArray) groups = g_array_new(FALSE, FALSE, sizeof(gid_t));
    g_array_set_size(groups, (guint)n);
    while (getgrouplist(user, gid, &g_array_index(groups, gid_t, 0), &n) < 0) {
        if (n > 65536) {
            g_set_error(error, G_IO_ERROR, G_IO_ERROR_FAILED, "user %s is in too many groups", user);
            return NULL;
        }
        n = MAX(n, (int)groups->len * 2);
        g_array_set_size(groups, (guint)n);
    }
    g_array_set_size(groups, (guint)n);
    for (; extra_groups && *extra_groups; extra_groups++) {
        struct group *group = getgrnam(*extra_groups); /* before any thread starts */
        if (!group) {
            g_set_error(error, G_IO_ERROR, G_IO_ERROR_NOT_FOUND, "there is no group \"%s\"", *extra_groups);
            return NULL;
        }
        g_array_append_val(groups, group->gr_gid);
    }
    return g_steal_pointer(&groups);
}

/* daemon_is_for_good - TRUE when all ids are the new ones and root can't be had back */
static gboolean
daemon_is_for_good(const struct daemon_identity *id)
{
    uid_t ru, eu, su;
    gid_t rg, eg, sg;
    if (getresuid(&ru, &eu, &su) != 0 || getresgid(&rg, &eg, &sg) != 0)
        return FALSE;
    if (ru != id->uid || eu != id->uid || su != id->uid || rg != id->gid || eg != id->gid || sg != id->gid)
        return FALSE;
    return setuid(0) != 0 && seteuid(0) != 0 && (id->gid == 0 || setgid(0) != 0);
}

static gboolean
daemon_become(const char *user, const char *const *extra_groups, GError **error)
{
    struct daemon_identity id = {0};
    if (!user || !*user) {
        g_set_error(error, G_IO_ERROR, G_IO_ERROR_PERMISSION_DENIED,
                    "started as root without a user to change to; set user in postern.conf");
        return FALSE;
    }
    if (!daemon_find_user(user, &id, error))
        return FALSE;
    if (id.uid == 0) {
        g_set_error(error, G_IO_ERROR, G_IO_ERROR_PERMISSION_DENIED,
                    "user \"%s\" is root; set user to an account of its own", user);
        return FALSE;
    }
    g_autoptr(GArray) groups = daemon_group_list(user, id.gid, extra_groups, error);
    if (!groups)
        return FALSE;
    if (setgroups(groups->len, &g_array_index(groups, gid_t, 0)) != 0 ||
        setresgid(id.gid, id.gid, id.gid) != 0 || setresuid(id.uid, id.uid, id.uid) != 0) {
        daemon_set_error(error, "can't become user", user);
        return FALSE;
    }
    if (!daemon_is_for_good(&id)) {
        g_set_error(error, G_IO_ERROR, G_IO_ERROR_FAILED, "root rights could be taken back after becoming %s",
                    user);
        return FALSE;
    }
    return TRUE;
}

/* daemon_is_user - without root: the wanted user must be who we are already */
static gboolean
daemon_is_user(const char *user, GError **error)
{
    struct daemon_identity id = {0};
    if (!user || !*user)
        return TRUE;
    if (!daemon_find_user(user, &id, error))
        return FALSE;
    if (id.uid != geteuid()) {
        g_set_error(error, G_IO_ERROR, G_IO_ERROR_PERMISSION_DENIED,
                    "can't become user \"%s\" without root rights: start as root or as %s, or set user = \"\"", user,
                    user);
        return FALSE;
    }
    return TRUE;
}

gboolean
daemon_drop_privileges(const char *user, const char *const *extra_groups, GError **error)
{
    gboolean dump = g_strcmp0(g_getenv("POSTERN_COREDUMP"), "1") == 0;
    struct rlimit none = {0, 0};
    if (!(geteuid() == 0 ? daemon_become(user, extra_groups, error) : daemon_is_user(user, error)))
        return FALSE;
    umask(027);
    if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0 || prctl(PR_SET_DUMPABLE, dump ? 1 : 0, 0, 0, 0) != 0 ||
        (!dump && setrlimit(RLIMIT_CORE, &none) != 0)) {
        daemon_set_error(error, "can't restrict", "the process");
        return FALSE;
    }
    return TRUE;
}

void
daemon_notify_ready(const char *status)
{
    sd_notifyf(0, "READY=1\nSTATUS=%s", status ? status : "");
}

void
daemon_notify_status(const char *status)
{
    sd_notifyf(0, "STATUS=%s", status ? status : "");
}

void
daemon_notify_stopping(void)
{
    sd_notify(0, "STOPPING=1");
}

/* daemon_sync_parent - a new directory is only sure to be there after a power cut once its parent is synced */
static gboolean
daemon_sync_parent(const char *dir, GError **error)
{
    g_autofree char *parent = g_path_get_dirname(dir);
    int fd = open(parent, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    gboolean synced = fd >= 0 && fsync(fd) == 0;
    if (!synced)
        daemon_set_error(error, "can't sync the directory above", dir);
    if (fd >= 0)
        close(fd);
    return synced;
}

/* daemon_make_dir - makes dir and, first, the parents that are missing; all belong to the user */
static gboolean
daemon_make_dir(const char *dir, const struct daemon_identity *owner, int depth, GError **error)
{
    if (mkdir(dir, 0750) != 0) {
        if (errno == EEXIST)
            return TRUE;
        g_autofree char *parent = g_path_get_dirname(dir);
        if (errno != ENOENT || depth == 0 || strcmp(parent, dir) == 0 || strcmp(parent, ".") == 0) {
            daemon_set_error(error, "can't make the directory", dir);
            return FALSE;
        }
        if (!daemon_make_dir(parent, owner, depth - 1, error))
            return FALSE;
        if (mkdir(dir, 0750) != 0 && errno != EEXIST) {
            daemon_set_error(error, "can't make the directory", dir);
            return FALSE;
        }
    }
    if (owner && lchown(dir, owner->uid, owner->gid) != 0) {
        daemon_set_error(error, "can't give the directory to its user:", dir);
        return FALSE;
    }
    return daemon_sync_parent(dir, error);
}

gboolean
daemon_ensure_dir(const char *dir, const char *user, GError **error)
{
    struct daemon_identity id = {0};
    struct stat st;
    gboolean give = geteuid() == 0 && user && *user;
    if (stat(dir, &st) != 0) {
        if (give && !daemon_find_user(user, &id, error))
            return FALSE;
        if (!daemon_make_dir(dir, give ? &id : NULL, 8, error))
            return FALSE;
        if (stat(dir, &st) != 0) {
            daemon_set_error(error, "can't look at the directory", dir);
            return FALSE;
        }
    }
    if (!S_ISDIR(st.st_mode)) {
        g_set_error(error, G_IO_ERROR, G_IO_ERROR_NOT_DIRECTORY, "%s is not a directory", dir);
        return FALSE;
    }
    if (st.st_mode & S_IWOTH) {
        g_set_error(error, G_IO_ERROR, G_IO_ERROR_PERMISSION_DENIED,
                    "%s is writable by everyone; mail must not lie there: chmod o-w %s", dir, dir);
        return FALSE;
    }
    return TRUE;
}
