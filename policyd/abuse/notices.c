/* notices.c: the thread that tells of decisions, step by step. See notices.h. */
#include "policyd/abuse/notices.h"
#include <jansson.h>
#include <string.h>
#include "lib/base/log.h"
#include "lib/base/metrics.h"
#include "policyd/abuse/notice_text.h"
#include "policyd/abuse/transport.h"
#include "policyd/doveadm/doveadm.h"
#include "policyd/state/marks.h"

#define TRIES 3u
#define DAY_MS G_GINT64_CONSTANT(86400000)

struct notice {
    struct config *config;
    struct fact *fact;
    enum abuse_level level;
    gboolean stops; /* the thread, instead */
};

struct notices {
    struct state *state;
    GAsyncQueue *queue;
    GThread *thread;
    GMutex lock;
    GCond stopped;
    gint stop; /* atomic; set under the lock */
    struct metric *told;
};

static void
notice_free(struct notice *notice)
{
    fact_unref(notice->fact);
    config_unref(notice->config);
    g_free(notice);
}

/* ---- the steps ---- */

/* What a fact says, in the form of the texts. value_r holds what text_r points to. */
static void
read_fact(const struct notice *notice, struct notice_text *text_r, json_t **value_r)
{
    const struct fact *fact = notice->fact;
    const char *reason;

    *value_r = json_loads(fact->value, 0, NULL);
    reason = json_string_value(json_object_get(*value_r, "reason"));
    *text_r = (struct notice_text){.level = notice->level, .account = fact->subject, .reason = reason != NULL ? reason : "", .node = fact->node,
                                   .score = json_number_value(json_object_get(*value_r, "score")), .since_ms = fact->since_ms,
                                   .expires_ms = fact->expires_ms};
}

/* doveadm answers 200 with an error inside; exit code 68 is that there was no session. */
static gboolean
is_kicked(const char *answer, char **why_r)
{
    json_t *json = json_loads(answer, 0, NULL), *first = json_array_get(json, 0);
    const char *kind = json_string_value(json_array_get(first, 0));
    json_int_t code = json_integer_value(json_object_get(json_array_get(first, 1), "exitCode"));
    gboolean good = g_strcmp0(kind, "doveadmResponse") == 0 || (g_strcmp0(kind, "error") == 0 && code == 68);

    if (!good)
        *why_r = g_strdup_printf("doveadm answers %.200s", answer);
    json_decref(json);
    return good;
}

static gboolean
end_sessions(const struct notices *notices, const struct notice *notice, const struct notice_text *text, char **why_r)
{
    g_autofree char *body = notice_kick(text->account);
    g_autoptr(GString) answer = NULL;
    g_autoptr(GError) error = NULL;
    struct doveadm *doveadm;

    if (body == NULL) {
        log_text(LOG_SEV_WARNING, "abuse", "sessions of %s are not ended: to doveadm the name is a pattern", text->account);
        return TRUE;
    }
    doveadm = doveadm_new(&notice->config->doveadm);
    answer = doveadm_call(doveadm, body, TRANSPORT_TIMEOUT_MS, &notices->stop, &error);
    doveadm_free(&doveadm);
    if (answer == NULL)
        *why_r = g_strdup(error->message);
    return answer != NULL && is_kicked(answer->str, why_r);
}

static gboolean
mail(const struct notices *notices, const struct notice *notice, const struct notice_text *text, const char *to, gboolean to_user, char **why_r)
{
    const struct config_abuse *config = &notice->config->abuse;
    g_autofree char *from = notice_address(config->mail_from, text->account);
    g_autoptr(GString) message = notice_mail(text, from, to, to_user, g_get_real_time() / 1000);

    if (!config_is_plain_address(to) || !config_is_plain_address(from)) {
        log_text(LOG_SEV_WARNING, "abuse", "no mail about %s to %s: not a plain address", text->account, to);
        return TRUE;
    }
    return transport_mail(config->smtp, to, message, &notices->stop, why_r);
}

static gboolean
mail_admin(const struct notices *notices, const struct notice *notice, const struct notice_text *text, char **why_r)
{
    g_autofree char *to = notice_address(notice->config->abuse.mail_to, text->account);

    return mail(notices, notice, text, to, FALSE, why_r);
}

static gboolean
mail_user(const struct notices *notices, const struct notice *notice, const struct notice_text *text, char **why_r)
{
    return mail(notices, notice, text, text->account, TRUE, why_r);
}

static gboolean
call_webhook(const struct notices *notices, const struct notice *notice, const struct notice_text *text, char **why_r)
{
    g_autofree char *body = notice_json(text);

    return transport_post(notice->config->abuse.webhook, body, &notices->stop, why_r);
}

typedef gboolean (*step_func)(const struct notices *, const struct notice *, const struct notice_text *, char **);
enum notice_step { STEP_SESSIONS, STEP_MAIL, STEP_MAIL_USER, STEP_WEBHOOK, STEPS };
static const char *const step_names[] = {"sessions", "mail", "mail_user", "webhook", NULL};
static const step_func steps[STEPS] = {end_sessions, mail_admin, mail_user, call_webhook};

static gboolean
is_wanted(const struct notice *notice, enum notice_step step)
{
    const struct config_abuse *config = &notice->config->abuse;
    const gboolean wanted[STEPS] = {[STEP_SESSIONS] = *notice->config->doveadm.url != '\0' && notice->level == ABUSE_SUSPEND,
                                    [STEP_MAIL] = *config->mail_to != '\0',
                                    [STEP_MAIL_USER] = config->mail_user && strchr(notice->fact->subject, '@') != NULL,
                                    [STEP_WEBHOOK] = *config->webhook != '\0'};

    return wanted[step];
}

/* ---- the thread ---- */

static char *
mark_of(const struct notice *notice, enum notice_step step)
{
    return g_strdup_printf("notice %s %d %" G_GINT64_FORMAT " %s", step_names[step], notice->level, notice->fact->since_ms, notice->fact->subject);
}

/* FALSE: the daemon stops. */
static gboolean
wait_before(struct notices *notices, guint try)
{
    gint64 until = g_get_monotonic_time() + (gint64)try * try * 2 * G_USEC_PER_SEC;

    g_mutex_lock(&notices->lock);
    while (!g_atomic_int_get(&notices->stop) && g_get_monotonic_time() < until)
        g_cond_wait_until(&notices->stopped, &notices->lock, until);
    g_mutex_unlock(&notices->lock);
    return !g_atomic_int_get(&notices->stop);
}

/* FALSE: the daemon stops, and it is not over. */
static gboolean
take_step(struct notices *notices, const struct notice *notice, const struct notice_text *text, enum notice_step step)
{
    gboolean done = FALSE;

    for (guint try = 0; try < TRIES && !done; try++) {
        g_autofree char *why = NULL;
        if (!wait_before(notices, try))
            return FALSE;
        done = steps[step](notices, notice, text, &why);
        if (!done && !g_atomic_int_get(&notices->stop))
            log_text(try + 1 < TRIES ? LOG_SEV_INFO : LOG_SEV_WARNING, "abuse", "%s about %s failed, try %u of %u: %s", step_names[step],
                     text->account, try + 1, TRIES, why);
    }
    if (!done && g_atomic_int_get(&notices->stop))
        return FALSE;
    metrics_add(notices->told, metrics_group(notices->told, step_names[step]) + (done ? 0 : 1), 1);
    return TRUE;
}

static void
tell(struct notices *notices, const struct notice *notice)
{
    struct notice_text text;
    json_t *value;

    read_fact(notice, &text, &value);
    for (enum notice_step step = 0; step < STEPS; step++) {
        guint32 now_s = (guint32)(g_get_real_time() / G_USEC_PER_SEC);
        g_autofree char *mark = mark_of(notice, step);
        if (!is_wanted(notice, step) || marks_get(notices->state, MARK_WARNED, mark, now_s, NULL))
            continue;
        if (!take_step(notices, notice, &text, step))
            break;
        marks_touch(notices->state, MARK_WARNED, mark, (guint32)(g_get_real_time() / G_USEC_PER_SEC), 1, NULL);
    }
    json_decref(value);
}

static gpointer
run(gpointer data)
{
    struct notices *notices = data;

    for (;;) {
        struct notice *notice = g_async_queue_pop(notices->queue);
        gboolean stops = notice->stops;
        if (!stops && !g_atomic_int_get(&notices->stop))
            tell(notices, notice);
        notice_free(notice);
        if (stops)
            return NULL;
    }
}

struct notices *
notices_start(struct state *state)
{
    static const char *const results[] = {"done", "failed", NULL};
    struct notices *notices = g_new0(struct notices, 1);

    notices->told = metrics_counter_grouped("postern_policy_abuse_notices_total", "What followed on decisions about accounts", "step", "result", results);
    notices->state = state;
    notices->queue = g_async_queue_new();
    g_mutex_init(&notices->lock);
    g_cond_init(&notices->stopped);
    notices->thread = g_thread_new("abuse-notices", run, notices);
    return notices;
}

void
notices_push(struct notices *notices, struct config *config, enum abuse_level level, struct fact *fact)
{
    struct notice *notice;

    if (g_async_queue_length(notices->queue) >= NOTICES_MAX) {
        log_text(LOG_SEV_WARNING, "abuse", "nobody is told about %s: %d notices wait already", fact->subject, NOTICES_MAX);
        return;
    }
    notice = g_new0(struct notice, 1);
    notice->config = config_ref(config);
    notice->fact = fact_ref(fact);
    notice->level = level;
    g_async_queue_push(notices->queue, notice);
}

void
notices_resume(struct notices *notices, struct config *config, const char *node, gint64 now_ms)
{
    for (enum abuse_level level = ABUSE_SLOW; level < ABUSE_LEVELS; level++) {
        g_autoptr(GPtrArray) facts = fact_list(notices->state, abuse_level_facts[level], now_ms);
        for (guint i = 0; i < facts->len; i++) {
            struct fact *fact = g_ptr_array_index(facts, i);
            if (strcmp(fact->by, "policyd") == 0 && strcmp(fact->node, node) == 0 && now_ms - fact->since_ms < DAY_MS)
                notices_push(notices, config, level, fact);
        }
    }
}

void
notices_stop(struct notices **notices_p)
{
    struct notices *notices = *notices_p;
    struct notice *last = g_new0(struct notice, 1);

    g_mutex_lock(&notices->lock);
    g_atomic_int_set(&notices->stop, 1);
    g_cond_broadcast(&notices->stopped);
    g_mutex_unlock(&notices->lock);
    last->stops = TRUE;
    g_async_queue_push(notices->queue, last);
    g_thread_join(notices->thread);
    g_async_queue_unref(notices->queue);
    g_cond_clear(&notices->stopped);
    g_mutex_clear(&notices->lock);
    g_free(notices);
    *notices_p = NULL;
}
