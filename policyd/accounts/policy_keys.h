/* policy_keys.h: what an entry of a list or a limit may be written as, and all the entries that would hold an address or a client.
 *
 * Entries (in this form in SQL; policy_entry_normalise makes it):
 *   local@domain    that address; an entry without extension also holds the address with one
 *   @domain         all addresses of exactly this domain
 *   .domain         all addresses of this domain and of all below it
 *   name            a login without a domain and without dots
 *   <>              the null sender
 *   192.0.2.1, 192.0.2.0/24, 2001:db8::/32: a client, or a network of them; IPv4 from /8, IPv6 from /16 to /64, and /128
 * Since every possible entry is looked up by its name, what is long or odd has no entry rather than many. Pure, thread-safe. */
#pragma once
#include <glib.h>

#define POLICY_ADDRESS_MAX 320 /* bytes of an address or entry */
#define POLICY_LABELS_MAX 12   /* labels of a domain that ".domain" is tried for, from the right */
#define POLICY_ADDRESS_KEYS 16
#define POLICY_CLIENT_KEYS 52
#define POLICY_SUBJECT_KEYS 4

/* Possible entries, the most specific first; at most as many as said above. Elements are char *, owned by the array, each within
 * POLICY_ADDRESS_MAX. The address is in comparison form (address_normalise), "" for the null sender; delimiter is Postfix's
 * recipient_delimiter, "" for none. */
GPtrArray *policy_keys_address(const char *address, const char *delimiter);
/* For a client's address as text; none when it isn't one. */
GPtrArray *policy_keys_client(const char *client);
/* Subjects of a limit: the address (or login, or "@domain"), it without extension, "@domain", "*". */
GPtrArray *policy_keys_subject(const char *address, const char *delimiter);

/* The form of an entry in SQL; caller frees. NULL and error (G_IO_ERROR_INVALID_ARGUMENT) when no lookup would ever find it. */
char *policy_entry_normalise(const char *text, GError **error);
/* The same of a limit's subject: an address, a login without a domain, @domain or *. */
char *policy_subject_normalise(const char *text, GError **error);
/* The same of policy_sender: a login, with a domain or without, and a sender, an address or @domain. */
char *policy_login_normalise(const char *text, GError **error);
char *policy_sender_normalise(const char *text, GError **error);
