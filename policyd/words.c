/* words.c: see words.h. */
#include "policyd/words.h"
#include <string.h>

char **
control_words(const char *args, guint n, GString *answer)
{
    g_auto(GStrv) words = g_strsplit(args, " ", (gint)n + 1);
    char **plain = g_new0(char *, n + 1);

    for (guint i = 0; g_strv_length(words) == n && i < n; i++)
        plain[i] = strcmp(words[i], "%20") == 0 ? g_strdup("") : g_uri_unescape_string(words[i], NULL);
    if (g_strv_length(plain) == n)
        return plain;
    g_strfreev(plain);
    g_string_append_printf(answer, "%u word%s needed, percent-encoded", n, n == 1 ? " is" : "s are");
    return NULL;
}
