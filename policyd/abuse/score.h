/* score.h: signals of an account and its score, in leaky buckets (meters.h): both go down by themselves. Thread-safe, never blocks. */
#pragma once
#include "lib/mail/config.h"
#include "policyd/state/facts.h"
#include "policyd/state/meters.h"

enum abuse_signal {
    ABUSE_SPAM,     /* mail of theirs was judged to be spam */
    ABUSE_VIRUS,    /* or has a virus */
    ABUSE_BOUNCE,   /* came back, and too much does */
    ABUSE_BURST,    /* a limit was reached */
    ABUSE_NETWORKS, /* one more network than is usual */
    ABUSE_UNKNOWN,  /* a recipient that does not exist */
    ABUSE_REFUSED,  /* one more domain that their mail was refused for */
    ABUSE_SIGNALS
};
extern const char *const abuse_signal_names[]; /* NULL-terminated; in logs, in metrics, in the keys of meters */

/* Meters of the kind METER_SIGNAL that are no signals yet: "WORD ACCOUNT". */
#define ABUSE_NEW_NETWORK "new_network"
#define ABUSE_REFUSED_DOMAIN "refused_domain"
#define ABUSE_BOUNCED "bounced"

/* What can be done about an account, from the mildest on. */
enum abuse_level { ABUSE_NONE, ABUSE_SLOW, ABUSE_HOLD, ABUSE_SUSPEND, ABUSE_LEVELS };
extern const enum fact_kind abuse_level_facts[ABUSE_LEVELS]; /* 0 for ABUSE_NONE */

/* 0: the signal does not count. */
guint32 abuse_points(const struct config_abuse *config, enum abuse_signal signal);
/* From which score on; 0: never. */
guint32 abuse_level_at(const struct config_abuse *config, enum abuse_level level);
/* The highest level that the score has reached. */
enum abuse_level abuse_level_of(const struct config_abuse *config, double score);

/* Counts one signal; the score after it. */
double abuse_score_add(struct state *state, const struct config_abuse *config, enum abuse_signal signal, const char *account, gint64 now_ms);
double abuse_score(struct state *state, const struct config_abuse *config, const char *account, gint64 now_ms);
/* How many of a signal are in the score still. */
double abuse_score_count(struct state *state, const struct config_abuse *config, enum abuse_signal signal, const char *account, gint64 now_ms);
/* "spam 10, burst 2": what the score is made of. Caller frees. */
char *abuse_score_reasons(struct state *state, const struct config_abuse *config, const char *account, gint64 now_ms);
/* Somebody has released the account: its score begins anew, and for abuse.cool_down nothing is done about it. */
void abuse_release(struct state *state, const char *account, gint64 now_ms);
gboolean abuse_was_released(struct state *state, const struct config_abuse *config, const char *account, gint64 now_ms);

/* How much there was in the last day or so: each moment a part of it goes, as long ago as it is. Counts n (0: only reads). */
double abuse_recent(struct state *state, enum meter_kind kind, const char *text, guint32 n, gint64 now_ms);
