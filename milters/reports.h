/* reports.h: tells the policy daemon of each message what it was found to be (lib/mail/policy_report.h). Thread-safe. */
#pragma once
#include "lib/mail/policy_report.h"
#include "milters/transaction.h"

/* What is to be told. Caller frees. */
struct policy_report *reports_make(const struct transaction *tx, enum verdict_action action);
/* Sends it to address ("unix:/path"; NULL or "": nowhere) and never waits: a report that nobody takes now is lost, and counted as that.
 * Nothing is told of TEMPFAIL: the message comes again. */
void reports_send(const char *address, const struct transaction *tx, enum verdict_action action);
