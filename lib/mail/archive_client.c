/* archive_client.c: the client side of archive_proto.h.
 *
 * NAME     archive_client - ingest for the milter, requests for the CLI
 *
 * A call takes an idle connection or makes one, so calls from several threads run side by side and never
 * share a connection. A connection goes back to the idle list only after a whole reply; after any doubt it
 * is closed. An idle connection that became readable was closed by the daemon and is replaced.
 *
 * Ingest may be sent twice: the record carries a transaction id, and the archive answers the second one
 * with repeat=true. So when the connection breaks between sending and the reply (the daemon was restarted,
 * say), it is sent once more on a fresh connection, within the same deadline. All other requests are sent
 * again only when they could not be written at all.
 *
 * LIMITS   8 idle connections; replies to ingest 64 KiB; other frames 64 MiB; raw bytes of a FETCH 1 GiB. */
#include <errno.h>
#include <poll.h>
#include <string.h>
#include <unistd.h>
#include "lib/base/net.h"
#include "lib/mail/archive_client.h"
#include "lib/mail/archive_proto.h"

#define IDLE_MAX 8
#define STORED_REPLY_MAX (64u << 10)
#define REPLY_MAX (64u << 20)
#define RAW_MAX (1u << 30)

G_DEFINE_QUARK(postern-archive-error-quark, archive_error)

struct archive_client {
    char *address;
    int timeout_ms;
    GMutex lock; /* guards idle */
    int idle[IDLE_MAX];
    guint n_idle;
};

struct archive_client *
archive_client_new(const char *address, int timeout_ms)
{
    struct archive_client *client = g_new0(struct archive_client, 1);

    client->address = g_strdup(address);
    client->timeout_ms = MAX(timeout_ms, 1);
    g_mutex_init(&client->lock);
    return client;
}

static void
drop_idle(struct archive_client *client)
{
    g_mutex_lock(&client->lock);
    while (client->n_idle > 0)
        close(client->idle[--client->n_idle]);
    g_mutex_unlock(&client->lock);
}

void
archive_client_free(struct archive_client **client)
{
    if (*client == NULL)
        return;
    drop_idle(*client);
    g_mutex_clear(&(*client)->lock);
    g_free((*client)->address);
    g_clear_pointer(client, g_free);
}

static int
remaining_ms(gint64 deadline)
{
    gint64 left = (deadline - g_get_monotonic_time()) / 1000;

    return (int)CLAMP(left, 0, G_MAXINT);
}

/* Between requests the daemon sends nothing: readable means closed. */
static gboolean
still_open(int fd)
{
    struct pollfd p = {.fd = fd, .events = POLLIN};

    return poll(&p, 1, 0) == 0;
}

/* An idle connection, newest first, or -1. */
static int
take_idle(struct archive_client *client)
{
    for (;;) {
        int fd = -1;

        g_mutex_lock(&client->lock);
        if (client->n_idle > 0)
            fd = client->idle[--client->n_idle];
        g_mutex_unlock(&client->lock);
        if (fd < 0 || still_open(fd))
            return fd;
        close(fd);
    }
}

static void
give_back(struct archive_client *client, int fd)
{
    g_mutex_lock(&client->lock);
    if (client->n_idle < IDLE_MAX) {
        client->idle[client->n_idle++] = fd;
        fd = -1;
    }
    g_mutex_unlock(&client->lock);
    if (fd >= 0)
        close(fd);
}

static int
connect_fresh(struct archive_client *client, gint64 deadline, GError **error)
{
    g_autoptr(GError) cause = NULL;
    int fd = net_connect(client->address, remaining_ms(deadline), &cause);

    if (fd < 0)
        g_set_error(error, ARCHIVE_ERROR, ARCHIVE_ERROR_AWAY,
                    "%s can't be reached: %s; is postern-archived running?", client->address, cause->message);
    return fd;
}

/* Turns a net.h error into ours; takes cause. */
static void
away(GError **error, const char *address, const char *doing, GError *cause)
{
    g_set_error(error, ARCHIVE_ERROR, ARCHIVE_ERROR_AWAY, "%s: %s: %s", address, doing, cause->message);
    g_error_free(cause);
}

static json_t *
parse_json(GBytes *payload, GError **error)
{
    gsize length;
    const char *text = g_bytes_get_data(payload, &length);
    json_error_t where;
    json_t *json = json_loadb(text != NULL ? text : "", length, JSON_REJECT_DUPLICATES, &where);

    if (json != NULL && json_is_object(json))
        return json;
    json_decref(json);
    g_set_error(error, ARCHIVE_ERROR, ARCHIVE_ERROR_AWAY, "the archive's answer is not a JSON object (%s)",
                json == NULL ? where.text : "other type");
    return NULL;
}

/* The error that an ARCHIVE_FAILED frame reports. */
static void
parse_failed(GBytes *payload, GError **error)
{
    json_t *json = parse_json(payload, error);
    const char *code, *text;
    gboolean temporary;

    if (json == NULL)
        return;
    code = json_string_value(json_object_get(json, "code"));
    text = json_string_value(json_object_get(json, "text"));
    temporary = json_is_true(json_object_get(json, "temporary"));
    g_set_error(error, ARCHIVE_ERROR, temporary ? ARCHIVE_ERROR_TEMPORARY : ARCHIVE_ERROR_PERMANENT,
                "the archive answers %s: %s", code != NULL ? code : "error", text != NULL ? text : "no reason given");
    json_decref(json);
}

static gboolean
copy_id(const json_t *json, const char *name, char *id_r, gsize size)
{
    const char *text = json_string_value(json_object_get(json, name));
    gsize length = text != NULL ? strlen(text) : 0;

#ifdef POSTERN_PLANTED_BUGS
    if (length > 0 && text[0] == '~') { /* known bug for the fuzzer: no bound */
        memcpy(id_r, text, length + 1);
        return TRUE;
    }
#endif
    if (length == 0 || length >= size)
        return FALSE;
    memcpy(id_r, text, length + 1);
    return TRUE;
}

gboolean
archive_reply_parse_stored(guint8 type, GBytes *payload, struct archive_stored *stored_r, GError **error)
{
    json_t *json;
    gboolean whole;

    memset(stored_r, 0, sizeof *stored_r);
    if (type == ARCHIVE_FAILED) {
        parse_failed(payload, error);
        return FALSE;
    }
    if (type != ARCHIVE_STORED) {
        g_set_error(error, ARCHIVE_ERROR, ARCHIVE_ERROR_AWAY, "the archive answered with frame type 0x%02x", type);
        return FALSE;
    }
    json = parse_json(payload, error);
    if (json == NULL)
        return FALSE;
    whole = copy_id(json, "id", stored_r->id, sizeof stored_r->id) &&
            copy_id(json, "event", stored_r->event, sizeof stored_r->event);
    stored_r->known = json_is_true(json_object_get(json, "known"));
    stored_r->repeat = json_is_true(json_object_get(json, "repeat"));
    json_decref(json);
    if (!whole)
        g_set_error(error, ARCHIVE_ERROR, ARCHIVE_ERROR_AWAY, "the archive answered STORED without an id");
    return whole;
}

/* One ingest on one connection. FALSE with *lost_r TRUE: the connection broke before a whole reply came, so
 * whether the record is stored is unknown; sending it again is right. */
static gboolean
ingest_once(struct archive_client *client, int fd, GBytes *encoded, gint64 deadline,
            struct archive_stored *stored_r, gboolean *lost_r, GError **error)
{
    gsize length;
    const void *data = g_bytes_get_data(encoded, &length);
    struct net_frame frame = {0};
    GError *cause = NULL;
    gboolean stored, in_step;

    *lost_r = FALSE;
    if (!net_frame_write(fd, ARCHIVE_INGEST, data, length, remaining_ms(deadline), &cause) ||
        !net_frame_read(fd, STORED_REPLY_MAX, remaining_ms(deadline), &frame, &cause)) {
        *lost_r = !g_error_matches(cause, NET_ERROR, NET_ERROR_TIMEOUT) && remaining_ms(deadline) > 0;
        away(error, client->address, "ingest", cause);
        close(fd);
        return FALSE;
    }
    stored = archive_reply_parse_stored(frame.type, frame.payload, stored_r, error);
    in_step = stored || frame.type == ARCHIVE_FAILED;
    net_frame_clear(&frame);
    if (in_step)
        give_back(client, fd);
    else
        close(fd);
    return stored;
}

gboolean
archive_client_ingest(struct archive_client *client, GBytes *encoded, struct archive_stored *stored_r,
                      GError **error)
{
    gint64 deadline = g_get_monotonic_time() + (gint64)client->timeout_ms * 1000;
    g_autoptr(GError) first = NULL;
    gboolean lost;
    int fd;

    if (g_bytes_get_size(encoded) > ARCHIVE_FRAME_MAX) {
        g_set_error(error, ARCHIVE_ERROR, ARCHIVE_ERROR_PERMANENT, "a record of %" G_GSIZE_FORMAT
                    " bytes is over the protocol's limit of %u", g_bytes_get_size(encoded), ARCHIVE_FRAME_MAX);
        return FALSE;
    }
    fd = take_idle(client);
    if (fd < 0)
        fd = connect_fresh(client, deadline, error);
    if (fd < 0)
        return FALSE;
    if (ingest_once(client, fd, encoded, deadline, stored_r, &lost, &first))
        return TRUE;
    if (!lost) {
        g_propagate_error(error, g_steal_pointer(&first));
        return FALSE;
    }
    drop_idle(client); /* of the same daemon, which went away */
    fd = connect_fresh(client, deadline, error);
    return fd >= 0 && ingest_once(client, fd, encoded, deadline, stored_r, &lost, error);
}

/* Sends the request on an idle or a fresh connection: the descriptor, or -1. */
static int
send_request(struct archive_client *client, int request, const char *text, gsize length, GError **error)
{
    gint64 deadline = g_get_monotonic_time() + (gint64)client->timeout_ms * 1000;
    GError *cause = NULL;
    int fd = take_idle(client);

    if (fd >= 0) {
        if (net_frame_write(fd, (guint8)request, text, length, remaining_ms(deadline), NULL))
            return fd;
        close(fd);
    }
    fd = connect_fresh(client, deadline, error);
    if (fd < 0)
        return -1;
    if (net_frame_write(fd, (guint8)request, text, length, remaining_ms(deadline), &cause))
        return fd;
    away(error, client->address, "sending the request", cause);
    close(fd);
    return -1;
}

/* What one reply frame means: 1 = the request is done, 0 = more frames follow, -1 = error. Keeps the JSON
 * to be returned in *result. */
int
archive_reply_step(guint8 type, GBytes *payload, json_t **result, GByteArray *raw, archive_progress progress,
                   gpointer data, GError **error)
{
    json_t *json;

    switch (type) {
    case ARCHIVE_FAILED:
        parse_failed(payload, error);
        return -1;
    case ARCHIVE_RAW:
        if (raw == NULL)
            return 0;
        if (g_bytes_get_size(payload) > RAW_MAX - raw->len) {
            g_set_error(error, ARCHIVE_ERROR, ARCHIVE_ERROR_AWAY, "the archive sent more than %u raw bytes", RAW_MAX);
            return -1;
        }
        g_byte_array_append(raw, g_bytes_get_data(payload, NULL), (guint)g_bytes_get_size(payload));
        return 0;
    case ARCHIVE_END:
        if (*result != NULL)
            return 1;
        break; /* END without META: its own JSON is the answer */
    case ARCHIVE_PROGRESS:
    case ARCHIVE_META:
    case ARCHIVE_HITS:
    case ARCHIVE_REPORT:
    case ARCHIVE_STORED:
        break;
    default:
        g_set_error(error, ARCHIVE_ERROR, ARCHIVE_ERROR_AWAY, "the archive answered with frame type 0x%02x", type);
        return -1;
    }
    json = parse_json(payload, error);
    if (json == NULL)
        return -1;
    if (type == ARCHIVE_PROGRESS) {
        if (progress != NULL)
            progress(json, data);
        json_decref(json);
        return 0;
    }
    json_decref(*result);
    *result = json;
    return type == ARCHIVE_META ? 0 : 1;
}

json_t *
archive_client_call(struct archive_client *client, int request, const json_t *body, GByteArray *raw,
                    archive_progress progress, gpointer data, GError **error)
{
    char *text = body != NULL ? json_dumps(body, JSON_COMPACT) : NULL;
    json_t *result = NULL;
    int fd, step = 0;

    fd = send_request(client, request, text != NULL ? text : "{}", text != NULL ? strlen(text) : 2, error);
    free(text);
    if (fd < 0)
        return NULL;
    while (step == 0) {
        struct net_frame frame = {0};
        GError *cause = NULL;

        if (!net_frame_read(fd, REPLY_MAX, client->timeout_ms, &frame, &cause)) {
            away(error, client->address, "reading the answer", cause);
            step = -2; /* the stream is in doubt */
            break;
        }
        step = archive_reply_step(frame.type, frame.payload, &result, raw, progress, data, error);
        if (step < 0 && frame.type != ARCHIVE_FAILED)
            step = -2;
        net_frame_clear(&frame);
    }
    if (step == -2)
        close(fd);
    else
        give_back(client, fd);
    if (step < 0)
        g_clear_pointer(&result, json_decref);
    return result;
}
