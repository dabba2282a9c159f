/* ip_text.h: IP addresses and names of the own host inside text, as SpamAssassin finds them in Received
 * lines.
 *
 * An address may carry "IPv6:" in front; an IPv4 one has no leading zeros and is no part of a longer word.
 * All functions look at no more than about 60 bytes from their start. Thread-safe, no allocation. */
#pragma once
#include <glib.h>

#define IP_TEXT_ENDS 2 /* readings of one place: "::1.2.3.4" is an address whole, and up to "::1" */

/* Where an address that starts at text[at] ends, in order of preference; returns how many ends there are, 0
 * for none. */
guint ip_text_ends(const char *text, gsize len, gsize at, gsize ends_r[IP_TEXT_ENDS]);
/* The same for the names of the own host: "localhost", "localhost.localdomain", 127.0.0.1, ::1 and its longer
 * forms. */
guint ip_text_localhost_ends(const char *text, gsize len, gsize at, gsize ends_r[IP_TEXT_ENDS]);
/* Where an IPv4 address that starts at text[at] ends, 0 when there is none. */
gsize ip_text_v4_end(const char *text, gsize len, gsize at);
/* The first address in text: FALSE when there is none. */
gboolean ip_text_find(const char *text, gsize len, gsize *start_r, gsize *end_r);
/* Whether all of text is an address. */
gboolean ip_text_is_whole(const char *text, gsize len);
/* Whether all of text is an IPv4 address. */
gboolean ip_text_is_v4(const char *text);
/* Whether text begins with an address of a private, shared (RFC 6598), loopback or link-local network. */
gboolean ip_text_is_private(const char *text);
