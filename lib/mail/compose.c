/* compose.c: see compose.h. */
#include "lib/mail/compose.h"
#include <gmime/gmime.h>

#define LINE_BYTES 57u /* make 76 characters */
#define YEAR_9999_END G_GINT64_CONSTANT(253402300799)

void
compose_date(GString *out, gint64 unix_s)
{
    g_autoptr(GDateTime) time = g_date_time_new_from_unix_utc(CLAMP(unix_s, 0, YEAR_9999_END));
    g_autofree char *text = g_mime_utils_header_format_date(time);

    g_string_append_printf(out, "Date: %s\r\n", text);
}

void
compose_base64(GString *out, const void *data, gsize size)
{
    for (gsize at = 0; at < size; at += LINE_BYTES) {
        g_autofree char *line = g_base64_encode((const guchar *)data + at, MIN(size - at, LINE_BYTES));
        g_string_append_printf(out, "%s\r\n", line);
    }
}
