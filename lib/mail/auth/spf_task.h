/* spf_task.h: an SPF check that runs on a thread of its own while the client goes on with its transaction.
 *
 * An evaluation asks one question after another, so it needs a thread that may wait; it is started early (at MAIL) and
 * joined when the result is needed. A task belongs to who started it, who may go away before the check has ended. */
#pragma once
#include "lib/mail/auth/spf.h"

struct spf_pool;
struct spf_task;

/* threads: most checks at the same time, others queue. receiver: our host name. budget_ms: the time of one check from its start on.
 * dns gets a reference. */
struct spf_pool *spf_pool_new(struct dns *dns, guint threads, const char *receiver, gint64 budget_ms);
/* Doesn't wait: checks that run end by themselves, those in the queue never run. NULL-safe. */
void spf_pool_free(struct spf_pool **pool);
/* Starts the check of a client (address as text). dns: asked instead of the pool's, gets a reference; or NULL. The strings are copied. NULL
 * when the address is none. Thread-safe. */
struct spf_task *spf_pool_start(struct spf_pool *pool, struct dns *dns, enum spf_identity identity, const char *address, const char *helo,
                                const char *mail_from);
/* The result, when it is there by deadline_us (monotonic); NULL otherwise. Belongs to the task. */
const struct spf_result *spf_task_wait(struct spf_task *task, gint64 deadline_us);
/* NULL-safe. A check that has not begun never does. */
void spf_task_free(struct spf_task **task);
