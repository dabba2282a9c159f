/* psl.h: domain names as the authentication methods compare them, and the Public Suffix List.
 *
 * The organisational domain (RFC 7489 3.2) is the public suffix and one label more: example.co.uk of mail.example.co.uk. The
 * list is the newer of the system's file and the one built into libpsl, private suffixes (github.io) included; a top domain
 * that is not in it counts as a suffix of one label. Loaded on first use, for the life of the process. Thread-safe. */
#pragma once
#include <glib.h>

#define PSL_NAME_INPUT_MAX 1024u /* bytes of a name that IDNA is tried on; RFC 1035 names have at most 253 as A-labels */

/* The name as it is asked for and compared: lower case, A-labels (IDNA2008 by UTS #46, non-transitional), no final dot.
 * length in bytes, -1 = up to the NUL. NULL when it is no domain name: empty, an address or an address literal, a last
 * label of digits only, a NUL or another character outside names, IDNA refuses it, too long. Caller frees. */
char *psl_dns_name(const char *name, gssize length);
/* The organisational domain of any form of a name, as psl_dns_name writes it. NULL when it is no domain name, or a public
 * suffix itself (then nothing else belongs to it). Caller frees. */
char *psl_organisational_domain(const char *name);
