/* words.h: arguments of commands on the control socket: percent-encoded, between blanks; an empty one is "%20". */
#pragma once
#include <glib.h>

/* n words, decoded (NULL-terminated; caller frees with g_strfreev); NULL, and why in answer, when there are not as many. */
char **control_words(const char *args, guint n, GString *answer);
/* The same of at least and at most so many. */
char **control_words_between(const char *args, guint least, guint most, GString *answer);
