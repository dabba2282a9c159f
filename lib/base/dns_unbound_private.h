/* dns_unbound_private.h: what the parts of dns_unbound share: contexts of libunbound, and looking for signatures. */
#pragma once
#include "lib/base/dns_unbound.h"
#include <event2/event.h>
#include <unbound.h>

/* ---- dns_unbound_context.c ---- */

/* The options with defaults filled in; strings are the copy's own. */
struct dns_unbound_options *dns_unbound_options_copy(const struct dns_unbound_options *options);
void dns_unbound_options_free(struct dns_unbound_options **options);

/* The name servers that options ask for, "ADDR" or "ADDR@PORT", NULL-terminated; RECURSIVE: an empty list. NULL and error. */
char **dns_unbound_forwarders(const struct dns_unbound_options *options, GError **error);
/* The owner of the first record in the trust anchor's file. NULL and error. */
char *dns_unbound_anchor(const char *path, GError **error);

enum dns_context_kind {
    DNS_CONTEXT_VALIDATING,
    DNS_CONTEXT_PLAIN,
    DNS_CONTEXT_PROBE /* plain, for a single question */
};
/* A context over base. forwarders: NULL-terminated, empty: recursive. NULL and error. Free with ub_ctx_delete, never from a
 * callback of the context. */
struct ub_ctx *dns_unbound_context(const struct dns_unbound_options *options, char *const *forwarders,
                                   enum dns_context_kind kind, struct event_base *base, GError **error);

/* ---- dns_unbound_probe.c: do signatures come through? ---- */

#include "lib/base/dns_rdata.h"

struct dns_probe;
/* Called once from the loop, not from within libunbound: the probe may be freed there. STRIPPED: one forwarder at least
 * strips; PASSED: one at least passes them on and none strips; UNKNOWN: none answered within limit_ms. */
typedef void (*dns_probe_done)(gpointer data, enum dns_signatures found);
struct dns_probe *dns_probe_new(const struct dns_unbound_options *options, char *const *forwarders, const char *anchor,
                                gint64 limit_ms, struct event_base *base, dns_probe_done done, gpointer data);
void dns_probe_free(struct dns_probe **probe);

/* ---- dns_unbound_loop.c: the thread; dns_unbound.c: questions in it ---- */

struct waiter {
    struct dns_lookup *lookup;
    struct question *question; /* NULL while in the inbox */
    gint64 begun;              /* g_get_monotonic_time */
    GList link;                /* in the inbox, then in waiters */
};

struct dns_unbound {
    struct dns_unbound_options *options;
    char *anchor;        /* AUTO: the zone to ask for keys of; else NULL */
    GThread *thread;
    int wake;            /* eventfd: the inbox is not empty, or closing */
    gint open;           /* atomic: lookups not completed */
    GMutex lock;
    GQueue inbox;        /* under lock: struct waiter */
    gboolean closing;    /* under lock */
    struct metric *lookups, *seconds, *bogus;

    /* From here on the loop thread's alone. */
    struct event_base *base;
    struct event *on_wake, *on_deadline, *on_tick;
    char **forwarders;
    struct ub_ctx *ctx;
    gboolean validating; /* what ctx does */
    gboolean undecided;  /* a probe that was started when nothing was known runs: questions are held */
    gboolean takeover;   /* forwarders have changed since ctx was made */
    struct dns_probe *probe;
    gint64 probed;       /* when the last probe began */
    gint64 resolv_seen[3]; /* mtime in ns, inode, size of resolv.conf */
    GHashTable *questions; /* key -> struct question */
    GQueue waiters;      /* struct waiter, the oldest first */
    guint unanswered;    /* lookups in a row that no server answered */
};

/* Makes the table for questions (freeing it needs ctx) and the metrics. */
void dns_unbound_init(struct dns_unbound *u);
/* Takes a waiter in: shares a question or asks one. */
void dns_unbound_take(struct dns_unbound *u, struct waiter *waiter);
/* Gives up those waiting for longer than timeout_ms . */
void dns_unbound_expire(struct dns_unbound *u);
/* Gives up everybody, for that reason. */
void dns_unbound_fail_all(struct dns_unbound *u, const char *why);
/* Frees old questions that nobody waits for any more (DNS_GIVEN_UP_FACTOR). */
void dns_unbound_sweep(struct dns_unbound *u);
/* Asks in another context: what is open moves there. Takes ctx over and deletes the old one; not from within libunbound. */
void dns_unbound_switch(struct dns_unbound *u, struct ub_ctx *ctx, gboolean validating);
/* Asks, or answers, what was held while a probe ran. */
void dns_unbound_release(struct dns_unbound *u);
/* Completes and frees a waiter that has no question. answer is taken over. */
void dns_unbound_complete(struct dns_unbound *u, struct waiter *waiter, struct dns_answer *answer);
struct dns_answer *dns_unbound_failure(const char *why);
/* Starts a probe unless one runs or the last one is fresh; TRUE: one runs. (dns_unbound_loop.c) */
gboolean dns_unbound_probe(struct dns_unbound *u);
/* Sets the deadline's timer for the oldest waiter. (dns_unbound_loop.c) */
void dns_unbound_arm(struct dns_unbound *u);
