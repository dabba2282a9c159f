/* quota_sender.h: hands a datagram to the daemon, or says once that it does not listen. */
#pragma once
#include "dovecot-plugins/compat.h"

/* Never waits: what can't be taken at once is lost. The first loss of a process is a warning that names socket and cause, and when a
 * datagram is taken again it says how many were lost; then, and in any case, no further warning for ten minutes. path: absolute, short enough. */
void pq_send(struct event *log, const char *path, const void *datagram, size_t length);
