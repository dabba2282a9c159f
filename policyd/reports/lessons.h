/* lessons.h: what a report of the milter teaches. Never blocks. */
#pragma once
#include "lib/mail/policy_report.h"
#include "policyd/abuse/abuse.h"

/* FALSE: it was learned already (a message is told by its queue id and the milter's instance). abuse may be NULL. */
gboolean lessons_learn(struct state *state, struct abuse *abuse, const struct policy_report *report, gint64 now_ms);
