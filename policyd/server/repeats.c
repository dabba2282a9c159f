/* repeats.c: two generations of answers: what was not asked for in a whole REPEATS_MS goes with its generation, all at once. */
#include "policyd/server/repeats.h"
#include <string.h>

#define SHARDS 32u

struct shard {
    GMutex lock;
    GHashTable *young, *old; /* identity -> answer */
    gint64 began_ms;         /* of the young ones */
};
struct repeats {
    struct shard shards[SHARDS];
};

static guint
identity_hash(gconstpointer key)
{
    guint hash;

    memcpy(&hash, (const guint8 *)key + 4, sizeof hash);
    return hash;
}

static gboolean
identity_equal(gconstpointer a, gconstpointer b)
{
    return memcmp(a, b, 16) == 0;
}

static GHashTable *
new_generation(void)
{
    return g_hash_table_new_full(identity_hash, identity_equal, g_free, (GDestroyNotify)g_ref_string_release);
}

struct repeats *
repeats_new(void)
{
    struct repeats *repeats = g_new0(struct repeats, 1);

    for (guint i = 0; i < SHARDS; i++) {
        g_mutex_init(&repeats->shards[i].lock);
        repeats->shards[i].young = new_generation();
        repeats->shards[i].old = new_generation();
    }
    return repeats;
}

void
repeats_free(struct repeats *repeats)
{
    for (guint i = 0; i < SHARDS; i++) {
        g_mutex_clear(&repeats->shards[i].lock);
        g_hash_table_unref(repeats->shards[i].young);
        g_hash_table_unref(repeats->shards[i].old);
    }
    g_free(repeats);
}

/* The shard, locked, with generations as they are to be now. */
static struct shard *
enter(struct repeats *repeats, const guint8 identity[16], gint64 now_ms)
{
    struct shard *shard = &repeats->shards[identity[0] % SHARDS];
    gint64 age;

    g_mutex_lock(&shard->lock);
    age = now_ms - shard->began_ms;
    if (age >= REPEATS_MS) {
        g_hash_table_unref(shard->old);
        shard->old = age < 2 * REPEATS_MS ? g_steal_pointer(&shard->young) : new_generation();
        if (shard->young != NULL)
            g_hash_table_unref(shard->young);
        shard->young = new_generation();
        shard->began_ms = now_ms;
    }
    return shard;
}

char *
repeats_find(struct repeats *repeats, const guint8 identity[16], gint64 now_ms)
{
    struct shard *shard = enter(repeats, identity, now_ms);
    char *answer = g_hash_table_lookup(shard->young, identity);

    if (answer == NULL)
        answer = g_hash_table_lookup(shard->old, identity);
    if (answer != NULL)
        g_ref_string_acquire(answer);
    g_mutex_unlock(&shard->lock);
    return answer;
}

void
repeats_keep(struct repeats *repeats, const guint8 identity[16], char *answer, gint64 now_ms)
{
    struct shard *shard = enter(repeats, identity, now_ms);

    if (g_hash_table_size(shard->young) < REPEATS_MAX / SHARDS)
        g_hash_table_replace(shard->young, g_memdup2(identity, 16), g_ref_string_acquire(answer));
    g_mutex_unlock(&shard->lock);
}
