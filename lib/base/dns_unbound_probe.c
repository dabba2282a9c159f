/* dns_unbound_probe.c: do the forwarders pass DNSSEC's signatures on?
 *
 * Each is asked for the keys of the trust anchor's zone in a context of its own, so that no cache and no other forwarder
 * answers for it. In recursive mode there is one question: what lies between here and the root may strip too. */
#include "lib/base/dns_unbound_private.h"
#include <unbound-event.h>

struct dns_probe {
    GPtrArray *contexts; /* struct ub_ctx */
    guint waiting, passed, stripped;
    struct event *end;   /* all have answered, or the limit has passed */
    dns_probe_done done;
    gpointer data;
};

static void
on_end(evutil_socket_t fd, short what, gpointer data)
{
    struct dns_probe *probe = data;

    (void)fd;
    (void)what;
    probe->done(probe->data, probe->stripped > 0 ? DNS_SIGNATURES_STRIPPED
                             : probe->passed > 0 ? DNS_SIGNATURES_PASSED
                                                 : DNS_SIGNATURES_UNKNOWN);
}

static void
on_answer(void *data, int rcode, void *packet, int length, int secure, char *why, int limited)
{
    struct dns_probe *probe = data;
    enum dns_signatures found = rcode == 0 && packet != NULL && length > 0 ? dns_rdata_signatures(packet, (gsize)length)
                                                                           : DNS_SIGNATURES_UNKNOWN;

    (void)secure;
    (void)why;
    (void)limited;
    probe->passed += found == DNS_SIGNATURES_PASSED;
    probe->stripped += found == DNS_SIGNATURES_STRIPPED;
    if (--probe->waiting == 0)
        event_active(probe->end, EV_TIMEOUT, 0);
}

static void
ask(struct dns_probe *probe, const struct dns_unbound_options *options, char *const *forwarders, const char *anchor,
    struct event_base *base)
{
    struct ub_ctx *ctx = dns_unbound_context(options, forwarders, DNS_CONTEXT_PROBE, base, NULL);

    if (ctx == NULL)
        return;
    g_ptr_array_add(probe->contexts, ctx);
    probe->waiting++;
    if (ub_resolve_event(ctx, anchor, DNS_TYPE_DNSKEY, DNS_CLASS_IN, probe, on_answer, NULL) != UB_NOERROR)
        probe->waiting--;
}

struct dns_probe *
dns_probe_new(const struct dns_unbound_options *options, char *const *forwarders, const char *anchor, gint64 limit_ms,
              struct event_base *base, dns_probe_done done, gpointer data)
{
    struct dns_probe *probe = g_new0(struct dns_probe, 1);
    struct timeval limit = {limit_ms / 1000, limit_ms % 1000 * 1000};

    probe->contexts = g_ptr_array_new();
    probe->done = done;
    probe->data = data;
    probe->end = evtimer_new(base, on_end, probe);
    evtimer_add(probe->end, &limit);
    probe->waiting = 1; /* this function's own, so that an answer at once doesn't end it early */
    if (forwarders[0] == NULL)
        ask(probe, options, forwarders, anchor, base);
    for (guint i = 0; forwarders[i] != NULL; i++)
        ask(probe, options, (char *const[]){forwarders[i], NULL}, anchor, base);
    if (--probe->waiting == 0)
        event_active(probe->end, EV_TIMEOUT, 0);
    return probe;
}

/* Deleting a context calls back for what is open in it; that must find the probe whole. */
void
dns_probe_free(struct dns_probe **probe)
{
    if (*probe == NULL)
        return;
    for (guint i = 0; i < (*probe)->contexts->len; i++)
        ub_ctx_delete(g_ptr_array_index((*probe)->contexts, i));
    g_ptr_array_unref((*probe)->contexts);
    event_free((*probe)->end);
    g_clear_pointer(probe, g_free);
}
