/* charset_locale.h: which charsets belong to a language, as SpamAssassin's Locales. Thread-safe. */
#pragma once
#include <glib.h>

/* Whether the charset is a general one, or one of the locales' ("zh_TW", "ru"). locales ends with NULL. */
gboolean charset_is_ok_for_locales(const char *charset, const char *const *locales);
