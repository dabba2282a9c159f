/* prefilter_atoms.c: see prefilter_atoms.h. */
#include "lib/spam/engine/prefilter_atoms.h"
#include <string.h>

const char *
atoms_class_end(const char *p)
{
    for (p++; *p != '\0' && *p != ']'; p++)
        if (*p == '\\' && p[1] != '\0')
            p++;
        else if (*p == '[' && p[1] == ':' && strchr(p, ']') != NULL)
            p = strchr(p, ']');
    return *p == ']' ? p + 1 : p;
}

const char *
atoms_sure_class_end(const char *p)
{
    const char *begin = p + 1 + (p[1] == '^'), *end;

    if (*begin == ']' || *begin == '\0')
        return NULL;
    end = atoms_class_end(begin - 1);
    return end[-1] == ']' ? end : NULL;
}

const char *
atoms_end(const char *p)
{
    if (*p == '[')
        return atoms_class_end(p);
    if (*p != '\\' || p[1] == '\0')
        return p + 1;
    return p[1] == 'x' && g_ascii_isxdigit(p[2]) && g_ascii_isxdigit(p[3]) ? p + 4 : p + 2;
}

const char *
atoms_repeat_end(const char *p, guint64 *most_r)
{
    guint64 most = *p == '*' || *p == '+' ? G_MAXUINT64 : 1;
    const char *behind = p + (*p == '*' || *p == '+' || *p == '?');

    if (*p == '{' && g_ascii_isdigit(p[1])) {
        char *end;
        guint64 least = g_ascii_strtoull(p + 1, &end, 10), high = least;
        if (*end == ',')
            high = end[1] == '}' ? G_MAXUINT64 : g_ascii_strtoull(end + 1, &end, 10);
        end += *end == ',';
        if (*end == '}') {
            most = high;
            behind = end + 1;
        }
    }
    if (most_r != NULL)
        *most_r = most;
    return behind + (behind > p && (*behind == '?' || *behind == '+'));
}

gsize
atoms_flags_length(const char *expression)
{
    gsize n = expression[0] == '(' && expression[1] == '?' ? 2 + strspn(expression + 2, "imsx-") : 0;

    return n > 0 && expression[n] == ')' ? n + 1 : 0;
}

gboolean
atoms_are_extended(const char *expression)
{
    for (const char *p = expression; (p = strstr(p, "(?")) != NULL; p += 2)
        if (memchr(p + 2, 'x', strspn(p + 2, "imsx-")) != NULL)
            return TRUE;
    return FALSE;
}
