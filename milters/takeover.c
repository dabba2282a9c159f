/* takeover.c: a new process takes over, and how an old one ends.
 *
 * Take-over restart, without a session that fails:
 *   1. The old process starts its own program file again, passing its listening descriptor (--inherit-fd)
 *      and the writing end of a pipe (--ready-fd).
 *   2. The new one loads its configuration, opens its spool, replaces the control socket, and starts to
 *      accept; then it writes one byte. If it dies before that, the old one goes on as if nothing was.
 *   3. The old one stops accepting: connections that wait in the queue are the new one's, since both share
 *      the socket. It tells systemd the new main process, gives up the metrics port and the draining of the
 *      spool.
 *   4. Postfix keeps a milter connection for the whole SMTP session, so the old one stays until its sessions
 *      have ended, at most HANDOVER_MS and then milter.drain_time, as after SIGTERM.
 *
 * SIGTERM: connections that wait are accepted, then none (systemd's socket keeps them for the next process); the
 * sessions that are open are served until they end, at most milter.drain_time long. A second signal ends at once. */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <string.h>
#include <sys/wait.h>
#include <systemd/sd-daemon.h>
#include <unistd.h>
#include "lib/base/daemon.h"
#include "lib/base/log.h"
#include "milters/host.h"
#include "milters/process.h"

#define READY_MS 30000
#define HANDOVER_MS 330000 /* Postfix's smtpd_timeout is 300 s */
#define LAST_REPLY_MS 300  /* libmilter writes the reply after our callback returned */
#define NEGOTIATE_MS 500   /* an accepted connection is counted when it negotiates, at once */
#define BACKLOG_MS 1000
#define SPAMD_DRAIN_MS 10000 /* for messages that are being scanned when all sessions have ended */

/* The arguments of the new process, and the descriptors that it is to have. */
static GPtrArray *
arguments(const struct process *process, int ready_fd, GArray *descriptors)
{
    GPtrArray *argv = g_ptr_array_new_with_free_func(g_free);

    g_ptr_array_add(argv, g_strdup(process->executable));
    if (process->config_path != NULL) {
        g_ptr_array_add(argv, g_strdup("-c"));
        g_ptr_array_add(argv, g_strdup(process->config_path));
    }
    if (process->instance_option != NULL)
        g_ptr_array_add(argv, g_strdup_printf("--instance=%s", process->instance_option));
    g_ptr_array_add(argv, g_strdup_printf("--inherit-fd=%d", process->listener));
    g_ptr_array_add(argv, g_strdup_printf("--ready-fd=%d", ready_fd));
    g_array_append_val(descriptors, process->listener);
    g_array_append_val(descriptors, ready_fd);
    spamd_service_hand_on(process->spamd, descriptors, argv);
    g_ptr_array_add(argv, NULL);
    return argv;
}

/* dup2 of a descriptor to its own number only clears close-on-exec, in the child alone. */
static int
spawn(const struct process *process, int ready_fd, pid_t *pid_r)
{
    g_autoptr(GArray) descriptors = g_array_new(FALSE, FALSE, sizeof(int));
    g_autoptr(GPtrArray) argv = arguments(process, ready_fd, descriptors);
    posix_spawn_file_actions_t actions;
    posix_spawnattr_t attributes;
    sigset_t none;
    int rc;

    sigemptyset(&none);
    posix_spawn_file_actions_init(&actions);
    for (guint i = 0; i < descriptors->len; i++)
        posix_spawn_file_actions_adddup2(&actions, g_array_index(descriptors, int, i), g_array_index(descriptors, int, i));
    posix_spawnattr_init(&attributes);
    posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETSIGMASK);
    posix_spawnattr_setsigmask(&attributes, &none);
    rc = posix_spawn(pid_r, process->executable, &actions, &attributes, (char **)argv->pdata, environ);
    posix_spawnattr_destroy(&attributes);
    posix_spawn_file_actions_destroy(&actions);
    return rc;
}

/* TRUE when the byte came; FALSE when the new process ended or took too long. */
static gboolean
wait_ready(int fd)
{
    gint64 until = g_get_monotonic_time() + (gint64)READY_MS * 1000;
    struct pollfd p = {.fd = fd, .events = POLLIN};
    char byte;

    for (;;) {
        gint64 left = (until - g_get_monotonic_time()) / 1000;
        int rc = left > 0 ? poll(&p, 1, (int)left) : 0;

        if (rc < 0 && errno == EINTR)
            continue;
        return rc > 0 && read(fd, &byte, 1) == 1;
    }
}

static gboolean
give_up(pid_t pid, GString *answer)
{
    int status = 0;

    kill(pid, SIGKILL); /* no effect when it ended by itself */
    while (waitpid(pid, &status, 0) < 0 && errno == EINTR)
        ;
    g_string_append(answer, "the new process did not become ready, the old one goes on; see the log for its reason");
    return FALSE;
}

static gboolean
take_over(struct process *process, GString *answer)
{
    int ready[2];
    pid_t pid;
    int rc;

    if (process->ending) {
        g_string_append(answer, "this process is ending");
        return FALSE;
    }
    if (getpid() == 1) {
        g_string_append(answer, "this process is number 1 of its container, which would end with it: restart the container");
        return FALSE;
    }
    if (process->successor != 0) {
        g_string_append(answer, "a new process serves already");
        return FALSE;
    }
    if (pipe2(ready, O_CLOEXEC) != 0) {
        g_string_append_printf(answer, "pipe: %s", g_strerror(errno));
        return FALSE;
    }
    rc = spawn(process, ready[1], &pid);
    close(ready[1]);
    if (rc != 0) {
        g_string_append_printf(answer, "can't start %s: %s", process->executable, g_strerror(rc));
        close(ready[0]);
        return FALSE;
    }
    if (!wait_ready(ready[0])) {
        close(ready[0]);
        return give_up(pid, answer);
    }
    close(ready[0]);
    host_stop_accepting(TRUE);
    spamd_service_stop_accepting(process->spamd);
    sd_notifyf(0, "MAINPID=%d", (int)pid);
    process->successor = (gint)pid;
    daemon_request_stop();
    g_string_append_printf(answer, "process %d serves new sessions; process %d ends when its %u sessions have ended",
                           (int)pid, (int)getpid(), host_sessions());
    return TRUE;
}

/* The lock keeps a SIGTERM from shutting the listening socket while a new process is given it. */
gboolean
process_take_over(struct process *process, GString *answer)
{
    gboolean done;

    g_mutex_lock(&process->ending_lock);
    done = take_over(process, answer);
    g_mutex_unlock(&process->ending_lock);
    return done;
}

void
process_tell_ready(int ready_fd)
{
    while (write(ready_fd, "R", 1) < 0 && errno == EINTR)
        ;
    close(ready_fd);
}

/* Waits up to 100 ms; TRUE when SIGTERM or SIGINT came. */
static gboolean
told_to_hurry(void)
{
    struct timespec tick = {.tv_nsec = 100 * 1000 * 1000};
    sigset_t set;

    sigemptyset(&set);
    sigaddset(&set, SIGTERM);
    sigaddset(&set, SIGINT);
    return sigtimedwait(&set, NULL, &tick) > 0;
}

/* Waits until left() is 0 (but at least least_ms), a signal (FALSE) or bound_ms. */
static gboolean
wait_for_none(guint (*left)(void), gint64 least_ms, gint64 bound_ms)
{
    gint64 began = g_get_monotonic_time();

    for (;;) {
        gint64 ms = (g_get_monotonic_time() - began) / 1000;

        if (ms >= bound_ms || (ms >= least_ms && left() == 0))
            return TRUE;
        if (told_to_hurry())
            return FALSE;
    }
}

static void
drain_sessions(const struct process *process)
{
    struct runtime *runtime = runtime_current();
    gint64 bound = runtime->config->milter.drain_time;

    runtime_unref(runtime);
    log_text(LOG_SEV_INFO, "stop", "stopping when %u sessions have ended, or in %" G_GINT64_FORMAT " s",
             host_sessions(), bound / 1000);
    if (process->successor == 0) {
        gint64 until = g_get_monotonic_time() + BACKLOG_MS * 1000;

        while (!process->socket_is_lent && host_connection_waits() && g_get_monotonic_time() < until)
            g_usleep(2000);
        host_stop_accepting(process->socket_is_lent);
    }
    if (!wait_for_none(host_sessions, MIN(NEGOTIATE_MS, bound), bound))
        return;
    if (host_sessions() > 0)
        g_usleep(LAST_REPLY_MS * 1000);
    if (host_transactions() > 0)
        log_text(LOG_SEV_WARNING, "stop", "%u transactions were not finished in time; their clients get 4xx",
                 host_transactions());
}

static void
end_sessions(struct process *process)
{
    gboolean taken_over;

    g_mutex_lock(&process->ending_lock);
    process->ending = TRUE;
    taken_over = process->successor != 0;
    g_mutex_unlock(&process->ending_lock);
    if (!taken_over)
        daemon_notify_stopping(); /* after a take-over the service goes on */
    else {
        log_text(LOG_SEV_INFO, "stop", "process %d took over; %u sessions end here", process->successor,
                 host_sessions());
        metrics_server_stop(&process->metrics);
        drainer_stop(&process->drainer);
        if (wait_for_none(host_sessions, NEGOTIATE_MS, HANDOVER_MS) && host_sessions() == 0)
            return;
    }
    drain_sessions(process);
    drainer_stop(&process->drainer);
    metrics_server_stop(&process->metrics);
}

void
process_drain(struct process *process)
{
    spamd_service_stop_accepting(process->spamd);
    end_sessions(process);
    spamd_service_stop(&process->spamd, SPAMD_DRAIN_MS);
}
