/* score.c: see score.h.
 *
 * A score drains so that the highest level is gone in a window; counts of signals drain at the same pace, so that together they still
 * explain the score. */
#include "policyd/abuse/score.h"
#include <math.h>
#include "policyd/state/marks.h"

#define DAY_S 86400u

const char *const abuse_signal_names[] = {"spam", "virus", "bounce", "burst", "networks", "unknown", "refused", NULL};
G_STATIC_ASSERT(G_N_ELEMENTS(abuse_signal_names) == ABUSE_SIGNALS + 1);

const enum fact_kind abuse_level_facts[ABUSE_LEVELS] = {[ABUSE_SLOW] = FACT_SLOW, [ABUSE_HOLD] = FACT_HOLD, [ABUSE_SUSPEND] = FACT_SUSPENSION};

guint32
abuse_points(const struct config_abuse *config, enum abuse_signal signal)
{
    const gint64 points[ABUSE_SIGNALS] = {
        [ABUSE_SPAM] = config->points_spam,         [ABUSE_VIRUS] = config->points_virus,     [ABUSE_BOUNCE] = config->points_bounce,
        [ABUSE_BURST] = config->points_burst,       [ABUSE_NETWORKS] = config->points_networks, [ABUSE_UNKNOWN] = config->points_unknown,
        [ABUSE_REFUSED] = config->points_refused};

    return (guint32)points[signal];
}

guint32
abuse_level_at(const struct config_abuse *config, enum abuse_level level)
{
    const gint64 at[ABUSE_LEVELS] = {[ABUSE_SLOW] = config->slow_at, [ABUSE_HOLD] = config->hold_at, [ABUSE_SUSPEND] = config->suspend_at};

    return (guint32)at[level];
}

enum abuse_level
abuse_level_of(const struct config_abuse *config, double score)
{
    for (enum abuse_level level = ABUSE_SUSPEND; level > ABUSE_NONE; level--)
        if (abuse_level_at(config, level) > 0 && round(score) >= abuse_level_at(config, level)) /* what has drained within a moment is no matter */
            return level;
    return ABUSE_NONE;
}

/* Without any level scores drain as if 100 were one. */
static struct meter_limit
score_limit(const struct config_abuse *config)
{
    gint64 top = MAX(MAX(config->slow_at, config->hold_at), config->suspend_at);

    return (struct meter_limit){.amount = top > 0 ? (guint32)top : 100, .seconds = (guint32)(config->window / 1000)};
}

static struct meter_limit
signal_limit(const struct config_abuse *config, enum abuse_signal signal)
{
    struct meter_limit limit = score_limit(config);

    limit.amount = MAX(limit.amount / MAX(abuse_points(config, signal), 1), 1);
    return limit;
}

static char *
signal_text(enum abuse_signal signal, const char *account)
{
    return g_strdup_printf("%s %s", abuse_signal_names[signal], account);
}

double
abuse_score_add(struct state *state, const struct config_abuse *config, enum abuse_signal signal, const char *account, gint64 now_ms)
{
    const struct meter_limit score = score_limit(config), counted = signal_limit(config, signal);
    g_autofree char *text = signal_text(signal, account);
    struct meter_answer answer;

    meter_add(state, METER_SIGNAL, text, &counted, 1, 1, now_ms, NULL);
    meter_add(state, METER_SCORE, account, &score, 1, abuse_points(config, signal), now_ms, &answer);
    return answer.after[0];
}

double
abuse_score(struct state *state, const struct config_abuse *config, const char *account, gint64 now_ms)
{
    const struct meter_limit limit = score_limit(config);
    struct meter_answer answer;

    meter_read(state, METER_SCORE, account, &limit, 1, 0, now_ms, &answer);
    return answer.before[0];
}

double
abuse_score_count(struct state *state, const struct config_abuse *config, enum abuse_signal signal, const char *account, gint64 now_ms)
{
    const struct meter_limit limit = signal_limit(config, signal);
    g_autofree char *text = signal_text(signal, account);
    struct meter_answer answer;

    meter_read(state, METER_SIGNAL, text, &limit, 1, 0, now_ms, &answer);
    return answer.before[0];
}

char *
abuse_score_reasons(struct state *state, const struct config_abuse *config, const char *account, gint64 now_ms)
{
    GString *out = g_string_new(NULL);

    for (enum abuse_signal signal = 0; signal < ABUSE_SIGNALS; signal++) {
        double count = abuse_score_count(state, config, signal, account, now_ms);
        if (count > 0)
            g_string_append_printf(out, "%s%s %.0f", out->len > 0 ? ", " : "", abuse_signal_names[signal], ceil(count));
    }
    return g_string_free(out, FALSE);
}

void
abuse_release(struct state *state, const char *account, gint64 now_ms)
{
    static const char *const counts[] = {ABUSE_NEW_NETWORK, ABUSE_REFUSED_DOMAIN, ABUSE_BOUNCED};
    g_autofree char *mark = g_strconcat("released ", account, NULL);

    marks_touch(state, MARK_WARNED, mark, (guint32)(now_ms / 1000), 1, NULL);
    meter_reset(state, METER_SCORE, account, now_ms);
    for (enum abuse_signal signal = 0; signal < ABUSE_SIGNALS; signal++) {
        g_autofree char *text = signal_text(signal, account);
        meter_reset(state, METER_SIGNAL, text, now_ms);
    }
    for (guint i = 0; i < G_N_ELEMENTS(counts); i++) {
        g_autofree char *text = g_strdup_printf("%s %s", counts[i], account);
        meter_reset(state, METER_SIGNAL, text, now_ms);
    }
}

gboolean
abuse_was_released(struct state *state, const struct config_abuse *config, const char *account, gint64 now_ms)
{
    g_autofree char *text = g_strconcat("released ", account, NULL);
    guint32 now_s = (guint32)(now_ms / 1000);
    struct mark mark;

    return marks_get(state, MARK_WARNED, text, now_s, &mark) && (mark.last_s > now_s || now_s - mark.last_s < (guint32)(config->cool_down / 1000));
}

/* A bucket drains evenly; told to drain what is in it within a day, each time anew, it forgets by parts. */
double
abuse_recent(struct state *state, enum meter_kind kind, const char *text, guint32 n, gint64 now_ms)
{
    const struct meter_limit still = {.amount = 0, .seconds = 1};
    struct meter_limit limit = {.seconds = DAY_S};
    struct meter_answer answer;

    meter_read(state, kind, text, &still, 1, 0, now_ms, &answer);
    limit.amount = (guint32)CLAMP(ceil(answer.before[0]), 1, G_MAXINT32);
    if (n == 0) {
        meter_read(state, kind, text, &limit, 1, 0, now_ms, &answer);
        return answer.before[0];
    }
    meter_add(state, kind, text, &limit, 1, n, now_ms, &answer);
    return answer.after[0];
}
