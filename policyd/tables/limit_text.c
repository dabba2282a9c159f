/* limit_text.c: see limit_text.h. */
#include "policyd/tables/limit_text.h"
#include <gio/gio.h>
#include <string.h>
#include "lib/base/log.h"
#include "policyd/rates/rate.h"

guint32
limit_window_find(const char *name)
{
    for (guint w = 0; w < METER_WINDOWS; w++)
        if (strcmp(rate_window_names[w], name) == 0)
            return rate_windows[w];
    return 0;
}

const char *
limit_window_name(gint64 seconds)
{
    for (guint w = 0; w < METER_WINDOWS; w++)
        if (rate_windows[w] == seconds)
            return rate_window_names[w];
    return NULL;
}

gboolean
limit_text_parse(const char *text, struct limit_text *limit_r, GError **error)
{
    g_auto(GStrv) parts = g_strsplit(text, "/", 2);
    gboolean whole = g_strv_length(parts) == 2, none = whole && strcmp(parts[0], "none") == 0;
    guint64 amount = 0;

    limit_r->seconds = whole ? limit_window_find(parts[1]) : 0;
    if (limit_r->seconds > 0 && (none || g_ascii_string_to_unsigned(parts[0], 10, 0, LIMIT_AMOUNT_MAX, &amount, NULL))) {
        limit_r->amount = none ? -1 : (gint64)amount;
        return TRUE;
    }
    g_autoptr(GString) shown = g_string_new(NULL);
    log_sanitize(shown, text, strlen(text), 80);
    g_set_error(error, G_IO_ERROR, G_IO_ERROR_INVALID_ARGUMENT,
                "\"%s\" is no limit; write it as 500/hour or none/hour, of a minute, an hour or a day, with at most %d", shown->str, LIMIT_AMOUNT_MAX);
    return FALSE;
}

char *
limit_text_make(gint64 amount, gint64 seconds)
{
    g_autofree char *much = amount < 0 ? g_strdup("none") : g_strdup_printf("%" G_GINT64_FORMAT, amount);
    const char *window = limit_window_name(seconds);

    return window != NULL ? g_strdup_printf("%s/%s", much, window) : g_strdup_printf("%s/%" G_GINT64_FORMAT "s", much, seconds);
}
