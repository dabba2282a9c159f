/* daemon.h: what each of the daemons does at start and stop: drop privileges, tell systemd, wait for
 * signals.
 *
 * Daemons stay in the foreground (systemd, Compose); there is no double fork. */
#pragma once
#include <glib.h>

/* If root: sets gid, supplementary groups (those of user plus extra_groups) and uid for good, checks that
 * they can't be taken back, and sets no_new_privs. If not root: succeeds when user is "" or already ours,
 * else an error. In both cases umask 027, no_new_privs and no core dumps of mail; POSTERN_COREDUMP=1 in the
 * environment allows cores and debuggers (LeakSanitizer needs it too). Call before any thread starts. A
 * user with uid 0 is refused. */
gboolean daemon_drop_privileges(const char *user, const char *const *extra_groups, GError **error);
/* Opens /dev/null where descriptors 0 to 2 are closed, ignores SIGPIPE, blocks SIGTERM, SIGINT and SIGHUP
 * for all threads started later; call first. */
void daemon_prepare(void);
/* Waits for SIGTERM or SIGINT, or for daemon_request_stop from any thread; returns the signal (0 = by
 * request). SIGHUP only writes a log line that names `postern reload`. */
int daemon_wait(void);
void daemon_request_stop(void);
/* sd_notify; no-ops without a manager. */
void daemon_notify_ready(const char *status);
void daemon_notify_status(const char *status);
void daemon_notify_stopping(void);
/* Creates dir (0750, owned by user when root) and missing parents (the same) if absent; an error if it is not a directory or is writable
 * by others. */
gboolean daemon_ensure_dir(const char *dir, const char *user, GError **error);
