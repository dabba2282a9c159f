/* bans.c: looks every two seconds whether the list has changed, and writes it then. */
#include "policyd/signin/bans.h"
#include <string.h>
#include "lib/base/log.h"
#include "lib/base/metrics.h"
#include "policyd/state/facts.h"

#define LOOK_US (2 * G_USEC_PER_SEC)

struct bans {
    struct state *state;
    char *path;
    char *written; /* NULL: not yet */
    gboolean failed;
    struct metric *banned;
    GMutex lock;
    GCond stopping;
    gboolean stop;
    GThread *thread;
};

void
bans_write(struct state *state, gint64 now_ms, GString *out, guint *n_r)
{
    g_autoptr(GPtrArray) facts = fact_list(state, FACT_BAN, now_ms);

    g_string_append(out, "# Networks that may not sign in, written by postern-policyd: NETWORK, and when it ends in seconds since 1970, or 0: when it is lifted.\n");
    for (guint i = 0; i < facts->len; i++) {
        const struct fact *fact = g_ptr_array_index(facts, i);
        g_string_append_printf(out, "%s %" G_GINT64_FORMAT "\n", fact->subject, (fact->expires_ms + 999) / 1000);
    }
    *n_r = facts->len;
}

/* One line when it can't be written, and one when it can again. */
static void
replace(struct bans *bans, GString *text)
{
    g_autoptr(GError) error = NULL;

    if (!g_file_set_contents_full(bans->path, text->str, (gssize)text->len, G_FILE_SET_CONTENTS_CONSISTENT, 0644, &error)) {
        if (!bans->failed)
            log_text(LOG_SEV_ERROR, "signin", "the ban file can't be written: %s", error->message);
        bans->failed = TRUE;
        return;
    }
    if (bans->failed)
        log_text(LOG_SEV_INFO, "signin", "the ban file %s is written again", bans->path);
    bans->failed = FALSE;
    g_free(bans->written);
    bans->written = g_strdup(text->str);
}

static void
look(struct bans *bans)
{
    g_autoptr(GString) text = g_string_new(NULL);
    guint n = 0;

    if (!state_is_loaded(bans->state))
        return; /* none known is not none there */
    bans_write(bans->state, g_get_real_time() / 1000, text, &n);
    metrics_set(bans->banned, 0, n);
    if (*bans->path != '\0' && g_strcmp0(bans->written, text->str) != 0)
        replace(bans, text);
}

static gpointer
run(gpointer data)
{
    struct bans *bans = data;

    g_mutex_lock(&bans->lock);
    while (!bans->stop) {
        g_mutex_unlock(&bans->lock);
        look(bans);
        g_mutex_lock(&bans->lock);
        if (!bans->stop)
            g_cond_wait_until(&bans->stopping, &bans->lock, g_get_monotonic_time() + LOOK_US);
    }
    g_mutex_unlock(&bans->lock);
    return NULL;
}

struct bans *
bans_start(const char *path, struct state *state)
{
    struct bans *bans = g_new0(struct bans, 1);

    bans->state = state;
    bans->path = g_strdup(path);
    bans->banned = metrics_gauge("postern_signin_banned", "Networks that are banned now", NULL, NULL);
    g_mutex_init(&bans->lock);
    g_cond_init(&bans->stopping);
    bans->thread = g_thread_new("bans", run, bans);
    return bans;
}

void
bans_stop(struct bans **bans)
{
    if (*bans == NULL)
        return;
    g_mutex_lock(&(*bans)->lock);
    (*bans)->stop = TRUE;
    g_cond_signal(&(*bans)->stopping);
    g_mutex_unlock(&(*bans)->lock);
    g_thread_join((*bans)->thread);
    g_mutex_clear(&(*bans)->lock);
    g_cond_clear(&(*bans)->stopping);
    g_free((*bans)->path);
    g_free((*bans)->written);
    g_clear_pointer(bans, g_free);
}
