/* expand.c: a short-lived cache before the accounts database, and a memory of its outages.
 *
 * LIMITS   4096 addresses are kept, for 10 s each: rights in the archive follow the expansion at receipt, so
 *          an answer must not be old. When the table is full it is emptied. A message's recipients may expand to
 *          100,000 mailboxes together (capture.h); recipients beyond that are left pending. */
#include <string.h>
#include "lib/base/log.h"
#include "milters/expand.h"

#define CACHE_MAX 4096u
#define CACHE_US (10 * G_USEC_PER_SEC)
#define MAILBOXES_MAX 100000u

struct entry {
    char **mailboxes;
    enum capture_expansion expansion;
    gint64 until;
};

struct expander {
    expand_func expand;
    gpointer source;
    gint64 pause_us;
    GMutex lock;       /* guards all below */
    GHashTable *cache; /* address as given -> struct entry */
    gint64 away_until; /* monotonic; 0 = not away */
};

static void
entry_free(gpointer data)
{
    struct entry *entry = data;

    g_strfreev(entry->mailboxes);
    g_free(entry);
}

struct expander *
expander_new(expand_func expand, gpointer source, gint64 pause_ms)
{
    struct expander *expander = g_new0(struct expander, 1);

    expander->expand = expand;
    expander->source = source;
    expander->pause_us = pause_ms * 1000;
    expander->cache = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, entry_free);
    g_mutex_init(&expander->lock);
    return expander;
}

void
expander_free(struct expander **expander)
{
    if (*expander == NULL)
        return;
    g_hash_table_unref((*expander)->cache);
    g_mutex_clear(&(*expander)->lock);
    g_clear_pointer(expander, g_free);
}

static void
assign(struct capture_recipient *recipient, char **mailboxes, enum capture_expansion expansion)
{
    g_strfreev(recipient->mailboxes);
    recipient->mailboxes = mailboxes;
    recipient->expansion = expansion;
}

/* TRUE when the recipient was settled without asking. */
static gboolean
from_memory(struct expander *expander, struct capture_recipient *recipient, gint64 now)
{
    const struct entry *entry;
    gboolean settled = FALSE;

    g_mutex_lock(&expander->lock);
    entry = g_hash_table_lookup(expander->cache, recipient->original);
    if (entry != NULL && entry->until > now) {
        assign(recipient, g_strdupv(entry->mailboxes), entry->expansion);
        settled = TRUE;
    } else if (expander->away_until > now) {
        assign(recipient, g_new0(char *, 1), CAPTURE_PENDING);
        settled = TRUE;
    }
    g_mutex_unlock(&expander->lock);
    return settled;
}

static void
remember(struct expander *expander, const struct capture_recipient *recipient, gint64 now)
{
    struct entry *entry = g_new0(struct entry, 1);
    gboolean was_away;

    entry->mailboxes = g_strdupv(recipient->mailboxes);
    entry->expansion = recipient->expansion;
    entry->until = now + CACHE_US;
    g_mutex_lock(&expander->lock);
    if (g_hash_table_size(expander->cache) >= CACHE_MAX)
        g_hash_table_remove_all(expander->cache);
    g_hash_table_replace(expander->cache, g_strdup(recipient->original), entry);
    was_away = expander->away_until != 0;
    expander->away_until = 0;
    g_mutex_unlock(&expander->lock);
    if (was_away)
        log_text(LOG_SEV_INFO, "accounts", "the accounts database answers again");
}

static void
note_outage(struct expander *expander, const GError *error)
{
    gboolean first;

    g_mutex_lock(&expander->lock);
    first = expander->away_until == 0;
    expander->away_until = g_get_monotonic_time() + expander->pause_us;
    g_mutex_unlock(&expander->lock);
    if (first)
        log_text(LOG_SEV_WARNING, "accounts",
                 "recipients can't be expanded to mailboxes now and are marked for later: %s", error->message);
}

static void
expand_one(struct expander *expander, struct capture_recipient *recipient)
{
    gint64 now = g_get_monotonic_time();
    g_autoptr(GError) error = NULL;
    char **mailboxes = NULL;
    int found;

    if (from_memory(expander, recipient, now))
        return;
    found = expander->expand(expander->source, recipient->original, &mailboxes, &error);
    if (found < 0) {
        note_outage(expander, error);
        assign(recipient, g_new0(char *, 1), CAPTURE_PENDING);
        return;
    }
    assign(recipient, mailboxes, found > 0 ? CAPTURE_EXPANDED : CAPTURE_NOT_CONFIGURED);
    if (found > 0)
        remember(expander, recipient, now);
}

guint
expander_fill(struct expander *expander, struct capture *capture, gint64 budget_ms)
{
    gint64 deadline = g_get_monotonic_time() + budget_ms * 1000;
    guint pending = 0, mailboxes = 0;

    for (guint i = 0; i < capture->recipients->len; i++) {
        struct capture_recipient *recipient = g_ptr_array_index(capture->recipients, i);

        if (g_get_monotonic_time() < deadline)
            expand_one(expander, recipient);
        else
            assign(recipient, g_new0(char *, 1), CAPTURE_PENDING);
        mailboxes += g_strv_length(recipient->mailboxes);
        if (mailboxes > MAILBOXES_MAX) {
            mailboxes -= g_strv_length(recipient->mailboxes);
            assign(recipient, g_new0(char *, 1), CAPTURE_PENDING);
        }
        pending += recipient->expansion == CAPTURE_PENDING;
    }
    return pending;
}
