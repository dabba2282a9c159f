/* header_text.h: a header's value as a plugin of SpamAssassin gets it when it asks for one value. Thread-safe. */
#pragma once
#include "lib/spam/view/headers.h"

/* All values in one; but of "EnvelopeFrom" and of names with ":addr" and the like the first one without its line break. "" when there is
 * none. Caller frees. */
GString *header_text(const struct spam_headers *headers, const char *name);
