/* archive_export.h: the pure parts of `postern archive export`, for its tests. */
#pragma once
#include <jansson.h>
#include <glib.h>

/* Appends "X-Envelope-To: a, b" (name: that of the field) folded at 76 columns, lines ended as the message ends its lines. */
void export_envelope_header(GString *out, const char *name, const json_t *envelope_to, gboolean crlf);
/* Appends one mboxrd entry: "From sender date", the message with LF line ends, lines of ">*From " quoted once more, an
 * empty line. header (may be NULL) goes before the message. */
void export_mbox_entry(GString *out, const char *sender, gint64 time, const char *header, const void *message,
                       gsize length);
/* TRUE when the first line end of the message is CR LF. */
gboolean export_uses_crlf(const void *message, gsize length);
