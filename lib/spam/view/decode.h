/* decode.h: base64 and quoted-printable as SpamAssassin's Util.pm reads them, which is more forgiving than RFC 2045.
 *
 * Pure functions on bytes, linear, thread-safe. */
#pragma once
#include <glib.h>

/* New string. Other than base64 characters are skipped; '=' in the middle stands for a character and does not end it. */
GString *decode_base64(const char *text, gsize length);
/* New string. Also takes lower-case hexadecimal; what is no code stays. */
GString *decode_quoted_printable(const char *text, gsize length);
/* CRLF becomes LF, in place; other CRs stay. */
void decode_squash_crlf(GString *text);
