/* control.c: one thread that answers one-line commands on a unix socket, and the client for it.
 *
 *     C: reload\n                     S: OK configuration loaded\n
 *     C: reload\n                     S: ERROR /etc/postern/postern.conf:12: ...\n
 *
 * A request is at most 16 KiB and must come within 5 s; clients are served one after the other, so commands
 * never run at the same time. Newlines inside an answer become "; ". */
#include "lib/base/control.h"
#include "lib/base/log.h"
#include "lib/base/net.h"
#include <errno.h>
#include <poll.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>

#define CONTROL_ANSWER_MAX ((gsize)1 << 20)
#define CONTROL_TIMEOUT_MS 5000

struct control {
    int listener, wake;
    const struct control_command *commands;
    gpointer data;
    GThread *thread;
};

/* control_read_line - reads up to a newline (not stored), at most max bytes, before the deadline */
static gboolean
control_read_line(int fd, GString *line, gsize max, int timeout_ms, GError **error)
{
    gint64 deadline = g_get_monotonic_time() + timeout_ms * G_GINT64_CONSTANT(1000);
    for (;;) {
        gint64 left = (deadline - g_get_monotonic_time()) / 1000;
        struct pollfd pfd = {.fd = fd, .events = POLLIN};
        int ready = left > 0 ? poll(&pfd, 1, (int)left) : 0;
        if (ready < 0 && errno == EINTR)
            continue;
        if (ready <= 0) {
            g_set_error(error, NET_ERROR, NET_ERROR_TIMEOUT, "no complete line in %d ms", timeout_ms);
            return FALSE;
        }
        char buf[4096];
        ssize_t n = recv(fd, buf, sizeof buf, MSG_DONTWAIT);
        if (n < 0 && (errno == EINTR || errno == EAGAIN))
            continue;
        if (n <= 0) {
            g_set_error(error, NET_ERROR, NET_ERROR_CLOSED, "the connection ended before a complete line");
            return FALSE;
        }
        const char *end = memchr(buf, '\n', (gsize)n);
        gsize take = end ? (gsize)(end - buf) : (gsize)n;
        if (line->len + take > max) {
            g_set_error(error, NET_ERROR, NET_ERROR_TOO_BIG, "a line of more than %zu bytes", max);
            return FALSE;
        }
        g_string_append_len(line, buf, (gssize)take);
        if (end)
            return TRUE;
    }
}

/* control_help - the built-in command: names and what they do */
static gboolean
control_help(const struct control_command *commands, GString *answer)
{
    for (const struct control_command *c = commands; c->name; c++)
        g_string_append_printf(answer, "%s: %s; ", c->name, c->doc);
    g_string_append(answer, "help: lists the commands");
    return TRUE;
}

/* control_run - finds and runs the command of a request line */
static gboolean
control_run(const struct control_command *commands, gpointer data, char *request, GString *answer)
{
    char *word = g_strstrip(request), *args = word;
#ifdef POSTERN_PLANTED_BUGS
    while (*args != ' ') /* the bug: takes it that every command has arguments */
        args++;
#else
    while (*args && *args != ' ')
        args++;
#endif
    if (*args)
        *args++ = '\0';
    while (*args == ' ')
        args++;
    if (strcmp(word, "help") == 0)
        return control_help(commands, answer);
    for (const struct control_command *c = commands; c->name; c++)
        if (strcmp(c->name, word) == 0)
            return c->handler(args, answer, data);
    g_string_append(answer, "unknown command \"");
    log_sanitize(answer, word, strlen(word), 40);
    g_string_append(answer, "\"; ");
    control_help(commands, answer);
    return FALSE;
}

/* control_end_line - "OK" or "ERROR" before the text, and whatever it has of newlines out of it */
static void
control_end_line(GString *text, gboolean ok)
{
    g_string_prepend(text, ok ? "OK " : "ERROR ");
    g_strchomp(text->str);
    g_string_set_size(text, strlen(text->str));
    g_string_replace(text, "\n", "; ", 0);
    g_string_append_c(text, '\n');
}

gboolean
control_answer(const struct control_command *commands, gpointer data, char *request, GString *line)
{
    gboolean ok = control_run(commands, data, request, line);
    control_end_line(line, ok);
    return ok;
}

gboolean
control_understand(const char *line, GString *answer, GError **error)
{
    if (g_str_has_prefix(line, "OK") && (line[2] == ' ' || line[2] == '\0')) {
        g_string_append(answer, line[2] ? line + 3 : "");
        return TRUE;
    }
    const char *text = g_str_has_prefix(line, "ERROR ") ? line + 6 : line;
    g_string_append(answer, text);
    g_set_error(error, NET_ERROR, NET_ERROR_SYSTEM, "%s", text);
    return FALSE;
}

/* control_log - who sent what, and how it ended */
static void
control_log(int fd, const char *request, gboolean ok, gint64 began)
{
    struct ucred peer = {0};
    socklen_t size = sizeof peer;
    struct log_line *line = log_line_new(ok ? LOG_SEV_INFO : LOG_SEV_WARNING, "control");
    log_line_str(line, "command", request);
    if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &size) == 0 && peer.pid > 0) {
        log_line_int(line, "peer_pid", peer.pid);
        log_line_int(line, "peer_uid", (gint64)peer.uid);
    }
    log_line_str(line, "result", ok ? "ok" : "error");
    log_line_ms(line, "ms", g_get_monotonic_time() - began);
    log_line_emit(line);
}

static void
control_serve(const struct control *control, int fd)
{
    g_autoptr(GError) error = NULL;
    g_autoptr(GString) request = g_string_new(NULL), text = g_string_new(NULL);
    gint64 began = g_get_monotonic_time();
    gboolean ok = control_read_line(fd, request, CONTROL_REQUEST_MAX, CONTROL_TIMEOUT_MS, &error);
    g_autofree char *shown = g_strdup(request->str);
    if (ok) {
        ok = control_answer(control->commands, control->data, request->str, text);
    } else {
        g_string_assign(text, error->message);
        control_end_line(text, FALSE);
    }
    control_log(fd, shown, ok, began);
    net_write_full(fd, text->str, text->len, CONTROL_TIMEOUT_MS, NULL); /* a client that left is its own loss */
}

static gpointer
control_thread(gpointer data)
{
    struct control *control = data;
    for (;;) {
        struct pollfd pfd[2] = {{.fd = control->wake, .events = POLLIN},
                                {.fd = control->listener, .events = POLLIN}};
        if (poll(pfd, 2, -1) < 0 && errno != EINTR) {
            log_text(LOG_SEV_WARNING, "control", "the control socket is closed: poll: %s", g_strerror(errno));
            return NULL;
        }
        if (pfd[0].revents)
            return NULL;
        int fd = pfd[1].revents ? accept4(control->listener, NULL, NULL, SOCK_CLOEXEC) : -1;
        if (fd >= 0) {
            control_serve(control, fd);
            close(fd);
        } else if (pfd[1].revents && errno != EINTR && errno != ECONNABORTED && errno != EAGAIN) {
            g_usleep(100000); /* out of descriptors: poll would come back at once */
        }
    }
}

struct control *
control_start(const char *address, const struct control_command *commands, gpointer data, GError **error)
{
    if (g_str_has_prefix(address, "inet:")) {
        g_set_error(error, NET_ERROR, NET_ERROR_SYNTAX,
                    "control = %s: who may connect is told by file rights, so it must be unix:/path", address);
        return NULL;
    }
    int listener = net_listen(address, 0660, NULL, 16, error);
    if (listener < 0)
        return NULL;
    struct control *control = g_new0(struct control, 1);
    control->listener = listener;
    control->wake = eventfd(0, EFD_CLOEXEC);
    control->commands = commands;
    control->data = data;
    if (control->wake < 0)
        g_set_error(error, NET_ERROR, NET_ERROR_SYSTEM, "eventfd: %s", g_strerror(errno));
    else
        control->thread = g_thread_try_new("control", control_thread, control, error);
    if (!control->thread)
        control_stop(&control);
    return control;
}

void
control_stop(struct control **control)
{
    if (!control || !*control)
        return;
    struct control *c = *control;
    if (c->thread) {
        guint64 one = 1;
        while (write(c->wake, &one, sizeof one) < 0 && errno == EINTR)
            ;
        g_thread_join(c->thread);
    }
    if (c->wake >= 0)
        close(c->wake);
    close(c->listener);
    g_free(c);
    *control = NULL;
}

gboolean
control_call(const char *address, const char *command, int timeout_ms, GString *answer, GError **error)
{
    g_autofree char *request = g_strconcat(command, "\n", NULL);
    g_autoptr(GString) line = g_string_new(NULL);
    int fd = net_connect(address, timeout_ms, error);
    if (fd < 0)
        return FALSE;
    gboolean ok = net_write_full(fd, request, strlen(request), timeout_ms, error) &&
                  control_read_line(fd, line, CONTROL_ANSWER_MAX, timeout_ms, error);
    close(fd);
    return ok && control_understand(line->str, answer, error);
}
