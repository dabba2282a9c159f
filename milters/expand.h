/* expand.h: recipients to mailboxes at the moment of receipt, without ever holding up mail for long.
 *
 * Answers are kept for some seconds (a newsletter's recipients come again and again). When the accounts
 * database is away, recipients are marked CAPTURE_PENDING (the archive resolves them later) and the database
 * is left alone for a pause. Thread-safe. */
#pragma once
#include "lib/mail/capture.h"

/* As accounts_expand (accounts.h): 1 expanded, 0 not configured, -1 away. */
typedef int (*expand_func)(gpointer source, const char *address, char ***mailboxes_r, GError **error);

struct expander;
/* pause_ms: how long the source is not asked after it was away. source must outlive the expander. */
struct expander *expander_new(expand_func expand, gpointer source, gint64 pause_ms);
void expander_free(struct expander **expander);
/* Fills mailboxes and expansion of all recipients within about budget_ms; returns how many are pending. */
guint expander_fill(struct expander *expander, struct capture *capture, gint64 budget_ms);
