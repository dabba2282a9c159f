/* spf_task.c: a pool of threads that evaluate SPF. */
#include "lib/mail/auth/spf_task.h"
#include <string.h>
#include "lib/base/networks.h"

/* What checks need; outlives the pool for as long as one runs. */
struct context {
    gatomicrefcount refs;
    struct dns *dns;
    char *receiver;
    gint64 budget_us;
};
struct spf_pool {
    GThreadPool *threads;
    struct context *context;
};

struct spf_task {
    gatomicrefcount refs; /* the transaction and the thread */
    struct context *context;
    struct dns *dns;
    enum spf_identity identity;
    guint8 client[16];
    gsize client_length;
    char *helo, *mail_from;
    GMutex lock;
    GCond ended;
    gboolean done; /* under lock; the result doesn't change after it */
    struct spf_result result;
};

static void
context_unref(struct context *context)
{
    if (!g_atomic_ref_count_dec(&context->refs))
        return;
    dns_unref(context->dns);
    g_free(context->receiver);
    g_free(context);
}

static void
task_unref(struct spf_task *task)
{
    if (!g_atomic_ref_count_dec(&task->refs))
        return;
    g_mutex_clear(&task->lock);
    g_cond_clear(&task->ended);
    spf_result_clear(&task->result);
    dns_unref(task->dns);
    context_unref(task->context);
    g_free(task->helo);
    g_free(task->mail_from);
    g_free(task);
}

static void
check(gpointer data, gpointer user_data)
{
    struct spf_task *task = data;
    const struct context *context = task->context;
    const struct spf_query query = {
        .dns = task->dns,
        .client = task->client,
        .client_length = task->client_length,
        .helo = task->helo,
        .mail_from = task->mail_from,
        .receiver = context->receiver,
        .deadline_us = g_get_monotonic_time() + context->budget_us,
    };
    struct spf_result result;

    (void)user_data;
    if (g_atomic_ref_count_compare(&task->refs, 1)) { /* nobody waits for it any more */
        task_unref(task);
        return;
    }
    spf_check(&query, task->identity, &result);
    g_mutex_lock(&task->lock);
    task->result = result;
    task->done = TRUE;
    g_cond_broadcast(&task->ended);
    g_mutex_unlock(&task->lock);
    task_unref(task);
}

struct spf_pool *
spf_pool_new(struct dns *dns, guint threads, const char *receiver, gint64 budget_ms)
{
    struct spf_pool *pool = g_new0(struct spf_pool, 1);
    struct context *context = pool->context = g_new0(struct context, 1);

    g_atomic_ref_count_init(&context->refs);
    context->dns = dns_ref(dns);
    context->receiver = g_strdup(receiver);
    context->budget_us = budget_ms * 1000;
    pool->threads = g_thread_pool_new_full(check, NULL, (GDestroyNotify)task_unref, (gint)threads, FALSE, NULL);
    return pool;
}

void
spf_pool_free(struct spf_pool **pool)
{
    if (*pool == NULL)
        return;
    g_thread_pool_free((*pool)->threads, TRUE, FALSE);
    context_unref((*pool)->context);
    g_clear_pointer(pool, g_free);
}

struct spf_task *
spf_pool_start(struct spf_pool *pool, struct dns *dns, enum spf_identity identity, const char *address, const char *helo,
               const char *mail_from)
{
    struct spf_task *task = g_new0(struct spf_task, 1);

    task->client_length = network_address(address, task->client);
    if (task->client_length == 0) {
        g_free(task);
        return NULL;
    }
    g_atomic_ref_count_init(&task->refs);
    g_atomic_ref_count_inc(&task->refs);
    task->context = pool->context;
    g_atomic_ref_count_inc(&task->context->refs);
    task->dns = dns_ref(dns != NULL ? dns : pool->context->dns);
    g_mutex_init(&task->lock);
    g_cond_init(&task->ended);
    task->identity = identity;
    task->helo = g_strdup(helo);
    task->mail_from = g_strdup(mail_from);
    g_thread_pool_push(pool->threads, task, NULL); /* without a thread it stays in the queue: a temperror at the deadline */
    return task;
}

const struct spf_result *
spf_task_wait(struct spf_task *task, gint64 deadline_us)
{
    g_mutex_lock(&task->lock);
    while (!task->done && g_cond_wait_until(&task->ended, &task->lock, deadline_us))
        ;
    gboolean done = task->done;
    g_mutex_unlock(&task->lock);
    return done ? &task->result : NULL;
}

void
spf_task_free(struct spf_task **task)
{
    if (*task != NULL)
        task_unref(*task);
    *task = NULL;
}
