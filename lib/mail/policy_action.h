/* policy_action.h: what a policy server may answer: the actions of access(5). */
#pragma once
#include <glib.h>

#define POLICY_ACTION_MAX 1024u /* bytes */

/* Whether text is an action that smtpd takes from a policy server, as an admin writes it: "REJECT text", "550 5.7.1 text", "DUNNO",
 * "PREPEND X-Field: value", .. Error for the admin. Thread-safe. */
gboolean policy_action_check(const char *text, GError **error);
/* Appends "action=TEXT" and the empty line; controls in text become '?', and it is cut to POLICY_ACTION_MAX. */
void policy_action_write(GString *out, const char *text);
/* Whether smtpd goes on with its other restrictions after it (DUNNO, PREPEND, WARN, INFO, HOLD, ..). */
gboolean policy_action_is_mild(const char *text);
/* Whether smtpd refuses with it, for good or for now, whatever its other restrictions say. */
gboolean policy_action_refuses(const char *text);
