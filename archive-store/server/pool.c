/* pool.c: worker threads with a bounded queue.
 *
 * GLib's own thread pool has no bound on its queue, and a bound is the point here: what can't be queued is
 * answered "busy" at once, instead of a promise that memory keeps. */
#include "archive-store/server/pool.h"

struct job {
    pool_job run;
    gpointer data;
};

struct pool {
    GMutex lock;
    GCond more;
    GQueue jobs; /* struct job * */
    guint max_queue;
    gboolean stopping;
    GPtrArray *threads; /* GThread * */
};

static gpointer
pool_thread(gpointer data)
{
    struct pool *pool = data;

    g_mutex_lock(&pool->lock);
    for (;;) {
        struct job *job = g_queue_pop_head(&pool->jobs);
        if (!job) {
            if (pool->stopping)
                break;
            g_cond_wait(&pool->more, &pool->lock);
            continue;
        }
        g_mutex_unlock(&pool->lock);
        job->run(job->data);
        g_free(job);
        g_mutex_lock(&pool->lock);
    }
    g_mutex_unlock(&pool->lock);
    return NULL;
}

struct pool *
pool_new(const char *name, guint threads, guint max_queue)
{
    struct pool *pool = g_new0(struct pool, 1);

    g_mutex_init(&pool->lock);
    g_cond_init(&pool->more);
    g_queue_init(&pool->jobs);
    pool->max_queue = max_queue;
    pool->threads = g_ptr_array_new();
    for (guint n = 0; n < MAX(threads, 1); n++)
        g_ptr_array_add(pool->threads, g_thread_new(name, pool_thread, pool));
    return pool;
}

gboolean
pool_push(struct pool *pool, pool_job run, gpointer data)
{
    gboolean taken = FALSE;

    g_mutex_lock(&pool->lock);
    if (!pool->stopping && g_queue_get_length(&pool->jobs) < pool->max_queue) {
        struct job *job = g_new(struct job, 1);
        *job = (struct job){.run = run, .data = data};
        g_queue_push_tail(&pool->jobs, job);
        g_cond_signal(&pool->more);
        taken = TRUE;
    }
    g_mutex_unlock(&pool->lock);
    return taken;
}

guint
pool_waiting(struct pool *pool)
{
    g_mutex_lock(&pool->lock);
    guint waiting = g_queue_get_length(&pool->jobs);
    g_mutex_unlock(&pool->lock);
    return waiting;
}

void
pool_free(struct pool **pool)
{
    struct pool *p = *pool;

    if (!p)
        return;
    *pool = NULL;
    g_mutex_lock(&p->lock);
    p->stopping = TRUE;
    g_cond_broadcast(&p->more);
    g_mutex_unlock(&p->lock);
    for (guint n = 0; n < p->threads->len; n++)
        g_thread_join(p->threads->pdata[n]);
    g_ptr_array_free(p->threads, TRUE);
    g_mutex_clear(&p->lock);
    g_cond_clear(&p->more);
    g_free(p);
}
