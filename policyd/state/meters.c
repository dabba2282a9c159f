/* meters.c: leaky buckets in memory. See meters.h; what other nodes and SQL add is in meters_merge.c. */
#include "policyd/state/private.h"
#include <math.h>

/* Levels are sums and products of doubles: after waiting for exactly what was said, it must be enough. */
#define NEARLY 1e-6
/* Threads take the time at different moments: no jump of the clock. */
#define DISORDER_MS 60000

static double
rate_of(const struct meter_limit *limit)
{
    return (double)limit->amount / MAX(limit->seconds, 1);
}

void
meter_drain(struct meter_cell *meter, const struct meter_limit *limits, guint n_limits, gint64 now_ms)
{
    double elapsed_s = 0;
    if (now_ms >= meter->last_ms) {
        elapsed_s = (double)(now_ms - meter->last_ms) / 1000;
        meter->last_ms = now_ms;
    } else if (meter->last_ms - now_ms > DISORDER_MS) {
        meter->last_ms = now_ms;
    }
    for (guint i = 0; i < METER_WINDOWS; i++) {
        double rate = i < n_limits ? rate_of(&limits[i]) : (double)meter->rate[i];
        meter->level[i] = MAX(0, meter->level[i] - elapsed_s * rate);
        meter->rate[i] = (float)rate;
    }
}

/* What would come of n more; the meter is drained. */
static void
judge(const struct meter_cell *meter, const struct meter_limit *limits, guint n_limits, guint32 n,
      struct meter_answer *answer)
{
    *answer = (struct meter_answer){.allowed = TRUE, .refused_by = -1};
    for (guint i = 0; i < n_limits; i++) {
        answer->before[i] = answer->after[i] = meter->level[i];
        double over = meter->level[i] + n - limits[i].amount;
        if (over <= NEARLY)
            continue;
        if (answer->allowed)
            answer->refused_by = (int)i;
        answer->allowed = FALSE;
        gint64 wait_ms = METER_NEVER;
        if (n <= limits[i].amount && limits[i].amount > 0)
            wait_ms = (gint64)ceil(over / rate_of(&limits[i]) * 1000 - NEARLY);
        answer->wait_ms = MAX(answer->wait_ms, wait_ms);
    }
}

static void
pour(struct meter_cell *meter, guint n_limits, guint32 n, struct meter_answer *answer)
{
    for (guint i = 0; i < n_limits; i++)
        answer->after[i] = meter->level[i] += n;
    meter->taken += n;
}

/* take (refuse) or add. */
static gboolean
meter_count(struct state *state, enum meter_kind kind, const char *text, const struct meter_limit *limits, guint n_limits,
            guint32 n, gint64 now_ms, gboolean refuse, struct meter_answer *answer_r)
{
    struct state_key key;
    struct meter_answer answer;
    n_limits = MIN(n_limits, METER_WINDOWS);
    state_key_make(&key, meter_kind_name(kind), text);
    struct shard *shard = shards_lock(state->meters, &key);
    struct meter_cell none = {.last_ms = now_ms}, *meter = shards_find(state->meters, shard, &key);
    if (meter)
        meter_drain(meter, limits, n_limits, now_ms);
    judge(meter ? meter : &none, limits, n_limits, n, &answer);
    if (n > 0 && (answer.allowed || !refuse)) {
        if (!meter) {
            meter = shards_add(state->meters, shard, &key, kind);
            meter->last_ms = now_ms;
            meter_drain(meter, limits, n_limits, now_ms);
        }
        pour(meter, n_limits, n, &answer);
        shards_changed(state->meters, shard, meter, text);
    }
    g_mutex_unlock(&shard->lock);
    if (answer_r)
        *answer_r = answer;
    return answer.allowed;
}

gboolean
meter_take(struct state *state, enum meter_kind kind, const char *text, const struct meter_limit *limits, guint n_limits,
           guint32 n, gint64 now_ms, struct meter_answer *answer_r)
{
    return meter_count(state, kind, text, limits, n_limits, n, now_ms, TRUE, answer_r);
}

gboolean
meter_add(struct state *state, enum meter_kind kind, const char *text, const struct meter_limit *limits, guint n_limits,
          guint32 n, gint64 now_ms, struct meter_answer *answer_r)
{
    return meter_count(state, kind, text, limits, n_limits, n, now_ms, FALSE, answer_r);
}

gboolean
meter_read(struct state *state, enum meter_kind kind, const char *text, const struct meter_limit *limits, guint n_limits,
           guint32 n, gint64 now_ms, struct meter_answer *answer_r)
{
    struct state_key key;
    struct meter_answer answer;
    struct meter_cell copy = {.last_ms = now_ms};
    n_limits = MIN(n_limits, METER_WINDOWS);
    state_key_make(&key, meter_kind_name(kind), text);
    struct shard *shard = shards_lock(state->meters, &key);
    const struct meter_cell *meter = shards_find(state->meters, shard, &key);
    if (meter)
        copy = *meter;
    g_mutex_unlock(&shard->lock);
    meter_drain(&copy, limits, n_limits, now_ms);
    judge(&copy, limits, n_limits, n, &answer);
    if (answer_r)
        *answer_r = answer;
    return answer.allowed;
}

/* Lowers the windows that limits name by n, or all to nothing; "given" tells other nodes. */
static void
lower(struct state *state, enum meter_kind kind, const char *text, const struct meter_limit *limits, guint n_limits,
      gboolean all, guint32 n, gint64 now_ms)
{
    struct state_key key;
    state_key_make(&key, meter_kind_name(kind), text);
    struct shard *shard = shards_lock(state->meters, &key);
    struct meter_cell *meter = shards_find(state->meters, shard, &key);
    if (meter) {
        double highest = 0;
        meter_drain(meter, limits, n_limits, now_ms);
        for (guint i = 0; i < METER_WINDOWS; i++)
            highest = MAX(highest, meter->level[i]);
        for (guint i = 0; i < (all ? METER_WINDOWS : n_limits); i++)
            meter->level[i] = all ? 0 : MAX(0, meter->level[i] - n);
        meter->given += all ? (guint64)ceil(highest) : n;
        shards_changed(state->meters, shard, meter, text);
    }
    g_mutex_unlock(&shard->lock);
}

void
meter_give(struct state *state, enum meter_kind kind, const char *text, const struct meter_limit *limits, guint n_limits,
           guint32 n, gint64 now_ms)
{
    lower(state, kind, text, limits, MIN(n_limits, METER_WINDOWS), FALSE, n, now_ms);
}

void
meter_reset(struct state *state, enum meter_kind kind, const char *text, gint64 now_ms)
{
    lower(state, kind, text, NULL, 0, TRUE, 0, now_ms);
}
