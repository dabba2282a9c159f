/* spam_known.h: what the module auth has found, in the form in which SpamAssassin's rules ask for it. */
#pragma once
#include "lib/spam/net/auth_eval.h"
#include "milters/auth_findings.h"

struct spam_known {
    struct auth_known known;
    GArray *signatures; /* struct auth_signature */
};
/* findings (NULL: nothing is known) and capture must live as long as the result, which is to be cleared. */
void spam_known_init(struct spam_known *known, const struct auth_findings *findings, const struct capture *capture);
void spam_known_clear(struct spam_known *known);
