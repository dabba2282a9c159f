/* rate.c: checks of the kind rate: how much a user, sender, client or recipient may send or get, by minute, hour and day at once.
 *
 * At RCPT each question is one recipient, and the first of a message is the message, too; at DATA and END-OF-MESSAGE Postfix tells how many
 * recipients there are. What is refused is not counted, and warns nobody. */
#include <string.h>
#include "policyd/abuse/abuse.h"
#include "policyd/checks/check.h"
#include "policyd/greylist/origin.h"
#include "policyd/policy.h"
#include "policyd/rates/rate.h"
#include "policyd/rates/warning.h"
#include "policyd/server/repeats.h"

#define NO_LIMIT G_MAXINT32

const guint32 rate_windows[METER_WINDOWS] = {60, 3600, 86400};
const char *const rate_window_names[METER_WINDOWS] = {"minute", "hour", "day"};
const char *const rate_counted_names[RATE_COUNTED] = {"messages", "recipients"};
const enum meter_kind rate_counted_meters[RATE_COUNTED] = {METER_RATE_MESSAGES, METER_RATE_RECIPIENTS};

struct rate {
    const struct config_rate *config;
    struct state *state;
    struct policy_accounts *accounts;
    struct abuse *abuse;
    struct mailer *mailer;
    struct meter_limit limits[RATE_COUNTED][METER_WINDOWS];
    struct repeats *seen; /* messages that were counted: their first recipient was */
    char *yes;            /* what is kept there */
};

static guint32
amount(gint64 configured)
{
    return configured > 0 ? (guint32)configured : NO_LIMIT;
}

static gpointer
rate_make(const struct config_when *config, const struct check_parts *parts)
{
    const struct config_rate *c = (const struct config_rate *)config;
    const gint64 amounts[RATE_COUNTED][METER_WINDOWS] = {{c->messages_per_minute, c->messages_per_hour, c->messages_per_day},
                                                         {c->recipients_per_minute, c->recipients_per_hour, c->recipients_per_day}};
    struct rate *own = g_new0(struct rate, 1);

    own->config = c;
    own->state = parts->state;
    own->accounts = parts->accounts;
    own->abuse = parts->abuse;
    own->mailer = parts->mailer;
    own->seen = repeats_new();
    own->yes = g_ref_string_new("yes");
    for (guint what = 0; what < RATE_COUNTED; what++)
        for (guint w = 0; w < METER_WINDOWS; w++)
            own->limits[what][w] = (struct meter_limit){amount(amounts[what][w]), rate_windows[w]};
    return own;
}

static void
rate_free(gpointer data)
{
    struct rate *own = data;

    repeats_free(own->seen);
    g_ref_string_release(own->yes);
    g_free(own);
}

/* What has the limit; "" when the session has no such thing. Caller frees. */
static char *
subject_of(const struct rate *own, const struct evaluation *evaluation)
{
    switch ((enum config_rate_of)own->config->of) {
    case CONFIG_RATE_USER:
        return g_strdup(evaluation->user);
    case CONFIG_RATE_SENDER:
        return g_strdup(evaluation->sender);
    case CONFIG_RATE_SENDER_DOMAIN:
        return *evaluation->sender_domain != '\0' ? g_strconcat("@", evaluation->sender_domain, NULL) : g_strdup("");
    case CONFIG_RATE_CLIENT:
        return origin_network(evaluation->request->values[POLICY_CLIENT_ADDRESS]);
    case CONFIG_RATE_RECIPIENT:
        return g_strdup(evaluation->recipient);
    case CONFIG_RATE_RECIPIENT_DOMAIN:
    default:
        return *evaluation->recipient_domain != '\0' ? g_strconcat("@", evaluation->recipient_domain, NULL) : g_strdup("");
    }
}

/* How much the question is of each. */
static void
count(struct rate *own, const struct evaluation *evaluation, guint32 n_r[RATE_COUNTED])
{
    guint8 identity[16];
    char *seen;

    n_r[RATE_MESSAGES] = 1;
    n_r[RATE_RECIPIENTS] = 1;
    if (evaluation->request->state != POLICY_AT_RCPT) {
        n_r[RATE_RECIPIENTS] = (guint32)MIN(policy_request_number(evaluation->request, POLICY_RECIPIENT_COUNT), G_MAXINT32);
        return;
    }
    if (!policy_request_message(evaluation->request, identity))
        return;
    seen = repeats_find(own->seen, identity, g_get_monotonic_time() / 1000);
    if (seen == NULL)
        return;
    n_r[RATE_MESSAGES] = 0;
    g_ref_string_release(seen);
}

static void
remember(struct rate *own, const struct evaluation *evaluation)
{
    guint8 identity[16];

    if (policy_request_message(evaluation->request, identity))
        repeats_keep(own->seen, identity, own->yes, g_get_monotonic_time() / 1000);
}

/* A limit that an account has of its own in SQL. FALSE: it would block. */
static gboolean
override(const struct rate *own, const char *subject, enum rate_counted what, gboolean may_block, gint64 now_ms, struct meter_limit *limits)
{
    struct account_limits found;
    enum lookup lookup;

    if (own->accounts == NULL)
        return TRUE;
    lookup = account_limits_find(own->accounts, subject, rate_counted_names[what], may_block, now_ms, &found);
    if (lookup == LOOKUP_WOULD_BLOCK)
        return FALSE;
    for (guint i = 0; lookup == LOOKUP_YES && i < found.n; i++)
        for (guint w = 0; w < METER_WINDOWS; w++)
            if (found.limit[i].seconds == rate_windows[w])
                limits[w].amount = found.limit[i].amount < 0 ? NO_LIMIT : (guint32)MIN(found.limit[i].amount, NO_LIMIT);
    return TRUE;
}

static void
log_warning(const struct rate_warning *warning, const char *window, gboolean mailed)
{
    struct log_line *line = log_line_new(LOG_SEV_WARNING, "rate");

    log_line_str(line, "check", warning->title);
    log_line_str(line, "subject", warning->subject);
    log_line_str(line, "counted", rate_counted_names[warning->counted]);
    log_line_str(line, "window", window);
    log_line_int(line, "level", (gint64)warning->level);
    log_line_int(line, "limit", warning->limit);
    log_line_str(line, "notice", mailed ? "yes" : NULL);
    log_line_emit(line);
}

/* A limit comes near: the log says so when the level rises above the share, and the user is told when a mail is due and one more still fits. */
static void
warn(const struct rate *own, const struct evaluation *evaluation, const char *subject, enum rate_counted what, const struct meter_limit *limits,
     const struct meter_answer *answer)
{
    struct config *config = evaluation->policy->config;
    gboolean tells = own->config->warn_user && !own->config->when.dry_run && own->mailer != NULL && *evaluation->user != '\0';

    for (guint w = 0; own->config->warn_at > 0 && w < METER_WINDOWS; w++) {
        const struct rate_warning warning = {.title = own->config->when.title, .subject = subject, .counted = what, .limit = limits[w].amount,
                                             .seconds = rate_windows[w], .level = answer->after[w]};
        double at = limits[w].amount * (double)own->config->warn_at / 100;
        gboolean mailed;
        if (limits[w].amount == NO_LIMIT || answer->after[w] < at)
            continue;
        mailed = tells && answer->after[w] + 1 <= limits[w].amount && rate_warning_is_due(own->state, &warning, evaluation->now_ms) &&
                 rate_warning_tell(own->state, own->mailer, config, evaluation->user, &warning, evaluation->now_ms);
        if (mailed || answer->before[w] < at)
            log_warning(&warning, rate_window_names[w], mailed);
    }
}

static void
tell(const struct rate *own, const struct check *check, struct evaluation *evaluation, const char *subject, enum rate_counted what,
     const struct meter_limit *limits, const struct meter_answer *answer)
{
    (void)own;
    for (guint w = 0; w < METER_WINDOWS; w++)
        if (limits[w].amount != NO_LIMIT)
            evaluation_trace(evaluation, check, "%s: %.1f of %u %s by the %s%s", subject, answer->before[w], limits[w].amount, rate_counted_names[what],
                             rate_window_names[w], answer->refused_by == (int)w ? ": this is too much" : "");
}

static enum step
refuse(const struct rate *own, struct evaluation *evaluation, enum rate_counted what, const struct meter_answer *answer)
{
    gint64 wait_ms = answer->wait_ms == METER_NEVER ? (gint64)rate_windows[answer->refused_by] * 1000 : answer->wait_ms;
    g_autofree char *over = g_strdup_printf("%s/%s", rate_counted_names[what], rate_window_names[answer->refused_by]);

    evaluation_note(evaluation, "over", over);
    check_answer(evaluation, own->config->action, (wait_ms + 999) / 1000);
    if (!evaluation->trial && !own->config->when.dry_run && (own->config->of == CONFIG_RATE_USER || own->config->of == CONFIG_RATE_SENDER))
        abuse_signal(own->abuse, ABUSE_BURST, evaluation->user, evaluation->now_ms);
    return STEP_ANSWERED;
}

static void
give_back(const struct rate *own, const char *text, const struct meter_limit limits[RATE_COUNTED][METER_WINDOWS], const guint32 n[RATE_COUNTED], guint end,
          gint64 now_ms)
{
    for (guint taken = 0; taken < end; taken++)
        if (n[taken] > 0)
            meter_give(own->state, rate_counted_meters[taken], text, limits[taken], METER_WINDOWS, n[taken], now_ms);
}

static enum step
take(struct rate *own, const struct check *check, struct evaluation *evaluation, const char *subject,
     struct meter_limit limits[RATE_COUNTED][METER_WINDOWS])
{
    g_autofree char *text = g_strdup_printf("%s %s", own->config->when.title, subject);
    struct meter_answer answers[RATE_COUNTED];
    guint32 n[RATE_COUNTED];

    count(own, evaluation, n);
    for (guint what = 0; what < RATE_COUNTED; what++) {
        gboolean allowed;
        if (n[what] == 0)
            continue;
        allowed = (evaluation->trial ? meter_read : meter_take)(own->state, rate_counted_meters[what], text, limits[what], METER_WINDOWS, n[what],
                                                               evaluation->now_ms, &answers[what]);
        tell(own, check, evaluation, subject, what, limits[what], &answers[what]);
        if (!allowed) {
            if (!evaluation->trial)
                give_back(own, text, limits, n, what, evaluation->now_ms);
            return refuse(own, evaluation, what, &answers[what]);
        }
    }
    if (evaluation->trial)
        return STEP_GO_ON;
    for (guint what = 0; what < RATE_COUNTED; what++)
        if (n[what] > 0)
            warn(own, evaluation, subject, what, limits[what], &answers[what]);
    remember(own, evaluation);
    return STEP_GO_ON;
}

static enum step
rate_run(const struct check *check, struct evaluation *evaluation, gboolean may_block)
{
    struct rate *own = check->own;
    struct meter_limit limits[RATE_COUNTED][METER_WINDOWS];
    g_autofree char *subject = subject_of(own, evaluation);

    if (*subject == '\0')
        return STEP_GO_ON;
    memcpy(limits, own->limits, sizeof limits);
    for (guint what = 0; what < RATE_COUNTED; what++)
        if (!override(own, subject, what, may_block, evaluation->now_ms, limits[what]))
            return STEP_WOULD_BLOCK;
    return take(own, check, evaluation, subject, limits);
}

const struct check_kind check_rate = {"rate", rate_make, rate_free, rate_run};
