/* results.h: what the module auth found, counted up in memory and written to the schema "reports" by one
 * thread.
 *
 * One for the process, since what is counted must outlive a reload. Adding never waits for the database.
 * While that is away, kinds of messages gather up to RESULTS_KINDS_MAX and RESULTS_BYTES_MAX (counts of kinds that are there go on
 * rising beyond); it is logged once. What is written is written once, also when the answer to a commit is
 * lost. results_add is thread-safe. */
#pragma once
#include "lib/mail/auth/dmarc_store.h"
#include "lib/mail/config.h"
#include "milters/auth_findings.h"

#define RESULTS_KINDS_MAX 50000u      /* kinds of messages in memory; further ones are lost, and counted as that */
#define RESULTS_BYTES_MAX (64u << 20) /* of their texts, which others choose; likewise */
#define RESULTS_BATCH_MAX 2000u       /* of them in one transaction */
#define RESULTS_FLUSH_MS 5000         /* from one writing to the next */
#define RESULTS_STOP_MS 5000          /* how long results_stop goes on writing */

/* Starts the thread, or lets it go on with other settings, at once; dmarc.driver = none is results_stop.
 * Takes a reference on config. Start and stop: not from several threads at once. */
void results_start(struct config *config);
/* Writes what is there, within RESULTS_STOP_MS and one attempt to connect, and ends the thread. Nothing when
 * it was not started. */
void results_stop(void);
/* Counts one message, if DMARC's record was found for it; nothing when counting is off. action is what became
 * of it: TEMPFAIL is not counted, it comes again. */
void results_add(const struct auth_findings *findings, const struct capture *capture,
                 enum verdict_action action);

/* The kind of message that it is, sealed; NULL without a DMARC record, or when it comes again. Caller frees. */
struct dmarc_tally *results_tally(const struct auth_findings *findings, const struct capture *capture,
                                  enum verdict_action action);
