/* catalogue_read.c: lookups in the archive's catalogue; see catalogue.h. All are bounded by LIMITs. */
#include "archive-store/server/catalogue_private.h"
#include <string.h>

#define ROW_RECIPIENTS 100
#define EVENTS_MAX 1000
#define RECIPIENTS_MAX 110000 /* a capture has at most 10,000 recipients and 100,000 mailboxes */
#define QUEUE_ID_WINDOW_MS (2 * 24 * 3600 * G_GINT64_CONSTANT(1000))

/* Runs one lookup on a connection of its own. */
static gboolean
look(struct catalogue *catalogue, const char *name, const struct sql_value *values, guint n, sql_row_func each,
     gpointer data, GError **error)
{
    struct sql *sql = catalogue_take(catalogue, error);
    if (!sql)
        return FALSE;
    gboolean good = sql_run(sql, name, values, n, each, data, NULL, error);
    catalogue_give(catalogue, sql);
    return good;
}

/* The word's id: 1, 0 no such word, -1 error. */
static int
look_word(struct catalogue *catalogue, const char *value, gint64 *id_r, GError **error)
{
    struct sql *sql = catalogue_take(catalogue, error);
    if (!sql)
        return -1;
    int found = catalogue_word_find(sql, value, id_r, error);
    catalogue_give(catalogue, sql);
    return found;
}

static gboolean
take_row(const struct sql_row *row, gpointer data)
{
    struct catalogue_row *out = data;
    out->size = (guint64)sql_row_int(row, 0);
    out->date = sql_row_is_null(row, 1) ? -1 : sql_row_int(row, 1);
    out->attachments = (guint)sql_row_int(row, 2);
    out->subject = g_strdup(sql_row_text(row, 3, NULL));
    out->from = g_strdup(sql_row_text(row, 4, NULL));
    out->received_ms = sql_row_int(row, 5);
    return FALSE;
}

static gboolean
take_recipient_text(const struct sql_row *row, gpointer data)
{
    g_ptr_array_add(data, g_strdup(sql_row_text(row, 0, NULL)));
    return TRUE;
}

int
catalogue_get_row(struct catalogue *catalogue, guint64 id, struct catalogue_row *row_r, GError **error)
{
    struct catalogue_row row = {.id = id};
    if (!look(catalogue, "message_row", (struct sql_value[]){SQL_I((gint64)id)}, 1, take_row, &row, error))
        return -1;
    if (!row.subject)
        return 0;
    g_autoptr(GPtrArray) recipients = g_ptr_array_new_with_free_func(g_free);
    struct sql_value values[] = {SQL_I((gint64)id), SQL_I((gint64)id), SQL_I(ROW_RECIPIENTS)};
    if (!look(catalogue, "message_recipients", values, 3, take_recipient_text, recipients, error)) {
        catalogue_row_clear(&row);
        return -1;
    }
    g_ptr_array_add(recipients, NULL);
    row.recipients = (char **)g_ptr_array_free(g_steal_pointer(&recipients), FALSE);
    *row_r = row;
    return 1;
}

void
catalogue_row_clear(struct catalogue_row *row)
{
    g_free(row->subject);
    g_free(row->from);
    g_strfreev(row->recipients);
    memset(row, 0, sizeof *row);
}

static void
recipient_free(gpointer data)
{
    struct catalogue_recipient *recipient = data;
    g_free(recipient->original);
    g_strfreev(recipient->mailboxes);
    g_free(recipient);
}

static void
event_free(gpointer data)
{
    struct catalogue_event *event = data;
    g_free(event->instance);
    g_free(event->client_name);
    g_free(event->client_address);
    g_free(event->helo);
    g_free(event->auth_user);
    g_free(event->mail_from);
    g_free(event->queue_id);
    g_ptr_array_unref(event->recipients);
    g_free(event);
}

static gboolean
take_event(const struct sql_row *row, gpointer data)
{
    struct catalogue_event *event = g_new0(struct catalogue_event, 1);
    event->event = (guint64)sql_row_int(row, 0);
    event->received_ms = sql_row_int(row, 1);
    event->source = (enum capture_source)sql_row_int(row, 2);
    event->verdict = (enum verdict_action)sql_row_int(row, 3);
    event->again = sql_row_int(row, 4) != 0;
    char **texts[] = {&event->queue_id, &event->instance,  &event->client_name, &event->client_address,
                      &event->helo,     &event->auth_user, &event->mail_from};
    for (guint i = 0; i < G_N_ELEMENTS(texts); i++)
        *texts[i] = g_strdup(sql_row_text(row, 5 + i, NULL));
    event->recipients = g_ptr_array_new_with_free_func(recipient_free);
    g_ptr_array_add(data, event);
    return TRUE;
}

/* Rows of recipients, one a mailbox, in order: gathered into one struct a position. */
struct gather {
    GPtrArray *recipients;
    struct catalogue_recipient *now;
    GPtrArray *mailboxes; /* of now */
};

static void
gather_finish(struct gather *gather)
{
    if (!gather->now)
        return;
    g_ptr_array_add(gather->mailboxes, NULL);
    gather->now->mailboxes = (char **)g_ptr_array_free(gather->mailboxes, FALSE);
    g_ptr_array_add(gather->recipients, gather->now);
    gather->now = NULL;
}

static gboolean
take_event_recipient(const struct sql_row *row, gpointer data)
{
    struct gather *gather = data;
    guint position = (guint)sql_row_int(row, 0);
    if (!gather->now || gather->now->position != position) {
        gather_finish(gather);
        gather->now = g_new0(struct catalogue_recipient, 1);
        gather->now->position = position;
        gather->now->original = g_strdup(sql_row_text(row, 1, NULL));
        gather->now->expansion = (enum capture_expansion)sql_row_int(row, 3);
        gather->mailboxes = g_ptr_array_new();
    }
    if (!sql_row_is_null(row, 2))
        g_ptr_array_add(gather->mailboxes, g_strdup(sql_row_text(row, 2, NULL)));
    return TRUE;
}

GPtrArray *
catalogue_events(struct catalogue *catalogue, guint64 id, GError **error)
{
    g_autoptr(GPtrArray) events = g_ptr_array_new_with_free_func(event_free);
    struct sql_value values[] = {SQL_I((gint64)id), SQL_I((gint64)id), SQL_I(EVENTS_MAX)};
    if (!look(catalogue, "message_events", values, 3, take_event, events, error))
        return NULL;
    for (guint i = 0; i < events->len; i++) {
        struct catalogue_event *event = events->pdata[i];
        struct gather gather = {.recipients = event->recipients};
        struct sql_value of_event[] = {SQL_I((gint64)event->event), SQL_I(RECIPIENTS_MAX)};
        gboolean good = look(catalogue, "event_recipients", of_event, 2, take_event_recipient, &gather, error);
        gather_finish(&gather);
        if (!good)
            return NULL;
    }
    return g_steal_pointer(&events);
}

static gboolean
take_queue_id(const struct sql_row *row, gpointer data)
{
    struct catalogue_queue_id *out = data;
    out->event = (guint64)sql_row_int(row, 0);
    out->id = (guint64)sql_row_int(row, 1);
    return FALSE;
}

gboolean
catalogue_find_queue_ids(struct catalogue *catalogue, struct catalogue_queue_id *queue_ids, guint n, GError **error)
{
    struct sql *sql = catalogue_take(catalogue, error);
    if (!sql)
        return FALSE;
    gboolean good = TRUE;
    for (guint i = 0; i < n && good; i++) {
        struct catalogue_queue_id *q = &queue_ids[i];
        q->event = q->id = 0;
        struct sql_value values[] = {SQL_T(q->queue_id), SQL_I(q->time_ms - QUEUE_ID_WINDOW_MS),
                                     SQL_I(q->time_ms + QUEUE_ID_WINDOW_MS)};
        good = sql_run(sql, "event_by_queue_id", values, 3, take_queue_id, q, NULL, error);
    }
    catalogue_give(catalogue, sql);
    return good;
}

static gboolean
take_id(const struct sql_row *row, gpointer data)
{
    guint64 id = (guint64)sql_row_int(row, 0);
    g_array_append_val((GArray *)data, id);
    return TRUE;
}

GArray *
catalogue_find_message_id(struct catalogue *catalogue, const char *message_id, guint limit, GError **error)
{
    g_autoptr(GArray) ids = g_array_new(FALSE, FALSE, sizeof(guint64));
    gint64 key = catalogue_message_key(message_id);
    if (key && !look(catalogue, "messages_by_key", (struct sql_value[]){SQL_I(key), SQL_I(limit)}, 2, take_id, ids, error))
        return NULL;
    return g_steal_pointer(&ids);
}

static void
pending_free(gpointer data)
{
    struct catalogue_pending *pending = data;
    g_free(pending->original);
    g_free(pending);
}

static gboolean
take_pending(const struct sql_row *row, gpointer data)
{
    struct catalogue_pending *pending = g_new0(struct catalogue_pending, 1);
    pending->event = (guint64)sql_row_int(row, 0);
    pending->recipient = (guint)sql_row_int(row, 1);
    pending->original = g_strdup(sql_row_text(row, 2, NULL));
    g_ptr_array_add(data, pending);
    return TRUE;
}

GPtrArray *
catalogue_pending(struct catalogue *catalogue, guint64 after_event, guint after_recipient, guint limit, GError **error)
{
    g_autoptr(GPtrArray) pending = g_ptr_array_new_with_free_func(pending_free);
    struct sql_value values[] = {SQL_I((gint64)after_event), SQL_I((gint64)after_event), SQL_I(after_recipient),
                                 SQL_I(limit)};
    if (!look(catalogue, "pending_list", values, 4, take_pending, pending, error))
        return NULL;
    return g_steal_pointer(&pending);
}

static gboolean
take_delivery(const struct sql_row *row, gpointer data)
{
    struct catalogue_delivery delivery = {(guint64)sql_row_int(row, 0), (guint64)sql_row_int(row, 1)};
    g_array_append_val((GArray *)data, delivery);
    return TRUE;
}

GArray *
catalogue_mailbox(struct catalogue *catalogue, const char *mailbox, guint64 before, guint limit, GError **error)
{
    g_autoptr(GArray) deliveries = g_array_new(FALSE, FALSE, sizeof(struct catalogue_delivery));
    gint64 word = 0;
    int found = look_word(catalogue, mailbox, &word, error);
    if (found < 0)
        return NULL;
    struct sql_value values[] = {SQL_I(word), SQL_I((gint64)MIN(before, G_MAXINT64)), SQL_I(limit)};
    if (found > 0 && !look(catalogue, "mailbox_events", values, 3, take_delivery, deliveries, error))
        return NULL;
    return g_steal_pointer(&deliveries);
}

static gboolean
take_yes(const struct sql_row *row G_GNUC_UNUSED, gpointer data)
{
    *(int *)data = 1;
    return FALSE;
}

int
catalogue_concerns(struct catalogue *catalogue, guint64 id, const char *mailbox, GError **error)
{
    gint64 word = 0;
    int found = look_word(catalogue, mailbox, &word, error), concerns = 0;
    if (found <= 0)
        return found;
    struct sql_value values[] = {SQL_I(word),      SQL_I((gint64)id), SQL_I((gint64)id), SQL_I(word),
                                 SQL_I((gint64)id), SQL_I(word),       SQL_I((gint64)id), SQL_I(word)};
    return look(catalogue, "mailbox_concerned", values, 8, take_yes, &concerns, error) ? concerns : -1;
}
