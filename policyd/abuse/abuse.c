/* abuse.c: the thread that keeps the scores, its queue, and the configuration that it goes by. */
#include "lib/base/log.h"
#include "policyd/abuse/abuse_private.h"

#define RETRY_US (10 * G_USEC_PER_SEC)

/* ---- configuration ---- */

static struct abuse_rules *
rules_new(struct config *config)
{
    struct abuse_rules *rules = g_new0(struct abuse_rules, 1);

    g_atomic_ref_count_init(&rules->refs);
    rules->config = config_ref(config);
    rules->exempt = policy_match_new(POLICY_MATCH_ADDRESSES, config->abuse.exempt, NULL);
    return rules;
}

void
abuse_rules_unref(struct abuse_rules *rules)
{
    if (rules == NULL || !g_atomic_ref_count_dec(&rules->refs))
        return;
    policy_match_free(rules->exempt);
    config_unref(rules->config);
    g_free(rules);
}

struct abuse_rules *
abuse_rules_of(struct abuse *abuse)
{
    struct abuse_rules *rules;

    g_mutex_lock(&abuse->lock);
    rules = abuse->rules;
    g_atomic_ref_count_inc(&rules->refs);
    g_mutex_unlock(&abuse->lock);
    return rules;
}

void
abuse_configure(struct abuse *abuse, struct config *config)
{
    struct abuse_rules *fresh = rules_new(config), *old;

    g_mutex_lock(&abuse->lock);
    old = abuse->rules;
    abuse->rules = fresh;
    g_mutex_unlock(&abuse->lock);
    abuse_rules_unref(old);
}

/* ---- the thread ---- */

static void
event_free(struct abuse_event *event)
{
    g_free(event->account);
    g_free(event->address);
    g_free(event);
}

void
abuse_push(struct abuse *abuse, enum abuse_event_kind kind, enum abuse_signal signal, const char *account, const char *address, gint64 now_ms)
{
    struct abuse_event *event;

    if (kind != ABUSE_EVENT_STOP && g_async_queue_length(abuse->events) >= ABUSE_EVENTS_MAX) {
        abuse_count_lost();
        return;
    }
    event = g_new0(struct abuse_event, 1);
    event->kind = kind;
    event->signal = signal;
    event->account = g_strdup(account);
    event->address = g_strdup(address);
    event->now_ms = now_ms;
    g_async_queue_push(abuse->events, event);
}

static gpointer
run(gpointer data)
{
    struct abuse *abuse = data;
    gint64 retry_us = g_get_monotonic_time() + RETRY_US;
    gboolean stop = FALSE;

    while (!stop) {
        struct abuse_event *event = g_async_queue_timeout_pop(abuse->events, (guint64)MAX(retry_us - g_get_monotonic_time(), 1000));
        struct abuse_rules *rules = abuse_rules_of(abuse);
        if (event != NULL) {
            stop = event->kind == ABUSE_EVENT_STOP;
            abuse_take(abuse, rules, event);
            event_free(event);
        }
        if (g_get_monotonic_time() >= retry_us) {
            abuse_retry(abuse, rules, g_get_real_time() / 1000);
            retry_us = g_get_monotonic_time() + RETRY_US;
        }
        abuse_rules_unref(rules);
    }
    return NULL;
}

struct abuse *
abuse_start(struct config *config, struct state *state, struct policy_accounts *accounts)
{
    struct abuse *abuse = g_new0(struct abuse, 1);
    const char *node = *config->policyd.node != '\0' ? config->policyd.node : g_get_host_name();

    abuse_register_metrics();
    abuse->state = state;
    abuse->accounts = accounts;
    g_mutex_init(&abuse->lock);
    abuse->rules = rules_new(config);
    abuse->events = g_async_queue_new();
    abuse->unsettled = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
    abuse->notices = notices_start(state);
    notices_resume(abuse->notices, config, node, g_get_real_time() / 1000);
    abuse->thread = g_thread_new("abuse", run, abuse);
    return abuse;
}

void
abuse_stop(struct abuse **abuse_p)
{
    struct abuse *abuse = *abuse_p;

    if (abuse == NULL)
        return;
    abuse_push(abuse, ABUSE_EVENT_STOP, ABUSE_SIGNALS, NULL, NULL, 0);
    g_thread_join(abuse->thread);
    notices_stop(&abuse->notices);
    g_async_queue_unref(abuse->events);
    g_hash_table_unref(abuse->unsettled);
    abuse_rules_unref(abuse->rules);
    g_mutex_clear(&abuse->lock);
    g_free(abuse);
    *abuse_p = NULL;
}
