/* rfc822_date.h: dates of header fields as SpamAssassin reads them: found anywhere in a text, RFC 5322's form
 * and a few others, years from 1970 to 2037. */
#pragma once
#include <glib.h>

/* Seconds since 1970 of the first date in text. FALSE when there is none. Thread-safe. */
gboolean rfc822_date_parse(const char *text, gsize len, gint64 *seconds_r);
