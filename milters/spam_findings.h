/* spam_findings.h: what the module spam found out about a message, for the log line and the modules after it.
 *
 * Belongs to the transaction; filled by inspect() of the module spam, read-only after that. */
#pragma once
#include "lib/base/log.h"
#include "lib/mail/config.h"
#include "lib/spam/verdict/report.h"

/* In order of points. */
enum spam_level { SPAM_CLEAN, SPAM_SPAM, SPAM_KILLED };
extern const char *const spam_level_names[]; /* "clean", "spam", "killed", NULL */

/* Thousandths of a point; kill 0: never. */
struct spam_levels {
    gint64 tag, tag2, kill;
};

struct spam_findings {
    double score, required;
    enum spam_level level;  /* the highest of all recipients' */
    gboolean is_own;        /* mail of ours, only judged for the log */
    guint gave_up;          /* matches that came to their limit: what they would have found is not known */
    gboolean over_time, cut; /* not all rules ran; not all of the message was looked at */
    char *tests;            /* names of the rules that hit, between commas */
    gint64 took_us;
};
void spam_findings_free(struct spam_findings **findings); /* NULL-safe */
/* Adds spam=, score=, required=, tests= and what explains them to a log line. */
void spam_findings_log(const struct spam_findings *findings, struct log_line *line);

/* The levels that hold for a recipient. They are the configuration's for everybody; where domains and users have their own, this is
 * the place to ask. required_score: of the rules, in points. */
void spam_levels_get(const struct config_spam *config, double required_score, const char *recipient, struct spam_levels *levels_r);
gboolean spam_levels_tell(const struct spam_levels *levels, double score); /* whether X-Spam fields tell the score */
enum spam_level spam_level_of(const struct spam_levels *levels, double score);
