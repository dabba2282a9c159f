/* spam_scanner.h: the rules of the configuration, ready to scan. */
#pragma once
#include "lib/mail/config.h"
#include "lib/spam/scan/scanner.h"

/* NULL and error (for the admin) when there are no rules. Faults of single rules are a line in the log, and are left out. */
struct scanner *spam_scanner_open(const struct config_spam *config, GError **error);
