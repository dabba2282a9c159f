/* pdf_line.h: values in a line of a PDF file: texts in parentheses, or in hexadecimal. Pure; linear in the line's length. */
#pragma once
#include <glib.h>

struct pdf_line {
    const char *text;
    gsize length;
    gsize closing[2], asked[2]; /* private: where a parenthesis, and an angle bracket, closes that is looked for from asked on; 0 at first */
};

/* The value behind the first "/Name" that has one, as text; NULL when there is none. Caller frees. */
GString *pdf_line_property(struct pdf_line *line, const char *name);
/* The digits of "/Name(D:2007..": as text, or NULL. */
GString *pdf_line_date(const struct pdf_line *line, const char *name);
/* A link: "/S /URI /URI (..)", "/URI(..)" at the line's beginning, or "(http://..)>>". FALSE: the line has none, or (*uri_r NULL) one without
 * a dot in it. */
gboolean pdf_line_uri(struct pdf_line *line, GString **uri_r);
