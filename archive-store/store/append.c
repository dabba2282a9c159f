/* append.c: giving out places in the log and writing records there.
 *
 * Ids are receipt time in ms << 20, plus one for each of the same ms; they only rise, whatever the clock
 * does. */
#include "archive-store/store/append_private.h"
#include "archive-store/store/io.h"
#include "archive-store/store/keys.h"
#include <string.h>

static gint64
system_clock(void)
{
    return g_get_real_time() / 1000;
}

gint64 (*store_clock)(void) = system_clock;

guint32
append_month(guint64 id)
{
    g_autoptr(GDateTime) time = g_date_time_new_from_unix_utc(store_id_time_ms(id) / 1000);

    return time == NULL ? 0 : (guint32)(g_date_time_get_year(time) * 100 + g_date_time_get_month(time));
}

static guint64
next_id(const struct appender *a)
{
    return MAX(a->last_id + 1, (guint64)MAX(store_clock(), 0) << 20);
}

struct appender *
appender_start(const struct appender_options *options, const struct appender_start *start, GError **error)
{
    struct appender *a = g_new0(struct appender, 1);

    a->o = *options;
    g_mutex_init(&a->lock);
    g_cond_init(&a->work);
    g_cond_init(&a->room);
    g_cond_init(&a->durable);
    g_queue_init(&a->queue);
    a->last_id = start->last_id;
    a->last_segment = start->last_segment;
    a->log_segment = start->log_segment;
    a->log_end = start->log_end;
    a->dictionary = dictionaries_latest(options->dictionaries);
    if (start->active) {
        a->current = roll_reopen(a, start, error);
        if (a->current == NULL) {
            appender_stop(&a);
            return NULL;
        }
        a->dictionary = dictionaries_find(options->dictionaries, a->current->dictionary);
    }
    a->thread = g_thread_new("commit", commit_thread, a);
    return a;
}

void
appender_stop(struct appender **appender)
{
    struct appender *a = *appender;

    if (a == NULL)
        return;
    g_mutex_lock(&a->lock);
    a->stop = TRUE;
    g_cond_broadcast(&a->work);
    g_cond_broadcast(&a->room);
    g_cond_broadcast(&a->durable);
    g_mutex_unlock(&a->lock);
    if (a->thread != NULL)
        g_thread_join(a->thread);
    active_unref(a->current);
    g_cond_clear(&a->work);
    g_cond_clear(&a->room);
    g_cond_clear(&a->durable);
    g_mutex_clear(&a->lock);
    g_clear_pointer(appender, g_free);
}

void
append_epoch(struct appender *a, struct append_epoch *epoch_r)
{
    g_mutex_lock(&a->lock);
    epoch_r->generation = a->generation;
    epoch_r->month = append_month(next_id(a));
    epoch_r->dictionary = a->dictionary;
    g_mutex_unlock(&a->lock);
}

/* Whether the current segment takes a record of span bytes received now. Lock held. */
static gboolean
fits(const struct appender *a, guint64 span, guint32 month)
{
    const struct active *s = a->current;

    return s != NULL && !a->want_roll && s->month == month && span <= s->capacity - s->reserved &&
           s->slots_used < s->slots;
}

static void
set_ids(struct appender *a, struct record_header *h, guint64 id)
{
    if (h->type == RECORD_ATTACHMENT)
        return;
    a->last_id = id;
    if (h->type == RECORD_MESSAGE)
        h->id = h->event = id;
    else if (h->type == RECORD_EVENT)
        h->event = id;
    else
        h->id = id;
}

/* Everything that only the lock holder may decide: ids, offset, slot, the record's turn in queue and locator.
 */
static struct pending *
take_place(struct appender *a, struct append *append, guint64 id, guint64 span)
{
    struct active *s = a->current;
    struct record_header *h = &append->record.header;
    struct pending *p = g_new0(struct pending, 1);

    set_ids(a, h, id);
    append->segment = s->segment;
    append->offset = s->reserved;
    p->active = active_ref(s);
    p->offset = s->reserved;
    p->end = s->reserved = s->reserved + span;
    h->durable = (guint32)(s->durable / 8);
    p->keyed = h->type != RECORD_ATTACHMENT;
    h->slot = p->keyed ? ++s->slots_used : RECORD_NO_SLOT;
    p->waiters = g_array_new(FALSE, FALSE, sizeof(struct append_waiter));
    if (append->waiter != NULL) {
        struct append_waiter w = *append->waiter;
        w.receipt.event = h->event;
        if (w.receipt.id == 0)
            w.receipt.id = h->id;
        g_array_append_val(p->waiters, w);
    }
    g_queue_push_tail(&a->queue, p);
    locator_add(
        a->o.locator,
        &(struct locator_entry){
            .segment = s->segment, .offset = p->offset, .end = p->end, .month = s->month, .header = *h},
        FALSE);
    if (s->reserved > s->capacity / 2)
        preparer_want(a->o.preparer);
    return p;
}

/* A place for the record, rolling over as needed: the pending record, or NULL: *again_r, or error. */
static struct pending *
reserve(struct appender *a, struct append *append, gboolean *again_r, GError **error)
{
    guint64 span = record_span(append->record.header.stored);
    struct pending *p = NULL;

    g_mutex_lock(&a->lock);
    for (;;) {
        guint64 id = next_id(a);
        guint32 month = append_month(id);
        if (a->stop) {
            g_set_error(error, STORE_ERROR, STORE_ERROR_IO, "the store is being closed");
            break;
        }
        if (append->epoch.generation != a->generation ||
            (append->same_month && append->epoch.month != month)) {
            *again_r = TRUE;
            break;
        }
        if (a->rolling) {
            g_cond_wait(&a->room, &a->lock);
            continue;
        }
        if (fits(a, span, month)) {
            p = take_place(a, append, id, span);
            break;
        }
        if (!roll_over(a, span, month, error)) {
            if (!fits(a, span, month))
                break;
            g_clear_error(error); /* it was only to be a fresh one; the old one still does */
        }
    }
    g_mutex_unlock(&a->lock);
    return p;
}

static gboolean
write_record(struct appender *a, struct append *append, const struct pending *p, GError **error)
{
    struct record *r = &append->record;
    const struct active *s = p->active; /* path and descriptors never change */

    record_finish(r, s->segment, p->offset, append->key);
    if (!io_write_full(s->fd, r->bytes, (gsize)(p->end - p->offset), p->offset, s->path, error))
        return FALSE;
    if (!p->keyed)
        return TRUE;
    guint8 bytes[KEY_SLOT];
    struct key_slot slot = {.state = KEY_USED,
                            .event = r->header.type == RECORD_EXPANSION ? r->header.id : r->header.event};
    crypto_wrap(a->o.secrets->kek, append->key, slot.wrapped);
    format_key_slot(&slot, bytes);
    return io_write_full(s->key_fd, bytes, sizeof bytes, key_slot_offset(r->header.slot), s->key_path, error);
}

int
append_record(struct appender *a, struct append *append, GError **error)
{
    gboolean again = FALSE;
    GError *failure = NULL;

    struct pending *p = reserve(a, append, &again, error);
    if (p == NULL)
        return again ? 0 : -1;
    gboolean good = write_record(a, append, p, &failure);
    g_mutex_lock(&a->lock);
    p->state = good ? PENDING_WRITTEN : PENDING_FAILED;
    p->error = failure;
    g_cond_signal(&a->work);
    g_mutex_unlock(&a->lock);
    return 1;
}

int
append_join(struct appender *a, guint64 segment, guint64 offset, const struct append_waiter *waiter)
{
    int joined = 0;

    g_mutex_lock(&a->lock);
    for (GList *link = a->queue.head; link != NULL && joined == 0; link = link->next) {
        struct pending *p = link->data;
        if (p->active->segment == segment && p->offset == offset) {
            g_array_append_vals(p->waiters, waiter, 1);
            joined = 1;
        }
    }
    g_mutex_unlock(&a->lock);
    return joined;
}

struct store_cursor
append_end(struct appender *a)
{
    g_mutex_lock(&a->lock);
    struct store_cursor end = {a->log_segment, a->log_end};
    g_mutex_unlock(&a->lock);
    return end;
}

gboolean
append_wait(struct appender *a, const struct store_cursor *cursor, int timeout_ms)
{
    gint64 until = g_get_monotonic_time() + (gint64)timeout_ms * 1000;
    gboolean beyond = FALSE;

    g_mutex_lock(&a->lock);
    for (;;) {
        beyond = a->log_segment > cursor->segment ||
                 (a->log_segment == cursor->segment && a->log_end > cursor->offset);
        if (beyond || a->stop || !g_cond_wait_until(&a->durable, &a->lock, until))
            break;
    }
    g_mutex_unlock(&a->lock);
    return beyond;
}

void
append_roll(struct appender *a)
{
    g_mutex_lock(&a->lock);
    a->want_roll = a->current != NULL;
    if (a->current == NULL && a->dictionary != dictionaries_latest(a->o.dictionaries)) {
        a->dictionary = dictionaries_latest(a->o.dictionaries);
        a->generation++;
    }
    g_mutex_unlock(&a->lock);
}
