/* rewrite_private.h: what the ways of rewriting share. */
#pragma once
#include "lib/spam/verdict/rewrite.h"

/* What rewrite_header puts into the field ("Subject", "From", "To"): tags replaced, on one line; From and To: in brackets. NULL:
 * the field stays. g_free. */
char *rewrite_tag(struct report *report, const char *name);
/* The value of the last pristine field of the name: from behind the colon and blanks to the end of its last line, line end
 * included, folds kept; where there is none so, the decoded one. NULL: there is none. */
GString *rewrite_pristine(const struct report *report, const char *name);
/* All of them, GString *. */
GPtrArray *rewrite_pristine_all(const struct report *report, const char *name);
/* Whether the line begins a field that is to go. */
gboolean rewrite_is_ours(const char *line, gsize length);
/* text without blanks at its begin; and without `tag` and a blank, if it begins so (any case): what is to stand behind the tag. */
const char *rewrite_untagged(const char *text, gsize length, const char *tag, gsize *length_r);
/* Appends text; where the message has CRLF, so has what is appended. */
void rewrite_append_lines(GString *out, const struct report *report, const GString *text);
/* "X-Spam-NAME: body\n": a report_field_fn; data is a GString. */
void rewrite_append_field(gpointer data, const char *name, const GString *body);
/* rewrite_wrapped.c: the new message that holds the old one. */
void rewrite_append_wrapped(GString *out, struct report *report);
