/* guesses.c: two generations of known guesses, and for each subject a short list of those that are under way. */
#include "policyd/signin/guesses.h"
#include "lib/base/siphash.h"
#include <string.h>

#define SUBJECTS_MAX 100000u /* with tries under way; later ones are not followed */
#define SWEEP_MS 60000

struct trial {
    guint64 guess;
    gint64 began_ms;
};

struct guesses {
    struct siphash_key key;
    GMutex lock;
    GHashTable *young, *old; /* guint64 * -> how often, as a pointer */
    gint64 began_ms;         /* of the young ones */
    GHashTable *trials;      /* guint64 * of a subject -> GArray of struct trial */
    gint64 swept_ms;
};

static GHashTable *
new_generation(void)
{
    return g_hash_table_new_full(g_int64_hash, g_int64_equal, g_free, NULL);
}

struct guesses *
guesses_new(void)
{
    struct guesses *guesses = g_new0(struct guesses, 1);

    siphash_key_random(&guesses->key);
    g_mutex_init(&guesses->lock);
    guesses->young = new_generation();
    guesses->old = new_generation();
    guesses->trials = g_hash_table_new_full(g_int64_hash, g_int64_equal, g_free, (GDestroyNotify)g_array_unref);
    return guesses;
}

void
guesses_free(struct guesses *guesses)
{
    if (guesses == NULL)
        return;
    g_hash_table_unref(guesses->young);
    g_hash_table_unref(guesses->old);
    g_hash_table_unref(guesses->trials);
    g_mutex_clear(&guesses->lock);
    g_free(guesses);
}

/* None of the texts has a NUL, so they can't run into one another. */
static guint64
hash(const struct guesses *guesses, enum guesses_of of, const char *subject, const char *user, const char *pwhash)
{
    g_autoptr(GString) text = g_string_new(NULL);

    g_string_append_c(text, (char)('a' + (int)of));
    g_string_append_len(text, subject, (gssize)strlen(subject) + 1);
    if (user != NULL) {
        g_string_append_len(text, user, (gssize)strlen(user) + 1);
        g_string_append(text, pwhash);
    }
    return siphash(&guesses->key, text->str, text->len);
}

/* ---- known ones ---- */

static void
turn_generations(struct guesses *guesses, gint64 window_ms, gint64 now_ms)
{
    gint64 age = now_ms - guesses->began_ms;

    if (age < 0)
        guesses->began_ms = now_ms; /* the clock was put back */
    if (age < window_ms)
        return;
    g_hash_table_unref(guesses->old);
    guesses->old = age < 2 * window_ms ? g_steal_pointer(&guesses->young) : new_generation();
    g_clear_pointer(&guesses->young, g_hash_table_unref);
    guesses->young = new_generation();
    guesses->began_ms = now_ms;
}

gboolean
guesses_failed(struct guesses *guesses, enum guesses_of of, const char *subject, const char *user, const char *pwhash, gint64 window_ms,
               gint64 now_ms)
{
    guint64 guess = hash(guesses, of, subject, user, pwhash);
    guint times;

    if (*pwhash == '\0')
        return TRUE;
    g_mutex_lock(&guesses->lock);
    turn_generations(guesses, window_ms, now_ms);
    times = GPOINTER_TO_UINT(g_hash_table_lookup(guesses->young, &guess));
    if (times == 0)
        times = GPOINTER_TO_UINT(g_hash_table_lookup(guesses->old, &guess));
    if (g_hash_table_size(guesses->young) < GUESSES_MAX || g_hash_table_contains(guesses->young, &guess))
        g_hash_table_replace(guesses->young, g_memdup2(&guess, sizeof guess), GUINT_TO_POINTER(times + 1));
    g_mutex_unlock(&guesses->lock);
    return times % GUESSES_FOLD == 0;
}

/* ---- under way ---- */

static void
drop_stale(GArray *list, gint64 now_ms)
{
    for (guint i = list->len; i-- > 0;) {
        gint64 age = now_ms - g_array_index(list, struct trial, i).began_ms;
        if (age < 0 || age > GUESSES_TRIAL_MS)
            g_array_remove_index_fast(list, i);
    }
}

static gboolean
is_over(gpointer key, gpointer value, gpointer data)
{
    (void)key;
    drop_stale(value, *(const gint64 *)data);
    return ((GArray *)value)->len == 0;
}

/* The subject's list without those that are over; NULL when it has none and make is FALSE, or no more subjects are followed. Locked. */
static GArray *
list_of(struct guesses *guesses, guint64 subject, gboolean make, gint64 now_ms)
{
    GArray *list;

    if (now_ms - guesses->swept_ms > SWEEP_MS || now_ms < guesses->swept_ms) {
        g_hash_table_foreach_remove(guesses->trials, is_over, &now_ms);
        guesses->swept_ms = now_ms;
    }
    list = g_hash_table_lookup(guesses->trials, &subject);
    if (list != NULL)
        drop_stale(list, now_ms);
    if (list == NULL && make && g_hash_table_size(guesses->trials) < SUBJECTS_MAX) {
        list = g_array_new(FALSE, FALSE, sizeof(struct trial));
        g_hash_table_insert(guesses->trials, g_memdup2(&subject, sizeof subject), list);
    }
    return list;
}

/* Its place; the list's length when it isn't there. */
static guint
place(const GArray *list, guint64 guess)
{
    guint i = 0;

    while (i < list->len && g_array_index(list, struct trial, i).guess != guess)
        i++;
    return i;
}

/* How many are tried for the subject, and whether this one is among them. */
static guint
count(struct guesses *guesses, enum guesses_of of, const char *subject, const char *user, const char *pwhash, gint64 now_ms, gboolean *this_r)
{
    guint64 guess = hash(guesses, of, subject, user, pwhash);
    const GArray *list;
    guint n = 0;

    g_mutex_lock(&guesses->lock);
    list = list_of(guesses, hash(guesses, of, subject, NULL, NULL), FALSE, now_ms);
    if (list != NULL)
        n = list->len;
    *this_r = list != NULL && place(list, guess) < list->len;
    g_mutex_unlock(&guesses->lock);
    return n;
}

guint
guesses_others(struct guesses *guesses, enum guesses_of of, const char *subject, const char *user, const char *pwhash, gint64 now_ms)
{
    gboolean this;
    guint n = count(guesses, of, subject, user, pwhash, now_ms, &this);

    return n - (this ? 1 : 0);
}

gboolean
guesses_tries(struct guesses *guesses, enum guesses_of of, const char *subject, const char *user, const char *pwhash, gint64 now_ms)
{
    gboolean this;

    count(guesses, of, subject, user, pwhash, now_ms, &this);
    return this;
}

void
guesses_begin(struct guesses *guesses, enum guesses_of of, const char *subject, const char *user, const char *pwhash, gint64 now_ms)
{
    struct trial trial = {hash(guesses, of, subject, user, pwhash), now_ms};
    GArray *list;

    g_mutex_lock(&guesses->lock);
    list = list_of(guesses, hash(guesses, of, subject, NULL, NULL), TRUE, now_ms);
    if (list != NULL && list->len < GUESSES_TRIALS_MAX && place(list, trial.guess) == list->len)
        g_array_append_val(list, trial);
    g_mutex_unlock(&guesses->lock);
}

void
guesses_end(struct guesses *guesses, enum guesses_of of, const char *subject, const char *user, const char *pwhash, gint64 now_ms)
{
    guint64 guess = hash(guesses, of, subject, user, pwhash), whose = hash(guesses, of, subject, NULL, NULL);
    GArray *list;
    guint i;

    g_mutex_lock(&guesses->lock);
    list = list_of(guesses, whose, FALSE, now_ms);
    if (list != NULL) {
        i = place(list, guess);
        if (i < list->len)
            g_array_remove_index_fast(list, i);
        if (list->len == 0)
            g_hash_table_remove(guesses->trials, &whose);
    }
    g_mutex_unlock(&guesses->lock);
}
