/* tags.c: the template tags by name: those that a scan's result answers, and those that are only known to exist. */
#include <string.h>
#include "lib/spam/verdict/report_private.h"

#define STARS_MAX 50

typedef GString *(*tag_fn)(struct report *report, const char *argument);

static GString *
text_or_empty(const char *text)
{
    return g_string_new(text != NULL ? text : "");
}

/* An argument that Perl takes for false is as good as none. */
static const char *
argument_or(const char *argument, const char *otherwise)
{
    return argument == NULL || *argument == '\0' || strcmp(argument, "0") == 0 ? otherwise : argument;
}

static GString *
or_none(GString *list)
{
    if (list->len == 0)
        g_string_append(list, "none");
    return list;
}

/* ---- verdict and score ---- */

/* _YESNO(for spam,for ham)_ */
static GString *
tag_yesno(struct report *report, const char *argument)
{
    const char *comma = argument != NULL ? strchr(argument, ',') : NULL;

    if (!report->is_spam)
        return g_string_new(comma != NULL ? comma + 1 : "No");
    if (argument == NULL || *argument == '\0')
        return g_string_new("Yes");
    return comma != NULL ? g_string_new_len(argument, comma - argument) : g_string_new(argument);
}

static GString *
tag_yesnocaps(struct report *report, const char *argument)
{
    return g_string_ascii_up(tag_yesno(report, argument));
}

/* _SCORE(000)_ is three wider, filled with zeros; the same with blanks. */
static GString *
tag_score(struct report *report, const char *argument)
{
    g_autofree char *score = report_score(report);
    gsize length = strlen(score), pad = argument != NULL ? strlen(argument) : 0;
    GString *out = g_string_new(NULL);

    if (pad > 0 && (strspn(argument, "0") == pad || strspn(argument, " ") == pad) && pad + 3 > length)
        g_string_append_len(out, argument, (gssize)MIN(pad, pad + 3 - length));
    return g_string_append(out, score);
}

static GString *
tag_required(struct report *report, const char *argument)
{
    g_autofree char *required = report_required(report);

    (void)argument;
    return g_string_new(required);
}

static GString *
tag_stars(struct report *report, const char *argument)
{
    const char *star = argument_or(argument, "*");
    int n = report->score >= STARS_MAX ? STARS_MAX : report->score >= 1 ? (int)report->score : 0;
    GString *out = g_string_new(NULL);

    for (int i = 0; i < n; i++)
        g_string_append(out, star);
    return out;
}

static GString *
tag_bayes(struct report *report, const char *argument)
{
    g_autofree char *text = report->scan.bayes != NULL ? report_number("%3.4f", *report->scan.bayes) : g_strdup("0.5");

    (void)argument;
    return g_string_new(text);
}

static GString *
tag_autolearn(struct report *report, const char *argument)
{
    const struct report_scan *scan = &report->scan;
    GString *out = g_string_new(scan->autolearn != NULL ? scan->autolearn : "unavailable");

    (void)argument;
    if (scan->autolearn_force != NULL)
        g_string_append_printf(out, " autolearn_force=%s", scan->autolearn_force);
    return out;
}

/* ---- hits ---- */

static int
compare_names(gconstpointer a, gconstpointer b)
{
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

static int
compare_hits(gconstpointer a, gconstpointer b)
{
    const struct report_hit *const *one = a, *const *other = b;

    return strcmp((*one)->rule->name, (*other)->rule->name);
}

static GString *
tag_tests(struct report *report, const char *argument)
{
    return or_none(report_names(report, argument_or(argument, ",")));
}

static GString *
tag_tests_scores(struct report *report, const char *argument)
{
    g_autoptr(GPtrArray) hits = g_ptr_array_new();
    const char *separator = argument_or(argument, ",");
    GString *out = g_string_new(NULL);

    for (gsize i = 0; i < report->scan.n_hits; i++)
        g_ptr_array_add(hits, (gpointer)&report->scan.hits[i]);
    g_ptr_array_sort(hits, compare_hits);
    for (guint i = 0; i < hits->len; i++) {
        const struct report_hit *hit = hits->pdata[i];
        g_autofree char *score = report_number("%.15g", hit->score);

        g_string_append_printf(out, "%s%s=%s", i > 0 ? separator : "", hit->rule->name, score);
    }
    return or_none(out);
}

static GPtrArray *
sub_names(const struct report *report)
{
    GPtrArray *names = g_ptr_array_new();

    for (gsize i = 0; i < report->scan.n_sub_hits; i++) {
        const struct spam_rule *rule = report->scan.sub_hits[i];
        guint times = report->scan.times != NULL ? MIN(report->scan.times[rule->index], REPORT_TIMES_MAX) : 1;
        for (guint n = 0; n < times; n++)
            g_ptr_array_add(names, rule->name);
    }
    g_ptr_array_sort(names, compare_names);
    return names;
}

static GString *
tag_subtests(struct report *report, const char *argument)
{
    g_autoptr(GPtrArray) names = sub_names(report);
    const char *separator = argument_or(argument, ",");
    GString *out = g_string_new(NULL);

    for (guint i = 0; i < names->len; i++)
        g_string_append_printf(out, "%s%s", i > 0 ? separator : "", (const char *)names->pdata[i]);
    return or_none(out);
}

/* Each name once, with how often; always divided by commas. */
static GString *
tag_subtests_collapsed(struct report *report, const char *argument)
{
    g_autoptr(GPtrArray) names = sub_names(report);
    GString *out = g_string_new(NULL);

    (void)argument;
    for (guint i = 0, n; i < names->len; i += n) {
        for (n = 1; i + n < names->len && strcmp(names->pdata[i], names->pdata[i + n]) == 0;)
            n++;
        g_string_append_printf(out, "%s%s", i > 0 ? "," : "", (const char *)names->pdata[i]);
        if (n > 1)
            g_string_append_printf(out, "(%u)", n);
    }
    return or_none(out);
}

/* ---- texts ---- */

static GString *
tag_report(struct report *report, const char *argument)
{
    const GString *lines = report_hit_lines(report, TRUE);
    GString *out = g_string_new("\n");

    (void)argument;
    return g_string_append_len(out, lines->str, (gssize)lines->len);
}

static GString *
tag_summary(struct report *report, const char *argument)
{
    const GString *lines = report_hit_lines(report, FALSE);

    (void)argument;
    return g_string_new_len(lines->str, (gssize)lines->len);
}

static GString *
tag_preview(struct report *report, const char *argument)
{
    const GString *preview = report_preview(report);

    (void)argument;
    return g_string_new_len(preview->str, (gssize)preview->len);
}

static GString *
tag_subject_prefix(struct report *report, const char *argument)
{
    (void)argument;
    return text_or_empty(report->subject_prefix);
}

static GString *
tag_header(struct report *report, const char *argument)
{
    const struct report_help *help = report->scan.help;
    const char *name = argument_or(argument, NULL);
    GString *value = name != NULL && help != NULL && help->header != NULL ? help->header(help->data, name) : NULL;

    return value != NULL ? value : g_string_new(NULL);
}

static void
append_field(gpointer data, const char *name, const GString *body)
{
    g_string_append_printf(data, "%s: ", name);
    g_string_append_len(data, body->str, (gssize)body->len);
    g_string_append_c(data, '\n');
}

static GString *
fields_of(struct report *report, gboolean spam)
{
    GString *out = g_string_new(NULL);

    report_fields(report, spam, append_field, out);
    return out;
}

static GString *
tag_added(struct report *report, const char *argument)
{
    (void)argument;
    return fields_of(report, report->is_spam);
}

static GString *
tag_added_ham(struct report *report, const char *argument)
{
    (void)argument;
    return fields_of(report, FALSE);
}

static GString *
tag_added_spam(struct report *report, const char *argument)
{
    (void)argument;
    return fields_of(report, TRUE);
}

/* ---- this host ---- */

static GString *
tag_version(struct report *report, const char *argument)
{
    (void)report, (void)argument;
    return g_string_new(REPORT_VERSION);
}

static GString *
tag_subversion(struct report *report, const char *argument)
{
    (void)report, (void)argument;
    return g_string_new(REPORT_SUBVERSION);
}

static GString *
tag_host_name(struct report *report, const char *argument)
{
    const char *name = rules_text(report->scan.ruleset, "report_hostname");

    (void)argument;
    return text_or_empty(name != NULL && *name != '\0' ? name : report->scan.host_name);
}

static GString *
tag_contact(struct report *report, const char *argument)
{
    (void)argument;
    return text_or_empty(rules_text(report->scan.ruleset, "report_contact"));
}

static GString *
tag_date(struct report *report, const char *argument)
{
    g_autofree char *date = report_date(report->scan.now);

    (void)argument;
    return g_string_new(date);
}

/* ---- the table ---- */

static const struct {
    const char *name;
    tag_fn value;
} tags[] = {
    {"ADDEDHEADER", tag_added}, {"ADDEDHEADERHAM", tag_added_ham}, {"ADDEDHEADERSPAM", tag_added_spam},
    {"AUTOLEARN", tag_autolearn}, {"BAYES", tag_bayes}, {"CONTACTADDRESS", tag_contact}, {"DATE", tag_date},
    {"HEADER", tag_header}, {"HITS", tag_score}, {"HOSTNAME", tag_host_name}, {"PREVIEW", tag_preview}, {"REPORT", tag_report},
    {"REQD", tag_required}, {"SCORE", tag_score}, {"STARS", tag_stars}, {"SUBJPREFIX", tag_subject_prefix},
    {"SUBTESTS", tag_subtests}, {"SUBTESTSCOLLAPSED", tag_subtests_collapsed}, {"SUBVERSION", tag_subversion},
    {"SUMMARY", tag_summary}, {"TESTS", tag_tests}, {"TESTSSCORES", tag_tests_scores}, {"VERSION", tag_version},
    {"YESNO", tag_yesno}, {"YESNOCAPS", tag_yesnocaps},
};

/* What they are when nobody knows: these tags are there even then. */
static const struct {
    const char *name, *text;
} known[] = {
    {"REMOTEHOSTNAME", "localhost"}, {"REMOTEHOSTADDR", "127.0.0.1"}, {"AUTOLEARNSCORE", ""}, {"RULESVERSION", ""},
    {"FIRSTTRUSTEDIP", ""}, {"FIRSTTRUSTEDREVIP", ""}, {"LASTEXTERNALIP", ""}, {"LASTEXTERNALREVIP", ""},
    {"LASTEXTERNALRDNS", ""}, {"LASTEXTERNALHELO", ""}, {"TIMING", ""}, {"RBL", ""}, {"ASN", ""}, {"ASNCIDR", ""}, {"AWL", ""},
    {"AWLMEAN", ""}, {"AWLCOUNT", ""}, {"AWLPRESCORE", ""}, {"DCCB", ""}, {"DCCR", ""}, {"DCCREP", ""},
    {"EXTRACTTEXTCHARS", ""}, {"EXTRACTTEXTWORDS", ""}, {"EXTRACTTEXTTOOLS", ""}, {"EXTRACTTEXTTYPES", ""},
    {"EXTRACTTEXTEXTENSIONS", ""}, {"EXTRACTTEXTFLAGS", ""}, {"EXTRACTTEXTURIS", ""}, {"PYZOR", ""}, {"DKIMIDENTITY", ""},
    {"DKIMDOMAIN", ""}, {"DKIMSELECTOR", ""}, {"BAYESTC", ""}, {"BAYESTCLEARNED", ""}, {"BAYESTCSPAMMY", ""},
    {"BAYESTCHAMMY", ""}, {"HAMMYTOKENS", ""}, {"SPAMMYTOKENS", ""}, {"TOKENSUMMARY", ""},
};

static GString *
asked_of_others(const struct report *report, const char *name, const char *argument)
{
    const struct report_help *help = report->scan.help;
    GString *value = help != NULL && help->tag != NULL ? help->tag(help->data, name, argument) : NULL;

    for (gsize i = 0; value == NULL && i < G_N_ELEMENTS(known); i++)
        if (strcmp(known[i].name, name) == 0)
            value = g_string_new(known[i].text);
    return value;
}

GString *
report_tag(gpointer data, const char *name, const char *argument)
{
    struct report *report = data;

    /* These without argument are never replaced, so that fields can't hold themselves. */
    if (g_str_has_prefix(name, "ADDEDHEADER") && (argument == NULL || report->in_fields))
        return NULL;
    for (gsize i = 0; i < G_N_ELEMENTS(tags); i++)
        if (strcmp(tags[i].name, name) == 0)
            return tags[i].value(report, argument);
    return asked_of_others(report, name, argument);
}
