/* bans.h: the file of banned networks, for a firewall (ops/nftables).
 *
 * A line is "NETWORK SECONDS", the time since 1970 at which the ban ends, or 0 for never; sorted by network; lines with # are no bans. The
 * file is replaced as a whole when it changes, within two seconds, whoever made the ban: this daemon, another node, an administrator. */
#pragma once
#include "policyd/state/state.h"

struct bans;
/* path: "" for no file; its directory is there. state is borrowed. Own thread. */
struct bans *bans_start(const char *path, struct state *state);
/* Leaves the file as it is: bans outlive a restart. NULL-safe. */
void bans_stop(struct bans **bans);

/* What the file would say. */
void bans_write(struct state *state, gint64 now_ms, GString *out, guint *n_r);
