/* host.c: libmilter's callbacks, translated.
 *
 * Replies are only given at end of message (negotiate.c); every other callback returns "no reply" where that
 * was negotiated. libmilter's own way to stop (smfi_stop, or its signal thread) is never used: it ends idle
 * sessions with it, and smfi_main returns only seconds later. Instead the listening descriptor's number is
 * made to point to another socket to which nobody connects, and the process exits when its sessions are done.
 *
 * LIMITS   A header field may have 4 MiB; with libmilter's own limit of 64 KiB a longer one would break the
 *          connection. (Postfix cuts fields at 60000 bytes before milters see them, other MTAs don't.) An MTA that sends the last piece of the body in
 *          the same packet as the end of message is not served (libmilter loses the end of message when "no
 *          reply" to the body was negotiated); Postfix and Sendmail send two packets. */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <libmilter/mfapi.h>
#include <poll.h>
#include <stdint.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>
#include "lib/base/daemon.h"
#include "lib/base/log.h"
#include "milters/eom.h"
#include "milters/host.h"
#include "milters/negotiate.h"
#include "milters/stats.h"
#include "milters/test_hooks.h"

#define PACKET_MAX (4u << 20)

static struct {
    int listener, dummy;
    gint failed;
    gint steps; /* as negotiated last: for the next connection on the same link (SMFIC_QUIT_NC) */
} host = {.listener = -1, .dummy = -1};

/* ---- what eom.c tells the MTA ---- */

/* libmilter's interface predates const. */
static char *
loose(const char *s)
{
    return (char *)(uintptr_t)s;
}

/* With SMFIP_HDR_LEADSPC the MTA puts no space after the colon of the fields that we add or change. */
static char *
field_value(gpointer mta, const char *value)
{
    const struct session *session = smfi_getpriv(mta);

    return g_strconcat(session != NULL && (session->steps & SMFIP_HDR_LEADSPC) != 0 ? " " : "", value, NULL);
}

static gboolean
add_header(gpointer mta, const char *name, const char *value)
{
    g_autofree char *text = field_value(mta, value);

    return smfi_addheader(mta, loose(name), text) == MI_SUCCESS;
}

static gboolean
insert_header(gpointer mta, int position, const char *name, const char *value)
{
    g_autofree char *text = field_value(mta, value);

    return smfi_insheader(mta, position, loose(name), text) == MI_SUCCESS;
}

static gboolean
change_header(gpointer mta, int nth, const char *name, const char *value)
{
    g_autofree char *text = value != NULL ? field_value(mta, value) : NULL;

    return smfi_chgheader(mta, loose(name), nth, text) == MI_SUCCESS;
}

static gboolean
replace_body(gpointer mta, GBytes *body)
{
    gsize length;
    const void *data = g_bytes_get_data(body, &length);

    return length <= G_MAXINT && smfi_replacebody(mta, (void *)(uintptr_t)data, (int)length) == MI_SUCCESS;
}

static gboolean
delete_recipient(gpointer mta, const char *argument)
{
    return smfi_delrcpt(mta, loose(argument)) == MI_SUCCESS;
}

static gboolean
set_reply(gpointer mta, const char *code, const char *enhanced, const char *text)
{
    g_autoptr(GString) escaped = g_string_new(text);

    g_string_replace(escaped, "%", "%%", 0); /* MTAs take it as a format */
    return smfi_setreply(mta, loose(code), loose(enhanced), escaped->str) == MI_SUCCESS;
}

static const struct mta_ops mta_ops = {add_header, insert_header, change_header, replace_body, delete_recipient, set_reply};

/* ---- callbacks ---- */

static struct session *
session_of(SMFICTX *ctx)
{
    return smfi_getpriv(ctx);
}

static sfsistat
silent(const struct session *session, unsigned long bit)
{
    return session != NULL && (session->steps & bit) != 0 ? SMFIS_NOREPLY : SMFIS_CONTINUE;
}

static void
end_session(SMFICTX *ctx)
{
    struct session *session = session_of(ctx);

    smfi_setpriv(ctx, NULL);
    session_free(&session);
}

static struct session *
begin_session(SMFICTX *ctx)
{
    struct session *session = session_new(runtime_current());

    end_session(ctx);
    smfi_setpriv(ctx, session);
    return session;
}

static gboolean
is_full(void)
{
    struct runtime *runtime = runtime_current();
    gboolean full = (gint64)host_sessions() >= runtime->config->milter.sessions;

    runtime_unref(runtime);
    return full;
}

static sfsistat
on_negotiate(SMFICTX *ctx, unsigned long actions, unsigned long steps, unsigned long f2, unsigned long f3,
             unsigned long *actions_r, unsigned long *steps_r, unsigned long *f2_r, unsigned long *f3_r)
{
    struct negotiation result;
    struct session *session;

    (void)f2, (void)f3;
    if (is_full()) {
        metrics_add(stats.turned_away, 0, 1);
        log_text(LOG_SEV_WARNING, "milter", "a session was turned away: the setting milter.sessions is reached");
        return SMFIS_REJECT; /* the MTA does as its milter_default_action says */
    }
    session = begin_session(ctx);
    negotiate(session->runtime->needs, actions, steps, &result);
    if (result.missing != 0)
        log_text(LOG_SEV_WARNING, "milter", "the MTA does not offer the actions 0x%lx; messages that need them get 4xx",
                 result.missing);
    for (int stage = SMFIM_FIRST; result.symbols && stage <= SMFIM_LAST; stage++) {
        const char *symbols = negotiate_symbols(session->runtime->needs, stage);

        if (symbols != NULL)
            smfi_setsymlist(ctx, stage, loose(symbols));
    }
    session->steps = result.steps;
    g_atomic_int_set(&host.steps, (gint)result.steps);
    *actions_r = result.actions;
    *steps_r = result.steps;
    *f2_r = *f3_r = 0;
    return SMFIS_CONTINUE;
}

static sfsistat
on_connect(SMFICTX *ctx, char *name, _SOCK_ADDR *address)
{
    struct session *session = session_of(ctx);
    char text[INET6_ADDRSTRLEN] = "";
    guint port = 0;

    if (session == NULL) { /* the same link goes on with a new client */
        session = begin_session(ctx);
        session->steps = (unsigned long)g_atomic_int_get(&host.steps);
    }
    if (address != NULL && address->sa_family == AF_INET) {
        const struct sockaddr_in *in = (const void *)address;

        inet_ntop(AF_INET, &in->sin_addr, text, sizeof text);
        port = ntohs(in->sin_port);
    } else if (address != NULL && address->sa_family == AF_INET6) {
        const struct sockaddr_in6 *in6 = (const void *)address;

        inet_ntop(AF_INET6, &in6->sin6_addr, text, sizeof text);
        port = ntohs(in6->sin6_port);
    }
    session_client(session, name, text[0] != '\0' ? text : NULL, port);
    session_daemon(session, smfi_getsymval(ctx, loose("{daemon_name}")), smfi_getsymval(ctx, loose("{daemon_port}")));
    test_stage("connect");
    return silent(session, SMFIP_NR_CONN);
}

static sfsistat
on_helo(SMFICTX *ctx, char *helo)
{
    struct session *session = session_of(ctx);

    if (session != NULL)
        session_helo(session, helo);
    test_stage("helo");
    return silent(session, SMFIP_NR_HELO);
}

static sfsistat
on_mail(SMFICTX *ctx, char **arguments)
{
    struct session *session = session_of(ctx);

    if (session != NULL)
        session_mail(session, arguments[0] != NULL ? arguments[0] : "",
                     smfi_getsymval(ctx, loose("{auth_authen}")), smfi_getsymval(ctx, loose("{tls_version}")),
                     smfi_getsymval(ctx, loose("r")));
    test_stage("mail");
    return silent(session, SMFIP_NR_MAIL);
}

static sfsistat
on_rcpt(SMFICTX *ctx, char **arguments)
{
    struct session *session = session_of(ctx);

    if (session != NULL && session->tx != NULL && arguments[0] != NULL)
        transaction_rcpt(session->tx, arguments[0]);
    test_stage("rcpt");
    return silent(session, SMFIP_NR_RCPT);
}

static sfsistat
on_header(SMFICTX *ctx, char *name, char *value)
{
    struct session *session = session_of(ctx);

    if (session != NULL && session->tx != NULL)
        transaction_header(session->tx, name, value, (session->steps & SMFIP_HDR_LEADSPC) != 0);
    test_stage("header");
    return silent(session, SMFIP_NR_HDR);
}

static sfsistat
on_body(SMFICTX *ctx, unsigned char *data, size_t length)
{
    struct session *session = session_of(ctx);

    if (session != NULL && session->tx != NULL)
        transaction_body(session->tx, data, length);
    test_stage("body");
    return silent(session, SMFIP_NR_BODY);
}

static sfsistat
on_eom(SMFICTX *ctx)
{
    struct session *session = session_of(ctx);

    if (session != NULL && session->tx != NULL) {
        switch (eom_run(session, smfi_getsymval(ctx, loose("i")), &mta_ops, ctx)) {
        case MTA_ACCEPT:
            return SMFIS_CONTINUE;
        case MTA_REJECT:
            return SMFIS_REJECT;
        case MTA_DISCARD:
            return SMFIS_DISCARD;
        case MTA_TEMPFAIL:
            break;
        }
        return SMFIS_TEMPFAIL;
    }
    if (session != NULL && session->runtime->needs == 0)
        return SMFIS_CONTINUE; /* no module is on: nothing was asked for */
    log_text(LOG_SEV_ERROR, "milter", "the MTA sent an end of message without a sender; it gets 4xx");
    return SMFIS_TEMPFAIL;
}

static sfsistat
on_abort(SMFICTX *ctx)
{
    struct session *session = session_of(ctx);

    if (session != NULL)
        session_end_transaction(session);
    return SMFIS_CONTINUE;
}

static sfsistat
on_close(SMFICTX *ctx)
{
    end_session(ctx);
    return SMFIS_CONTINUE;
}

/* ---- the process's side ---- */

/* A listening socket to which nobody can connect: its name is removed at once. Non-blocking, so that an
 * accept() that began before the swap returns. */
static int
make_dummy(GError **error)
{
    g_autofree char *dir = g_dir_make_tmp("postern-milter-XXXXXX", error);
    struct sockaddr_un sun = {.sun_family = AF_UNIX};
    int fd;

    if (dir == NULL)
        return -1;
    fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    g_snprintf(sun.sun_path, sizeof sun.sun_path, "%s/s", dir);
    if (fd < 0 || bind(fd, (struct sockaddr *)&sun, sizeof sun) != 0 || listen(fd, 1) != 0) {
        g_set_error(error, MILTER_ERROR, 0, "can't make a socket in %s: %s", dir, g_strerror(errno));
        if (fd >= 0)
            close(fd);
        fd = -1;
    }
    unlink(sun.sun_path);
    rmdir(dir);
    return fd;
}

gboolean
host_open(int listener, GError **error)
{
    struct smfiDesc callbacks = {
        .xxfi_name = loose("postern"),
        .xxfi_version = SMFI_VERSION,
        .xxfi_flags = SMFIF_ADDHDRS | SMFIF_CHGHDRS | SMFIF_CHGBODY | SMFIF_DELRCPT | SMFIF_SETSYMLIST,
        .xxfi_negotiate = on_negotiate,
        .xxfi_connect = on_connect,
        .xxfi_helo = on_helo,
        .xxfi_envfrom = on_mail,
        .xxfi_envrcpt = on_rcpt,
        .xxfi_header = on_header,
        .xxfi_body = on_body,
        .xxfi_eom = on_eom,
        .xxfi_abort = on_abort,
        .xxfi_close = on_close,
    };
    g_autofree char *connection = g_strdup_printf("fd:%d", listener);

    host.listener = listener;
    host.dummy = make_dummy(error);
    if (host.dummy < 0)
        return FALSE;
    smfi_setmaxdatasize(PACKET_MAX);
    if (smfi_register(callbacks) == MI_SUCCESS && smfi_setconn(connection) == MI_SUCCESS &&
        smfi_opensocket(FALSE) == MI_SUCCESS)
        return TRUE;
    g_set_error(error, MILTER_ERROR, 0, "libmilter does not take the listening socket (see the system log)");
    return FALSE;
}

static gpointer
host_thread(gpointer data)
{
    (void)data;
    smfi_main();
    log_text(LOG_SEV_ERROR, "milter", "libmilter stopped by itself; this process ends");
    g_atomic_int_set(&host.failed, 1);
    daemon_request_stop();
    return NULL;
}

void
host_start(void)
{
    g_thread_unref(g_thread_new("milter", host_thread, NULL));
}

gboolean
host_failed(void)
{
    return g_atomic_int_get(&host.failed) != 0;
}

/* libmilter's poll() keeps the old socket alive for up to 5 s; until then clients could still connect to it and
 * would wait in vain. Shutting it down refuses them at once, but it would do so for everybody who shares it. */
void
host_stop_accepting(gboolean shared)
{
    int old = fcntl(host.listener, F_DUPFD_CLOEXEC, 3);

    while (dup2(host.dummy, host.listener) < 0 && (errno == EINTR || errno == EBUSY))
        ;
    if (old < 0)
        return;
    if (!shared)
        shutdown(old, SHUT_RDWR);
    close(old);
}

gboolean
host_connection_waits(void)
{
    struct pollfd p = {.fd = host.listener, .events = POLLIN};

    return poll(&p, 1, 0) > 0;
}

guint
host_sessions(void)
{
    return (guint)MAX(metrics_get(stats.sessions, 0), 0);
}

guint
host_transactions(void)
{
    return (guint)MAX(metrics_get(stats.transactions, 0), 0);
}
