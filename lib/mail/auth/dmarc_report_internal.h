/* dmarc_report_internal.h: where each element of a report is kept; what reader and writer share. Private to lib/mail/auth. */
#pragma once
#include "lib/mail/auth/dmarc_report.h"

#define DMARC_REPORT_PACKED_MAX (16u << 20) /* bytes of a file or an attachment before it is unpacked */
#define DMARC_REPORT_XML_MAX (16u << 20)    /* bytes after it is unpacked */
#define DMARC_REPORT_ENTRIES_MAX 16u        /* files of an archive, attachments of a mail, that are tried */

struct report_shape;
enum report_kind { REPORT_TEXT, REPORT_NUMBER, REPORT_LIST };
struct report_field {
    const char *path;          /* elements from the owner's, "row/source_ip" */
    enum report_kind kind;
    gsize offset;              /* in the owner: of a char *, a guint64, a GPtrArray * */
    const struct report_shape *items; /* LIST */
};
/* A struct and its fields in the order of the schema (RFC 7489 appendix C). */
struct report_shape {
    const char *element;
    gsize size;
    const struct report_field *fields;
    guint n_fields;
};
extern const struct report_shape report_shape; /* struct dmarc_report, <feedback> */

/* The field's place in its owner. */
static inline gpointer
report_place(gconstpointer owner, const struct report_field *field)
{
    return (char *)owner + field->offset;
}
/* A new item at the end of owner's list. */
gpointer report_add(gpointer owner, const struct report_field *field);

/* The XML of a report in a file: bare, in gzip or zip; the XML is valid UTF-8 of characters that XML allows. NULL, and *why_r
 * (static text), when it is neither or passes a cap. Caller frees. */
GString *report_unpack(const guint8 *data, gsize size, const char **why_r);
/* Whether data begins like something that report_unpack takes. */
gboolean report_is_packed(const guint8 *data, gsize size);
