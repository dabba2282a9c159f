/* hit_lines.c: the hits as lines: score, name, description, what was found. */
#include "lib/spam/verdict/report_private.h"
#include <string.h>
#include "lib/spam/verdict/wrap.h"
#include "lib/spam/view/bytes.h"

#define LOG_LEAST 30 /* bytes of a line of what was found: broken at the last blank between these */
#define LOG_MOST 48
#define LOG_INDENT 27
#define LOG_LINE 78
#define LOG_WIDE 47 /* longer ones stand at the right margin */

static const char *
area_of(const struct report_hit *hit)
{
    if (hit->area != NULL)
        return hit->area;
    switch (hit->rule->type) {
    case SPAM_RULE_BODY:
    case SPAM_RULE_BODY_EVAL:
        return "BODY: ";
    case SPAM_RULE_RAWBODY:
    case SPAM_RULE_RAWBODY_EVAL:
        return "RAW: ";
    case SPAM_RULE_URI:
        return "URI: ";
    case SPAM_RULE_FULL:
        return "FULL: ";
    case SPAM_RULE_NONE:
    case SPAM_RULE_HEADER:
    case SPAM_RULE_HEADER_EVAL:
    case SPAM_RULE_FULL_EVAL:
    case SPAM_RULE_META:
    case SPAM_RULE_RBL_EVAL:
    case SPAM_RULE_EMPTY:
        break;
    }
    return "";
}

static const char *
description_of(const struct report_hit *hit)
{
    const char *text = hit->description != NULL ? hit->description : hit->rule->describe;

    return text != NULL && *text != '\0' ? text : "No description available.";
}

/* The bytes of log's next line: up to a blank, which is left out; 0: all that is left. */
static gsize
log_break(const char *log)
{
    gsize length = 0, found = 0;

    for (; length <= LOG_MOST && log[length] != '\0'; length++) {
        if (length >= LOG_LEAST && byte_is_space(log[length]))
            found = length;
        if (log[length] == '\n')
            break;
    }
    return found;
}

static void
append_log_line(GString *out, const char *log, gsize length, gboolean terse)
{
    gsize indent = terse ? 0 : length <= LOG_WIDE ? LOG_INDENT + 1 : length + 2 < LOG_LINE ? LOG_LINE - length - 2 : 0;

    g_string_append_printf(out, "%*s[", (int)indent, "");
    g_string_append_len(out, log, (gssize)length);
    g_string_append(out, "]\n");
}

static void
append_log(GString *out, const char *log, gboolean terse)
{
    gsize length;

    while ((length = log_break(log)) != 0) {
        append_log_line(out, log, length, terse);
        log += length + 1;
    }
    append_log_line(out, log, strlen(log), terse);
}

static void
append_logs(GString *out, const struct report_hit *hit, gboolean terse)
{
    if (hit->logs == NULL)
        return;
    if (terse)
        g_string_append(out, "*      ");
    if ((hit->rule->flags & SPAM_TFLAG_NOLOG) != 0) {
        append_log(out, "*REDACTED*", terse);
        return;
    }
    for (guint i = 0; hit->logs[i] != NULL && i < REPORT_LOGS_MAX; i++)
        append_log(out, hit->logs[i], terse);
}

/* The description from column `first` on, further lines after prefix. */
static void
append_description(GString *out, const struct report *report, const char *text, gsize first, const char *prefix)
{
    g_autofree char *indent = g_strnfill(first, ' ');
    const struct wrap_style style = {.first = indent, .prefix = prefix,
                                     .width = rules_number(report->scan.ruleset, "report_wrap_width")};
    g_autoptr(GString) lines = g_string_new(NULL);
    gsize blanks = 0;

    wrap_append(lines, text, strlen(text), &style);
    while (blanks < lines->len && byte_is_space(lines->str[blanks]))
        blanks++;
    g_string_append_len(out, lines->str + blanks, (gssize)(lines->len - blanks));
}

static void
append_hit(GString *out, const struct report *report, const struct report_hit *hit, gboolean terse)
{
    gboolean is_large = hit->score >= 10 || hit->score <= -10;
    g_autofree char *score = report_number(is_large ? "%4.0f" : "%4.1f", hit->score);
    const char *name = hit->rule->name, *area = area_of(hit);
    gsize used = strlen(name) + strlen(score) + strlen(area);

    g_string_append_printf(out, terse ? "* %s %s %s" : "%s %-22s %s", score, name, area);
    append_description(out, report, description_of(hit), used + (terse ? 4 : 3), terse ? "*      " : "                            ");
    g_string_append_c(out, '\n');
    append_logs(out, hit, terse);
}

const GString *
report_hit_lines(struct report *report, gboolean terse)
{
    GString **lines = &report->lines[terse ? 0 : 1];

    if (*lines != NULL)
        return *lines;
    *lines = g_string_new(NULL);
    for (gsize i = 0; i < report->scan.n_hits; i++)
        append_hit(*lines, report, &report->scan.hits[i], terse);
    return *lines;
}
