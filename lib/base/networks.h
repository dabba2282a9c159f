/* networks.h: a set of IP networks, as an admin lists them: "192.0.2.0/24", "2001:db8::/32", "[2001:db8::]/32", "::1".
 *
 * An IPv4-mapped IPv6 address (RFC 4291 2.5.5.2) counts as the IPv4 address. Immutable once made, thread-safe. */
#pragma once
#include <glib.h>

struct networks;
/* list: NULL-terminated. NULL and error naming the entry when one is no network, or has bits set beyond its length. */
struct networks *networks_new(char *const *list, GError **error);
void networks_free(struct networks **networks); /* NULL-safe */
/* address as text, without brackets; what is no IP address is in no network. */
gboolean networks_contain(const struct networks *networks, const char *address);
/* Whether an address is both in one of them and in network, written as those of a list; what is no network meets none. */
gboolean networks_meet(const struct networks *networks, const char *network);

/* The octets of an address as text (also with Postfix' "IPv6:" before it): 4 or 16, 0 when it is none. */
gsize network_address(const char *text, guint8 octets_r[16]);
