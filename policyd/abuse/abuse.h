/* abuse.h: signs that an account is misused become a score, and from a level on something is done about it.
 *
 * Whoever sees a sign says so from any thread and goes on: nothing here blocks but what abuse_start's threads do. One thread keeps the
 * scores and decides (facts, written through, with their line of the audit), another one tells people and ends sessions (notices.h).
 * With abuse.enabled = no nothing is counted. */
#pragma once
#include "lib/mail/config.h"
#include "policyd/abuse/score.h"
#include "policyd/accounts/policy_accounts.h"

struct evaluation;
struct abuse;

/* Takes a reference on config; state and accounts are borrowed. Goes on with notices that a former process owed. */
struct abuse *abuse_start(struct config *config, struct state *state, struct policy_accounts *accounts);
/* Another configuration from now on. */
void abuse_configure(struct abuse *abuse, struct config *config);
/* What is queued is done, except for notices that wait: those are owed to the next start. NULL-safe; sets NULL. */
void abuse_stop(struct abuse **abuse);

/* All of these: NULL-safe, never block. account: comparison form; "" is nobody. */
void abuse_signal(struct abuse *abuse, enum abuse_signal signal, const char *account, gint64 now_ms);
/* The account sends or signs in from the address. */
void abuse_saw_network(struct abuse *abuse, const char *account, const char *address, gint64 now_ms);
/* A signed-in user's RCPT, when its answer is known. */
void abuse_saw_recipient(struct abuse *abuse, const struct evaluation *evaluation);
/* Mail of the account was taken, for so many recipients. */
void abuse_saw_sent(struct abuse *abuse, const char *account, guint recipients, gint64 now_ms);
/* A bounce of our own Postfix to the address. */
void abuse_saw_bounce(struct abuse *abuse, const char *address, gint64 now_ms);

/* For the control socket: ACCOUNT; one JSON object. */
gboolean abuse_show(struct abuse *abuse, const char *account, gint64 now_ms, GString *answer);
