/* fuzz_dmarc_report.c: any bytes as an aggregate report; what is read must be written as something that is read the same. */
#include "lib/mail/auth/dmarc_report_read.h"
#include "lib/mail/auth/dmarc_report_xml.h"
#include <string.h>

int LLVMFuzzerTestOneInput(const guint8 *data, size_t size);

int
LLVMFuzzerTestOneInput(const guint8 *data, size_t size)
{
    g_autoptr(GBytes) bytes = g_bytes_new(data, size);
    const char *why = NULL;
    struct dmarc_report *report = dmarc_report_read(bytes, &why);

    if (report == NULL) {
        if (why == NULL)
            g_error("refused without a reason");
        return 0;
    }
    const char *id = report->report_id != NULL ? report->report_id : "";
    g_autoptr(GString) xml = dmarc_report_xml(report, 0, report->rows->len, id);
    g_autoptr(GBytes) written = g_bytes_new(xml->str, xml->len);
    struct dmarc_report *again = dmarc_report_read(written, &why);
    if (again == NULL)
        g_error("%s: %s", why, xml->str);
    g_autoptr(GString) twice = dmarc_report_xml(again, 0, again->rows->len, id);
    if (strcmp(xml->str, twice->str) != 0)
        g_error("%s\nis read as\n%s", xml->str, twice->str);
    dmarc_report_free(&report);
    dmarc_report_free(&again);
    return 0;
}
