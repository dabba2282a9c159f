/* expand.c: the job that resolves pending expansions.
 *
 * The catalogue lists recipients whose record says "pending". Each is expanded by the accounts database as
 * it is now, and the answer appended to the store as a record of its own, which the feeders then carry to
 * index and catalogue like any other. The next look waits until they have, so that none is resolved twice. */
#include "archive-store/server/expand.h"
#include <string.h>
#include "archive-store/server/archived.h"
#include "lib/base/log.h"

#define LOOK_MS 5000
#define FEED_MS 5000
#define PAGE 200

struct expander {
    struct archived *archived;
    GThread *thread;
    GMutex lock;
    GCond wake;
    gboolean stopping;
    gint pending; /* atomic */
    struct metric *pending_gauge, *resolved_total;
};

static gboolean
expander_is_stopping(struct expander *expander)
{
    g_mutex_lock(&expander->lock);
    gboolean stopping = expander->stopping;
    g_mutex_unlock(&expander->lock);
    return stopping;
}

/* FALSE: accounts or store do not work now. */
static gboolean
resolve(struct expander *expander, const struct catalogue_pending *pending)
{
    struct archived *archived = expander->archived;
    g_auto(GStrv) mailboxes = NULL;
    g_autoptr(GError) error = NULL;

    if (accounts_expand(archived->accounts, pending->original, &mailboxes, &error) < 0)
        return FALSE;
    if (!store_add_expansion(archived->store, pending->event, pending->recipient, mailboxes, &error)) {
        log_text(LOG_SEV_WARNING, "expand", "an expansion was not stored: %s", error->message);
        return FALSE;
    }
    metrics_add(expander->resolved_total, 0, 1);
    return TRUE;
}

/* Goes once through all that is pending. Returns how many could not be resolved (at least). */
static guint
resolve_all(struct expander *expander)
{
    struct catalogue *catalogue = expander->archived->catalogue;
    guint64 after_event = 0;
    guint after_recipient = 0, left = 0, resolved = 0;
    gboolean going = TRUE;

    while (going && !expander_is_stopping(expander)) {
        g_autoptr(GPtrArray) page = catalogue_pending(catalogue, after_event, after_recipient, PAGE, NULL);
        if (!page || page->len == 0)
            break;
        for (guint n = 0; n < page->len; n++) {
            const struct catalogue_pending *pending = page->pdata[n];
            after_event = pending->event;
            after_recipient = pending->recipient;
            if (going && resolve(expander, pending)) {
                resolved++;
            } else {
                left++;
                going = FALSE; /* the rest of the page is only counted */
            }
        }
    }
    if (resolved > 0) {
        struct store_cursor end = store_end(expander->archived->store);
        log_text(LOG_SEV_INFO, "expand", "%u pending recipients were expanded", resolved);
        feed_wait(expander->archived->feed, &end, FEED_MS);
    }
    return left;
}

static gpointer
expander_thread(gpointer data)
{
    struct expander *expander = data;

    while (!expander_is_stopping(expander)) {
        guint left = resolve_all(expander);
        g_atomic_int_set(&expander->pending, (gint)left);
        metrics_set(expander->pending_gauge, 0, left);
        g_mutex_lock(&expander->lock);
        if (!expander->stopping)
            g_cond_wait_until(&expander->wake, &expander->lock, g_get_monotonic_time() + LOOK_MS * 1000);
        g_mutex_unlock(&expander->lock);
    }
    return NULL;
}

struct expander *
expander_start(struct archived *archived)
{
    if (!archived->accounts_pool)
        return NULL;
    struct expander *expander = g_new0(struct expander, 1);

    expander->archived = archived;
    g_mutex_init(&expander->lock);
    g_cond_init(&expander->wake);
    expander->pending_gauge = metrics_gauge("postern_archive_pending_expansions",
                                            "Recipients that wait for the accounts database (of the page looked at).",
                                            NULL, NULL);
    expander->resolved_total = metrics_counter("postern_archive_resolved_expansions_total",
                                               "Recipients expanded after their message was stored.", NULL, NULL);
    expander->thread = g_thread_new("expand", expander_thread, expander);
    return expander;
}

void
expander_stop(struct expander **expander)
{
    struct expander *e = *expander;

    if (!e)
        return;
    *expander = NULL;
    g_mutex_lock(&e->lock);
    e->stopping = TRUE;
    g_cond_broadcast(&e->wake);
    g_mutex_unlock(&e->lock);
    g_thread_join(e->thread);
    g_mutex_clear(&e->lock);
    g_cond_clear(&e->wake);
    g_free(e);
}

guint
expander_pending(struct expander *expander)
{
    return expander ? (guint)g_atomic_int_get(&expander->pending) : 0;
}
