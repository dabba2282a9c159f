/* content_type.h: a Content-Type value as SpamAssassin's parse_content_type reads it (not RFC 2045's grammar).
 *
 * Pure functions, linear, thread-safe. */
#pragma once
#include <glib.h>

#define CONTENT_NAME_SECTIONS_MAX 1000 /* name*N= with N from here on is ignored (RFC 2231 continuations) */

struct content_type {
    char *type;        /* never NULL; may be "" where all its characters were unfit */
    GString *boundary; /* NULL = none */
    GString *charset;  /* NULL = none */
    GString *name;     /* NULL = none */
    gboolean missing;  /* no type was given: text/plain was assumed */
};

/* value NULL = there is no such field. Free with content_type_clear. */
void content_type_parse(struct content_type *out, const GString *value);
void content_type_clear(struct content_type *type);
/* The name in a Content-Disposition value, or NULL. */
GString *content_disposition_name(const GString *value);

