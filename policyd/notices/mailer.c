/* mailer.c: see mailer.h. */
#include "policyd/notices/mailer.h"
#include <string.h>
#include "lib/base/log.h"
#include "lib/base/metrics.h"
#include "lib/mail/lmtp.h"

#define TIMEOUT_MS 15000

struct letter {
    char *address, *recipient;
    mailer_write_func write;
    gpointer data;
    GDestroyNotify data_free;
    GString *text; /* NULL until the first try */
    guint tries;
    gint64 due_us; /* monotonic */
};
struct mailer {
    struct mailer_options options;
    GMutex lock;
    GCond changed;
    GQueue waiting; /* struct letter * */
    gboolean ends;
    GThread *thread;
    struct metric *outcomes;
};
static const char *const outcome_names[] = {"delivered", "later", "refused", "dropped", NULL}; /* enum lmtp_outcome, and what is given up */
#define DROPPED (LMTP_REFUSED + 1)

static void
letter_free(gpointer data)
{
    struct letter *letter = data;

    g_free(letter->address);
    g_free(letter->recipient);
    letter->data_free(letter->data);
    if (letter->text != NULL)
        g_string_free(letter->text, TRUE);
    g_free(letter);
}

/* The first that is due; else NULL, and *due_r is when the next one is. */
static struct letter *
take_due(struct mailer *mailer, gint64 *due_r)
{
    gint64 now_us = g_get_monotonic_time();

    *due_r = G_MAXINT64;
    for (GList *link = mailer->waiting.head; link != NULL; link = link->next) {
        struct letter *letter = link->data;
        if (letter->due_us <= now_us) {
            g_queue_delete_link(&mailer->waiting, link);
            return letter;
        }
        *due_r = MIN(*due_r, letter->due_us);
    }
    return NULL;
}

static void
log_try(const struct letter *letter, guint try, const char *outcome, const char *why)
{
    struct log_line *line = log_line_new(why == NULL ? LOG_SEV_INFO : LOG_SEV_WARNING, "notice");

    log_line_str(line, "to", letter->recipient);
    log_line_str(line, "status", outcome);
    log_line_int(line, "try", try);
    log_line_str(line, "said", why);
    log_line_emit(line);
}

/* TRUE: it is over with the letter. */
static gboolean
try_once(struct mailer *mailer, struct letter *letter)
{
    g_autofree char *why = NULL;
    enum lmtp_outcome outcome;
    gboolean again;

    if (letter->text == NULL)
        letter->text = letter->write(letter->data);
    outcome = lmtp_deliver(letter->address, "", letter->recipient, letter->text, mailer->options.timeout_ms, &why);
    again = ++letter->tries < MAILER_TRIES && outcome == LMTP_LATER;

    metrics_add(mailer->outcomes, outcome == LMTP_LATER && !again ? DROPPED : outcome, 1);
    log_try(letter, letter->tries, outcome == LMTP_LATER && !again ? outcome_names[DROPPED] : outcome_names[outcome], why);
    if (again)
        letter->due_us = g_get_monotonic_time() + mailer->options.retry_ms[letter->tries - 1] * G_GINT64_CONSTANT(1000);
    return !again;
}

static gpointer
work(gpointer data)
{
    struct mailer *mailer = data;
    struct letter *letter;
    gint64 due_us;

    g_mutex_lock(&mailer->lock);
    while (!mailer->ends) {
        letter = take_due(mailer, &due_us);
        if (letter == NULL && due_us == G_MAXINT64) {
            g_cond_wait(&mailer->changed, &mailer->lock);
        } else if (letter == NULL) {
            g_cond_wait_until(&mailer->changed, &mailer->lock, due_us);
        } else {
            g_mutex_unlock(&mailer->lock);
            gboolean over = try_once(mailer, letter);
            g_mutex_lock(&mailer->lock);
            if (over)
                letter_free(letter);
            else
                g_queue_push_tail(&mailer->waiting, letter);
        }
    }
    g_mutex_unlock(&mailer->lock);
    return NULL;
}

struct mailer *
mailer_new(const struct mailer_options *options)
{
    static const guint retries_ms[MAILER_TRIES - 1] = {600000, 3000000};
    struct mailer *mailer = g_new0(struct mailer, 1);

    mailer->options = *options;
    for (guint i = 0; i < MAILER_TRIES - 1; i++)
        if (mailer->options.retry_ms[i] == 0)
            mailer->options.retry_ms[i] = retries_ms[i];
    if (mailer->options.timeout_ms == 0)
        mailer->options.timeout_ms = TIMEOUT_MS;
    mailer->outcomes = metrics_counter("postern_policy_notices_total", "Tries to deliver notices to users", "outcome", outcome_names);
    g_mutex_init(&mailer->lock);
    g_cond_init(&mailer->changed);
    g_queue_init(&mailer->waiting);
    mailer->thread = g_thread_new("notices", work, mailer);
    return mailer;
}

gboolean
mailer_add(struct mailer *mailer, const char *address, const char *recipient, mailer_write_func write, gpointer data, GDestroyNotify data_free)
{
    struct letter *letter = g_new0(struct letter, 1);
    gboolean room;

    *letter = (struct letter){.address = g_strdup(address), .recipient = g_strdup(recipient), .write = write, .data = data, .data_free = data_free};
    g_mutex_lock(&mailer->lock);
    room = mailer->waiting.length < MAILER_WAITING_MAX;
    if (room) {
        g_queue_push_tail(&mailer->waiting, letter);
        g_cond_signal(&mailer->changed);
    }
    g_mutex_unlock(&mailer->lock);
    if (!room) {
        metrics_add(mailer->outcomes, DROPPED, 1);
        log_try(letter, 0, outcome_names[DROPPED], "too many notices wait");
        letter_free(letter);
    }
    return room;
}

guint
mailer_waiting(struct mailer *mailer)
{
    g_mutex_lock(&mailer->lock);
    guint n = mailer->waiting.length;
    g_mutex_unlock(&mailer->lock);
    return n;
}

void
mailer_free(struct mailer **mailer)
{
    struct mailer *gone = *mailer;

    if (gone == NULL)
        return;
    g_mutex_lock(&gone->lock);
    gone->ends = TRUE;
    g_cond_signal(&gone->changed);
    g_mutex_unlock(&gone->lock);
    g_thread_join(gone->thread);
    if (gone->waiting.length > 0)
        log_text(LOG_SEV_WARNING, "notice", "%u notices could not be delivered before the end and are lost", gone->waiting.length);
    g_queue_clear_full(&gone->waiting, letter_free);
    g_cond_clear(&gone->changed);
    g_mutex_clear(&gone->lock);
    g_clear_pointer(mailer, g_free);
}
