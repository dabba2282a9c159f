/* keeper.c: the store's background work: sealing finished segments in order, and training the dictionary. */
#include "archive-store/store/io.h"
#include "archive-store/store/seal.h"
#include "archive-store/store/store_private.h"
#include "archive-store/store/walk.h"
#include "lib/base/log.h"
#include <string.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

#define SAMPLE_MAX (16u << 10)
#define SAMPLES_MAX (4u << 20)
#define SEAL_RETRY (10 * G_USEC_PER_SEC)
#define TRAIN_AGAIN 4u /* after a failure: when there are so many times the messages */

void
keeper_finished(guint64 segment, gpointer data)
{
    struct store *store = data;

    g_mutex_lock(&store->keeper_lock);
    g_queue_push_tail(&store->finished, g_memdup2(&segment, sizeof segment));
    g_cond_signal(&store->keeper_wake);
    g_mutex_unlock(&store->keeper_lock);
}

/* A segment in which nothing was ever acknowledged. */
static void
remove_empty(struct store *store, guint64 id)
{
    g_autofree char *path = segments_path(store->segments, id, SEGMENT_LOG);
    g_autofree char *key_path = segments_path(store->segments, id, SEGMENT_KEYS);

    segments_remove(store->segments, id);
    store_io->unlink(path);
    store_io->unlink(key_path);
}

/* FALSE: try again later, and nothing else before it: a seal that failed half-way may still turn up after a
 * power cut, so no other may be chained to the same predecessor. */
static gboolean
seal_one(struct store *store, guint64 id)
{
    struct segment s;
    g_autoptr(GError) error = NULL;

    if (!segments_get(store->segments, id, &s) || s.state != SEGMENT_FINISHED)
        return TRUE;
    if (s.end <= SEGMENT_HEADER) {
        remove_empty(store, id);
        return TRUE;
    }
    const struct secrets *secrets = keyring_find(store->keyring, s.header.key_id);
    if (secrets == NULL)
        secrets = store->secrets;
    if (!seal_segment(store->segments, &s, secrets, store->sealed, store->sealed_hash, &error)) {
        log_text(LOG_SEV_WARNING, "seal", "segment %016" G_GINT64_MODIFIER "x can't be sealed yet: %s", id,
                 error->message);
        return FALSE;
    }
    segments_put(store->segments, &s);
    segments_forget(store->segments, id);
    store->sealed = id;
    memcpy(store->sealed_hash, s.seal_hash, 32);
    return TRUE;
}

/* Plain payloads of the first messages, laid end to end. */
static guint
collect_samples(struct store *store, guint most, GByteArray *samples, GArray *sizes)
{
    struct segment s;

    for (guint64 id = 0;
         sizes->len < most && samples->len < SAMPLES_MAX && segments_after(store->segments, id, &s);
         id = s.header.segment) {
        struct segment_handle *h = segments_open(store->segments, s.header.segment, SEGMENT_LOG, NULL);
        if (h == NULL)
            continue;
        struct walk walk;
        enum walk_step step;
        walk_init(&walk, h->fd, SEGMENT_HEADER, s.end);
        while (sizes->len < most && samples->len < SAMPLES_MAX &&
               ((step = walk_next(&walk)) == WALK_RECORD || step == WALK_DAMAGED)) {
            if (step == WALK_DAMAGED || walk.header.type != RECORD_MESSAGE ||
                (walk.header.flags & RECORD_VOID) != 0)
                continue;
            g_autofree guint8 *stored = g_memdup2(walk.record + RECORD_HEADER, walk.header.stored);
            g_autoptr(GBytes) plain =
                fetch_open(store, s.header.segment, walk.at, &walk.header, stored, NULL);
            if (plain == NULL)
                continue;
            gsize n = MIN(g_bytes_get_size(plain), SAMPLE_MAX);
            g_byte_array_append(samples, g_bytes_get_data(plain, NULL), (guint)n);
            g_array_append_val(sizes, n);
        }
        walk_clear(&walk);
        segments_release(store->segments, h);
    }
    return sizes->len;
}

gboolean
store_train(struct store *store, guint most, GError **error)
{
    g_autoptr(GByteArray) samples = g_byte_array_new();
    g_autoptr(GArray) sizes = g_array_new(FALSE, FALSE, sizeof(gsize));

    guint n = collect_samples(store, most, samples, sizes);
    if (dictionaries_train(store->dictionaries, samples->data, (const gsize *)(void *)sizes->data, n,
                           error) == NULL)
        return FALSE;
    append_roll(store->appender);
    return TRUE;
}

static void
train(struct store *store)
{
    struct locator_counters counters;
    g_autoptr(GError) error = NULL;

    locator_count(store->locator, &counters);
    if (store->train_at == 0 || counters.messages < store->train_at)
        return;
    if (store_train(store, TRAIN_MESSAGES, &error)) {
        store->train_at = 0;
        log_text(LOG_SEV_INFO, "dictionary", "trained a compression dictionary from the first messages");
        return;
    }
    store->train_at = (guint)MIN(counters.messages * TRAIN_AGAIN, G_MAXUINT);
    log_text(LOG_SEV_INFO, "dictionary", "no compression dictionary yet: %s", error->message);
}

/* Does the next piece of work. FALSE = there is none for now. Lock held, given up meanwhile. */
static gboolean
work(struct store *store)
{
    guint64 *id = g_get_monotonic_time() >= store->seal_at ? g_queue_pop_head(&store->finished) : NULL;
    gboolean good = TRUE;

    if (id == NULL && !store->train)
        return FALSE;
    store->keeper_busy = TRUE;
    store->train &= id != NULL;
    g_mutex_unlock(&store->keeper_lock);
    if (id != NULL)
        good = seal_one(store, *id);
    else
        train(store);
    g_mutex_lock(&store->keeper_lock);
    if (good) {
        store->seal_at = id != NULL ? 0 : store->seal_at;
        g_free(id);
        return TRUE;
    }
    g_queue_push_head(&store->finished, id);
    store->seal_at = g_get_monotonic_time() + SEAL_RETRY;
    return TRUE;
}

static gpointer
keep(gpointer data)
{
    struct store *store = data;

    /* Mail comes first: on Linux the nice value is the thread's own. */
    setpriority(PRIO_PROCESS, (id_t)syscall(SYS_gettid), 10);
    g_mutex_lock(&store->keeper_lock);
    while (!store->keeper_stop) {
        if (work(store))
            continue;
        store->keeper_busy = FALSE;
        g_cond_broadcast(&store->keeper_idle);
        if (g_queue_is_empty(&store->finished))
            g_cond_wait(&store->keeper_wake, &store->keeper_lock);
        else
            g_cond_wait_until(&store->keeper_wake, &store->keeper_lock, store->seal_at);
    }
    g_mutex_unlock(&store->keeper_lock);
    return NULL;
}

void
keeper_start(struct store *store)
{
    store->keeper_busy = TRUE;
    store->train_at = dictionaries_latest(store->dictionaries) != NULL ? 0 : TRAIN_MESSAGES;
    store->train = store->train_at != 0;
    store->keeper = g_thread_new("keeper", keep, store);
}

void
keeper_stop(struct store *store)
{
    if (store->keeper == NULL)
        return;
    g_mutex_lock(&store->keeper_lock);
    store->keeper_stop = TRUE;
    g_cond_broadcast(&store->keeper_wake);
    g_mutex_unlock(&store->keeper_lock);
    g_thread_join(store->keeper);
    store->keeper = NULL;
}

void
keeper_wait(struct store *store)
{
    g_mutex_lock(&store->keeper_lock);
    while (store->keeper_busy || store->train || (!g_queue_is_empty(&store->finished) && store->seal_at == 0))
        g_cond_wait(&store->keeper_idle, &store->keeper_lock);
    g_mutex_unlock(&store->keeper_lock);
}
