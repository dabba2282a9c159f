/* uri_redirect.h: where a redirecting URI leads, as uri_canon asks it. Targets are stretches of what is given. Thread-safe. */
#pragma once
#include "lib/spam/view/uri_canon.h"

/* The target by the first of the rules' patterns that matches the whole URI with a target that has a dot. */
gboolean uri_redirect_by_pattern(const struct uri_redirectors *redirectors, struct perl_text uri, struct perl_text *target_r);

/* The first http: or https: URI in what follows the host, up to '&' or '#'; it must have a dot. */
gboolean uri_redirect_within(struct perl_text rest, struct perl_text *target_r);
