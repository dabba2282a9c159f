/* archive_mbox.c: mboxrd entries and the rendered X-Envelope-To. */
#include <string.h>
#include "cli/archive_export.h"

gboolean
export_uses_crlf(const void *message, gsize length)
{
    const char *start = message, *lf = length ? memchr(message, '\n', length) : NULL;

    return lf && lf > start && lf[-1] == '\r';
}

void
export_envelope_header(GString *out, const char *name, const json_t *envelope_to, gboolean crlf)
{
    const char *end = crlf ? "\r\n" : "\n";
    gsize column = strlen(name) + 1;

    g_string_append_printf(out, "%s:", name);
    for (size_t n = 0; n < json_array_size(envelope_to); n++) {
        const char *address = json_string_value(json_array_get(envelope_to, n));
        if (!address)
            continue;
        if (n > 0)
            g_string_append_c(out, ',');
        if (column + strlen(address) + 2 > 76 && n > 0) {
            g_string_append(out, end);
            column = 0;
        }
        g_string_append_c(out, ' ');
        /* Whatever the address holds, it stays one field. */
        for (const char *c = address; *c; c++)
            g_string_append_c(out, *c == '\r' || *c == '\n' ? '?' : *c);
        column += strlen(address) + 2;
    }
    g_string_append(out, end);
}

/* RFC 4155: a "From " line needs one word, and asctime in UTC. */
static void
append_from_line(GString *out, const char *sender, gint64 time)
{
    static const char *const days[] = {"Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun"};
    static const char *const months[] = {"Jan", "Feb", "Mar", "Apr", "May", "Jun",
                                         "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"};
    g_autoptr(GDateTime) utc = g_date_time_new_from_unix_utc(time);

    g_string_append(out, "From ");
    if (!*sender)
        g_string_append(out, "MAILER-DAEMON");
    for (; *sender; sender++)
        g_string_append_c(out, g_ascii_isspace(*sender) || g_ascii_iscntrl(*sender) ? '_' : *sender);
    if (!utc)
        utc = g_date_time_new_from_unix_utc(0);
    g_string_append_printf(out, " %s %s %2d %02d:%02d:%02d %d\n", days[g_date_time_get_day_of_week(utc) - 1],
                           months[g_date_time_get_month(utc) - 1], g_date_time_get_day_of_month(utc),
                           g_date_time_get_hour(utc), g_date_time_get_minute(utc), g_date_time_get_second(utc),
                           g_date_time_get_year(utc));
}

static void
append_line(GString *out, const char *line, gsize length)
{
    gsize quotes = 0;

    if (length > 0 && line[length - 1] == '\r')
        length--;
    while (quotes < length && line[quotes] == '>')
        quotes++;
    if (length - quotes >= 5 && memcmp(line + quotes, "From ", 5) == 0)
        g_string_append_c(out, '>');
    g_string_append_len(out, line, (gssize)length);
    g_string_append_c(out, '\n');
}

void
export_mbox_entry(GString *out, const char *sender, gint64 time, const char *header, const void *message,
                  gsize length)
{
    const char *at = message, *end = at + length;

    append_from_line(out, sender, time);
    if (header)
        g_string_append(out, header);
    while (at < end) {
        const char *lf = memchr(at, '\n', (gsize)(end - at));
        append_line(out, at, (gsize)((lf ? lf : end) - at));
        at = lf ? lf + 1 : end;
    }
    g_string_append_c(out, '\n');
}
