/* spam_rules.h: the scanner of a configuration: SpamAssassin's rules, loaded, their faults told. */
#pragma once
#include "lib/mail/config.h"
#include "lib/spam/scan/scanner.h"

/* Lines with errors are left out, as SpamAssassin does. former: the scanner in use, or NULL: rules with more errors than its are refused,
 * since it is better than they (not for any error: one that was there at the start must not stand in the way of every reload). NULL with
 * error, for the admin. */
struct scanner *spam_rules_open(const struct config_spam *config, const struct scanner *former, GError **error);
