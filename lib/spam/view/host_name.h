/* host_name.h: host names and IP addresses as SpamAssassin finds them in header values. Pure, thread-safe; time is linear in
 * the length times at most HOST_NAME_RUN_MAX. */
#pragma once
#include <glib.h>

#define HOST_NAME_RUN_MAX 251 /* characters before the top level domain */

/* Whether tld (length bytes, any case) is a top level domain. */
typedef gboolean (*host_name_tld_fn)(gpointer data, const char *tld, gsize length);

/* The host in a value: the one behind the last "@", else the first that is one; NULL = none. */
GString *host_name_find(const char *s, gsize length, host_name_tld_fn is_tld, gpointer data);
/* The first IP address in a value, or NULL. */
GString *host_name_find_ip(const char *s, gsize length);
/* Reversed for a DNS list: octets, or nibbles of IPv6. NULL when it is none. */
GString *host_name_reversed_ip(const GString *ip);
