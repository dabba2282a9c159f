/* origin.h: where mail comes from, as greylisting tells it apart.
 *
 * Not by single addresses, since large senders try again from another one: by the client's network (/24, or /64 of IPv6), or, where SPF
 * says that the client may send for the domain, by that domain alone. */
#pragma once
#include <glib.h>

/* "192.0.2.0/24", "2001:db8:0:1::/64"; an IPv4-mapped address counts as IPv4; what is no address stays as it is. Caller frees. */
char *origin_network(const char *address);
/* The sender as triplets have it, so that addresses made anew for each message stay one: without extension after "+" or "=", each
 * run of digits as "#". sender: comparison form. Caller frees. */
char *origin_sender(const char *sender);
/* "NETWORK DOMAIN", or "spf DOMAIN" for network NULL; "<>" for no domain. Caller frees. */
char *origin_text(const char *network, const char *sender_domain);
/* "ORIGIN SENDER RECIPIENT". Caller frees. */
char *origin_triplet(const char *origin, const char *sender, const char *recipient);
