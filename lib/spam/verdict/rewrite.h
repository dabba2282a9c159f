/* rewrite.h: a message with what a report has to say about it: the whole message anew, or edits of its header.
 *
 * As SpamAssassin's rewrite_mail(). Fields of the message named X-Spam-* are taken out, but for X-Spam-Prev-*. Linear in the
 * message's length. */
#pragma once
#include "lib/spam/verdict/report.h"

/* The rewritten message with the line ends that it came with: fields added at its top; or, for spam with report_safe 1 or 2, a
 * new message that holds the old one. New string. */
GString *rewrite_message(struct report *report);

enum rewrite_edit_kind { REWRITE_DELETE, REWRITE_CHANGE, REWRITE_INSERT, REWRITE_ADD };
struct rewrite_edit {
    enum rewrite_edit_kind kind;
    guint index;    /* INSERT: position from the top; DELETE, CHANGE: the n-th of its name (any case) in the header as it came, from 1 */
    char *name;
    GString *value; /* without the leading blank, LF folds, any bytes but NUL; NULL for DELETE */
};

/* What a milter does to the header, as report_safe 0 would (a milter wraps nothing). DELETEs of one name go from its last field
 * to its first. An X-Spam-Prev-Subject holds all of a folded subject, where SpamAssassin keeps the first line only; and what
 * subjprefix says goes into the subject alone, not into From and To.
 * struct rewrite_edit *; g_ptr_array_unref frees all. */
GPtrArray *rewrite_edits(struct report *report);
