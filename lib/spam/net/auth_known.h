/* auth_known.h: what verifications say, in the form in which rules ask for it (auth_eval.h). */
#pragma once
#include "lib/mail/auth/arc.h"
#include "lib/mail/auth/dkim_verify.h"
#include "lib/spam/net/auth_eval.h"

/* All of a finished verification's signatures. They are kept in signatures (struct auth_signature), which known points into, and point
 * into the verification. */
void auth_known_take_dkim(struct auth_known *known, GArray *signatures, const struct dkim_verification *verification);
/* Of a finished verification of the message's chain. */
void auth_known_take_arc(struct auth_known *known, const struct auth_message *message, const struct arc_verification *verification);
