/* report.c: a report's life, and the settings that say what is written: templates, fields, prefixes. */
#include <float.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include "lib/spam/verdict/field_text.h"
#include "lib/spam/verdict/report_private.h"
#include "lib/spam/verdict/template.h"

/* ---- life ---- */

/* The prefixes of the rules that hit, each once. They only count when the subject is rewritten at all. */
static char *
subject_prefix_of(const struct report_scan *scan)
{
    GHashTable *rewrites = rules_map(scan->ruleset, "rewrite_header");
    g_autoptr(GString) prefix = g_string_new(NULL);
    gboolean found = FALSE;

    if (rewrites == NULL || !g_hash_table_contains(rewrites, "Subject"))
        return NULL;
    for (gsize i = 0; i < scan->n_hits + scan->n_sub_hits; i++) {
        const struct spam_rule *rule = i < scan->n_hits ? scan->hits[i].rule : scan->sub_hits[i - scan->n_hits];

        if (rule->subject_prefix == NULL)
            continue;
        found = TRUE;
        if (strstr(prefix->str, rule->subject_prefix) == NULL)
            g_string_append_printf(prefix, "%s ", rule->subject_prefix);
    }
    return found ? g_string_free(g_steal_pointer(&prefix), FALSE) : NULL;
}

char *
report_number(const char *format, double value)
{
    char text[G_ASCII_DTOSTR_BUF_SIZE + DBL_MAX_10_EXP];

    return g_strdup(g_ascii_formatd(text, sizeof text, format, value));
}

/* To three digits, so that sums that should be equal are. */
static double
rounded(double score)
{
    g_autofree char *text = report_number("%.3f", score);

    return g_ascii_strtod(text, NULL);
}

struct report *
report_new(const struct report_scan *scan)
{
    struct report *report = g_new0(struct report, 1);

    report->scan = *scan;
    report->score = rounded(scan->score);
    report->required = isnan(scan->required) ? rules_number(scan->ruleset, "required_score") : scan->required;
    report->is_spam = report->score >= report->required;
    report->subject_prefix = subject_prefix_of(scan);
    return report;
}

void
report_free(struct report **report)
{
    struct report *old = *report;

    if (old == NULL)
        return;
    for (guint i = 0; i < G_N_ELEMENTS(old->lines); i++)
        if (old->lines[i] != NULL)
            g_string_free(old->lines[i], TRUE);
    if (old->text != NULL)
        g_string_free(old->text, TRUE);
    if (old->preview != NULL)
        g_string_free(old->preview, TRUE);
    g_free(old->subject_prefix);
    g_free(old->subject_prefix_expanded);
    g_free(old);
    *report = NULL;
}

gboolean
report_is_spam(const struct report *report)
{
    return report->is_spam;
}

const struct report_scan *
report_scan_of(const struct report *report)
{
    return &report->scan;
}

/* ---- numbers and names ---- */

char *
report_required(const struct report *report)
{
    return report_number("%2.1f", report->required);
}

/* Ham that would be rounded up to what is required is told a tenth less. */
char *
report_score(const struct report *report)
{
    g_autofree char *score = report_number("%2.1f", report->score), *required = report_required(report);

    if (report->is_spam || g_ascii_strtod(score, NULL) < g_ascii_strtod(required, NULL))
        return g_steal_pointer(&score);
    return report_number("%.15g", g_ascii_strtod(required, NULL) - 0.1);
}

static int
compare_names(gconstpointer a, gconstpointer b)
{
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

GString *
report_names(const struct report *report, const char *separator)
{
    g_autoptr(GPtrArray) names = g_ptr_array_new();
    GString *out = g_string_new(NULL);

    for (gsize i = 0; i < report->scan.n_hits; i++)
        g_ptr_array_add(names, report->scan.hits[i].rule->name);
    g_ptr_array_sort(names, compare_names);
    for (guint i = 0; i < names->len; i++) {
        if (i > 0)
            g_string_append(out, separator);
        g_string_append(out, names->pdata[i]);
    }
    return out;
}

char *
report_date(gint64 now)
{
    static const char days[][4] = {"Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat"};
    static const char months[][4] = {"Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"};
    time_t seconds = (time_t)now;
    struct tm t;

    if (localtime_r(&seconds, &t) == NULL)
        memset(&t, 0, sizeof t);
    long minutes = labs(t.tm_gmtoff) / 60;
    return g_strdup_printf("%s, %02d %s %4d %02d:%02d:%02d %c%02ld%02ld", days[t.tm_wday], t.tm_mday, months[t.tm_mon],
                           t.tm_year + 1900, t.tm_hour, t.tm_min, t.tm_sec, t.tm_gmtoff < 0 ? '-' : '+', minutes / 60,
                           minutes % 60);
}

/* ---- templates ---- */

GString *
report_expand(struct report *report, const char *template)
{
    GString *out = g_string_new(NULL);

    template_expand(out, template, strlen(template), report_tag, report);
    return out;
}

const GString *
report_text(struct report *report)
{
    const char *template = rules_text(report->scan.ruleset, "report_template");

    if (report->text != NULL)
        return report->text;
    report->text = report_expand(report, template != NULL && *template != '\0' ? template : "(no report template found)");
    while (report->text->len > 0 && report->text->str[report->text->len - 1] == '\n')
        g_string_truncate(report->text, report->text->len - 1);
    g_string_append(report->text, "\n\n");
    return report->text;
}

void
report_fields(struct report *report, gboolean spam, report_field_fn called, gpointer data)
{
    const GPtrArray *pairs = rules_list(report->scan.ruleset, spam ? "headers_spam" : "headers_ham");
    gboolean fold = rules_number(report->scan.ruleset, "fold_headers") != 0, was_in_fields = report->in_fields;

    report->in_fields = TRUE;
    for (guint i = 0; pairs != NULL && i + 1 < pairs->len; i += 2) {
        const char *name = pairs->pdata[i];
        g_autofree char *full = g_strconcat("X-Spam-", name, NULL);
        g_autoptr(GString) text = report_expand(report, pairs->pdata[i + 1]);
        g_autoptr(GString) folded = field_text_fold(name, text, fold);
        g_autoptr(GString) body = field_text_encode(folded);

        called(data, full, body);
    }
    report->in_fields = was_in_fields;
}

const char *
report_subject_prefix(struct report *report)
{
    if (report->subject_prefix != NULL && report->subject_prefix_expanded == NULL) {
        GString *text = report_expand(report, report->subject_prefix);

        for (gsize i = 0; i < text->len; i++)
            if (text->str[i] == '\n')
                text->str[i] = ' ';
        report->subject_prefix_expanded = g_string_free(text, FALSE);
    }
    return report->subject_prefix_expanded;
}
