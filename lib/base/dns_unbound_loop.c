/* dns_unbound_loop.c: the resolver's thread: its inbox, its timers, and when the context has to change.
 *
 * Others put lookups into the inbox and write to an eventfd. On the loop a tick looks at resolv.conf; what a probe finds about
 * signatures decides between a validating context and a plain one, always a fresh one, so that nothing remembered counts. */
#include "lib/base/dns_unbound_private.h"
#include "lib/base/log.h"
#include <errno.h>
#include <signal.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/stat.h>
#include <unistd.h>

#define PROBE_MS 2000          /* at most, and half of timeout_ms: lookups may wait for it */
#define PLAIN_CHECKS 12        /* while not validating, signatures are looked for every so many ticks */

/* ---- deciding ---- */

static gboolean
make_context(struct dns_unbound *u, gboolean validating, GError **error)
{
    struct ub_ctx *ctx = dns_unbound_context(u->options, u->forwarders, validating ? DNS_CONTEXT_VALIDATING : DNS_CONTEXT_PLAIN,
                                             u->base, error);

    if (ctx != NULL)
        dns_unbound_switch(u, ctx, validating);
    return ctx != NULL;
}

static void
say_decision(gboolean validating)
{
    if (validating)
        log_text(LOG_SEV_INFO, "dns", "DNSSEC signatures come through: answers are validated");
    else
        log_text(LOG_SEV_WARNING, "dns", "a name server strips DNSSEC signatures: answers are used unvalidated; name servers "
                 "that pass them on, or resolving from the root, would change that");
}

static void
on_probed(gpointer data, enum dns_signatures found)
{
    struct dns_unbound *u = data;
    gboolean validating = found == DNS_SIGNATURES_UNKNOWN ? u->validating : found == DNS_SIGNATURES_PASSED;
    gboolean changed = validating != u->validating;
    g_autoptr(GError) error = NULL;

    dns_probe_free(&u->probe);
    u->undecided = FALSE;
    if ((changed || u->takeover) && !make_context(u, validating, &error))
        log_text(LOG_SEV_WARNING, "dns", "going on as before: %s", error->message);
    else if (changed)
        say_decision(validating);
    u->takeover = FALSE;
    dns_unbound_release(u);
}

static void
start_probe(struct dns_unbound *u)
{
    u->probed = g_get_monotonic_time();
    u->probe = dns_probe_new(u->options, u->forwarders, u->anchor, MIN(PROBE_MS, u->options->timeout_ms / 2), u->base,
                             on_probed, u);
}

gboolean
dns_unbound_probe(struct dns_unbound *u)
{
    if (u->probe == NULL && g_get_monotonic_time() - u->probed >= u->options->check_ms * 1000)
        start_probe(u);
    return u->probe != NULL;
}

/* ---- resolv.conf ---- */

static gboolean
resolv_changed(struct dns_unbound *u)
{
    struct stat st;

    if (u->options->mode != DNS_MODE_SYSTEM || stat(u->options->resolv_conf, &st) != 0)
        return FALSE;
    gint64 seen[] = {st.st_mtim.tv_sec * G_GINT64_CONSTANT(1000000000) + st.st_mtim.tv_nsec, (gint64)st.st_ino, st.st_size};
    gboolean changed = memcmp(seen, u->resolv_seen, sizeof seen) != 0;
    memcpy(u->resolv_seen, seen, sizeof seen);
    return changed;
}

/* Other servers: with AUTO first what they do with signatures is looked at, and meanwhile lookups are held. */
static void
take_resolv_conf(struct dns_unbound *u)
{
    g_autoptr(GError) error = NULL;
    char **forwarders = dns_unbound_forwarders(u->options, &error);

    if (forwarders == NULL) {
        log_text(LOG_SEV_WARNING, "dns", "going on with the name servers known: %s", error->message);
        return;
    }
    if (g_strv_equal((const char *const *)forwarders, (const char *const *)u->forwarders)) {
        g_strfreev(forwarders);
        return;
    }
    g_strfreev(u->forwarders);
    u->forwarders = forwarders;
    g_autofree char *list = g_strjoinv(" ", forwarders);
    log_text(LOG_SEV_INFO, "dns", "%s has changed; name servers: %s", u->options->resolv_conf, list);
    if (u->anchor != NULL) {
        dns_probe_free(&u->probe);
        u->takeover = u->undecided = TRUE;
        start_probe(u);
    } else if (!make_context(u, u->validating, &error)) {
        log_text(LOG_SEV_WARNING, "dns", "going on as before: %s", error->message);
    }
}

/* ---- events ---- */

static void
on_wake(evutil_socket_t fd, short what, gpointer data)
{
    struct dns_unbound *u = data;
    guint64 count;
    GList *link;

    (void)what;
    if (read((int)fd, &count, sizeof count) < 0 && errno != EAGAIN && errno != EINTR)
        log_text(LOG_SEV_WARNING, "dns", "eventfd: %s", g_strerror(errno));
    g_mutex_lock(&u->lock);
    GQueue inbox = u->inbox;
    g_queue_init(&u->inbox);
    gboolean closing = u->closing;
    g_mutex_unlock(&u->lock);
    while ((link = g_queue_pop_head_link(&inbox)) != NULL) {
        struct waiter *waiter = link->data;

        if (closing)
            dns_unbound_complete(u, waiter, dns_unbound_failure("the resolver is closing"));
        else
            dns_unbound_take(u, waiter);
    }
    if (closing)
        event_base_loopbreak(u->base);
}

static void
on_deadline(evutil_socket_t fd, short what, gpointer data)
{
    (void)fd;
    (void)what;
    dns_unbound_expire(data);
}

static void
on_tick(evutil_socket_t fd, short what, gpointer data)
{
    struct dns_unbound *u = data;

    (void)fd;
    (void)what;
    dns_unbound_sweep(u);
    if (resolv_changed(u))
        take_resolv_conf(u);
    if (u->anchor != NULL && !u->validating && u->probe == NULL &&
        g_get_monotonic_time() - u->probed >= u->options->check_ms * 1000 * PLAIN_CHECKS)
        start_probe(u);
}

void
dns_unbound_arm(struct dns_unbound *u)
{
    if (u->waiters.head == NULL || evtimer_pending(u->on_deadline, NULL))
        return;
    const struct waiter *oldest = u->waiters.head->data;
    gint64 left = MAX(oldest->begun + u->options->timeout_ms * 1000 - g_get_monotonic_time(), 0) + 1000;
    struct timeval in = {left / G_USEC_PER_SEC, left % G_USEC_PER_SEC};

    evtimer_add(u->on_deadline, &in);
}

/* ---- the source ---- */

static void
wake(struct dns_unbound *u)
{
    static const guint64 one = 1;

    while (write(u->wake, &one, sizeof one) < 0 && errno == EINTR)
        ;
}

static void
unbound_ask(gpointer data, const char *name, enum dns_type type, struct dns_lookup *lookup)
{
    struct dns_unbound *u = data;
    struct waiter *waiter = g_new0(struct waiter, 1);
    gint open = g_atomic_int_add(&u->open, 1);

    (void)name; /* the lookup knows them, for as long as it isn't completed */
    (void)type;
    waiter->lookup = lookup;
    waiter->begun = g_get_monotonic_time();
    waiter->link.data = waiter;
    if (open < 0 || (guint)open >= u->options->outstanding_max) {
        dns_unbound_complete(u, waiter, dns_unbound_failure("too many lookups are open"));
        return;
    }
    g_mutex_lock(&u->lock);
    gboolean first = g_queue_is_empty(&u->inbox);
    g_queue_push_tail_link(&u->inbox, &waiter->link);
    g_mutex_unlock(&u->lock);
    if (first)
        wake(u);
}

static gpointer
loop(gpointer data)
{
    struct dns_unbound *u = data;

    event_base_dispatch(u->base);
    dns_unbound_fail_all(u, "the resolver is closing");
    return NULL;
}

/* Frees what there is, started or not. */
static void
unbound_free(struct dns_unbound *u)
{
    struct event *events[] = {u->on_wake, u->on_deadline, u->on_tick};

    dns_probe_free(&u->probe);
    g_hash_table_unref(u->questions);
    if (u->ctx != NULL)
        ub_ctx_delete(u->ctx);
    for (guint i = 0; i < G_N_ELEMENTS(events); i++)
        if (events[i] != NULL)
            event_free(events[i]);
    if (u->base != NULL)
        event_base_free(u->base);
    if (u->wake >= 0)
        close(u->wake);
    g_strfreev(u->forwarders);
    g_free(u->anchor);
    dns_unbound_options_free(&u->options);
    g_mutex_clear(&u->lock);
    g_free(u);
}

static void
unbound_close(gpointer data)
{
    struct dns_unbound *u = data;

    g_mutex_lock(&u->lock);
    u->closing = TRUE;
    g_mutex_unlock(&u->lock);
    wake(u);
    g_thread_join(u->thread);
    unbound_free(u);
}

/* ---- starting ---- */

static gboolean
make_events(struct dns_unbound *u, GError **error)
{
    struct timeval tick = {u->options->check_ms / 1000, u->options->check_ms % 1000 * 1000};

    u->wake = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    u->base = event_base_new();
    if (u->wake < 0 || u->base == NULL) {
        g_set_error(error, DNS_UNBOUND_ERROR, DNS_UNBOUND_ERROR_SYSTEM,
                    "no event loop: %s; is the limit of open files too low?", g_strerror(errno));
        return FALSE;
    }
    u->on_wake = event_new(u->base, u->wake, EV_READ | EV_PERSIST, on_wake, u);
    u->on_deadline = evtimer_new(u->base, on_deadline, u);
    u->on_tick = event_new(u->base, -1, EV_PERSIST, on_tick, u);
    event_add(u->on_wake, NULL);
    event_add(u->on_tick, &tick);
    return TRUE;
}

/* Everything that can fail is done before the thread starts; nothing of it waits for a server. */
static gboolean
prepare(struct dns_unbound *u, GError **error)
{
    g_autofree char *anchor = NULL;

    resolv_changed(u);
    u->forwarders = dns_unbound_forwarders(u->options, error);
    if (u->forwarders == NULL || !make_events(u, error))
        return FALSE;
    if (u->options->dnssec != DNS_DNSSEC_OFF && (anchor = dns_unbound_anchor(u->options->trust_anchor, error)) == NULL)
        return FALSE;
    if (!make_context(u, u->options->dnssec != DNS_DNSSEC_OFF, error))
        return FALSE;
    if (u->options->dnssec == DNS_DNSSEC_AUTO) {
        u->anchor = g_steal_pointer(&anchor);
        u->undecided = TRUE;
        start_probe(u);
    }
    return TRUE;
}

/* Signals are for the program's other threads. */
static GThread *
start_thread(struct dns_unbound *u, GError **error)
{
    sigset_t all, before;

    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    GThread *thread = g_thread_try_new("dns", loop, u, error);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    return thread;
}

struct dns *
dns_unbound_new(const struct dns_unbound_options *options, GError **error)
{
    static const struct dns_source source = {unbound_ask, unbound_close};
    struct dns_unbound *u = g_new0(struct dns_unbound, 1);

    u->options = dns_unbound_options_copy(options);
    u->wake = -1;
    g_mutex_init(&u->lock);
    dns_unbound_init(u);
    if (!prepare(u, error) || (u->thread = start_thread(u, error)) == NULL) {
        unbound_free(u);
        return NULL;
    }
    return dns_new(&source, u);
}
