/* prefilter_lead.c: atoms of the expression's top level, from the first on. */
#include "lib/spam/engine/prefilter_lead.h"
#include <string.h>
#include "lib/spam/engine/prefilter_syntax.h"

#define RUN_LEAST 4u /* bytes that a run may have */
#define LITERAL 2u   /* atoms, or a group of several: something to look for */

/* ---- atoms ---- */

static const char *
single_end(const char *p)
{
    if (*p == '[')
        return prefilter_class_end(p);
    if (*p != '\\' || p[1] == '\0')
        return p + 1;
    return p[1] == 'x' && g_ascii_isxdigit(p[2]) && g_ascii_isxdigit(p[3]) ? p + 4 : p + 2;
}

/* Behind a group, or another atom; NULL for a group that has no end, or what is none. */
static const char *
atom_end(const char *p)
{
    guint depth = 0;

    if (*p == ')' || *p == '|')
        return NULL;
    do {
        if (*p == '\0')
            return NULL;
        depth += *p == '(';
        depth -= *p == ')';
        p = single_end(p);
    } while (depth > 0);
    return p;
}

/* How often what stands before p may come at most; *end_r: behind that. */
static guint64
most_times(const char *p, const char **end_r)
{
    guint64 most = *p == '*' || *p == '+' ? G_MAXUINT64 : 1;
    char *end;

    *end_r = p + (*p == '*' || *p == '+' || *p == '?');
    if (*p == '{' && g_ascii_isdigit(p[1])) {
        most = g_ascii_strtoull(p + 1, &end, 10);
        if (*end == ',')
            most = end[1] == '}' ? G_MAXUINT64 : g_ascii_strtoull(end + 1, &end, 10);
        *end_r = p + strcspn(p, "}");
        *end_r += **end_r == '}';
    }
    *end_r += *end_r > p && (**end_r == '?' || **end_r == '+');
    return most;
}

/* ---- runs ---- */

/* Whether any letter is of the class or the escape, and it may come often. */
static gboolean
is_run(const char *p)
{
    const char *end = single_end(p), *behind;
    gboolean any_letter = *p == '.' || (*p == '\\' && strchr("wSDNH", p[1]) != NULL) ||
                          (*p == '[' && (p[1] == '^' || g_strstr_len(p, end - p, "a-z") != NULL || g_strstr_len(p, end - p, "\\w") != NULL));

    return any_letter && most_times(end, &behind) >= RUN_LEAST;
}

/* Whether an alternative of the group, or what it begins with, is a run. */
static gboolean
begins_with_run(const char *p, const char *end)
{
    gboolean at_begin = TRUE;

    if (*p != '(')
        return is_run(p);
    for (; p < end; p = single_end(p)) {
        if (*p == '(' && p[1] == '?' && p[2] == ':')
            p += 2;
        if (*p == '(' || *p == '|' || *p == ':') {
            at_begin = TRUE;
            continue;
        }
        if (at_begin && is_run(p))
            return TRUE;
        at_begin = FALSE;
    }
    return FALSE;
}

/* What takes no byte: \b, or a look around. */
static gboolean
is_assertion(const char *p)
{
    return (*p == '\\' && (p[1] == 'b' || p[1] == 'B')) || (*p == '(' && p[1] == '?' && strchr("=!<", p[2]) != NULL && p[2] != '\0');
}

static gboolean
refers_back(const char *p)
{
    for (; *p != '\0'; p = single_end(p))
        if (*p == '\\' && (g_ascii_isdigit(p[1]) || p[1] == 'k' || p[1] == 'g'))
            return TRUE;
    return FALSE;
}

/* Whether all of it is one row of atoms: no alternatives, and no flags that begin within. */
static gboolean
is_one_row(const char *p)
{
    for (; p != NULL && *p != '\0'; p = atom_end(p))
        if (*p == '(' && p[1] == '?' && p[2 + strspn(p + 2, "imsx-")] == ')')
            return FALSE;
    return p != NULL;
}

char *
prefilter_without_lead(const char *expression)
{
    gsize flags = expression[0] == '(' && expression[1] == '?' ? 2 + strspn(expression + 2, "imsx-") : 0;
    const char *p, *cut = NULL, *end, *behind;
    guint before = 0; /* atoms that are neither runs nor assertions */

    flags = flags > 0 && expression[flags] == ')' ? flags + 1 : 0;
    if (!is_one_row(expression + flags) || refers_back(expression))
        return NULL;
    for (p = expression + flags; *p != '\0' && *p != '^' && before < LITERAL; p = behind) {
        gboolean run;
        end = atom_end(p);
        run = !is_assertion(p) && begins_with_run(p, end);
        most_times(end, &behind);
        before = run ? 0 : is_assertion(p) ? before : *p == '(' ? LITERAL : before + 1;
        cut = run ? behind : cut;
    }
    if (cut == NULL || *cut == '\0')
        return NULL;
    return g_strdup_printf("%.*s%s", (int)flags, expression, cut);
}
