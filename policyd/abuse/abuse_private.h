/* abuse_private.h: what abuse.c (threads), watch.c (what is seen), decide.c (what is done) and show.c share. */
#pragma once
#include "lib/mail/policy_match.h"
#include "policyd/abuse/abuse.h"
#include "policyd/abuse/notices.h"

#define ABUSE_EVENTS_MAX 10000    /* that wait for the thread; more are lost, and counted */
#define ABUSE_UNSETTLED_MAX 1000u /* accounts whose action could not be written yet */
#define ABUSE_TRIES_MAX 60u       /* to write it, ten seconds apart */

/* A configuration in use. */
struct abuse_rules {
    gatomicrefcount refs;
    struct config *config;
    struct policy_match *exempt;
};
void abuse_rules_unref(struct abuse_rules *rules);

struct abuse {
    struct state *state;
    struct policy_accounts *accounts;
    GMutex lock; /* of rules */
    struct abuse_rules *rules;
    GAsyncQueue *events;
    GThread *thread;
    GHashTable *unsettled; /* account -> tries so far; the thread's own */
    struct notices *notices;
};
/* In force; a reference for the caller. */
struct abuse_rules *abuse_rules_of(struct abuse *abuse);

enum abuse_event_kind { ABUSE_EVENT_SIGNAL, ABUSE_EVENT_BOUNCE, ABUSE_EVENT_RECIPIENT, ABUSE_EVENT_STOP };
struct abuse_event {
    enum abuse_event_kind kind;
    enum abuse_signal signal;
    char *account, *address; /* NULL where the kind has none */
    gint64 now_ms;
};
/* Hands it to the thread. */
void abuse_push(struct abuse *abuse, enum abuse_event_kind kind, enum abuse_signal signal, const char *account, const char *address, gint64 now_ms);
void abuse_count_lost(void);

/* ---- decide.c: on the thread ---- */
void abuse_register_metrics(void);
void abuse_take(struct abuse *abuse, const struct abuse_rules *rules, const struct abuse_event *event);
/* Tries again what could not be written. */
void abuse_retry(struct abuse *abuse, const struct abuse_rules *rules, gint64 now_ms);
