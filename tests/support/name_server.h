/* name_server.h: a little DNS server on loopback (UDP and TCP, one port), for tests of what asks name servers.
 *
 * What it answers hangs on the first label of the name: a, aN (A 10.0.N/256.N%256), nx, empty, servfail, silent.., slow (after
 * 200 ms), wrongid (a false answer with another id, then the right one), short (A of 3 octets), runover (TXT whose string runs
 * over), huge (TXT of 51000 octets, over TCP only), cN (an alias for c(N-1), c0 for a), mx, ptr, txt. Other names: NXDOMAIN.
 * Questions for DNSKEY are answered "no data", as by a forwarder that strips DNSSEC. */
#pragma once
#include <glib.h>

struct name_server;
/* port 0: any. Fails the test when it can't. */
struct name_server *name_server_new(guint16 port);
void name_server_free(struct name_server **server);
guint16 name_server_port(const struct name_server *server);
/* "127.0.0.1@PORT", borrowed. */
const char *name_server_address(const struct name_server *server);
/* Questions seen whose first label is that. */
guint name_server_asked(struct name_server *server, const char *label);
