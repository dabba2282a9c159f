/* quota_watch.h: the usage of one user, watched over a change: remember it before, look again after, tell the difference.
 *
 * The first change remembers the usage and starts a timer (postern_quota_delay). When it fires, or the user's session ends, the usage is
 * read again, and thresholds that lie between the two are told. So a MOVE, which is a copy and then an expunge, comes out as nothing, and
 * two hundred messages are one look and one event. While a transaction that changes something is open the look waits for its end.
 *
 * A struct pq_watch is in the user's pool and goes with the user. One thread, as all of Dovecot. Functions take NULL for a user who is
 * not watched. */
#pragma once
#include "dovecot-plugins/compat.h"

struct mail_user;
struct mailbox;
struct mailbox_transaction_context;
struct pq_watch;

/* For mail_user_created: watches the user if settings say so. */
void pq_watch_start(struct mail_user *user);
bool pq_user_is_watched(struct mail_user *user);

/* The watch of the mailbox's owner, or NULL: another user's mailbox, or not watched. */
struct pq_watch *pq_watch_of(struct mailbox *box);

/* To be called before the change is made; cause: a literal, see quota_event.h. */
void pq_watch_change(struct pq_watch *watch, struct mailbox_transaction_context *transaction, const char *cause);
/* The transaction is about to be committed or rolled back. */
void pq_watch_transaction_end(struct pq_watch *watch, struct mailbox_transaction_context *transaction);
/* A message of `size` bytes (0: not known) was refused for quota. Only notes it: whoever calls is in the middle of an error. */
void pq_watch_refused(struct pq_watch *watch, struct mailbox *box, uint64_t size, const char *cause);
