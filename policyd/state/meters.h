/* meters.h: leaky buckets of up to three windows (a minute, an hour, a day) at once.
 *
 * A limit is so many in so many seconds and is given with each call, as it may change from call to call. A level rises by what is taken
 * and drains at amount/seconds: level(t) = max(0, level - elapsed * amount / seconds). Limit i is always window i of the meter;
 * windows that a call doesn't name drain as they did, and are neither asked nor filled. Times that go back by less than a minute
 * (threads are not in order) drain nothing. Across nodes see state.h. None of these block but meters_list. */
#pragma once
#include "policyd/state/state.h"

#define METER_WINDOWS 3u

struct meter_limit {
    guint32 amount;  /* 0: nothing is ever allowed */
    guint32 seconds; /* 0 counts as 1 */
};

#define METER_NEVER G_MAXINT64

struct meter_answer {
    gboolean allowed;
    int refused_by;               /* the first limit that refuses; -1 when allowed */
    double before[METER_WINDOWS]; /* levels; after is before when refused */
    double after[METER_WINDOWS];
    gint64 wait_ms;               /* until n would be allowed if nothing else is taken; 0 when allowed, METER_NEVER when n > amount */
};

/* Takes n of all windows when all of them allow it (level + n <= amount), else of none. answer_r may be NULL. Returns allowed. */
gboolean meter_take(struct state *state, enum meter_kind kind, const char *text, const struct meter_limit *limits, guint n_limits,
                    guint32 n, gint64 now_ms, struct meter_answer *answer_r);
/* Counts n in any case. The answer's allowed tells whether the levels are still within the limits. */
gboolean meter_add(struct state *state, enum meter_kind kind, const char *text, const struct meter_limit *limits, guint n_limits,
                   guint32 n, gint64 now_ms, struct meter_answer *answer_r);
/* Gives back n that were taken (levels stay >= 0). */
void meter_give(struct state *state, enum meter_kind kind, const char *text, const struct meter_limit *limits, guint n_limits,
                guint32 n, gint64 now_ms);
/* The levels now, and whether n would be allowed. Changes nothing. */
gboolean meter_read(struct state *state, enum meter_kind kind, const char *text, const struct meter_limit *limits, guint n_limits,
                    guint32 n, gint64 now_ms, struct meter_answer *answer_r);
/* Levels to 0, here at once and on other nodes as soon as they hear of it. */
void meter_reset(struct state *state, enum meter_kind kind, const char *text, gint64 now_ms);

struct meter_line {
    const char *text;
    double levels[METER_WINDOWS]; /* as this node knows them now */
    guint64 total;                /* taken less given on all nodes, since the meter was at rest last */
    gint64 last_ms;
};
/* FALSE stops the list. */
typedef gboolean (*meters_func)(const struct meter_line *line, gpointer data);
/* As marks_list. */
gboolean meters_list(struct state *state, enum meter_kind kind, const char *part, gint64 now_ms, guint limit, meters_func each,
                     gpointer data, GError **error);
