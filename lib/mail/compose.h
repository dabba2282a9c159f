/* compose.h: pieces of mails that Postern writes itself. */
#pragma once
#include <glib.h>

/* "Date: .." of RFC 5322 3.3 in UTC, with CRLF. unix_s: seconds since 1970, cut to the years that have four digits. */
void compose_date(GString *out, gint64 unix_s);
/* Base64 in lines of 76 characters (RFC 2045 6.8), each with CRLF. */
void compose_base64(GString *out, const void *data, gsize size);
