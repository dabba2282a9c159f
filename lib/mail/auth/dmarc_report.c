/* dmarc_report.c: the elements of a report, as a table, and its life. */
#include "lib/mail/auth/dmarc_report_internal.h"

#define TEXT(type, path, member) {path, REPORT_TEXT, G_STRUCT_OFFSET(struct type, member), NULL}
#define NUMBER(type, path, member) {path, REPORT_NUMBER, G_STRUCT_OFFSET(struct type, member), NULL}
#define LIST(type, path, member, items) {path, REPORT_LIST, G_STRUCT_OFFSET(struct type, member), items}
#define SHAPE(element, type, fields) {element, sizeof(struct type), fields, G_N_ELEMENTS(fields)}

static const struct report_field reason_fields[] = {
    TEXT(dmarc_report_reason, "type", type),
    TEXT(dmarc_report_reason, "comment", comment),
};
static const struct report_shape reason_shape = SHAPE("reason", dmarc_report_reason, reason_fields);

static const struct report_field dkim_fields[] = {
    TEXT(dmarc_report_dkim, "domain", domain),
    TEXT(dmarc_report_dkim, "selector", selector),
    TEXT(dmarc_report_dkim, "result", result),
    TEXT(dmarc_report_dkim, "human_result", human_result),
};
static const struct report_shape dkim_shape = SHAPE("dkim", dmarc_report_dkim, dkim_fields);

static const struct report_field spf_fields[] = {
    TEXT(dmarc_report_spf, "domain", domain),
    TEXT(dmarc_report_spf, "scope", scope),
    TEXT(dmarc_report_spf, "result", result),
    TEXT(dmarc_report_spf, "human_result", human_result),
};
static const struct report_shape spf_shape = SHAPE("spf", dmarc_report_spf, spf_fields);

enum { ROW_REASONS = 5, ROW_DKIM = 9, ROW_SPF = 10 };
static const struct report_field row_fields[] = {
    TEXT(dmarc_report_row, "row/source_ip", source_ip),
    NUMBER(dmarc_report_row, "row/count", count),
    TEXT(dmarc_report_row, "row/policy_evaluated/disposition", disposition),
    TEXT(dmarc_report_row, "row/policy_evaluated/dkim", dkim),
    TEXT(dmarc_report_row, "row/policy_evaluated/spf", spf),
    [ROW_REASONS] = LIST(dmarc_report_row, "row/policy_evaluated/reason", reasons, &reason_shape),
    TEXT(dmarc_report_row, "identifiers/envelope_to", envelope_to),
    TEXT(dmarc_report_row, "identifiers/envelope_from", envelope_from),
    TEXT(dmarc_report_row, "identifiers/header_from", header_from),
    [ROW_DKIM] = LIST(dmarc_report_row, "auth_results/dkim", dkim_results, &dkim_shape),
    [ROW_SPF] = LIST(dmarc_report_row, "auth_results/spf", spf_results, &spf_shape),
};
static const struct report_shape row_shape = SHAPE("record", dmarc_report_row, row_fields);

enum { REPORT_ROWS = 19 };
static const struct report_field fields[] = {
    TEXT(dmarc_report, "version", version),
    TEXT(dmarc_report, "report_metadata/org_name", org_name),
    TEXT(dmarc_report, "report_metadata/email", email),
    TEXT(dmarc_report, "report_metadata/extra_contact_info", extra_contact_info),
    TEXT(dmarc_report, "report_metadata/report_id", report_id),
    NUMBER(dmarc_report, "report_metadata/date_range/begin", begin),
    NUMBER(dmarc_report, "report_metadata/date_range/end", end),
    TEXT(dmarc_report, "report_metadata/error", error),
    TEXT(dmarc_report, "report_metadata/generator", generator),
    TEXT(dmarc_report, "policy_published/domain", domain),
    TEXT(dmarc_report, "policy_published/adkim", adkim),
    TEXT(dmarc_report, "policy_published/aspf", aspf),
    TEXT(dmarc_report, "policy_published/p", p),
    TEXT(dmarc_report, "policy_published/sp", sp),
    TEXT(dmarc_report, "policy_published/np", np),
    TEXT(dmarc_report, "policy_published/pct", pct),
    TEXT(dmarc_report, "policy_published/fo", fo),
    TEXT(dmarc_report, "policy_published/testing", testing),
    TEXT(dmarc_report, "policy_published/discovery_method", discovery_method),
    [REPORT_ROWS] = LIST(dmarc_report, "record", rows, &row_shape),
};
const struct report_shape report_shape = SHAPE("feedback", dmarc_report, fields);

static gpointer
object_new(const struct report_shape *shape)
{
    gpointer object = g_malloc0(shape->size);

    for (guint i = 0; i < shape->n_fields; i++)
        if (shape->fields[i].kind == REPORT_LIST)
            *(GPtrArray **)report_place(object, &shape->fields[i]) = g_ptr_array_new();
    return object;
}

/* Three levels deep, by the table. */
static void
object_free(gpointer object, const struct report_shape *shape)
{
    for (guint i = 0; i < shape->n_fields; i++) {
        const struct report_field *field = &shape->fields[i];

        if (field->kind == REPORT_TEXT)
            g_free(*(char **)report_place(object, field));
        if (field->kind != REPORT_LIST)
            continue;
        GPtrArray *list = *(GPtrArray **)report_place(object, field);
        for (guint j = 0; j < list->len; j++)
            object_free(g_ptr_array_index(list, j), field->items);
        g_ptr_array_unref(list);
    }
    g_free(object);
}

gpointer
report_add(gpointer owner, const struct report_field *field)
{
    gpointer item = object_new(field->items);

    g_ptr_array_add(*(GPtrArray **)report_place(owner, field), item);
    return item;
}

struct dmarc_report *
dmarc_report_new(void)
{
    return object_new(&report_shape);
}

void
dmarc_report_free(struct dmarc_report **report)
{
    if (*report != NULL)
        object_free(*report, &report_shape);
    *report = NULL;
}

struct dmarc_report_row *
dmarc_report_add_row(struct dmarc_report *report)
{
    return report_add(report, &fields[REPORT_ROWS]);
}

struct dmarc_report_reason *
dmarc_report_add_reason(struct dmarc_report_row *row)
{
    return report_add(row, &row_fields[ROW_REASONS]);
}

struct dmarc_report_dkim *
dmarc_report_add_dkim(struct dmarc_report_row *row)
{
    return report_add(row, &row_fields[ROW_DKIM]);
}

struct dmarc_report_spf *
dmarc_report_add_spf(struct dmarc_report_row *row)
{
    return report_add(row, &row_fields[ROW_SPF]);
}
