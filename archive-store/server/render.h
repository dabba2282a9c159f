/* render.h: JSON of what the archive knows. Bytes from mail become valid UTF-8 (U+FFFD for what is not). */
#pragma once
#include <jansson.h>
#include "lib/mail/capture.h"

/* A JSON string of any bytes; length -1 = to the NUL. NULL text gives "". */
json_t *render_text(const char *text, gssize length);
/* RFC 3339 in UTC with milliseconds. */
json_t *render_time(gint64 time_ms);
/* An archive id as text. */
json_t *render_id(guint64 id);
/* Compact JSON as bytes; json is decref'd. */
GBytes *render_bytes(json_t *json);
/* The payload of ARCHIVE_FAILED. */
GBytes *render_failed(const char *code, gboolean temporary, const char *text);
/* One delivery event: envelope, client, verdict with edits, notes and the X-Envelope-To list. */
json_t *render_event(guint64 event, const struct capture *capture);
/* The original recipients, each once, in the order given: what X-Envelope-To says. */
json_t *render_envelope_to(const struct capture *capture);
const char *render_source_name(enum capture_source source);
