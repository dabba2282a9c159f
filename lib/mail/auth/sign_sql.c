/* sign_sql.c: signing keys from the accounts database: postern_dkim(domain, selector, private_key, active).
 *
 * What a domain has is kept for a minute, and served for as long as the database is away. The cache is emptied when it holds
 * CACHE_MAX domains. */
#include "lib/mail/auth/sign_private.h"
#include <string.h>

#define CACHE_MAX 10000u
#define FRESH_US (60 * G_USEC_PER_SEC)

struct cached {
    gint64 asked; /* monotonic */
    GPtrArray *keys; /* struct sign_key * */
};
struct sql_keys {
    struct sql_pool *pool;
    GMutex lock;
    GHashTable *cache; /* domain -> struct cached */
};

static void
cached_free(gpointer data)
{
    g_ptr_array_unref(((struct cached *)data)->keys);
    g_free(data);
}

gpointer
sign_sql_open(struct sql_pool *pool)
{
    struct sql_keys *s = g_new0(struct sql_keys, 1);

    s->pool = pool;
    g_mutex_init(&s->lock);
    s->cache = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, cached_free);
    return s;
}

static void
sql_keys_free(gpointer data)
{
    struct sql_keys *s = data;

    g_hash_table_unref(s->cache);
    g_mutex_clear(&s->lock);
    g_free(s);
}

struct reading {
    const char *domain;
    GPtrArray *keys;
    GError *error;
};

static gboolean
take_row(const struct sql_row *row, gpointer data)
{
    struct reading *reading = data;
    const char *selector = sql_row_text(row, 1, NULL);

    if (g_ascii_strcasecmp(sql_row_text(row, 0, NULL), reading->domain) != 0 || reading->keys->len >= SIGN_KEYS_MAX)
        return TRUE;
    struct dkim_key *key = sign_key_parse(sql_row_text(row, 2, NULL), &reading->error);
    if (key == NULL) {
        g_prefix_error(&reading->error, "postern_dkim, domain %s, selector %s: ", reading->domain, selector);
        return FALSE;
    }
    g_ptr_array_add(reading->keys, sign_key_new(reading->domain, selector, key));
    dkim_key_unref(key);
    return TRUE;
}

/* NULL and error when the database is away or holds a broken key. */
static GPtrArray *
ask(struct sql_keys *s, const char *domain, GError **error)
{
    struct reading reading = {.domain = domain};
    const struct sql_value values[] = {SQL_T(domain)};
    struct sql *sql = sql_pool_take(s->pool, error);
    gboolean good;

    if (sql == NULL)
        return NULL;
    reading.keys = g_ptr_array_new_with_free_func((GDestroyNotify)sign_key_free);
    good = sql_run(sql, "sign_keys", values, 1, take_row, &reading, NULL, error);
    sql_pool_give(s->pool, sql);
    if (good && reading.error == NULL)
        return reading.keys;
    if (reading.error != NULL)
        g_propagate_error(error, reading.error);
    g_ptr_array_unref(reading.keys);
    return NULL;
}

/* What the cache has for the domain, with a reference; *fresh_r: need not be asked again. */
static GPtrArray *
cache_get(struct sql_keys *s, const char *domain, gboolean *fresh_r)
{
    g_mutex_lock(&s->lock);
    struct cached *cached = g_hash_table_lookup(s->cache, domain);
    GPtrArray *keys = cached != NULL ? g_ptr_array_ref(cached->keys) : NULL;
    *fresh_r = cached != NULL && g_get_monotonic_time() - cached->asked < FRESH_US;
    g_mutex_unlock(&s->lock);
    return keys;
}

static void
cache_put(struct sql_keys *s, const char *domain, GPtrArray *keys)
{
    struct cached *cached = g_new0(struct cached, 1);

    cached->asked = g_get_monotonic_time();
    cached->keys = g_ptr_array_ref(keys);
    g_mutex_lock(&s->lock);
    if (g_hash_table_size(s->cache) >= CACHE_MAX)
        g_hash_table_remove_all(s->cache);
    g_hash_table_replace(s->cache, g_strdup(domain), cached);
    g_mutex_unlock(&s->lock);
}

static gboolean
sql_find(gpointer data, const char *domain, GPtrArray *keys, GError **error)
{
    struct sql_keys *s = data;
    gboolean fresh;
    GPtrArray *found = cache_get(s, domain, &fresh);

    if (!fresh) {
        GPtrArray *now = ask(s, domain, found == NULL ? error : NULL);

        if (now != NULL) {
            cache_put(s, domain, now);
            g_clear_pointer(&found, g_ptr_array_unref);
            found = now;
        }
    }
    if (found == NULL)
        return FALSE;
    for (guint i = 0; i < found->len; i++) {
        const struct sign_key *key = g_ptr_array_index(found, i);
        g_ptr_array_add(keys, sign_key_new(key->domain, key->selector, key->key));
    }
    g_ptr_array_unref(found);
    return TRUE;
}

static guint
sql_count(gpointer data)
{
    (void)data;
    return 0;
}

const struct sign_backend sign_sql = {sql_find, sql_keys_free, sql_count, FALSE};
