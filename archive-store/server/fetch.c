/* fetch.c: FETCH: one message with everything that is known of it.
 *
 * META: {"id","time","size","subject","from","to":[],"date","message_id","attachments":[],
 *        "x_envelope_to":[...], "events":[event...], "events_complete":bool}
 * An event is as in render.c. x_envelope_to is the union over the events. Events come from the catalogue (which
 * knows late expansions), each with its edits and notes from the store, for the first 50. When SQL is away or
 * behind, only the event that was asked for is given, and events_complete is false.
 *
 * With "mailbox", only a message that this mailbox may see is given, only the deliveries that concern it, and
 * of their recipients only those that stand for it; all else is "absent". */
#include <string.h>
#include "archive-store/server/archived.h"
#include "archive-store/server/render.h"
#include "archive-store/server/rows.h"
#include "lib/mail/address.h"

#define RAW_FRAME (1u << 20)
#define DETAILED_EVENTS 50

/* The recipients of a capture get what the catalogue knows meanwhile. */
static void
update_recipients(struct capture *capture, const struct catalogue_event *event)
{
    for (guint n = 0; n < event->recipients->len; n++) {
        const struct catalogue_recipient *known = event->recipients->pdata[n];
        if (known->position >= capture->recipients->len)
            continue;
        struct capture_recipient *recipient = capture->recipients->pdata[known->position];
        if (recipient->expansion != CAPTURE_PENDING || known->expansion == CAPTURE_PENDING)
            continue;
        g_strfreev(recipient->mailboxes);
        recipient->mailboxes = g_strdupv(known->mailboxes);
        recipient->expansion = known->expansion;
    }
}

/* An event of which the store's record is not read: as a capture with what SQL has. */
static struct capture *
capture_from_catalogue(const struct catalogue_event *event)
{
    struct capture *capture = capture_new();
    struct { char **to; const char *from; } strings[] = {
        {&capture->instance, event->instance}, {&capture->client_name, event->client_name},
        {&capture->client_address, event->client_address}, {&capture->helo, event->helo},
        {&capture->auth_user, event->auth_user}, {&capture->mail_from, event->mail_from},
        {&capture->queue_id, event->queue_id},
    };

    for (guint n = 0; n < G_N_ELEMENTS(strings); n++) {
        g_free(*strings[n].to);
        *strings[n].to = g_strdup(strings[n].from ? strings[n].from : "");
    }
    capture->received_us = event->received_ms * 1000;
    capture->source = event->source;
    for (guint n = 0; n < event->recipients->len; n++) {
        const struct catalogue_recipient *known = event->recipients->pdata[n];
        struct capture_recipient *recipient = capture_add_recipient(capture, known->original);
        g_strfreev(recipient->mailboxes);
        recipient->mailboxes = g_strdupv(known->mailboxes);
        recipient->expansion = known->expansion;
    }
    return capture;
}

static gboolean
recipient_is(const struct capture_recipient *recipient, const char *owner)
{
    g_autofree char *original = address_normalise(recipient->original);

    if (recipient->expansion != CAPTURE_EXPANDED && g_str_equal(original, owner))
        return TRUE;
    for (char **mailbox = recipient->mailboxes; mailbox && *mailbox; mailbox++) {
        if (g_str_equal(*mailbox, owner))
            return TRUE;
    }
    return FALSE;
}

/* What an owner may see of an event: whole when the mailbox sent it; else only the recipients that stand for the
 * mailbox. FALSE: nothing. */
static gboolean
restrict_to_owner(struct capture *capture, const char *owner)
{
    g_autoptr(GPtrArray) addresses = NULL;
    g_autoptr(GArray) list = document_event_addresses(capture, &addresses);

    for (guint n = 0; n < list->len; n++) {
        const struct index_address *address = &g_array_index(list, struct index_address, n);
        if (address->role == INDEX_FROM && address->owner && g_str_equal(address->address, owner))
            return TRUE;
    }
    for (guint n = capture->recipients->len; n-- > 0;) {
        struct capture_recipient *recipient = capture->recipients->pdata[n];
        if (!recipient_is(recipient, owner)) {
            g_ptr_array_remove_index(capture->recipients, n);
            continue;
        }
        char *only[] = {(char *)owner, NULL};
        g_strfreev(recipient->mailboxes);
        recipient->mailboxes = g_strdupv(only);
    }
    return capture->recipients->len > 0;
}

/* What is gathered for META. */
struct gathered {
    json_t *events, *envelope_to;
    GHashTable *seen; /* of envelope_to */
    const char *owner;
};

static void
gather_event(struct gathered *gathered, guint64 id, struct capture *capture)
{
    if (gathered->owner && !restrict_to_owner(capture, gathered->owner))
        return;
    json_array_append_new(gathered->events, render_event(id, capture));
    for (guint n = 0; n < capture->recipients->len; n++) {
        const char *original = ((struct capture_recipient *)capture->recipients->pdata[n])->original;
        if (g_hash_table_add(gathered->seen, g_strdup(original)))
            json_array_append_new(gathered->envelope_to, render_text(original, -1));
    }
}

static void
gather_events(struct archived *archived, struct gathered *gathered, const GPtrArray *events)
{
    for (guint n = 0; n < events->len; n++) {
        const struct catalogue_event *event = events->pdata[n];
        struct capture *capture = n < DETAILED_EVENTS ? store_get(archived->store, event->event, NULL) : NULL;
        if (capture)
            update_recipients(capture, event);
        else
            capture = capture_from_catalogue(event);
        gather_event(gathered, event->event, capture);
        capture_free(&capture);
    }
}

static json_t *
meta_json(struct archived *archived, guint64 id, const GPtrArray *events, struct capture *capture,
          const char *owner)
{
    struct document *document = document_new(id, capture);
    struct gathered gathered = {
        .events = json_array(), .envelope_to = json_array(), .owner = owner,
        .seen = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL),
    };
    json_t *meta = rows_from_document(document, capture, TRUE);

    if (events && events->len > 0)
        gather_events(archived, &gathered, events);
    else
        gather_event(&gathered, id, capture);
    json_object_set_new(meta, "x_envelope_to", gathered.envelope_to);
    json_object_set_new(meta, "events", gathered.events);
    json_object_set_new(meta, "events_complete", json_boolean(events && events->len > 0));
    g_hash_table_unref(gathered.seen);
    document_free(&document);
    return meta;
}

static void
send_message(struct exchange *exchange, GBytes *message)
{
    gsize length = g_bytes_get_size(message);

    for (gsize offset = 0; offset < length && !exchange_gone(exchange); offset += RAW_FRAME) {
        g_autoptr(GBytes) part = g_bytes_new_from_bytes(message, offset, MIN(RAW_FRAME, length - offset));
        exchange_send(exchange, ARCHIVE_RAW, part);
    }
}

/* May the owner see it? Asked in SQL, which has late expansions; without SQL the answer is not known. */
static gboolean
check_owner(struct work *work, guint64 id, const char *owner)
{
    g_autoptr(GError) error = NULL;
    int concerned = owner ? catalogue_concerns(work->archived->catalogue, id, owner, &error) : 1;

    if (concerned > 0)
        return TRUE;
    if (concerned == 0)
        work_fail_code(work, "absent", FALSE, "there is no such message");
    else
        work_fail_code(work, "busy", TRUE, "the right to see this can't be checked now: SQL is away");
    return FALSE;
}

void
fetch_run(gpointer data)
{
    struct work *work = data;
    struct archived *archived = work->archived;
    g_autoptr(GError) error = NULL;
    g_autofree char *owner = NULL;

    if (!work_parse(work))
        return;
    if (work->request->mailbox)
        owner = address_normalise(work->request->mailbox);
    struct capture *capture = store_get(archived->store, work->request->id, &error);
    if (!capture) {
        work_fail(work, error);
        return;
    }
    guint64 id = work->request->id;
    if (store_content(archived->store, work->request->id, &id, &error) < 0) {
        capture_free(&capture);
        work_fail(work, error);
        return;
    }
    g_autoptr(GBytes) message = exchange_reserve(work->exchange, capture->message);
    if (!check_owner(work, id, owner)) {
        capture_free(&capture);
        return;
    }
    if (!message) {
        capture_free(&capture);
        work_fail_code(work, "busy", TRUE, "too much is being sent to clients; try again in a moment");
        return;
    }
    g_autoptr(GPtrArray) events = catalogue_events(archived->catalogue, id, NULL);
    g_autoptr(GBytes) meta = render_bytes(meta_json(archived, id, events, capture, owner));
    capture_free(&capture);
    exchange_send(work->exchange, ARCHIVE_META, meta);
    send_message(work->exchange, message);
    work_reply(work, ARCHIVE_END, json_object());
}
