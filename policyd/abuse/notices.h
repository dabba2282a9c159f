/* notices.h: what follows on a decision about an account: its IMAP sessions are ended, people are told by mail, a webhook by HTTP.
 *
 * On a thread of its own, one after the other, each step tried three times. A step that is over is a mark (MARK_WARNED), so that a
 * restart goes on where the former process was and repeats nothing that it knows of. */
#pragma once
#include "lib/mail/config.h"
#include "policyd/abuse/score.h"

#define NOTICES_MAX 1000 /* that wait; more are lost, and logged: the decisions stand */

struct notices;
/* state is borrowed. */
struct notices *notices_start(struct state *state);
/* Those of facts that this node's policyd has put within a day and that are not all told. */
void notices_resume(struct notices *notices, struct config *config, const char *node, gint64 now_ms);
/* References are taken. Never blocks. */
void notices_push(struct notices *notices, struct config *config, enum abuse_level level, struct fact *fact);
/* Breaks off what is under way. Sets NULL. */
void notices_stop(struct notices **notices);
