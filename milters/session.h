/* session.h: one connection of the MTA to us: one SMTP session, one transaction at a time. */
#pragma once
#include "milters/runtime.h"
#include "milters/transaction.h"

struct session {
    struct runtime *runtime; /* own reference: the configuration that the session began with */
    unsigned long steps;     /* SMFIP_* as negotiated */
    char *client_name, *client_address, *helo; /* NULL when unknown */
    guint client_port;       /* 0 = unknown */
    char *daemon_name;       /* macro, or NULL */
    guint daemon_port;       /* macro, or 0 */
    struct transaction *tx;  /* NULL between messages */
};

/* Takes the reference over. */
struct session *session_new(struct runtime *runtime);
void session_free(struct session **session);
/* name and address may be NULL, and a name that is an [address] counts as none; cut at sane lengths. */
void session_client(struct session *session, const char *name, const char *address, guint port);
void session_helo(struct session *session, const char *helo);
void session_daemon(struct session *session, const char *name, const char *port);
/* Begins a transaction (an older one that was not ended is dropped). auth_user and tls may be NULL;
 * protocol is the macro r, or NULL. */
void session_mail(struct session *session, const char *argument, const char *auth_user, const char *tls,
                  const char *protocol);
void session_end_transaction(struct session *session);
/* Where a message comes from: not by SMTP (sendmail, postsuper), by submission (signed in, or a submission
 * port or service), or by SMTP. */
enum capture_source session_source(const struct session *session, const char *auth_user);
