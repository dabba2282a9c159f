/* guesses.h: wrong passwords of a while, so that the same one again is not another guess, and those that are being tried right now.
 *
 * A phone with an old password tries it for days; that is one guess. Who tries many at once is not told of their failures before all of them
 * have begun; so what is under way counts as if it had failed. Kept in memory alone, as keyed hashes; a restart forgets them, and then the
 * phone's password counts once more. Thread-safe. */
#pragma once
#include <glib.h>

#define GUESSES_FOLD 100u        /* every so many times the same password counts again, since sign-ins without one look all the same */
#define GUESSES_MAX 200000u      /* remembered in one window; what comes then counts each time */
#define GUESSES_TRIAL_MS 120000  /* a try of which no report came is over */
#define GUESSES_TRIALS_MAX 64u   /* told apart for one subject */

/* Whom they are counted for. */
enum guesses_of { GUESSES_OF_USER, GUESSES_OF_NETWORK, GUESSES_OF_PAIR, GUESSES_OF_SESSION };

struct guesses;
struct guesses *guesses_new(void);
void guesses_free(struct guesses *guesses); /* NULL-safe */

/* A password that failed. TRUE: it counts, as it is not known yet; an empty hash always counts. It is known for window_ms at least, and for
 * twice that at most. */
gboolean guesses_failed(struct guesses *guesses, enum guesses_of of, const char *subject, const char *user, const char *pwhash,
                        gint64 window_ms, gint64 now_ms);

/* How many other passwords are being tried for the subject. */
guint guesses_others(struct guesses *guesses, enum guesses_of of, const char *subject, const char *user, const char *pwhash,
                     gint64 now_ms);
/* Whether the password is being tried. */
gboolean guesses_tries(struct guesses *guesses, enum guesses_of of, const char *subject, const char *user, const char *pwhash, gint64 now_ms);
void guesses_begin(struct guesses *guesses, enum guesses_of of, const char *subject, const char *user, const char *pwhash, gint64 now_ms);
void guesses_end(struct guesses *guesses, enum guesses_of of, const char *subject, const char *user, const char *pwhash, gint64 now_ms);
