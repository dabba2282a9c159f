/* resolver.h: the resolver that the section dns describes. */
#pragma once
#include "lib/base/dns.h"
#include "lib/mail/config.h"

/* NULL and error (for the admin) when it can't work. */
struct dns *resolver_open(const struct config_dns *config, GError **error);
/* Whether both describe the same resolver, so that its cache may be kept. */
gboolean resolver_is_same(const struct config_dns *a, const struct config_dns *b);
