/* quota.h: quotas of mailboxes: what Dovecot tells of them, what is kept of that, whom it is told, and what is answered by it.
 *
 *   Dovecot's plugin --datagram--.                       .--> facts (levels.h), which all nodes share
 *   Dovecot's quota_warning --script protocol--> take ---+--> mail to the user (texts.h, policyd/notices), when it is news
 *   doveadm's HTTP API, polled --'                       '--> PostfixAdmin's quota2, in batches
 * Two threads of its own: one for the sockets, one that asks doveadm and writes quota2. */
#pragma once
#include "lib/mail/config.h"
#include "policyd/accounts/policy_accounts.h"
#include "policyd/notices/mailer.h"
#include "policyd/quota/levels.h"
#include "policyd/state/state.h"

struct quota;

struct quota_sockets {
    int events, script; /* -1: none */
};
/* Binds what the section quota names; before rights are dropped. */
gboolean quota_open_sockets(const struct config_quota *config, struct quota_sockets *sockets_r, GError **error);

/* Starts it. config: a reference is taken. The sockets are closed by quota_stop; state, accounts and mailer are borrowed. */
struct quota *quota_start(struct config *config, const struct quota_sockets *sockets, struct state *state, struct policy_accounts *accounts,
                          struct mailer *mailer);
/* Everything but the sockets follows the new configuration. Thread-safe. */
void quota_reload(struct quota *quota, struct config *config);
/* Ends after the question that is under way (at most half a minute). NULL-safe; sets NULL. */
void quota_stop(struct quota **quota);

/* Whether there is room in a mailbox for a message of size bytes (0: not known). */
enum quota_room {
    QUOTA_ROOM,        /* there is, or nothing is known */
    QUOTA_FULL,
    QUOTA_WOULD_BLOCK, /* only where may_block is FALSE */
};
struct quota_question {
    const char *mailbox; /* comparison form */
    gint64 size, grace, grace_percent;
    gboolean may_block, trial; /* trial: what doveadm says is not kept */
    gint64 now_ms;
    guint *asks_left;          /* of doveadm: at 0 it is not asked */
};
/* *root_r (may be NULL): by which root it is full. Thread-safe. */
enum quota_room quota_room_in(struct quota *quota, const struct quota_question *question, struct quota_root *root_r);
