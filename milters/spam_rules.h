/* spam_rules.h: the scanner of a configuration: SpamAssassin's rules, loaded, their faults told. */
#pragma once
#include "lib/mail/config.h"
#include "lib/spam/scan/scanner.h"

/* has_former: others scan by an older scanner meanwhile, so that rules with errors are refused; without one they are used as far as
 * they go, as SpamAssassin does. NULL with error, for the admin. */
struct scanner *spam_rules_open(const struct config_spam *config, gboolean has_former, GError **error);
