/* receiver.c: see receiver.h. */
#include "policyd/reports/receiver.h"
#include <poll.h>
#include <sys/eventfd.h>
#include <unistd.h>
#include "lib/base/log.h"
#include "lib/base/metrics.h"
#include "lib/base/net.h"
#include "policyd/reports/lessons.h"

#define COMPLAIN_US (60 * G_USEC_PER_SEC) /* between two lines about what is not taken */

enum result { TAKEN, REPEATED, MALFORMED, STRANGER, RESULTS };

struct reports {
    int fd, stop;
    struct state *state;
    struct abuse *abuse;
    GThread *thread;
    struct metric *received;
    gint64 complained_us;
};

static void
complain(struct reports *reports, const char *why, guint uid)
{
    gint64 now = g_get_monotonic_time();

    if (reports->complained_us != 0 && now - reports->complained_us < COMPLAIN_US)
        return;
    reports->complained_us = now;
    log_text(LOG_SEV_WARNING, "report", "a report of uid %u is not taken: %s", uid, why);
}

static enum result
take(struct reports *reports, const char *data, gsize length, guint uid)
{
    const char *problem;
    struct policy_report *report;
    gboolean first;

    if (uid != 0 && uid != geteuid()) {
        complain(reports, "only root and the daemon's own user may send them", uid);
        return STRANGER;
    }
    report = policy_report_parse(data, length, &problem);
    if (report == NULL) {
        complain(reports, problem, uid);
        return MALFORMED;
    }
    first = lessons_learn(reports->state, reports->abuse, report, g_get_real_time() / 1000);
    policy_report_free(report);
    return first ? TAKEN : REPEATED;
}

static gpointer
run(gpointer data)
{
    struct reports *reports = data;
    struct pollfd wait[] = {{.fd = reports->fd, .events = POLLIN}, {.fd = reports->stop, .events = POLLIN}};
    char *buf = g_malloc(POLICY_REPORT_BYTES + 1);

    while (wait[1].revents == 0) {
        guint uid;
        gssize length = net_receive_datagram(reports->fd, buf, POLICY_REPORT_BYTES + 1, &uid);
        if (length >= 0)
            metrics_add(reports->received, take(reports, buf, (gsize)length, uid), 1);
        else
            poll(wait, G_N_ELEMENTS(wait), -1);
    }
    g_free(buf);
    return NULL;
}

struct reports *
reports_start(int fd, struct state *state, struct abuse *abuse)
{
    static const char *const results[] = {"taken", "repeated", "malformed", "stranger", NULL};
    struct reports *reports = g_new0(struct reports, 1);

    reports->fd = fd;
    reports->stop = eventfd(0, EFD_CLOEXEC);
    reports->state = state;
    reports->abuse = abuse;
    reports->received = metrics_counter("postern_policy_reports_total", "Reports of the milter", "result", results);
    reports->thread = g_thread_new("reports", run, reports);
    return reports;
}

void
reports_stop(struct reports **reports_p)
{
    struct reports *reports = *reports_p;

    if (reports == NULL)
        return;
    eventfd_write(reports->stop, 1);
    g_thread_join(reports->thread);
    close(reports->fd);
    close(reports->stop);
    g_free(reports);
    *reports_p = NULL;
}
