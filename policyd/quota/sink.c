/* sink.c: the sockets on which Dovecot tells of mailboxes: datagrams of the plugin, and connections of its script protocol.
 *
 * LIMITS   64 connections at once, 5 s and 8 KiB each. What is no event is refused and logged, one line in a second. */
#include <errno.h>
#include <event2/buffer.h>
#include <event2/bufferevent.h>
#include <event2/event.h>
#include <event2/listener.h>
#include <event2/thread.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>
#include "lib/base/log.h"
#include "policyd/quota/quota_private.h"

#define AT_ONCE 200u /* datagrams, before the loop looks around */
#define CONNECTIONS_MAX 64u
#define SCRIPT_SECONDS 5
#define COMPLAINT_US G_USEC_PER_SEC

struct quota_sink {
    struct quota *quota;
    struct event_base *base;
    struct event *events, *stop;
    struct evconnlistener *listener;
    GHashTable *connections; /* struct script_connection * */
    GThread *thread;
    struct metric *heard, *refused;
    gint64 complained_us;
    guint unsaid;            /* refusals since then */
};
struct script_connection {
    struct quota_sink *sink;
    struct bufferevent *buffer;
    uid_t uid;
};

/* ---- refusals ---- */

static void
refuse(struct quota_sink *sink, const char *source, gint64 uid, const char *problem)
{
    gint64 now_us = g_get_monotonic_time();
    struct log_line *line;

    metrics_add(sink->refused, 0, 1);
    if (sink->complained_us != 0 && now_us - sink->complained_us < COMPLAINT_US) {
        sink->unsaid++;
        return;
    }
    line = log_line_new(LOG_SEV_WARNING, "quota");
    log_line_str(line, "refused", source);
    log_line_int(line, "uid", uid);
    log_line_str(line, "why", problem);
    if (sink->unsaid > 0)
        log_line_int(line, "and_others", sink->unsaid);
    log_line_emit(line);
    sink->complained_us = now_us;
    sink->unsaid = 0;
}

/* ---- datagrams ---- */

static void
take_event(struct quota_sink *sink, const struct quota_setup *setup, const struct quota_event *event, gint64 uid)
{
    g_autofree char *detail = g_strdup_printf("%s/%s", event->service, event->cause);
    const struct quota_sample sample = {.root = event->root, .used = event->used, .limit = event->limit, .messages = event->messages,
                                        .messages_limit = event->messages_limit, .percent = -1, .at_ms = event->time_ms,
                                        .rejected = event->kind == QUOTA_REJECTED};

    metrics_add(sink->heard, event->kind, 1);
    quota_take(sink->quota, setup, &(struct quota_news){.user = event->user, .samples = &sample, .n = 1, .source = "plugin", .detail = detail, .uid = uid},
               g_get_real_time() / 1000);
}

static void
take_datagram(struct quota_sink *sink, const struct quota_setup *setup, const char *datagram, gsize length, gint64 uid)
{
    struct quota_event event;
    const char *problem;

    if (uid < 0 || !quota_setup_hears(setup, (uid_t)uid))
        refuse(sink, "event", uid, "its sender is not among quota.uids");
    else if (quota_event_parse(datagram, length, &event, &problem))
        take_event(sink, setup, &event, uid);
    else
        refuse(sink, "event", uid, problem);
}

/* Who sent it, as the kernel knows; -1 when it doesn't say. */
static gint64
sender_of(struct msghdr *message)
{
    struct ucred sender;

    for (struct cmsghdr *part = CMSG_FIRSTHDR(message); part != NULL; part = CMSG_NXTHDR(message, part))
        if (part->cmsg_level == SOL_SOCKET && part->cmsg_type == SCM_CREDENTIALS && part->cmsg_len >= CMSG_LEN(sizeof sender)) {
            memcpy(&sender, CMSG_DATA(part), sizeof sender);
            return sender.uid;
        }
    return -1;
}

/* Length of the next one, -1 when there is none now. One that is too long is cut to a length that is refused. */
static ssize_t
receive(int fd, char *datagram, gsize room, gint64 *uid_r)
{
    union {
        char bytes[CMSG_SPACE(sizeof(struct ucred))];
        struct cmsghdr align;
    } control;
    struct iovec piece = {datagram, room};
    struct msghdr message = {.msg_iov = &piece, .msg_iovlen = 1, .msg_control = control.bytes, .msg_controllen = sizeof control.bytes};
    ssize_t length = recvmsg(fd, &message, MSG_DONTWAIT | MSG_CMSG_CLOEXEC);

    if (length >= 0)
        *uid_r = sender_of(&message);
    return length;
}

static void
on_datagrams(evutil_socket_t fd, short what, void *data)
{
    struct quota_sink *sink = data;
    struct quota_setup *setup = quota_setup_ref(sink->quota);
    char datagram[QUOTA_EVENT_MAX + 1];
    gint64 uid;
    ssize_t length;

    (void)what;
    for (guint i = 0; i < AT_ONCE && (length = receive(fd, datagram, sizeof datagram, &uid)) >= 0; i++)
        take_datagram(sink, setup, datagram, (gsize)length, uid);
    quota_setup_unref(setup);
}

/* ---- the script protocol ---- */

static void
close_connection(struct script_connection *connection)
{
    g_hash_table_remove(connection->sink->connections, connection);
    bufferevent_free(connection->buffer);
    g_free(connection);
}

static void
on_script_event(struct bufferevent *buffer, short what, void *data)
{
    (void)buffer;
    (void)what; /* its end, an error or the time */
    close_connection(data);
}

static void
on_script_written(struct bufferevent *buffer, void *data)
{
    (void)buffer;
    close_connection(data);
}

/* FALSE: refused. */
static gboolean
take_script(struct script_connection *connection, const char *text, gsize length, struct quota_script *script)
{
    struct quota_setup *setup = quota_setup_ref(connection->sink->quota);
    const char *problem = "its sender is not among quota.uids";
    gboolean good = quota_setup_hears(setup, connection->uid) && quota_script_parse(text, length, script, &problem);

    quota_setup_unref(setup);
    if (!good) {
        refuse(connection->sink, "script", connection->uid, problem);
        return FALSE;
    }
    metrics_add(connection->sink->heard, script->kind, 1);
    return quota_keeper_hear(connection->sink->quota->keeper, script);
}

static void
on_script_read(struct bufferevent *buffer, void *data)
{
    struct script_connection *connection = data;
    struct evbuffer *input = bufferevent_get_input(buffer);
    gsize have = evbuffer_get_length(input);
    const char *text = (const char *)evbuffer_pullup(input, -1);
    gsize length = quota_script_length(text, have);
    struct quota_script script = {0};
    gboolean taken;

    if (length == 0 && have < QUOTA_SCRIPT_MAX)
        return;
    taken = length > 0 && take_script(connection, text, length, &script);
    if (length == 0)
        refuse(connection->sink, "script", connection->uid, "it is too long");
    if (!script.answered) {
        close_connection(connection);
        return;
    }
    bufferevent_disable(buffer, EV_READ);
    bufferevent_setcb(buffer, NULL, on_script_written, on_script_event, connection);
    bufferevent_write(buffer, taken ? "+\n" : "-\n", 2);
}

static void
on_script_connection(struct evconnlistener *listener, evutil_socket_t fd, struct sockaddr *address, int length, void *data)
{
    static const struct timeval limit = {.tv_sec = SCRIPT_SECONDS};
    struct quota_sink *sink = data;
    struct script_connection *connection;
    struct ucred peer = {.uid = (uid_t)-1};
    socklen_t size = sizeof peer;

    (void)listener;
    (void)address;
    (void)length;
    if (g_hash_table_size(sink->connections) >= CONNECTIONS_MAX || getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &size) != 0) {
        refuse(sink, "script", peer.uid, "too many connections");
        close(fd);
        return;
    }
    connection = g_new0(struct script_connection, 1);
    connection->sink = sink;
    connection->uid = peer.uid;
    connection->buffer = bufferevent_socket_new(sink->base, fd, BEV_OPT_CLOSE_ON_FREE);
    bufferevent_setwatermark(connection->buffer, EV_READ, 0, QUOTA_SCRIPT_MAX);
    bufferevent_setcb(connection->buffer, on_script_read, NULL, on_script_event, connection);
    bufferevent_set_timeouts(connection->buffer, &limit, &limit);
    bufferevent_enable(connection->buffer, EV_READ);
    g_hash_table_add(sink->connections, connection);
}

/* ---- the thread ---- */

static void
on_stop(evutil_socket_t fd, short what, void *data)
{
    (void)fd;
    (void)what;
    event_base_loopbreak(data);
}

static gpointer
work(gpointer data)
{
    struct quota_sink *sink = data;

    event_base_loop(sink->base, EVLOOP_NO_EXIT_ON_EMPTY);
    return NULL;
}

struct quota_sink *
quota_sink_start(struct quota *quota, const struct quota_sockets *sockets)
{
    struct quota_sink *sink = g_new0(struct quota_sink, 1);

    evthread_use_pthreads();
    sink->quota = quota;
    sink->base = event_base_new();
    sink->connections = g_hash_table_new(NULL, NULL);
    sink->heard = metrics_counter("postern_quota_events_total", "What Dovecot told of mailboxes", "event", quota_kind_names);
    sink->refused = metrics_counter("postern_quota_refused_total", "Datagrams and requests that were none, or of somebody who is not heard", NULL, NULL);
    sink->stop = event_new(sink->base, -1, 0, on_stop, sink->base);
    if (sockets->events >= 0) {
        sink->events = event_new(sink->base, sockets->events, EV_READ | EV_PERSIST, on_datagrams, sink);
        event_add(sink->events, NULL);
    }
    if (sockets->script >= 0) {
        evutil_make_socket_nonblocking(sockets->script);
        sink->listener = evconnlistener_new(sink->base, on_script_connection, sink, LEV_OPT_CLOSE_ON_FREE | LEV_OPT_CLOSE_ON_EXEC, 0, sockets->script);
    }
    sink->thread = g_thread_new("quota", work, sink);
    return sink;
}

void
quota_sink_stop(struct quota_sink **sink)
{
    struct quota_sink *gone = *sink;
    GList *left;

    event_active(gone->stop, EV_READ, 0);
    g_thread_join(gone->thread);
    left = g_hash_table_get_keys(gone->connections);
    for (GList *link = left; link != NULL; link = link->next)
        close_connection(link->data);
    g_list_free(left);
    g_hash_table_unref(gone->connections);
    if (gone->listener != NULL)
        evconnlistener_free(gone->listener);
    if (gone->events != NULL) {
        close(event_get_fd(gone->events));
        event_free(gone->events);
    }
    event_free(gone->stop);
    event_base_free(gone->base);
    g_clear_pointer(sink, g_free);
}
