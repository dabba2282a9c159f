/* relay_networks.h: the networks of trusted_networks, internal_networks and msa_networks.
 *
 * Entries are as in SpamAssassin's configuration: "192.168.0.0/16", "192.168.", "10.1/16",
 * "1.2.3.4/255.255.255.0",
 * "[2001:db8::]/32", "!" before one takes it out. The first entry that holds an address decides. Immutable
 * once filled, thread-safe then. */
#pragma once
#include <glib.h>

#define RELAY_NETWORKS_MAX 65536 /* entries of one set */

struct relay_networks;
struct relay_networks *relay_networks_new(void);
void relay_networks_free(struct relay_networks *networks); /* NULL-safe */
/* FALSE and error when entry is no network (ranges "a-b" are none) or the set is full. */
gboolean relay_networks_add(struct relay_networks *networks, const char *entry, GError **error);
/* What is no address is in no network; NULL holds none. */
gboolean relay_networks_contain(const struct relay_networks *networks, const char *address);
