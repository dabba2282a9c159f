/* pool.h: a fixed number of threads over a bounded queue of jobs. Full means no, at once. */
#pragma once
#include <glib.h>

struct pool;
typedef void (*pool_job)(gpointer data);

/* name: of the threads (at most 15 characters shown by the kernel). */
struct pool *pool_new(const char *name, guint threads, guint max_queue);
/* Queues run(data); FALSE (and nothing queued) when max_queue jobs wait or the pool is being freed.
 * Thread-safe. */
gboolean pool_push(struct pool *pool, pool_job run, gpointer data);
guint pool_waiting(struct pool *pool);
/* Lets queued jobs run to their end, joins the threads, frees. NULL-safe. */
void pool_free(struct pool **pool);
