/* words.c: see words.h. */
#include "policyd/words.h"
#include <string.h>

char **
control_words_between(const char *args, guint least, guint most, GString *answer)
{
    g_auto(GStrv) words = g_strsplit(args, " ", (gint)most + 1);
    guint n = g_strv_length(words);
    char **plain = g_new0(char *, n + 1);

    for (guint i = 0; n >= least && n <= most && i < n; i++) {
        plain[i] = strcmp(words[i], "%20") == 0 ? g_strdup("") : g_uri_unescape_string(words[i], NULL);
        if (plain[i] == NULL) /* what came behind it nobody would free */
            break;
    }
    if (n > 0 && g_strv_length(plain) == n)
        return plain;
    g_strfreev(plain);
    if (least != most)
        g_string_append_printf(answer, "%u to %u words are needed, percent-encoded", least, most);
    else
        g_string_append_printf(answer, "%u word%s needed, percent-encoded", least, least == 1 ? " is" : "s are");
    return NULL;
}

char **
control_words(const char *args, guint n, GString *answer)
{
    return control_words_between(args, n, n, answer);
}
