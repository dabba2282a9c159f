/* report.h: what a scan's result says in words: template tags, X-Spam header fields, the report. As SpamAssassin 4.0.1 writes it.
 *
 * What there is to say is the ruleset's settings (add_header, report, report_safe, ..); what was found is a report_scan. A report
 * keeps what it has made, so that it is made once. For one thread at a time; rulesets and scans may be shared. All strings are
 * bytes; lines end in LF. Templates are bounded by TEMPLATE_MAX (template.h). */
#pragma once
#include <glib.h>
#include "lib/spam/rules/ruleset.h"
#include "lib/spam/view/tree.h"

/* The version of SpamAssassin whose rules and fields these are: what Sieve scripts and filters look for in X-Spam-Checker-Version. */
#define REPORT_VERSION "4.0.1"
#define REPORT_SUBVERSION "2024-03-25"

#define REPORT_TIMES_MAX 1000u /* times that one rule is named */
#define REPORT_LOGS_MAX 1000 /* texts of one hit that are shown */

/* One hit. */
struct report_hit {
    const struct spam_rule *rule;
    double score;            /* what it counted */
    const char *area;        /* "DNS: " before the description; NULL: what the rule's type says ("BODY: ", ..) */
    const char *description; /* NULL: the rule's */
    const char *const *logs; /* what it found, NULL-terminated; NULL: nothing to tell */
};

/* What others know. Any function may be NULL. Strings that they return are the caller's to free. */
struct report_help {
    gpointer data;
    /* A tag of the view or of plugins: LASTEXTERNALIP, RELAYSTRUSTED, AUTHORDOMAIN, PYZOR, REMOTEHOSTNAME, a rule's capture ..
     * argument NULL: without brackets. NULL: it has no value. */
    GString *(*tag)(gpointer data, const char *name, const char *argument);
    /* The values of a header as rules see it ("From:addr"), joined; NULL: not there. */
    GString *(*header)(gpointer data, const char *name);
    /* The body's paragraphs, GString *, the subject first; borrowed. */
    const GPtrArray *(*body)(gpointer data);
};

struct report_scan {
    const struct spam_ruleset *ruleset;
    struct spam_tree *tree;
    const struct report_hit *hits; /* those with a score, in the order in which they hit */
    gsize n_hits;
    const struct spam_rule *const *sub_hits; /* rules whose names begin with __ */
    gsize n_sub_hits;
    const guint *times;            /* by rule index: how often each of those is named, at most REPORT_TIMES_MAX; NULL: once */
    double score;                  /* the sum; is rounded to three digits here */
    double required;               /* required_score of the user; NAN: the ruleset's */
    const char *autolearn;         /* "no", "ham", "spam", "disabled", ..; NULL: "unavailable" */
    const char *autolearn_force;   /* "yes", "no"; NULL: left out */
    const double *bayes;           /* Bayes' probability; NULL: none */
    const char *host_name;         /* of this machine, fully qualified */
    gint64 now;                    /* seconds since 1970 */
    guint32 random;                /* for the boundary of a wrapped message */
    const struct report_help *help; /* NULL: nobody knows more */
};

struct report;
/* scan and all that it points to must outlive the report. */
struct report *report_new(const struct report_scan *scan);
void report_free(struct report **report); /* NULL-safe */

gboolean report_is_spam(const struct report *report);
const struct report_scan *report_scan_of(const struct report *report);
/* The score as SpamAssassin tells it: one digit; of ham never as much as what is required. g_free. */
char *report_score(const struct report *report);
char *report_required(const struct report *report); /* "5.0"; g_free */
/* Names of the hits, sorted, divided by separator; "" for none. */
GString *report_names(const struct report *report, const char *separator);
/* The report template, filled in; ends in an empty line. Borrowed. */
const GString *report_text(struct report *report);

/* The template with its tags replaced. New string. */
GString *report_expand(struct report *report, const char *template);
/* The X-Spam fields that add_header asks for, encoded and folded, in order. called(data, "X-Spam-Flag", body) for each. */
typedef void (*report_field_fn)(gpointer data, const char *name, const GString *body);
void report_fields(struct report *report, gboolean spam, report_field_fn called, gpointer data);
/* What subjprefix of the rules that hit puts before the subject, tags replaced, blanks at its end; NULL: nothing. Borrowed. */
const char *report_subject_prefix(struct report *report);
/* "Sat, 28 Nov 2026 20:06:14 +0000" of now, in local time. g_free. */
char *report_date(gint64 now);
