/* mailer.h: notices on their way to an LMTP server: a queue in memory and one thread, so that nobody waits for the server.
 *
 * Each is tried at most three times within an hour. What is still waiting when the daemon ends is lost, and the log says so; that it was due is a
 * fact by then, so the next news of the mailbox decide again. */
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
/* text: whole, with CRLF; taken over. FALSE when too many wait: it is dropped, and logged. Does not block. */
gboolean mailer_add(struct mailer *mailer, const char *address, const char *recipient, GString *text);
/* Ends after the try that is under way. NULL-safe. */
void mailer_free(struct mailer **mailer);
/* Those that have to be tried again, and those that were not tried yet. */
guint mailer_waiting(struct mailer *mailer);
