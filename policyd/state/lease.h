/* lease.h: a node's name belongs to one process. All with the writing thread's connection. */
#pragma once
#include "policyd/state/private.h"

#define LEASE_RENEW_MS 2000
#define LEASE_STALE_MS 10000

/* Takes the name, and finds out the node's number. With wait, another machine's lease is waited for until it is stale or renewed;
 * of a process of this machine it is known whether it lives. SQL_ERROR_DUPLICATE: in use. */
gboolean lease_take(struct state *state, gboolean wait, GError **error);
/* Renews it when it is time to. SQL_ERROR_DUPLICATE: lost to another process. */
gboolean lease_keep(struct state *state, GError **error);
/* Gives it back, if it is held. */
void lease_release(struct state *state);
