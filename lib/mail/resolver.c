/* resolver.c: from the section dns to a resolver. */
#include "lib/mail/resolver.h"
#include <string.h>
#include "lib/base/dns_unbound.h"

#define LOOKUPS_MAX 10000u /* open at the same time */

struct dns *
resolver_open(const struct config_dns *config, GError **error)
{
    const struct dns_unbound_options options = {
        .mode = config->mode,
        .dnssec = config->dnssec,
        .forwarders = config->forwarders,
        .resolv_conf = "/etc/resolv.conf",
        .trust_anchor = config->trust_anchor,
        .root_hints = config->root_hints,
        .cache_bytes = config->cache,
        .timeout_ms = config->timeout,
        .outstanding_max = LOOKUPS_MAX,
    };

    return dns_unbound_new(&options, error);
}

gboolean
resolver_is_same(const struct config_dns *a, const struct config_dns *b)
{
    return a->mode == b->mode && a->dnssec == b->dnssec && a->timeout == b->timeout && a->cache == b->cache &&
           strcmp(a->trust_anchor, b->trust_anchor) == 0 && strcmp(a->root_hints, b->root_hints) == 0 &&
           g_strv_equal((const char *const *)a->forwarders, (const char *const *)b->forwarders);
}
