/* commit.c: group commit. One thread syncs segment and key file once for all records that were written
 * meanwhile.
 *
 * A group is the longest run of written records at the head of the queue, so it has no holes: when a record
 * is acknowledged everything before it in the log is durable too. When a write or a sync fails the segment is
 * retired: no descriptor is synced again after it failed (the kernel reports an error once and may have
 * dropped the pages), all that wait there get the error, and the next segment's header says where the
 * acknowledged log ended; so a record that was answered with an error is not in the log, even if its bytes
 * did reach the disk. Only when no next segment can be made before the process ends may such a record be
 * found again at recovery: then its sender's second attempt is a duplicate event, never a loss. */
#include "archive-store/store/append_private.h"
#include "archive-store/store/io.h"
#include "archive-store/store/keys.h"

/* Lock held. */
void
commit_retire(struct appender *a, struct active *active, const GError *error)
{
    if (active->retired)
        return;
    active->retired = TRUE;
    active->failure = g_error_copy(error);
    a->generation++;
    a->failures++;
    locator_drop(a->o.locator, active->segment, active->durable);
    if (a->current == active) {
        a->current = NULL;
        a->dictionary = dictionaries_latest(a->o.dictionaries);
        active_unref(active);
    }
}

static void
pending_free(struct pending *p)
{
    active_unref(p->active);
    g_clear_error(&p->error);
    g_array_unref(p->waiters);
    g_free(p);
}

/* Calls everybody that waits. No lock. */
static void
answer(struct pending *p, const GError *error)
{
    for (guint n = 0; n < p->waiters->len; n++) {
        const struct append_waiter *w = &g_array_index(p->waiters, struct append_waiter, n);
        w->done(error != NULL ? NULL : &w->receipt, error, w->data);
    }
}

/* Takes the first n off the queue. Lock held. */
static GPtrArray *
take(struct appender *a, guint n)
{
    GPtrArray *taken = g_ptr_array_sized_new(n);

    while (n-- > 0)
        g_ptr_array_add(taken, g_queue_pop_head(&a->queue));
    g_cond_broadcast(&a->room);
    return taken;
}

/* Answers and frees; error NULL = durable. Lock held, given up meanwhile. */
static void
answer_all(struct appender *a, GPtrArray *group, const GError *error)
{
    g_mutex_unlock(&a->lock);
    for (guint n = 0; n < group->len; n++)
        answer(g_ptr_array_index(group, n), error);
    g_mutex_lock(&a->lock);
    for (guint n = 0; n < group->len; n++)
        pending_free(g_ptr_array_index(group, n));
    g_ptr_array_free(group, TRUE);
}

static gboolean
sync_group(const struct active *s, gboolean keyed, GError **error)
{
    /* Keys first: a torn group then rather has keys without records than records without keys. */
    return (!keyed || io_fdatasync(s->key_fd, s->key_path, error)) && io_fdatasync(s->fd, s->path, error);
}

/* How many written records of one segment stand at the head, and whether one has a key. Lock held. */
static guint
group_size(struct appender *a, gboolean *keyed_r, guint64 *end_r)
{
    const struct pending *head = g_queue_peek_head(&a->queue);
    guint n = 0;

    *keyed_r = FALSE;
    for (GList *link = a->queue.head; link != NULL; link = link->next) {
        const struct pending *p = link->data;
        if (p->active != head->active || p->state != PENDING_WRITTEN)
            break;
        *keyed_r |= p->keyed;
        *end_r = p->end;
        n++;
    }
    return n;
}

/* Syncs the group at the head of the queue and answers it. Lock held, given up meanwhile. */
static void
commit_group(struct appender *a)
{
    struct pending *head = g_queue_peek_head(&a->queue);
    struct active *active = active_ref(head->active);
    g_autoptr(GError) error = NULL;
    gboolean keyed;
    guint64 end = 0;
    guint n = group_size(a, &keyed, &end);

    g_mutex_unlock(&a->lock);
    gboolean good = sync_group(active, keyed, &error);
    g_mutex_lock(&a->lock);
    if (good) {
        a->failures = 0;
        active->durable = end;
        a->log_segment = active->segment;
        a->log_end = end;
        segments_set_end(a->o.segments, active->segment, end, key_file_size(active->slots_used));
        locator_settle(a->o.locator, active->segment, end);
        g_cond_broadcast(&a->durable);
        answer_all(a, take(a, n), NULL);
    } else {
        commit_retire(a, active, error);
    }
    active_unref(active);
}

/* The records of a retired segment, once nobody writes them any more. Lock held, given up meanwhile. */
static void
fail_head(struct appender *a)
{
    struct pending *head = g_queue_peek_head(&a->queue);
    g_autoptr(GError) error = g_error_copy(head->active->failure);
    guint64 segment = head->active->segment, durable = head->active->durable;
    gboolean last = TRUE;

    for (GList *link = a->queue.head->next; link != NULL && last; link = link->next)
        last = ((struct pending *)link->data)->active != head->active;
    answer_all(a, take(a, 1), error);
    if (!last)
        return;
    segments_finish(a->o.segments, segment, durable);
    g_mutex_unlock(&a->lock);
    a->o.finished(segment, a->o.data);
    g_mutex_lock(&a->lock);
}

gpointer
commit_thread(gpointer data)
{
    struct appender *a = data;

    g_mutex_lock(&a->lock);
    for (;;) {
        struct pending *head = g_queue_peek_head(&a->queue);
        if (head == NULL && a->stop)
            break;
        if (head == NULL || head->state == PENDING_WRITING) {
            g_cond_wait(&a->work, &a->lock);
        } else if (head->active->retired) {
            fail_head(a);
        } else if (head->state == PENDING_FAILED) {
            commit_retire(a, head->active, head->error);
        } else {
            commit_group(a);
        }
    }
    g_mutex_unlock(&a->lock);
    return NULL;
}
