/* process.h: what one running postern-milter is, shared by its start, its control commands and its end. */
#pragma once
#include "lib/base/control.h"
#include "lib/base/metrics.h"
#include "milters/drainer.h"
#include "milters/spamd_service.h"

struct process {
    char *executable;      /* absolute path of the program file, for a take-over restart */
    char *config_path;     /* as given with -c, or NULL */
    char *instance_option; /* as given with --instance, or NULL */
    char *instance;        /* in effect */
    struct config *config; /* that it started with: what a reload can't change is compared with it */
    int listener;
    gboolean socket_is_lent; /* by systemd or whoever started us: it lives on without us */
    struct spool *spool;
    struct drainer *drainer;
    struct spamd_service *spamd; /* NULL when spam.spamd_listen was empty at start */
    struct metrics_server *metrics;
    struct control *control;
    gint successor; /* pid of the process that took over, or 0 */
    GMutex ending_lock; /* held while a take-over or the beginning of the end is under way */
    gboolean ending;    /* under ending_lock: no take-over any more */
};

/* The control commands; data is the struct process. */
extern const struct control_command process_commands[];

/* Loads the file again and makes it current, or leaves all as it is. answer gets what the admin should read. */
gboolean process_reload(struct process *process, GString *answer);
/* Starts the program file anew on our listening socket, waits until it serves, and stops accepting. On
 * success process->successor is set and daemon_request_stop was called. */
gboolean process_take_over(struct process *process, GString *answer);
/* In the new process: tells the old one, by the descriptor it passed, that we serve. */
void process_tell_ready(int ready_fd);
/* The end: lets sessions finish, within bounds. */
void process_drain(struct process *process);
/* "sessions=1 transactions=0 spool_records=0 ..." */
void process_status(struct process *process, GString *answer);
