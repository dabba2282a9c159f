/* host.h: the process's one libmilter: callbacks, the thread that runs smfi_main, and how to stop accepting
 * without ending the sessions that are open. */
#pragma once
#include <glib.h>

/* Registers the callbacks and takes the listening descriptor; also makes what host_stop_accepting needs, so
 * that it can't fail later. Once per process. */
gboolean host_open(int listener, GError **error);
/* Runs smfi_main in a thread. When it ends by itself (it should not), host_failed becomes TRUE and
 * daemon_request_stop is called. */
void host_start(void);
gboolean host_failed(void);
/* From now on no new connection is accepted; open sessions go on. shared TRUE: somebody else (a successor,
 * systemd) has the same listening socket and gets the connections that wait in its queue; FALSE: they and all
 * later ones are refused. Once per process. */
void host_stop_accepting(gboolean shared);
/* TRUE while a connection waits to be accepted. */
gboolean host_connection_waits(void);
guint host_sessions(void);
guint host_transactions(void);
