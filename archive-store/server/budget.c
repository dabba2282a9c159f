/* budget.c: counting bytes in flight. */
#include "archive-store/server/budget.h"

struct budget {
    GMutex lock;
    guint64 cap, used;
    guint refs; /* the owner and each GBytes */
    gboolean refused;
    void (*wake)(gpointer data);
    gpointer data;
};

struct held {
    struct budget *budget;
    gpointer memory; /* g_malloc, or NULL */
    GBytes *bytes;   /* or this */
    gsize reserved;
};

struct budget *
budget_new(guint64 cap, void (*wake)(gpointer data), gpointer data)
{
    struct budget *budget = g_new0(struct budget, 1);

    g_mutex_init(&budget->lock);
    budget->cap = cap;
    budget->refs = 1;
    budget->wake = wake;
    budget->data = data;
    return budget;
}

/* Called with the lock held; unlocks, and frees at the last reference. */
static void
budget_unref_locked(struct budget *budget)
{
    gboolean last = --budget->refs == 0;

    g_mutex_unlock(&budget->lock);
    if (last) {
        g_mutex_clear(&budget->lock);
        g_free(budget);
    }
}

void
budget_free(struct budget **budget)
{
    struct budget *b = *budget;

    if (!b)
        return;
    *budget = NULL;
    g_mutex_lock(&b->lock);
    b->wake = NULL;
    budget_unref_locked(b);
}

gboolean
budget_take(struct budget *budget, gsize n)
{
    g_mutex_lock(&budget->lock);
    gboolean fits = budget->used == 0 || (budget->used < budget->cap && n <= budget->cap - budget->used);
    if (fits)
        budget->used += n;
    else
        budget->refused = TRUE;
    g_mutex_unlock(&budget->lock);
    return fits;
}

/* The wake function only writes to an event descriptor, so it may run under the lock: that way it can't
 * run after budget_free. */
static void
budget_give_locked(struct budget *budget, gsize n)
{
    g_assert(budget->used >= n);
    budget->used -= n;
    if (budget->refused && budget->wake) {
        budget->refused = FALSE;
        budget->wake(budget->data);
    }
}

void
budget_give(struct budget *budget, gsize n)
{
    g_mutex_lock(&budget->lock);
    budget_give_locked(budget, n);
    g_mutex_unlock(&budget->lock);
}

static void
held_free(gpointer data)
{
    struct held *held = data;

    g_free(held->memory);
    g_clear_pointer(&held->bytes, g_bytes_unref);
    g_mutex_lock(&held->budget->lock);
    budget_give_locked(held->budget, held->reserved);
    budget_unref_locked(held->budget);
    g_free(held);
}

static struct held *
held_new(struct budget *budget, gsize reserved)
{
    struct held *held = g_new0(struct held, 1);

    held->budget = budget;
    held->reserved = reserved;
    g_mutex_lock(&budget->lock);
    budget->refs++;
    g_mutex_unlock(&budget->lock);
    return held;
}

GBytes *
budget_bytes(struct budget *budget, gpointer memory, gsize length, gsize reserved)
{
    struct held *held = held_new(budget, reserved);

    held->memory = memory;
    return g_bytes_new_with_free_func(memory, length, held_free, held);
}

GBytes *
budget_wrap(struct budget *budget, GBytes *bytes)
{
    gsize length;
    const void *data = g_bytes_get_data(bytes, &length);

    if (!budget_take(budget, length))
        return NULL;
    struct held *held = held_new(budget, length);
    held->bytes = g_bytes_ref(bytes);
    return g_bytes_new_with_free_func(data, length, held_free, held);
}

guint64
budget_used(struct budget *budget)
{
    g_mutex_lock(&budget->lock);
    guint64 used = budget->used;
    g_mutex_unlock(&budget->lock);
    return used;
}
