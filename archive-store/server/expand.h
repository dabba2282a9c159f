/* expand.h: recipients that were captured while the accounts database was away, resolved later. */
#pragma once
#include <glib.h>

struct archived;
struct expander;
/* Starts the thread; NULL when accounts are not configured. */
struct expander *expander_start(struct archived *archived);
/* NULL-safe. */
void expander_stop(struct expander **expander);
/* How many were pending at the last look. NULL-safe. */
guint expander_pending(struct expander *expander);
