/* bounce_relays.h: whether a bounce is of own mail: Plugin::VBounce of SpamAssassin. Thread-safe. */
#pragma once
#include "lib/spam/eval/glob_list.h"
#include "lib/spam/view/perl_text.h"

/* check_welcomelist_bounce_relays: a Received line in the body's paragraphs, or in the body as received, names a relay of the list
 * (welcomelist_bounce_relays; NULL or empty: never). */
gboolean bounce_relays_found(const struct glob_list *relays, const struct perl_text *texts, gsize count, const char *body,
                             gsize length);
