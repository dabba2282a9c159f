/* report_private.h: a report, for the files that make its parts. */
#pragma once
#include "lib/spam/verdict/report.h"

struct report {
    struct report_scan scan;
    double score;       /* rounded */
    double required;
    gboolean is_spam;
    gboolean in_fields; /* fields are being made: their tags can't ask for all fields again */
    GString *lines[2];  /* tags REPORT, SUMMARY; made on demand */
    GString *text;
    GString *preview;
    char *subject_prefix;          /* raw: of the rules; NULL: none */
    char *subject_prefix_expanded;
};

/* format: one %f or %g conversion; never the locale's comma. g_free. */
char *report_number(const char *format, double value);

/* tags.c: a tag's value; the template_value_fn of a report (data). */
GString *report_tag(gpointer data, const char *name, const char *argument);
/* hit_lines.c: a line and more for each hit, as in X-Spam-Report (terse) or in the report's table. Borrowed. */
const GString *report_hit_lines(struct report *report, gboolean terse);
/* preview.c: the first words of the message. Borrowed. */
const GString *report_preview(struct report *report);
