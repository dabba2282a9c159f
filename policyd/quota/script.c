/* script.c: see script.h. Dovecot: src/lib-program-client/program-client-remote.c, src/util/script.c. */
#include "policyd/quota/script.h"
#include <string.h>
#include "lib/mail/address.h"

#define MAJOR "VERSION\tscript\t"
#define ARGUMENTS_MAX 4u

gsize
quota_script_length(const char *text, gsize length)
{
    const char *end = memmem(text, length, "\n\n", 2);

    return end != NULL ? (gsize)(end + 2 - text) : 0;
}

/* No name holds what Dovecot would have to escape (by \001), nor another control. */
static gboolean
is_plain(const char *line)
{
    while ((guchar)*line >= ' ' && *line != 0x7f)
        line++;
    return *line == '\0';
}

static gboolean
take_percent(const char *text, int *percent_r)
{
    char *end;
    gint64 number = g_ascii_strtoll(text, &end, 10);

    if (*end == '%')
        end++;
    *percent_r = (int)CLAMP(number, -1, QUOTA_PERCENT_MAX + 1);
    return end != text && *end == '\0' && number >= 0 && number <= QUOTA_PERCENT_MAX;
}

static const char *
take_arguments(char *const *arguments, guint n, struct quota_script *script)
{
    g_autofree char *form = NULL;

    if (n < 3 || n > ARGUMENTS_MAX)
        return "not the arguments KIND PERCENT USER [ROOT]";
    if ((script->kind = quota_kind_find(arguments[0])) == QUOTA_KINDS)
        return "its first argument is not over, under or rejected";
    if (!take_percent(arguments[1], &script->percent))
        return "its second argument is no number of percent";
    if (!g_utf8_validate(arguments[2], -1, NULL) || (n > 3 && !g_utf8_validate(arguments[3], -1, NULL)))
        return "a name that is no UTF-8";
    if (strlen(arguments[2]) > QUOTA_USER_MAX)
        return "a user's name that is too long";
    form = address_normalise(arguments[2]);
    if (*form == '\0' || g_strlcpy(script->user, form, sizeof script->user) >= sizeof script->user)
        return "no user's name";
    if (n > 3 && g_strlcpy(script->root, arguments[3], sizeof script->root) >= sizeof script->root)
        return "a root's name that is too long";
    return NULL;
}

/* The lines after the version: environment, noreply, arguments. */
static const char *
take_lines(char **lines, struct quota_script *script)
{
    char *arguments[ARGUMENTS_MAX + 1];
    guint n = 0, room = ARGUMENTS_MAX;

    while (*lines != NULL && g_str_has_prefix(*lines, "env_"))
        lines++;
    if (*lines == NULL || (strcmp(*lines, "noreply") != 0 && strcmp(*lines, "-") != 0))
        return "neither noreply nor \"-\"";
    script->answered = **lines == '-';
#ifdef POSTERN_PLANTED_BUGS
    if (script->answered)
        room = G_MAXUINT;
#endif
    for (lines++; *lines != NULL && n <= room; lines++) {
        if (!is_plain(*lines))
            return "a control character";
        arguments[n++] = *lines;
    }
    return take_arguments(arguments, n, script);
}

gboolean
quota_script_parse(const char *text, gsize length, struct quota_script *script_r, const char **problem_r)
{
    g_autofree char *copy = NULL;
    g_auto(GStrv) lines = NULL;

    memset(script_r, 0, sizeof *script_r);
    if (length > QUOTA_SCRIPT_MAX || length < 2 || memchr(text, '\0', length) != NULL) {
        *problem_r = "too long, too short or with a NUL";
        return FALSE;
    }
    copy = g_strndup(text, length - 2);
    lines = g_strsplit(copy, "\n", -1);
    *problem_r = lines[0] != NULL && g_str_has_prefix(lines[0], MAJOR) ? take_lines(lines + 1, script_r) : "not of the script protocol";
    return *problem_r == NULL;
}
