/* auth_policy.h: what follows from the results of SPF and DMARC: nothing, the Junk folder, or a refusal. */
#pragma once
#include "lib/base/networks.h"
#include "lib/mail/config.h"
#include "milters/transaction.h"

/* Sets disposition and override of tx->auth, and adds outcomes and the junk header to the verdict.
 * forwarders: config->forwarders. */
void auth_policy_apply(const struct config_auth *config, const struct networks *forwarders, struct transaction *tx);
