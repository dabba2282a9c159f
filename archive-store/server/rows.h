/* rows.h: one line of a list of hits, from a parsed message or from the catalogue. */
#pragma once
#include <jansson.h>
#include "archive-store/server/archived.h"

#define ROWS_OPEN "\x02"
#define ROWS_CLOSE "\x03"

/* For an owner (private TRUE) the recipients are those of the header fields; else the envelope's that are not among
 * them come in "envelope_to" (Bcc must not show to other recipients). */
json_t *rows_from_document(const struct document *document, const struct capture *capture, gboolean private);
/* NULL when SQL is away or does not know the message (yet). */
json_t *rows_from_catalogue(struct archived *archived, guint64 id, gboolean private);
/* A row that only says why there is no more. */
json_t *rows_problem(guint64 id, const char *problem);
/* A JSON array of char *. */
json_t *rows_strings(const GPtrArray *strings);
