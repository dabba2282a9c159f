/* http.h: the server that Dovecot's auth_policy_server_url names.
 *
 * POST ?command=allow asks, POST ?command=report tells how it ended; the body is signin_request.h's. Answers are
 * {"status":N,"msg":".."}. With a key, the header X-API-Key must hold it. What is no request gets 400 (401 without the key, 405 for other
 * methods, 413 for a long body) and a line in the log, at most one a second. */
#pragma once
#include "policyd/signin/signin.h"

struct signin_server;
/* address: "inet:PORT@HOST"; key: "" for none, copied. signin is borrowed. Own thread. NULL and error on failure. */
struct signin_server *signin_server_start(const char *address, const char *key, struct signin *signin, GError **error);
void signin_server_stop(struct signin_server **server); /* NULL-safe; answers what has begun */
