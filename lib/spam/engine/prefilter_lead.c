/* prefilter_lead.c: atoms of the expression's top level, from the first on. */
#include "lib/spam/engine/prefilter_lead.h"
#include <string.h>
#include "lib/spam/engine/prefilter_atoms.h"

#define RUN_LEAST 4u /* bytes that a run may have */
#define LITERAL 2u   /* atoms, or a group of several: something to look for */

/* ---- atoms ---- */

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
        p = atoms_end(p);
    } while (depth > 0);
    return p;
}

/* ---- runs ---- */

/* Whether any letter is of the class or the escape, and it may come often. */
static gboolean
is_run(const char *p)
{
    const char *end = atoms_end(p);
    guint64 most;
    gboolean any_letter = *p == '.' || (*p == '\\' && strchr("wSDNH", p[1]) != NULL) ||
                          (*p == '[' && (p[1] == '^' || g_strstr_len(p, end - p, "a-z") != NULL || g_strstr_len(p, end - p, "\\w") != NULL));

    atoms_repeat_end(end, &most);
    return any_letter && most >= RUN_LEAST;
}

/* Whether an alternative of the group, or what it begins with, is a run. */
static gboolean
begins_with_run(const char *p, const char *end)
{
    gboolean at_begin = TRUE;

    if (*p != '(')
        return is_run(p);
    for (; p < end; p = atoms_end(p)) {
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
    for (; *p != '\0'; p = atoms_end(p))
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
    gsize flags = atoms_flags_length(expression);
    const char *p, *cut = NULL, *end, *behind;
    guint before = 0; /* atoms that are neither runs nor assertions */

    if (atoms_are_extended(expression) || !is_one_row(expression + flags) || refers_back(expression))
        return NULL;
    for (p = expression + flags; *p != '\0' && *p != '^' && before < LITERAL; p = behind) {
        gboolean run;
        end = atom_end(p);
        run = !is_assertion(p) && begins_with_run(p, end);
        behind = atoms_repeat_end(end, NULL);
        before = run ? 0 : is_assertion(p) ? before : *p == '(' ? LITERAL : before + 1;
        cut = run ? behind : cut;
    }
    if (cut == NULL || *cut == '\0')
        return NULL;
    return g_strdup_printf("%.*s%s", (int)flags, expression, cut);
}
