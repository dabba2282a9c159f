/* claims.c: a set of held hashes and one condition for those that wait, which is rare. */
#include "archive-store/store/claims.h"

struct claims {
    GMutex lock;
    GCond released;
    GHashTable *held; /* GBytes: kind and hash */
};

struct claims *
claims_new(void)
{
    struct claims *c = g_new0(struct claims, 1);

    g_mutex_init(&c->lock);
    g_cond_init(&c->released);
    c->held = g_hash_table_new_full(g_bytes_hash, g_bytes_equal, (GDestroyNotify)g_bytes_unref, NULL);
    return c;
}

void
claims_free(struct claims **claims)
{
    if (*claims == NULL)
        return;
    g_hash_table_unref((*claims)->held);
    g_cond_clear(&(*claims)->released);
    g_mutex_clear(&(*claims)->lock);
    g_clear_pointer(claims, g_free);
}

static GBytes *
name(guint8 kind, const guint8 *hash, gsize length)
{
    GByteArray *bytes = g_byte_array_sized_new((guint)length + 1);

    g_byte_array_append(bytes, &kind, 1);
    g_byte_array_append(bytes, hash, (guint)length);
    return g_byte_array_free_to_bytes(bytes);
}

void
claims_take(struct claims *c, guint8 kind, const guint8 *hash, gsize length)
{
    GBytes *key = name(kind, hash, length);

    g_mutex_lock(&c->lock);
    while (g_hash_table_contains(c->held, key))
        g_cond_wait(&c->released, &c->lock);
    g_hash_table_add(c->held, key);
    g_mutex_unlock(&c->lock);
}

void
claims_release(struct claims *c, guint8 kind, const guint8 *hash, gsize length)
{
    g_autoptr(GBytes) key = name(kind, hash, length);

    g_mutex_lock(&c->lock);
    g_hash_table_remove(c->held, key);
    g_cond_broadcast(&c->released);
    g_mutex_unlock(&c->lock);
}
