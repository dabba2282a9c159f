/* fuzz_policy_report.c: any bytes as a report of the milter; what is taken must be the same when it is written and read again. */
#include "lib/mail/policy_report.h"
#include <string.h>

int LLVMFuzzerTestOneInput(const guint8 *data, size_t size);

static void
compare(const char *a, const char *b)
{
    if (strcmp(a, b) != 0)
        g_error("\"%s\" has become \"%s\"", a, b);
}

int
LLVMFuzzerTestOneInput(const guint8 *data, size_t size)
{
    g_autofree guint8 *copy = g_memdup2(data, size);
    const char *problem;
    struct policy_report *report = policy_report_parse(copy, size, &problem), *again;
    g_autofree char *text = NULL;
    gsize length;

    if ((report == NULL) != (problem != NULL))
        g_error("neither a report nor a problem");
    if (report == NULL)
        return 0;
    text = policy_report_write(report, &length);
    if (length > POLICY_REPORT_BYTES)
        g_error("%zu bytes", length);
    again = policy_report_parse(text, length, &problem);
    if (again == NULL)
        g_error("%s: %s", problem, text);
    compare(report->login, again->login);
    compare(report->sender, again->sender);
    compare(report->queue_id, again->queue_id);
    compare(report->recipient, again->recipient);
    if (report->recipients != again->recipients || report->verdict != again->verdict || report->dkim->len != again->dkim->len ||
        report->spam != again->spam)
        g_error("another report: %s", text);
    policy_report_free(again);
    policy_report_free(report);
    return 0;
}
