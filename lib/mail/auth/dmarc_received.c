/* dmarc_received.c: see dmarc_received.h. */
#include "lib/mail/auth/dmarc_received.h"

#include <string.h>

#include "lib/mail/auth/psl.h"

#define TIME_MAX G_GINT64_CONSTANT(253402300799) /* the last second of the year 9999 */

static gint64
time_of(guint64 seconds)
{
    return (gint64)MIN(seconds, (guint64)TIME_MAX);
}

static gint64
count_of(guint64 messages)
{
    return (gint64)MIN(messages, (guint64)DMARC_STORE_COUNT_MAX);
}

/* A domain name in the form that is compared, or what stands there. */
static char *
domain_of(const char *name)
{
    g_autofree char *domain = name != NULL ? psl_dns_name(name, -1) : NULL;

    return domain != NULL ? g_steal_pointer(&domain) : dmarc_store_clean(name, DMARC_STORE_TEXT_MAX - 2);
}

static void
append_tag(GString *out, const char *name, const char *value)
{
    if (value != NULL)
        g_string_append_printf(out, "%s%s=%s", out->len > 0 ? "; " : "", name, value);
}

static char *
policy_text(const struct dmarc_report *report)
{
    g_autoptr(GString) out = g_string_new(NULL);

    append_tag(out, "p", report->p);
    append_tag(out, "sp", report->sp);
    append_tag(out, "np", report->np);
    append_tag(out, "adkim", report->adkim);
    append_tag(out, "aspf", report->aspf);
    append_tag(out, "pct", report->pct);
    append_tag(out, "fo", report->fo);
    append_tag(out, "t", report->testing);
    return dmarc_store_clean(out->str, DMARC_STORE_LONG_MAX);
}

/* "domain selector result; ..." */
static char *
dkim_text(const struct dmarc_report_row *row)
{
    g_autoptr(GString) out = g_string_new(NULL);

    for (guint i = 0; i < row->dkim_results->len && out->len <= DMARC_STORE_LONG_MAX; i++) {
        const struct dmarc_report_dkim *dkim = g_ptr_array_index(row->dkim_results, i);

        g_string_append_printf(
            out, "%s%s %s %s", i > 0 ? "; " : "", dkim->domain != NULL ? dkim->domain : "?",
            dkim->selector != NULL ? dkim->selector : "?", dkim->result != NULL ? dkim->result : "?");
    }
    return dmarc_store_clean(out->str, DMARC_STORE_LONG_MAX);
}

static char *
spf_text(const struct dmarc_report_row *row)
{
    g_autoptr(GString) out = g_string_new(NULL);

    for (guint i = 0; i < row->spf_results->len && out->len <= DMARC_STORE_LONG_MAX; i++) {
        const struct dmarc_report_spf *spf = g_ptr_array_index(row->spf_results, i);

        g_string_append_printf(out, "%s%s %s %s", i > 0 ? "; " : "", spf->domain != NULL ? spf->domain : "?",
                               spf->scope != NULL ? spf->scope : "mfrom",
                               spf->result != NULL ? spf->result : "?");
    }
    return dmarc_store_clean(out->str, DMARC_STORE_LONG_MAX);
}

static char *
reason_text(const struct dmarc_report_row *row)
{
    g_autoptr(GString) out = g_string_new(NULL);

    for (guint i = 0; i < row->reasons->len && out->len <= DMARC_STORE_TEXT_MAX; i++) {
        const struct dmarc_report_reason *reason = g_ptr_array_index(row->reasons, i);

        g_string_append_printf(out, "%s%s", i > 0 ? ", " : "", reason->type != NULL ? reason->type : "other");
        if (reason->comment != NULL && *reason->comment != '\0')
            g_string_append_printf(out, " (%s)", reason->comment);
    }
    return dmarc_store_clean(out->str, DMARC_STORE_TEXT_MAX);
}

static gboolean
add_row(struct sql *sql, const char *id, guint n, const struct dmarc_report_row *row, GError **error)
{
    g_autofree char *source = dmarc_store_clean(row->source_ip, 2 * DMARC_STORE_WORD_MAX);
    g_autofree char *disposition = dmarc_store_clean(row->disposition, DMARC_STORE_WORD_MAX);
    g_autofree char *aligned_dkim = dmarc_store_clean(row->dkim, DMARC_STORE_WORD_MAX);
    g_autofree char *aligned_spf = dmarc_store_clean(row->spf, DMARC_STORE_WORD_MAX);
    g_autofree char *to = domain_of(row->envelope_to), *from = domain_of(row->envelope_from);
    g_autofree char *author = domain_of(row->header_from);
    g_autofree char *reason = reason_text(row), *dkim = dkim_text(row), *spf = spf_text(row);
    const struct sql_value values[] = {SQL_T(id),           SQL_I(n),           SQL_I(count_of(row->count)),
                                       SQL_T(source),       SQL_T(disposition), SQL_T(reason),
                                       SQL_T(aligned_dkim), SQL_T(aligned_spf), SQL_T(to),
                                       SQL_T(from),         SQL_T(author),      SQL_T(dkim),
                                       SQL_T(spf)};

    return sql_run(sql, "dmarc_report_row_add", values, G_N_ELEMENTS(values), NULL, NULL, NULL, error);
}

/* The report's own row, then the others'; duplicates fail at the first. */
static gboolean
add_all(struct sql *sql, const struct dmarc_report *report, const char *const *identity, gint64 now_s,
        GError **error)
{
    g_autofree char *id = dmarc_store_key(identity, 3),
                    *email = dmarc_store_clean(report->email, DMARC_STORE_TEXT_MAX);
    g_autofree char *policy = policy_text(report);
    gint64 messages = 0;

    for (guint i = 0; i < report->rows->len; i++)
        messages += count_of(((const struct dmarc_report_row *)g_ptr_array_index(report->rows, i))->count);
    const struct sql_value values[] = {SQL_T(id),
                                       SQL_T(identity[0]),
                                       SQL_T(email),
                                       SQL_T(identity[1]),
                                       SQL_T(identity[2]),
                                       SQL_I(time_of(report->begin)),
                                       SQL_I(time_of(report->end)),
                                       SQL_T(policy),
                                       SQL_I(now_s),
                                       SQL_I(messages),
                                       SQL_I(report->left_out)};
    if (!sql_run(sql, "dmarc_report_add", values, G_N_ELEMENTS(values), NULL, NULL, NULL, error))
        return FALSE;
    for (guint i = 0; i < report->rows->len; i++)
        if (!add_row(sql, id, i, g_ptr_array_index(report->rows, i), error))
            return FALSE;
    return TRUE;
}

gboolean
dmarc_received_add(struct sql *sql, const struct dmarc_report *report, gint64 now_s,
                   enum dmarc_received *what_r, GError **error)
{
    g_autofree char *name = dmarc_store_clean(report->org_name, DMARC_STORE_TEXT_MAX);
    g_autofree char *report_id = dmarc_store_clean(report->report_id, DMARC_STORE_TEXT_MAX);
    g_autofree char *domain = domain_of(report->domain);
    const char *const identity[] = {name, report_id, domain};
    GError *failure = NULL;

    *what_r = DMARC_RECEIVED_USELESS;
    if (*name == '\0' || *report_id == '\0' || *domain == '\0')
        return TRUE;
    if (!sql_begin(sql, error))
        return FALSE;
    *what_r = DMARC_RECEIVED_NEW;
    if (add_all(sql, report, identity, now_s, &failure))
        return sql_commit(sql, error);
    sql_rollback(sql);
    if (!g_error_matches(failure, SQL_ERROR, SQL_ERROR_DUPLICATE)) {
        g_propagate_error(error, failure);
        return FALSE;
    }
    g_clear_error(&failure);
    *what_r = DMARC_RECEIVED_KNOWN;
    return TRUE;
}

/* ---- who sends ---- */

struct walk {
    void (*reporter)(const struct dmarc_received_reporter *reporter, gpointer data);
    void (*source)(const struct dmarc_received_source *source, gpointer data);
    void (*failure)(const struct dmarc_received_failure *failure, gpointer data);
    gpointer data;
};

static gboolean
run_query(struct sql *sql, const char *statement, const struct dmarc_received_query *query, sql_row_func each,
          struct walk *walk, GError **error)
{
    g_autofree char *below = g_strconcat(".", query->domain, NULL);
    const struct sql_value values[] = {SQL_I(query->begin_s), SQL_I(query->end_s),
                                       SQL_T(query->domain),  SQL_I(-(gint64)g_utf8_strlen(below, -1)),
                                       SQL_T(below),          SQL_I(query->max)};

    return sql_run(sql, statement, values, G_N_ELEMENTS(values), each, walk, NULL, error);
}

static gboolean
each_reporter(const struct sql_row *row, gpointer data)
{
    const struct walk *walk = data;
    const struct dmarc_received_reporter reporter = {sql_row_text(row, 0, NULL), sql_row_int(row, 1),
                                                     sql_row_int(row, 2), sql_row_int(row, 3)};

    walk->reporter(&reporter, walk->data);
    return TRUE;
}

gboolean
dmarc_received_reporters(struct sql *sql, const struct dmarc_received_query *query,
                         void (*each)(const struct dmarc_received_reporter *reporter, gpointer data),
                         gpointer data, GError **error)
{
    struct walk walk = {.reporter = each, .data = data};

    return run_query(sql, "dmarc_show_reporters", query, each_reporter, &walk, error);
}

static gboolean
each_source(const struct sql_row *row, gpointer data)
{
    const struct walk *walk = data;
    const struct dmarc_received_source source = {.ip = sql_row_text(row, 0, NULL),
                                                 .messages = sql_row_int(row, 1),
                                                 .dkim = sql_row_int(row, 2),
                                                 .spf = sql_row_int(row, 3),
                                                 .either = sql_row_int(row, 4),
                                                 .quarantined = sql_row_int(row, 5),
                                                 .rejected = sql_row_int(row, 6),
                                                 .reporters = sql_row_int(row, 7)};

    walk->source(&source, walk->data);
    return TRUE;
}

gboolean
dmarc_received_sources(struct sql *sql, const struct dmarc_received_query *query,
                       void (*each)(const struct dmarc_received_source *source, gpointer data), gpointer data,
                       GError **error)
{
    struct walk walk = {.source = each, .data = data};

    return run_query(sql, "dmarc_show_sources", query, each_source, &walk, error);
}

static gboolean
each_failure(const struct sql_row *row, gpointer data)
{
    const struct walk *walk = data;
    const struct dmarc_received_failure failure = {.ip = sql_row_text(row, 0, NULL),
                                                   .header_from = sql_row_text(row, 1, NULL),
                                                   .dkim = sql_row_text(row, 2, NULL),
                                                   .spf = sql_row_text(row, 3, NULL),
                                                   .disposition = sql_row_text(row, 4, NULL),
                                                   .reason = sql_row_text(row, 5, NULL),
                                                   .messages = sql_row_int(row, 6)};

    walk->failure(&failure, walk->data);
    return TRUE;
}

gboolean
dmarc_received_failures(struct sql *sql, const struct dmarc_received_query *query,
                        void (*each)(const struct dmarc_received_failure *failure, gpointer data),
                        gpointer data, GError **error)
{
    struct walk walk = {.failure = each, .data = data};

    return run_query(sql, "dmarc_show_failures", query, each_failure, &walk, error);
}
