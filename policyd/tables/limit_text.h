/* limit_text.h: limits as people write them: "500/hour", "0/day" (nothing at all), "none/minute" (as much as they like). */
#pragma once
#include <glib.h>

#define LIMIT_AMOUNT_MAX 1000000000

struct limit_text {
    gint64 amount; /* -1: none */
    guint32 seconds;
};
/* FALSE and error (G_IO_ERROR_INVALID_ARGUMENT): it is none, or of a window that no check has. */
gboolean limit_text_parse(const char *text, struct limit_text *limit_r, GError **error);
/* Caller frees. Of a window that no check has: "500/7200s". */
char *limit_text_make(gint64 amount, gint64 seconds);
/* Seconds of "hour"; 0: there is no such window. And back; NULL. */
guint32 limit_window_find(const char *name);
const char *limit_window_name(gint64 seconds);
