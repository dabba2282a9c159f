/* transfer_encoding.h: content to quoted-printable and base64 (RFC 2045 6.7, 6.8). The other way is message_part_content.
 *
 * Thread-safe. */
#pragma once
#include <glib.h>

/* Text, whose lines end CRLF, as quoted-printable lines of at most 76 characters. Line ends stay line ends; a CR or LF alone is
 * encoded, and so is what is legal but in danger: white space at the end of a line; at the start of one "From ", a dot alone, and
 * "--", so that no line becomes a multipart's delimiter. Without a line end after the last line if data has none. */
void encode_quoted_printable(const guint8 *data, gsize length, GString *out);
/* Lines of 76 characters that end CRLF, the last one too. */
void encode_base64(const guint8 *data, gsize length, GString *out);
/* Whether base64 of the text is shorter than quoted-printable, by their rule of thumb: more than a sixth must be encoded. */
gboolean is_shorter_in_base64(const guint8 *data, gsize length);
