/* tell.h: a notice to a user, in the language and with the text of their domain, by LMTP; all of it as the section quota says. */
#pragma once
#include "lib/mail/config.h"
#include "policyd/notices/mailer.h"
#include "policyd/notices/texts.h"

/* Whether quota.from and quota.lmtp are set; else nobody is told. */
gboolean tell_is_possible(const struct config_quota *config);
/* The language of notices to the user. */
const char *tell_language(const struct config_quota *config, const char *user);
/* user: a login, as Dovecot knows its mailbox; one without a domain is taken to be of quota.from's. {user} and {domain} are filled in, and values,
 * which are taken over. config: a reference is taken. FALSE when too many wait. Does not block, and reads no file: the mailer's thread does. */
gboolean tell_user(struct mailer *mailer, struct config *config, const char *user, const struct text_kind *kind, GArray *values, gint64 now_ms);
