/* quota_sender.h: hands a datagram to the daemon, or says once that it does not listen. */
#pragma once
#include "dovecot-plugins/compat.h"

/* Never waits: what can't be taken at once is lost. The first loss of a process is a warning that names socket and cause; then it says
 * nothing for ten minutes, and at the first datagram that is taken again how many were lost. path: absolute, short enough. */
void pq_send(struct event *log, const char *path, const void *datagram, size_t length);
