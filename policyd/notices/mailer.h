/* mailer.h: notices on their way to an LMTP server: a queue in memory and one thread, so that nobody waits for the server or for the files of
 * texts.
 *
 * Each is tried at most three times within an hour. What is still waiting when the daemon ends is lost, and the log says so; that it was due is
 * remembered by then, so only what comes next of the same decides again. */
#pragma once
#include <glib.h>

#define MAILER_WAITING_MAX 1000u
#define MAILER_TRIES 3u

struct mailer;
struct mailer_options {
    guint retry_ms[MAILER_TRIES - 1]; /* after the first and the second try; 0: ten and fifty minutes */
    int timeout_ms;                   /* of one try; 0: 15 s */
};
struct mailer *mailer_new(const struct mailer_options *options);
/* Makes the text: whole, with CRLF. Called once at most, by the mailer's thread, before the first try. */
typedef GString *(*mailer_write_func)(gpointer data);
/* data is taken over, and freed by data_free. FALSE when too many wait: it is dropped, and logged. Does not block. Thread-safe. */
gboolean mailer_add(struct mailer *mailer, const char *address, const char *recipient, mailer_write_func write, gpointer data,
                    GDestroyNotify data_free);
/* Ends after the try that is under way. NULL-safe. */
void mailer_free(struct mailer **mailer);
/* Those that have to be tried again, and those that were not tried yet. */
guint mailer_waiting(struct mailer *mailer);
