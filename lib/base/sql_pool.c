/* sql_pool.c: connections handed out one thread at a time.
 *
 * Connections are opened when needed, at most max, and kept. The most recently used one is given first, so
 * that the others can go idle. One gate is shared: when one connect failed, no other thread tries (and waits)
 * before the pause is over. */
#include "lib/base/sql_private.h"

#define WAIT (10 * G_USEC_PER_SEC)

struct sql_pool {
    struct sql_options options;
    guint max;
    GMutex lock;
    GCond given;
    GQueue idle; /* struct sql *, most recently used first; guarded by lock */
    guint open;  /* idle and out together; guarded by lock */
    struct sql_gate gate;
};

struct sql_pool *
sql_pool_new(const struct sql_options *options, guint max)
{
    struct sql_pool *pool = g_new0(struct sql_pool, 1);
    sql_options_copy(&pool->options, options);
    pool->max = MAX(max, 1);
    g_mutex_init(&pool->lock);
    g_cond_init(&pool->given);
    g_queue_init(&pool->idle);
    return pool;
}

void
sql_pool_free(struct sql_pool **pool)
{
    if (!pool || !*pool)
        return;
    struct sql_pool *p = *pool;
    struct sql *sql;
    while ((sql = g_queue_pop_head(&p->idle))) {
        sql_close(&sql);
        p->open--;
    }
    g_assert(p->open == 0); /* a connection still out would use the freed gate */
    g_mutex_clear(&p->lock);
    g_cond_clear(&p->given);
    sql_options_clear(&p->options);
    g_free(p);
    *pool = NULL;
}

struct sql *
sql_pool_take(struct sql_pool *pool, GError **error)
{
    gint64 deadline = g_get_monotonic_time() + WAIT;
    g_mutex_lock(&pool->lock);
    while (g_queue_is_empty(&pool->idle) && pool->open >= pool->max) {
        if (!g_cond_wait_until(&pool->given, &pool->lock, deadline)) {
            g_mutex_unlock(&pool->lock);
            g_set_error(error, SQL_ERROR, SQL_ERROR_AWAY, "all %u SQL connections have been in use for 10 s", pool->max);
            return NULL;
        }
    }
    struct sql *sql = g_queue_pop_head(&pool->idle);
    if (!sql)
        pool->open++;
    g_mutex_unlock(&pool->lock);
    if (sql)
        return sql;
    sql = sql_open_gated(&pool->options, &pool->gate, error);
    if (!sql) {
        g_mutex_lock(&pool->lock);
        pool->open--;
        g_cond_signal(&pool->given);
        g_mutex_unlock(&pool->lock);
    }
    return sql;
}

void
sql_pool_give(struct sql_pool *pool, struct sql *sql)
{
    if (!sql)
        return;
    sql_rollback(sql);
    g_mutex_lock(&pool->lock);
    g_queue_push_head(&pool->idle, sql);
    g_cond_signal(&pool->given);
    g_mutex_unlock(&pool->lock);
}
