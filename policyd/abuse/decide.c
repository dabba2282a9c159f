/* decide.c: a signal makes the score, and the score decides. What is decided is a fact before anybody hears of it. */
#include <jansson.h>
#include <math.h>
#include <string.h>
#include "lib/base/log.h"
#include "lib/base/metrics.h"
#include "policyd/abuse/abuse_private.h"
#include "policyd/accounts/mailboxes.h"
#include "policyd/accounts/policy_lists.h"
#include "policyd/state/marks.h"

#define DAY_S 86400u
#define MINUTE_S 60u
#define BOUNCES_MIN 5 /* in a day; fewer say nothing */

static struct metric *signals, *actions, *lost;

void
abuse_register_metrics(void)
{
    static const char *const levels[] = {"none", "slow", "hold", "suspend", "dry_run", "failed", NULL};

    signals = metrics_counter("postern_policy_abuse_signals_total", "Signs that an account is misused", "signal", abuse_signal_names);
    actions = metrics_counter("postern_policy_abuse_actions_total", "What was done about accounts", "action", levels);
    lost = metrics_counter("postern_policy_abuse_lost_total", "Signs that were lost, since there were too many at once", NULL, NULL);
}
#define ACTION_DRY_RUN ABUSE_LEVELS
#define ACTION_FAILED (ABUSE_LEVELS + 1)

void
abuse_count_lost(void)
{
    metrics_add(lost, 0, 1);
}

/* Seen within so many seconds; else it counts as seen now. */
static gboolean
was_seen(struct abuse *abuse, const char *text, guint32 within_s, gint64 now_ms)
{
    guint32 now_s = (guint32)(now_ms / 1000);
    struct mark mark;

    if (marks_get(abuse->state, MARK_WARNED, text, now_s, &mark) && (mark.last_s >= now_s || now_s - mark.last_s < within_s))
        return TRUE;
    marks_touch(abuse->state, MARK_WARNED, text, now_s, 1, NULL);
    return FALSE;
}

/* ---- what is done ---- */

static void
log_action(const struct config_abuse *config, enum abuse_level level, const char *account, double score, const char *reasons, const char *error)
{
    struct log_line *line = log_line_new(error != NULL ? LOG_SEV_ERROR : LOG_SEV_WARNING, "abuse");

    log_line_str(line, "account", account);
    log_line_str(line, "action", fact_kind_name(abuse_level_facts[level]));
    log_line_str(line, "dry_run", config->dry_run ? "yes" : NULL);
    log_line_int(line, "score", (gint64)round(score));
    log_line_int(line, "of", abuse_level_at(config, level));
    log_line_str(line, "signals", reasons);
    log_line_int(line, "expires_s", config->expires / 1000);
    log_line_str(line, "error", error);
    log_line_emit(line);
}

/* FALSE: it could not be written, and is to be tried again. */
static gboolean
act(struct abuse *abuse, const struct abuse_rules *rules, enum abuse_level level, const char *account, double score, gint64 now_ms)
{
    const struct config_abuse *config = &rules->config->abuse;
    g_autofree char *reasons = abuse_score_reasons(abuse->state, config, account, now_ms);
    g_autofree char *reason = g_strdup_printf("score %.0f of %u: %s", score, abuse_level_at(config, level), reasons);
    json_t *value = json_pack("{s:s, s:f}", "reason", reason, "score", score);
    char *text = json_dumps(value, JSON_COMPACT | JSON_REAL_PRECISION(6));
    struct fact_change change = {.value = text, .since_ms = now_ms, .expires_ms = config->expires > 0 ? now_ms + config->expires : 0,
                                 .by = "policyd", .detail = reason};
    g_autoptr(GError) error = NULL;
    struct fact *fact;

    if (fact_put(abuse->state, abuse_level_facts[level], account, &change, now_ms, &error)) {
        metrics_add(actions, level, 1);
        fact = fact_get(abuse->state, abuse_level_facts[level], account, now_ms);
        if (fact != NULL)
            notices_push(abuse->notices, rules->config, level, fact);
        fact_unref(fact);
    } else {
        metrics_add(actions, ACTION_FAILED, 1);
    }
    log_action(config, level, account, score, reasons, error != NULL ? error->message : NULL);
    free(text);
    json_decref(value);
    return error == NULL;
}

static gboolean
is_done(struct abuse *abuse, enum abuse_level level, const char *account, gint64 now_ms)
{
    for (; level < ABUSE_LEVELS; level++) {
        struct fact *fact = fact_get(abuse->state, abuse_level_facts[level], account, now_ms);
        fact_unref(fact);
        if (fact != NULL)
            return TRUE;
    }
    return FALSE;
}

/* Does what the account's score asks for. FALSE: it is to be tried again. */
static gboolean
settle(struct abuse *abuse, const struct abuse_rules *rules, const char *account, gint64 now_ms)
{
    const struct config_abuse *config = &rules->config->abuse;
    double score = abuse_score(abuse->state, config, account, now_ms);
    enum abuse_level level = abuse_level_of(config, score);
    g_autofree char *dry = g_strdup_printf("dry %d %s", level, account), *reasons = NULL;

    if (level == ABUSE_NONE || is_done(abuse, level, account, now_ms) || abuse_was_released(abuse->state, config, account, now_ms))
        return TRUE;
    if (!config->dry_run)
        return act(abuse, rules, level, account, score, now_ms);
    if (was_seen(abuse, dry, (guint32)(config->cool_down / 1000), now_ms))
        return TRUE;
    reasons = abuse_score_reasons(abuse->state, config, account, now_ms);
    metrics_add(actions, ACTION_DRY_RUN, 1);
    log_action(config, level, account, score, reasons, NULL);
    return TRUE;
}

static void
settle_or_keep(struct abuse *abuse, const struct abuse_rules *rules, const char *account, gint64 now_ms)
{
    if (!settle(abuse, rules, account, now_ms) && g_hash_table_size(abuse->unsettled) < ABUSE_UNSETTLED_MAX &&
        !g_hash_table_contains(abuse->unsettled, account))
        g_hash_table_insert(abuse->unsettled, g_strdup(account), GUINT_TO_POINTER(1));
}

void
abuse_retry(struct abuse *abuse, const struct abuse_rules *rules, gint64 now_ms)
{
    GHashTableIter iter;
    gpointer account, tries;

    g_hash_table_iter_init(&iter, abuse->unsettled);
    while (g_hash_table_iter_next(&iter, &account, &tries))
        if (!rules->config->abuse.enabled || settle(abuse, rules, account, now_ms) || GPOINTER_TO_UINT(tries) >= ABUSE_TRIES_MAX)
            g_hash_table_iter_remove(&iter);
        else
            g_hash_table_iter_replace(&iter, GUINT_TO_POINTER(GPOINTER_TO_UINT(tries) + 1));
}

/* ---- signals ---- */

static int
ask_list(const char *list, const char *subject, gpointer data)
{
    struct abuse *abuse = data;
    enum lookup lookup = policy_list_address(abuse->accounts, list, subject, TRUE, g_get_real_time() / 1000, NULL, NULL);

    return lookup == LOOKUP_YES ? 1 : lookup == LOOKUP_NO ? 0 : -1;
}

/* Also when it can't be told now: nobody is stopped by mistake. */
static gboolean
is_exempt(struct abuse *abuse, const struct abuse_rules *rules, const char *account)
{
    return !policy_match_is_empty(rules->exempt) && policy_match_address(rules->exempt, account, abuse->accounts != NULL ? ask_list : NULL, abuse) != 0;
}

static void
take_signal(struct abuse *abuse, const struct abuse_rules *rules, enum abuse_signal signal, const char *account, gint64 now_ms)
{
    g_autofree char *burst = g_strdup_printf("burst %s", account);
    double score;

    if (is_exempt(abuse, rules, account) || (signal == ABUSE_BURST && was_seen(abuse, burst, MINUTE_S, now_ms)))
        return;
    score = abuse_score_add(abuse->state, &rules->config->abuse, signal, account, now_ms);
    metrics_add(signals, signal, 1);
    log_text(LOG_SEV_DEBUG, "abuse", "%s: %s, its score is %.1f", account, abuse_signal_names[signal], score);
    settle_or_keep(abuse, rules, account, now_ms);
}

/* Whose bounce it is: the mailbox that the address leads to, or the address itself. Caller frees. */
static char *
owner_of(struct abuse *abuse, const char *address, gint64 now_ms)
{
    g_auto(GStrv) mailboxes = NULL;

    if (abuse->accounts == NULL || abuse_recent(abuse->state, METER_SENT, address, 0, now_ms) > 0 ||
        mailboxes_of(abuse->accounts, address, TRUE, now_ms, &mailboxes, NULL) != LOOKUP_YES || g_strv_length(mailboxes) != 1)
        return g_strdup(address);
    return g_strdup(mailboxes[0]);
}

static void
take_bounce(struct abuse *abuse, const struct abuse_rules *rules, const char *address, gint64 now_ms)
{
    g_autofree char *account = owner_of(abuse, address, now_ms), *text = g_strconcat(ABUSE_BOUNCED " ", account, NULL);
    double bounces = abuse_recent(abuse->state, METER_SIGNAL, text, 1, now_ms), sent = abuse_recent(abuse->state, METER_SENT, account, 0, now_ms);

    if (bounces + 0.5 >= BOUNCES_MIN && bounces * 100 > (double)rules->config->abuse.bounce_share * MAX(sent, 1))
        take_signal(abuse, rules, ABUSE_BOUNCE, account, now_ms);
}

static void
take_recipient(struct abuse *abuse, const struct abuse_rules *rules, const char *account, const char *recipient, gint64 now_ms)
{
    g_autofree char *text = g_strdup_printf("unknown %s %s", account, recipient);
    g_auto(GStrv) mailboxes = NULL;

    if (abuse->accounts != NULL && mailboxes_of(abuse->accounts, recipient, TRUE, now_ms, &mailboxes, NULL) == LOOKUP_NO &&
        !was_seen(abuse, text, DAY_S, now_ms))
        take_signal(abuse, rules, ABUSE_UNKNOWN, account, now_ms);
}

void
abuse_take(struct abuse *abuse, const struct abuse_rules *rules, const struct abuse_event *event)
{
    if (!rules->config->abuse.enabled)
        return;
    switch (event->kind) {
    case ABUSE_EVENT_SIGNAL:
        take_signal(abuse, rules, event->signal, event->account, event->now_ms);
        break;
    case ABUSE_EVENT_BOUNCE:
        take_bounce(abuse, rules, event->address, event->now_ms);
        break;
    case ABUSE_EVENT_RECIPIENT:
        take_recipient(abuse, rules, event->account, event->address, event->now_ms);
        break;
    case ABUSE_EVENT_STOP:
        break;
    }
}
