/* lookup_cache.c: see lookup_cache.h.
 *
 * Sixteen shards, each with a lock, a table of entries, their order of use, and a table of the questions that are under way
 * ("flights"). A flight is counted by those who wait for it, since it is off the table as soon as it has landed. */
#include "policyd/accounts/lookup_cache.h"
#include "lib/base/siphash.h"
#include <string.h>

#define SHARDS 16
/* While a database hangs, a stale entry is answered at once, and one caller in this time tries the database. */
#define RETRY_MS 2000
/* A question that takes longer than this is taken for one to a database that hangs. */
#define HANGS_MS 1000
/* What an entry takes besides its key and value: itself, its places in the table, the GBytes, malloc's headers. */
#define OVERHEAD 224

const struct lookup_cache_options lookup_cache_defaults = {
    .found_ms = 60 * 1000, .absent_ms = 10 * 1000, .stale_ms = 3600 * 1000, .entries_max = 100000, .bytes_max = 64 << 20};

/* First member of what the tables hold; the bytes stand behind it or are the caller's. */
struct key {
    guint64 hash;
    gsize length;
    const char *bytes;
};

struct entry {
    struct key key;
    GList used;
    enum lookup answer; /* YES or NO */
    GBytes *value;
    gint64 asked_ms;
    gint64 retry_ms;    /* the database failed: not asked again before; 0: it didn't */
    gboolean outdated;  /* to be asked again, whatever its age */
    gsize cost;
    char bytes[];
};

struct flight {
    struct key key;
    guint refs;
    gint64 began_ms;
    gboolean landed, forgotten, stale;
    enum lookup answer;
    GBytes *value;
    char bytes[];
};

struct shard {
    GMutex lock;
    GCond landed;
    GHashTable *entries, *flights; /* struct key * at the beginning of each */
    GQueue used;                   /* of entries, the last used first */
    gsize bytes;
    struct lookup_cache_stats stats;
};

struct lookup_cache {
    struct lookup_cache_options options;
    struct siphash_key secret;
    struct shard shards[SHARDS];
};

static guint
key_hash(gconstpointer key)
{
    return (guint)((const struct key *)key)->hash;
}

static gboolean
key_equal(gconstpointer a, gconstpointer b)
{
    const struct key *x = a, *y = b;
    return x->hash == y->hash && x->length == y->length && memcmp(x->bytes, y->bytes, x->length) == 0;
}

/* A zeroed block that begins with a copy of key, whose bytes stand at offset in it. */
static gpointer
keyed_new(const struct key *key, gsize offset)
{
    char *block = g_malloc0(offset + key->length);
    struct key *copy = (struct key *)block;
    memcpy(block + offset, key->bytes, key->length);
    *copy = (struct key){key->hash, key->length, block + offset};
    return block;
}

static void
entry_free(gpointer data)
{
    struct entry *entry = data;
    g_clear_pointer(&entry->value, g_bytes_unref);
    g_free(entry);
}

static void
flight_unref(struct flight *flight)
{
    if (--flight->refs > 0)
        return;
    g_clear_pointer(&flight->value, g_bytes_unref);
    g_free(flight);
}

struct lookup_cache *
lookup_cache_new(const struct lookup_cache_options *options)
{
    struct lookup_cache *cache = g_new0(struct lookup_cache, 1);
    cache->options = *options;
    siphash_key_random(&cache->secret);
    for (guint i = 0; i < SHARDS; i++) {
        struct shard *shard = &cache->shards[i];
        g_mutex_init(&shard->lock);
        g_cond_init(&shard->landed);
        shard->entries = g_hash_table_new_full(key_hash, key_equal, NULL, entry_free);
        shard->flights = g_hash_table_new(key_hash, key_equal);
        g_queue_init(&shard->used);
    }
    return cache;
}

void
lookup_cache_free(struct lookup_cache **cache)
{
    if (!cache || !*cache)
        return;
    for (guint i = 0; i < SHARDS; i++) {
        struct shard *shard = &(*cache)->shards[i];
        g_hash_table_destroy(shard->entries); /* the links in used are theirs */
        g_hash_table_destroy(shard->flights);
        g_cond_clear(&shard->landed);
        g_mutex_clear(&shard->lock);
    }
    g_clear_pointer(cache, g_free);
}

static void
shard_remove(struct shard *shard, struct entry *entry)
{
    g_queue_unlink(&shard->used, &entry->used);
    shard->bytes -= entry->cost;
    g_hash_table_remove(shard->entries, entry);
}

/* Keeps an answer, and makes room for it. */
static void
shard_store(struct lookup_cache *cache, struct shard *shard, const struct key *key, enum lookup answer, GBytes *value, gint64 now_ms)
{
    gsize cost = OVERHEAD + key->length + (value ? g_bytes_get_size(value) : 0);
    gsize bytes_max = cache->options.bytes_max / SHARDS;
    guint entries_max = MAX(cache->options.entries_max / SHARDS, 1);
    struct entry *entry = g_hash_table_lookup(shard->entries, key);
    if (entry)
        shard_remove(shard, entry);
    if (cost > bytes_max) /* it would push out all others, and then itself */
        return;
    entry = keyed_new(key, offsetof(struct entry, bytes));
    entry->used.data = entry;
    entry->answer = answer;
    entry->value = value ? g_bytes_ref(value) : NULL;
    entry->asked_ms = now_ms;
    entry->cost = cost;
    g_hash_table_add(shard->entries, entry);
    g_queue_push_head_link(&shard->used, &entry->used);
    shard->bytes += cost;
    while (g_hash_table_size(shard->entries) > entries_max || shard->bytes > bytes_max) {
        shard_remove(shard, g_queue_peek_tail(&shard->used));
        shard->stats.evicted++;
    }
}

enum freshness { FRESH, STALE, EXPIRED };

/* Stale: too old, but all there is while the database is away. */
static enum freshness
entry_freshness(const struct lookup_cache *cache, struct entry *entry, gint64 now_ms)
{
    if (entry->asked_ms > now_ms) /* the clock was put back */
        entry->asked_ms = now_ms;
    gint64 age = now_ms - entry->asked_ms;
    if (!entry->outdated && age < (entry->answer == LOOKUP_YES ? cache->options.found_ms : cache->options.absent_ms))
        return FRESH;
    return entry->answer == LOOKUP_YES && age < cache->options.stale_ms ? STALE : EXPIRED;
}

/* The database failed a moment ago, or lets someone wait for this very answer. */
static gboolean
shard_is_away(const struct shard *shard, const struct entry *entry, gint64 now_ms)
{
    const struct flight *flight = g_hash_table_lookup(shard->flights, entry);

    return (entry->retry_ms > now_ms && entry->retry_ms <= now_ms + RETRY_MS) || (flight && now_ms - flight->began_ms > HANGS_MS);
}

/* The entry that can be answered with at once, or NULL. */
static struct entry *
shard_find(struct lookup_cache *cache, struct shard *shard, const struct key *key, gint64 now_ms, gboolean *stale_r)
{
    struct entry *entry = g_hash_table_lookup(shard->entries, key);
    if (!entry)
        return NULL;
    enum freshness freshness = entry_freshness(cache, entry, now_ms);
    if (freshness == EXPIRED || (freshness == STALE && !shard_is_away(shard, entry, now_ms)))
        return NULL;
    *stale_r = freshness == STALE;
    *(*stale_r ? &shard->stats.stale : &shard->stats.hits) += 1;
    g_queue_unlink(&shard->used, &entry->used);
    g_queue_push_head_link(&shard->used, &entry->used);
    return entry;
}

/* The answer is there: kept, or, when there is none, replaced by an older one. */
static void
shard_land(struct lookup_cache *cache, struct shard *shard, struct flight *flight, gint64 now_ms)
{
    if (!flight->forgotten) {
        g_hash_table_remove(shard->flights, flight);
        struct entry *entry;
        if (flight->answer != LOOKUP_UNKNOWN) {
            shard_store(cache, shard, &flight->key, flight->answer, flight->value, now_ms);
        } else if ((entry = g_hash_table_lookup(shard->entries, flight)) && entry_freshness(cache, entry, now_ms) == STALE) {
            flight->answer = entry->answer;
            flight->value = entry->value ? g_bytes_ref(entry->value) : NULL;
            flight->stale = TRUE;
            entry->retry_ms = now_ms + RETRY_MS;
            shard->stats.stale++;
        }
    }
    flight->landed = TRUE;
    g_cond_broadcast(&shard->landed);
}

/* With the shard's lock: asks, or waits for who asks already. */
static struct flight *
shard_fly(struct lookup_cache *cache, struct shard *shard, const struct key *key, gint64 now_ms, lookup_ask ask, gpointer data)
{
    struct flight *flight = g_hash_table_lookup(shard->flights, key);
    if (flight) {
        flight->refs++;
        shard->stats.waited++;
        while (!flight->landed)
            g_cond_wait(&shard->landed, &shard->lock);
        return flight;
    }
    flight = keyed_new(key, offsetof(struct flight, bytes));
    flight->refs = 1;
    flight->began_ms = now_ms;
    g_hash_table_add(shard->flights, flight);
    shard->stats.asked++;
    g_mutex_unlock(&shard->lock);
    GBytes *value = NULL;
    enum lookup answer = ask(data, &value);
    g_mutex_lock(&shard->lock);
    flight->answer = answer;
    flight->value = value;
    shard_land(cache, shard, flight, now_ms);
    return flight;
}

static struct key
make_key(const struct lookup_cache *cache, const void *bytes, gsize length)
{
    return (struct key){siphash(&cache->secret, bytes, length), length, bytes};
}

/* By bits that the tables don't use. */
static struct shard *
find_shard(struct lookup_cache *cache, const struct key *key)
{
    return &cache->shards[key->hash >> 60];
}
G_STATIC_ASSERT(SHARDS == 1 << 4);

enum lookup
lookup_cache_get(struct lookup_cache *cache, const void *key_bytes, gsize length, gboolean may_block, gint64 now_ms, lookup_ask ask,
                 gpointer data, GBytes **value_r, gboolean *stale_r)
{
    struct key key = make_key(cache, key_bytes, length);
    struct shard *shard = find_shard(cache, &key);
    enum lookup answer = LOOKUP_WOULD_BLOCK;
    GBytes *value = NULL;
    gboolean stale = FALSE;

    g_mutex_lock(&shard->lock);
    struct entry *entry = shard_find(cache, shard, &key, now_ms, &stale);
    if (entry) {
        answer = entry->answer;
        value = entry->value ? g_bytes_ref(entry->value) : NULL;
    } else if (may_block) {
        struct flight *flight = shard_fly(cache, shard, &key, now_ms, ask, data);
        answer = flight->answer;
        value = flight->value ? g_bytes_ref(flight->value) : NULL;
        stale = flight->stale;
        flight_unref(flight);
    }
    g_mutex_unlock(&shard->lock);
    if (stale_r)
        *stale_r = stale;
    if (value_r)
        *value_r = value;
    else
        g_clear_pointer(&value, g_bytes_unref);
    return answer;
}

/* What is under way is not to be kept, and not to be waited for by those who come now. */
static void
shard_disown(struct shard *shard, struct flight *flight)
{
    flight->forgotten = TRUE;
    g_hash_table_remove(shard->flights, flight);
}

void
lookup_cache_drop(struct lookup_cache *cache, const void *key_bytes, gsize length)
{
    struct key key = make_key(cache, key_bytes, length);
    struct shard *shard = find_shard(cache, &key);

    g_mutex_lock(&shard->lock);
    struct entry *entry = g_hash_table_lookup(shard->entries, &key);
    if (entry)
        shard_remove(shard, entry);
    struct flight *flight = g_hash_table_lookup(shard->flights, &key);
    if (flight)
        shard_disown(shard, flight);
    g_mutex_unlock(&shard->lock);
}

static gboolean
key_begins(const struct key *key, const char *firsts)
{
    return firsts == NULL || (key->length > 0 && memchr(firsts, key->bytes[0], strlen(firsts)) != NULL);
}

void
lookup_cache_forget(struct lookup_cache *cache, const char *firsts)
{
    for (guint i = 0; i < SHARDS; i++) {
        struct shard *shard = &cache->shards[i];
        GHashTableIter iter;
        gpointer flight;

        g_mutex_lock(&shard->lock);
        for (GList *at = shard->used.head; at; at = at->next) {
            struct entry *entry = at->data;
            if (!key_begins(&entry->key, firsts))
                continue;
            entry->outdated = TRUE;
            entry->retry_ms = 0;
        }
        g_hash_table_iter_init(&iter, shard->flights);
        while (g_hash_table_iter_next(&iter, &flight, NULL)) {
            if (!key_begins(flight, firsts))
                continue;
            ((struct flight *)flight)->forgotten = TRUE;
            g_hash_table_iter_remove(&iter);
        }
        g_mutex_unlock(&shard->lock);
    }
}

void
lookup_cache_read_stats(struct lookup_cache *cache, struct lookup_cache_stats *stats_r)
{
    *stats_r = (struct lookup_cache_stats){0};
    for (guint i = 0; i < SHARDS; i++) {
        struct shard *shard = &cache->shards[i];

        g_mutex_lock(&shard->lock);
        stats_r->hits += shard->stats.hits;
        stats_r->stale += shard->stats.stale;
        stats_r->asked += shard->stats.asked;
        stats_r->waited += shard->stats.waited;
        stats_r->evicted += shard->stats.evicted;
        stats_r->entries += g_hash_table_size(shard->entries);
        stats_r->bytes += shard->bytes;
        g_mutex_unlock(&shard->lock);
    }
}
