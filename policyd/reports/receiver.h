/* receiver.h: takes the milter's reports (lib/mail/policy_report.h) from a datagram socket, on a thread of its own.
 *
 * Whoever sends must be the daemon's own user or root, as the kernel says; what others send, or what is no report, is counted and
 * otherwise as if it had not come. */
#pragma once
#include "policyd/abuse/abuse.h"

struct reports;
/* fd: of net_listen_datagram, taken over. state and abuse (may be NULL) are borrowed. */
struct reports *reports_start(int fd, struct state *state, struct abuse *abuse);
void reports_stop(struct reports **reports); /* NULL-safe; sets NULL */
