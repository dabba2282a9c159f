/* dmarc_store.c: tallies into SQL and out of it as a report; see dmarc_store.h. */
#include "lib/mail/auth/dmarc_store.h"

#include <string.h>

#include "lib/mail/auth/auth_results.h"

#define KEY_LENGTH 32u

/* ---- texts ---- */

char *
dmarc_store_clean(const char *text, gsize max)
{
    g_autoptr(GString) clean = g_string_new(NULL);

    if (text != NULL)
        auth_results_clean(text, strlen(text), max, clean);
    return g_string_free(g_steal_pointer(&clean), FALSE);
}

char *
dmarc_store_key(const char *const *texts, guint n)
{
    g_autoptr(GChecksum) sum = g_checksum_new(G_CHECKSUM_SHA256);

    for (guint i = 0; i < n; i++) /* the NUL too, so that no two lists are alike */
        g_checksum_update(sum, (const guchar *)texts[i], (gssize)strlen(texts[i]) + 1);
    return g_strndup(g_checksum_get_string(sum), KEY_LENGTH);
}

/* ---- the record ---- */

static char
alignment(gboolean strict)
{
    return strict ? 's' : 'r';
}

static void
append_failure_options(GString *out, guint fo)
{
    static const char letters[] = "01ds"; /* in the order of enum dmarc_failure_options */
    const char *before = "; fo=";

    for (guint i = 0; i < 4; i++)
        if ((fo & 1u << i) != 0) {
            g_string_append_printf(out, "%s%c", before, letters[i]);
            before = ":";
        }
}

char *
dmarc_store_record(const struct dmarc_record *record)
{
    GString *out = g_string_new("v=DMARC1");
    const char *before = "; rua=";

    g_string_append_printf(out, "; p=%s", dmarc_policy_name(record->p));
    if (record->has_sp)
        g_string_append_printf(out, "; sp=%s", dmarc_policy_name(record->sp));
    if (record->has_np)
        g_string_append_printf(out, "; np=%s", dmarc_policy_name(record->np));
    g_string_append_printf(out, "; adkim=%c; aspf=%c; pct=%u%s", alignment(record->strict_dkim),
                           alignment(record->strict_spf), record->pct, record->testing ? "; t=y" : "");
    append_failure_options(out, record->fo);
    for (guint i = 0; i < record->rua->len; i++) {
        const struct dmarc_uri *uri = g_ptr_array_index(record->rua, i);
        gsize length = out->len;

        g_string_append_printf(out, "%s%s", before, uri->uri);
        if (uri->max_bytes > 0)
            g_string_append_printf(out, "!%" G_GUINT64_FORMAT, uri->max_bytes);
        if (out->len > DMARC_RECORD_MAX) {
            g_string_truncate(out, length);
            break;
        }
        before = ",";
    }
    return g_string_free(out, FALSE);
}

/* ---- tallies ---- */

struct dmarc_tally *
dmarc_tally_new(gint64 day, const char *domain, const struct dmarc_record *record)
{
    struct dmarc_tally *tally = g_new0(struct dmarc_tally, 1);

    tally->day = day;
    tally->domain = dmarc_store_clean(domain, DMARC_STORE_TEXT_MAX - 2);
    tally->record = dmarc_store_record(record);
    tally->messages = 1;
    return tally;
}

void
dmarc_tally_set(struct dmarc_tally *tally, enum dmarc_tally_text which, const char *text)
{
    gsize max = which >= TALLY_DKIM        ? DMARC_STORE_LONG_MAX
                : which == TALLY_SOURCE_IP ? 2 * DMARC_STORE_WORD_MAX
                : which == TALLY_DISPOSITION || which == TALLY_ALIGNED_DKIM || which == TALLY_ALIGNED_SPF
                    ? DMARC_STORE_WORD_MAX
                    : DMARC_STORE_TEXT_MAX;

    g_free(tally->texts[which]);
    tally->texts[which] = dmarc_store_clean(text, max);
}

void
dmarc_tally_seal(struct dmarc_tally *tally)
{
    g_autofree char *key = NULL;

    for (guint i = 0; i < TALLY_TEXTS; i++)
        if (tally->texts[i] == NULL)
            tally->texts[i] = g_strdup("");
    key = dmarc_store_key((const char *const *)tally->texts, TALLY_TEXTS);
    g_strlcpy(tally->key, key, sizeof tally->key);
}

void
dmarc_tally_free(struct dmarc_tally *tally)
{
    if (tally == NULL)
        return;
    for (guint i = 0; i < TALLY_TEXTS; i++)
        g_free(tally->texts[i]);
    g_free(tally->domain);
    g_free(tally->record);
    g_free(tally);
}

static gboolean
add_tally(struct sql *sql, const struct dmarc_tally *tally, GError **error)
{
    const struct sql_value policy[] = {SQL_I(tally->day), SQL_T(tally->domain), SQL_T(tally->record)};
    struct sql_value values[4 + TALLY_TEXTS] = {SQL_I(tally->day), SQL_T(tally->domain), SQL_T(tally->key),
                                                SQL_I(tally->messages)};

    for (guint i = 0; i < TALLY_TEXTS; i++)
        values[4 + i] = SQL_T(tally->texts[i]);
    return sql_run(sql, "dmarc_policy_set", policy, G_N_ELEMENTS(policy), NULL, NULL, NULL, error) &&
           sql_run(sql, "dmarc_tally_add", values, G_N_ELEMENTS(values), NULL, NULL, NULL, error);
}

static gboolean
take_int(const struct sql_row *row, gpointer data)
{
    *(gint64 *)data = sql_row_int(row, 0);
    return FALSE;
}

static gboolean
add_batch(struct sql *sql, const char *writer, gint64 batch, const GPtrArray *tallies, GError **error)
{
    const struct sql_value name = SQL_T(writer);
    const struct sql_value values[] = {SQL_T(writer), SQL_I(batch),
                                       SQL_I(g_get_real_time() / G_USEC_PER_SEC / DMARC_STORE_DAY_S)};
    gint64 newest = -1;

    if (!sql_run(sql, "dmarc_writer_batch", &name, 1, take_int, &newest, NULL, error))
        return FALSE;
    if (newest >= batch)
        return TRUE;
    for (guint i = 0; i < tallies->len; i++)
        if (!add_tally(sql, g_ptr_array_index(tallies, i), error))
            return FALSE;
    return sql_run(sql, "dmarc_writer_set", values, G_N_ELEMENTS(values), NULL, NULL, NULL, error);
}

gboolean
dmarc_store_add_batch(struct sql *sql, const char *writer, gint64 batch, const GPtrArray *tallies,
                      GError **error)
{
    if (!sql_begin(sql, error))
        return FALSE;
    if (add_batch(sql, writer, batch, tallies, error))
        return sql_commit(sql, error);
    sql_rollback(sql);
    return FALSE;
}

/* ---- reports ---- */

static gboolean
take_name(const struct sql_row *row, gpointer data)
{
    g_ptr_array_add(data, g_strdup(sql_row_text(row, 0, NULL)));
    return TRUE;
}

GPtrArray *
dmarc_store_domains(struct sql *sql, gint64 day, const char *after, gboolean with_done, guint max,
                    GError **error)
{
    const struct sql_value values[] = {SQL_I(day), SQL_T(after), SQL_I(with_done ? 1 : 0), SQL_I(max)};
    g_autoptr(GPtrArray) domains = g_ptr_array_new_with_free_func(g_free);

    if (!sql_run(sql, "dmarc_policies", values, G_N_ELEMENTS(values), take_name, domains, NULL, error))
        return NULL;
    return g_steal_pointer(&domains);
}

gboolean
dmarc_store_done(struct sql *sql, gint64 day, const char *domain, GError **error)
{
    const struct sql_value values[] = {SQL_I(day), SQL_T(domain)};

    return sql_run(sql, "dmarc_policy_reported", values, G_N_ELEMENTS(values), NULL, NULL, NULL, error);
}

static gboolean
take_text(const struct sql_row *row, gpointer data)
{
    *(char **)data = g_strdup(sql_row_text(row, 0, NULL));
    return FALSE;
}

char *
dmarc_store_site(struct sql *sql, GError **error)
{
    g_autofree char *new_id = g_strdup_printf("%08x%08x", g_random_int(), g_random_int());
    const struct sql_value value = SQL_T(new_id);
    g_autoptr(GError) failure = NULL;
    char *id = NULL;

    if (!sql_run(sql, "dmarc_site_get", NULL, 0, take_text, &id, NULL, error) || id != NULL)
        return id;
    if (sql_run(sql, "dmarc_site_set", &value, 1, NULL, NULL, NULL, &failure))
        return g_steal_pointer(&new_id);
    if (g_error_matches(failure, SQL_ERROR, SQL_ERROR_DUPLICATE)) /* another was first */
        sql_run(sql, "dmarc_site_get", NULL, 0, take_text, &id, NULL, error);
    else
        g_propagate_error(error, g_steal_pointer(&failure));
    return id;
}

static gboolean
take_record(const struct sql_row *row, gpointer data)
{
    const char *why;
    gsize length;
    const char *text = sql_row_text(row, 0, &length);

    *(struct dmarc_record **)data = dmarc_record_parse(text, length, &why);
    return FALSE;
}

gboolean
dmarc_store_policy(struct sql *sql, gint64 day, const char *domain, struct dmarc_record **record_r,
                   GError **error)
{
    const struct sql_value values[] = {SQL_I(day), SQL_T(domain)};

    *record_r = NULL;
    return sql_run(sql, "dmarc_policy_get", values, G_N_ELEMENTS(values), take_record, record_r, NULL, error);
}

/* NULL for "": the element is left out. */
static char *
present(const char *text)
{
    return *text != '\0' ? g_strdup(text) : NULL;
}

static void
add_signatures(struct dmarc_report_row *row, const char *text)
{
    g_auto(GStrv) entries = g_strsplit(text, "; ", -1);

    for (guint i = 0; entries[i] != NULL; i++) {
        g_auto(GStrv) words = g_strsplit(entries[i], " ", 3);
        struct dmarc_report_dkim *dkim;

        if (g_strv_length(words) != 3)
            continue;
        dkim = dmarc_report_add_dkim(row);
        dkim->domain = g_strdup(words[0]);
        dkim->selector = present(words[1]);
        dkim->result = g_strdup(words[2]);
    }
}

static void
add_spf(struct dmarc_report_row *row, const char *text)
{
    g_auto(GStrv) words = g_strsplit(text, " ", 3);
    struct dmarc_report_spf *spf;

    if (g_strv_length(words) != 3)
        return;
    spf = dmarc_report_add_spf(row);
    spf->domain = g_strdup(words[0]);
    spf->scope = g_strdup(words[1]);
    spf->result = g_strdup(words[2]);
}

static gboolean
take_tally(const struct sql_row *row, gpointer data)
{
    struct dmarc_report *report = data;
    struct dmarc_report_row *to;
    const char *texts[TALLY_TEXTS];

    if (report->rows->len == DMARC_REPORT_ROWS_MAX) {
        report->left_out = TRUE;
        return FALSE;
    }
    for (guint i = 0; i < TALLY_TEXTS; i++)
        texts[i] = sql_row_text(row, 1 + i, NULL);
    to = dmarc_report_add_row(report);
    to->count = (guint64)MAX(sql_row_int(row, 0), 0);
    to->source_ip = g_strdup(texts[TALLY_SOURCE_IP]);
    to->disposition = g_strdup(texts[TALLY_DISPOSITION]);
    to->dkim = g_strdup(texts[TALLY_ALIGNED_DKIM]);
    to->spf = g_strdup(texts[TALLY_ALIGNED_SPF]);
    to->envelope_to = present(texts[TALLY_ENVELOPE_TO]);
    to->envelope_from = g_strdup(texts[TALLY_ENVELOPE_FROM]);
    to->header_from = g_strdup(texts[TALLY_HEADER_FROM]);
    if (*texts[TALLY_REASON] != '\0') {
        struct dmarc_report_reason *reason = dmarc_report_add_reason(to);
        reason->type = g_strdup(texts[TALLY_REASON]);
        reason->comment = present(texts[TALLY_COMMENT]);
    }
    add_signatures(to, texts[TALLY_DKIM]);
    add_spf(to, texts[TALLY_SPF]);
    return TRUE;
}

static void
fill_policy(struct dmarc_report *report, const char *domain, const struct dmarc_record *record)
{
    g_autoptr(GString) fo = g_string_new(NULL);

    append_failure_options(fo, record->fo);
    report->domain = g_strdup(domain);
    report->adkim = g_strdup_printf("%c", alignment(record->strict_dkim));
    report->aspf = g_strdup_printf("%c", alignment(record->strict_spf));
    report->p = g_strdup(dmarc_policy_name(record->p));
    report->sp = g_strdup(dmarc_policy_name(record->sp));
    report->np = record->has_np ? g_strdup(dmarc_policy_name(record->np)) : NULL;
    report->pct = g_strdup_printf("%u", record->pct);
    report->fo = fo->len > 0 ? g_strdup(strchr(fo->str, '=') + 1) : NULL;
    report->testing = record->testing ? g_strdup("y") : NULL;
}

struct dmarc_report *
dmarc_store_report(struct sql *sql, gint64 day, const char *domain, const struct dmarc_record *record,
                   GError **error)
{
    const struct sql_value values[] = {SQL_I(day), SQL_T(domain), SQL_I(DMARC_REPORT_ROWS_MAX + 1)};
    struct dmarc_report *report = dmarc_report_new();

    report->begin = (guint64)(day * DMARC_STORE_DAY_S);
    report->end = report->begin + DMARC_STORE_DAY_S - 1;
    fill_policy(report, domain, record);
    if (!sql_run(sql, "dmarc_tallies", values, G_N_ELEMENTS(values), take_tally, report, NULL, error))
        dmarc_report_free(&report);
    return report;
}

/* ---- what was sent ---- */

gboolean
dmarc_store_is_sent(struct sql *sql, const struct dmarc_sent *sent, gboolean *is_sent_r, GError **error)
{
    g_autofree char *target = dmarc_store_key(&sent->uri, 1);
    const struct sql_value values[] = {SQL_I(sent->day), SQL_T(sent->domain), SQL_T(target),
                                       SQL_I(sent->part)};
    gint64 count = 0;
    gboolean done =
        sql_run(sql, "dmarc_sent_count", values, G_N_ELEMENTS(values), take_int, &count, NULL, error);

    *is_sent_r = count > 0;
    return done;
}

gboolean
dmarc_store_sent(struct sql *sql, const struct dmarc_sent *sent, gint64 now_s, GError **error)
{
    g_autofree char *target = dmarc_store_key(&sent->uri, 1);
    g_autofree char *detail = dmarc_store_clean(sent->detail, DMARC_STORE_TEXT_MAX);
    const struct sql_value values[] = {SQL_I(sent->day),     SQL_T(sent->domain), SQL_T(target),
                                       SQL_I(sent->part),    SQL_T(sent->uri),    SQL_I(now_s),
                                       SQL_T(sent->outcome), SQL_T(detail)};

    return sql_run(sql, "dmarc_sent_add", values, G_N_ELEMENTS(values), NULL, NULL, NULL, error);
}

/* ---- what is old ---- */

/* The rows before the report, by which they are found. */
static gboolean
prune_report(struct sql *sql, const char *id, GError **error)
{
    const struct sql_value value = SQL_T(id);

    return sql_run(sql, "dmarc_prune_rows", &value, 1, NULL, NULL, NULL, error) &&
           sql_run(sql, "dmarc_prune_report", &value, 1, NULL, NULL, NULL, error);
}

static gboolean
prune_reports(struct sql *sql, gint64 before_s, GError **error)
{
    const struct sql_value values[] = {SQL_I(before_s), SQL_I(DMARC_STORE_PRUNE_ROWS)};
    guint found;

    do {
        g_autoptr(GPtrArray) ids = g_ptr_array_new_with_free_func(g_free);

        if (!sql_run(sql, "dmarc_old_reports", values, G_N_ELEMENTS(values), take_name, ids, NULL, error))
            return FALSE;
        found = ids->len;
        for (guint i = 0; i < ids->len; i++)
            if (!prune_report(sql, g_ptr_array_index(ids, i), error))
                return FALSE;
    } while (found == DMARC_STORE_PRUNE_ROWS);
    return TRUE;
}

gboolean
dmarc_store_prune(struct sql *sql, gint64 day, GError **error)
{
    static const char *const steps[] = {"dmarc_prune_policies", "dmarc_prune_tallies", "dmarc_prune_sent",
                                        "dmarc_prune_writers"};
    const struct sql_value values[] = {SQL_I(day), SQL_I(DMARC_STORE_PRUNE_ROWS)};

    for (guint i = 0; i < G_N_ELEMENTS(steps); i++) {
        gint64 gone;

        do {
            if (!sql_run(sql, steps[i], values, G_N_ELEMENTS(values), NULL, NULL, &gone, error))
                return FALSE;
        } while (gone == DMARC_STORE_PRUNE_ROWS);
    }
    return prune_reports(sql, day * DMARC_STORE_DAY_S, error);
}
