/* daemon.h: what each of the daemons does at start and stop: drop privileges, tell systemd, wait for
 * signals.
 *
 * Daemons stay in the foreground (systemd, Compose); there is no double fork. */
#pragma once
#include <glib.h>

/* If root: sets gid, supplementary groups (those of user plus extra_groups) and uid for good, checks that
 * they can't be taken back, and sets no_new_privs. If not root: succeeds when user is "" or already ours,
 * else an error. Also umask 027 and no core dumps of mail unless POSTERN_COREDUMP=1. */
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
/* Creates dir (0750, owned by user when root) if absent; an error if it is not a directory or is writable
 * by others. */
gboolean daemon_ensure_dir(const char *dir, const char *user, GError **error);
