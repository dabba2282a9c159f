/* facts.c: facts in memory. See facts.h; fact_put and fact_drop, which write through, are in facts_through.c. */
#include "policyd/state/private.h"

struct facts {
    GRWLock lock;
    GHashTable *by_subject[FACT_KINDS]; /* subject (the fact's own) -> struct fact * */
    GHashTable *pending;                /* set of struct fact * by kind and subject */
    guint n;
};

/* One block: struct fact, then its strings. */
struct fact *
fact_new(enum fact_kind kind, const char *subject, const struct fact_change *change, gboolean dropped, const char *node,
         gint64 now_ms, gint64 changed_ms)
{
    const char *value = dropped ? NULL : change->value ? change->value : "{}";
    const char *by = change->by ? change->by : "";
    const char *texts[] = {subject, value, by, node};
    gsize at[4], total = sizeof(struct fact);
    for (guint i = 0; i < 4; i++) {
        at[i] = total;
        total += texts[i] ? strlen(texts[i]) + 1 : 0;
    }
    char *block = g_atomic_rc_box_alloc(total);
    for (guint i = 0; i < 4; i++)
        if (texts[i])
            memcpy(block + at[i], texts[i], strlen(texts[i]) + 1);
    struct fact *fact = (struct fact *)(gpointer)block;
    *fact = (struct fact){
        .kind = kind,
        .subject = block + at[0],
        .value = value ? block + at[1] : NULL,
        .by = block + at[2],
        .node = block + at[3],
        .since_ms = change->since_ms ? change->since_ms : now_ms,
        .expires_ms = change->expires_ms,
        .changed_ms = changed_ms,
    };
    return fact;
}

void
fact_unref(struct fact *fact)
{
    if (fact)
        g_atomic_rc_box_release(fact);
}

struct fact *
fact_ref(struct fact *fact)
{
    return g_atomic_rc_box_acquire(fact);
}

static void
unref(gpointer fact)
{
    fact_unref(fact);
}

static guint
hash(gconstpointer data)
{
    const struct fact *fact = data;
    return g_str_hash(fact->subject) * 31 + (guint)fact->kind;
}

static gboolean
same_subject(gconstpointer a, gconstpointer b)
{
    const struct fact *x = a, *y = b;
    return x->kind == y->kind && strcmp(x->subject, y->subject) == 0;
}

struct facts *
facts_new(void)
{
    struct facts *facts = g_new0(struct facts, 1);
    g_rw_lock_init(&facts->lock);
    for (guint i = 1; i < FACT_KINDS; i++)
        facts->by_subject[i] = g_hash_table_new_full(g_str_hash, g_str_equal, NULL, unref);
    facts->pending = g_hash_table_new_full(hash, same_subject, unref, NULL);
    return facts;
}

void
facts_free(struct facts **facts)
{
    if (!facts || !*facts)
        return;
    for (guint i = 1; i < FACT_KINDS; i++)
        g_hash_table_destroy((*facts)->by_subject[i]);
    g_hash_table_destroy((*facts)->pending);
    g_rw_lock_clear(&(*facts)->lock);
    g_free(*facts);
    *facts = NULL;
}

/* ---- with the lock for writing ---- */

/* As SQL decides: the later stands, of two of the same time the one of the higher node name. */
static gboolean
is_later(const struct fact *fact, const struct fact *than)
{
    if (fact->changed_ms != than->changed_ms)
        return fact->changed_ms > than->changed_ms;
    return strcmp(fact->node, than->node) > 0;
}

static gboolean
merge(struct facts *facts, struct fact *fact)
{
    GHashTable *table = facts->by_subject[fact->kind];
    const struct fact *old = g_hash_table_lookup(table, fact->subject);
    if (old && !is_later(fact, old))
        return FALSE;
    facts->n += old ? 0 : 1;
    g_hash_table_replace(table, (gpointer)fact->subject, fact_ref(fact));
    return TRUE;
}

static gint64
later(struct facts *facts, enum fact_kind kind, const char *subject, gint64 now_ms)
{
    const struct fact *old = g_hash_table_lookup(facts->by_subject[kind], subject);
    return old && old->changed_ms >= now_ms ? old->changed_ms + 1 : now_ms;
}

/* ---- for the other files ---- */

void
facts_merge(struct facts *facts, struct fact *fact)
{
    g_rw_lock_writer_lock(&facts->lock);
    merge(facts, fact);
    g_rw_lock_writer_unlock(&facts->lock);
}

gint64
facts_later(struct facts *facts, enum fact_kind kind, const char *subject, gint64 now_ms)
{
    g_rw_lock_reader_lock(&facts->lock);
    gint64 changed_ms = later(facts, kind, subject, now_ms);
    g_rw_lock_reader_unlock(&facts->lock);
    return changed_ms;
}

GPtrArray *
facts_take_pending(struct facts *facts, guint max)
{
    GPtrArray *taken = g_ptr_array_new_with_free_func(unref);
    GHashTableIter iter;
    gpointer fact;
    g_rw_lock_writer_lock(&facts->lock);
    g_hash_table_iter_init(&iter, facts->pending);
    while (taken->len < max && g_hash_table_iter_next(&iter, &fact, NULL)) {
        g_hash_table_iter_steal(&iter);
        g_ptr_array_add(taken, fact);
    }
    g_rw_lock_writer_unlock(&facts->lock);
    return taken;
}

void
facts_put_pending(struct facts *facts, GPtrArray *pending)
{
    g_rw_lock_writer_lock(&facts->lock);
    for (guint i = 0; i < pending->len; i++) {
        struct fact *fact = g_ptr_array_index(pending, i);
        if (!g_hash_table_contains(facts->pending, fact))
            g_hash_table_add(facts->pending, fact_ref(fact));
    }
    g_rw_lock_writer_unlock(&facts->lock);
}

guint
facts_count(struct facts *facts)
{
    g_rw_lock_reader_lock(&facts->lock);
    guint n = facts->n;
    g_rw_lock_reader_unlock(&facts->lock);
    return n;
}

guint
facts_pending(struct facts *facts)
{
    g_rw_lock_reader_lock(&facts->lock);
    guint n = g_hash_table_size(facts->pending);
    g_rw_lock_reader_unlock(&facts->lock);
    return n;
}

guint
facts_sweep(struct facts *facts, gint64 expired_ms, gint64 dropped_ms)
{
    guint gone = 0;
    GHashTableIter iter;
    gpointer data;
    g_rw_lock_writer_lock(&facts->lock);
    for (guint kind = 1; kind < FACT_KINDS; kind++) {
        g_hash_table_iter_init(&iter, facts->by_subject[kind]);
        while (g_hash_table_iter_next(&iter, NULL, &data)) {
            const struct fact *fact = data;
            gboolean old = fact->value ? fact->expires_ms && fact->expires_ms < expired_ms : fact->changed_ms < dropped_ms;
            if (!old || g_hash_table_contains(facts->pending, fact))
                continue;
            g_hash_table_iter_remove(&iter);
            gone++;
        }
    }
    facts->n -= gone;
    g_rw_lock_writer_unlock(&facts->lock);
    return gone;
}

/* ---- for everybody ---- */

gboolean
fact_is_fit(const char *subject, const struct fact_change *change)
{
    /* SQL would change bytes that aren't UTF-8, and the subject would be another. */
    return *subject && strlen(subject) <= FACT_SUBJECT_MAX && g_utf8_validate(subject, -1, NULL) &&
           (!change->value || strlen(change->value) <= FACT_VALUE_MAX) && (!change->by || strlen(change->by) <= FACT_BY_MAX);
}

static gboolean
put_behind(struct state *state, enum fact_kind kind, const char *subject, const struct fact_change *change, gboolean dropped,
           gint64 now_ms)
{
    struct facts *facts = state->facts;
    if (!fact_is_fit(subject, change))
        return FALSE;
    g_rw_lock_writer_lock(&facts->lock);
    gboolean room = facts->n < FACTS_MAX || g_hash_table_contains(facts->by_subject[kind], subject);
    if (room) {
        struct fact *fact = fact_new(kind, subject, change, dropped, state->options.node, now_ms,
                                     later(facts, kind, subject, now_ms));
        merge(facts, fact);
        g_hash_table_replace(facts->pending, fact, fact);
    }
    g_rw_lock_writer_unlock(&facts->lock);
    return room;
}

gboolean
fact_put_behind(struct state *state, enum fact_kind kind, const char *subject, const struct fact_change *change, gint64 now_ms)
{
    return put_behind(state, kind, subject, change, FALSE, now_ms);
}

gboolean
fact_drop_behind(struct state *state, enum fact_kind kind, const char *subject, gint64 now_ms)
{
    return put_behind(state, kind, subject, &(struct fact_change){0}, TRUE, now_ms);
}

static gboolean
stands(const struct fact *fact, gint64 now_ms)
{
    return fact && fact->value && (!fact->expires_ms || fact->expires_ms > now_ms);
}

struct fact *
fact_get(struct state *state, enum fact_kind kind, const char *subject, gint64 now_ms)
{
    g_rw_lock_reader_lock(&state->facts->lock);
    struct fact *fact = g_hash_table_lookup(state->facts->by_subject[kind], subject);
    struct fact *answer = stands(fact, now_ms) ? fact_ref(fact) : NULL;
    g_rw_lock_reader_unlock(&state->facts->lock);
    return answer;
}

static gint
by_subject(gconstpointer a, gconstpointer b)
{
    const struct fact *const *x = a, *const *y = b;
    return strcmp((*x)->subject, (*y)->subject);
}

GPtrArray *
fact_list(struct state *state, enum fact_kind kind, gint64 now_ms)
{
    GPtrArray *list = g_ptr_array_new_with_free_func(unref);
    GHashTableIter iter;
    gpointer fact;
    g_rw_lock_reader_lock(&state->facts->lock);
    g_hash_table_iter_init(&iter, state->facts->by_subject[kind]);
    while (g_hash_table_iter_next(&iter, NULL, &fact))
        if (stands(fact, now_ms))
            g_ptr_array_add(list, fact_ref(fact));
    g_rw_lock_reader_unlock(&state->facts->lock);
    g_ptr_array_sort(list, by_subject);
    return list;
}
