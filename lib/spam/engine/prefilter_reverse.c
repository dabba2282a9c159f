/* prefilter_reverse.c: atoms, each with its repeat, are put before those that were read. */
#include "lib/spam/engine/prefilter_reverse.h"
#include <string.h>
#include "lib/spam/engine/prefilter_atoms.h"

#define NESTED_MAX 100u

struct reader {
    const char *at;
    guint depth;
    gboolean failed;
};

static void read_alternatives(struct reader *r, GString *out);

/* What stands behind an escape that may be read in either direction; NULL: it may not. */
static const char *
escape_end(const char *p)
{
    if (p[1] == 'x')
        return g_ascii_isxdigit(p[2]) && g_ascii_isxdigit(p[3]) ? p + 4 : NULL;
    if (g_ascii_isalnum(p[1]) && strchr("dDsSwWhHvVnrtfeabB", p[1]) == NULL)
        return NULL;
    return p[1] != '\0' ? p + 2 : NULL;
}

/* A group at "(", into out; TRUE: it looks around, and is left out. */
static gboolean
read_group(struct reader *r, GString *out)
{
    const char *flags = r->at + 2;
    gboolean looks = FALSE;

    g_string_append_c(out, '(');
    if (r->at[1] == '?') {
        gsize n = strspn(flags, "ims-");
        looks = *flags == '=' || *flags == '!' || (*flags == '<' && (flags[1] == '=' || flags[1] == '!'));
        r->failed |= !looks && *flags != '>' && flags[n] != ':';
        g_string_append_c(out, '?');
        g_string_append_len(out, flags, (gssize)n);
        g_string_append_c(out, ':');
        r->at = r->failed ? flags : flags + n + 1 + (*flags == '<');
    } else {
        r->failed |= r->at[1] == '*';
        r->at++;
    }
    r->failed |= r->depth == NESTED_MAX;
    if (r->failed)
        return looks;
    r->depth++;
    read_alternatives(r, out);
    r->depth--;
    r->failed |= *r->at != ')';
    r->at += *r->at == ')';
    g_string_append_c(out, ')');
    return looks;
}

/* One atom; empty: what is left out. */
static void
read_atom(struct reader *r, GString *out)
{
    const char *end = r->at + 1;

    if (*r->at == '(') {
        if (read_group(r, out))
            g_string_truncate(out, 0);
        return;
    }
    if (*r->at == '^' || *r->at == '$') {
        r->at++;
        return;
    }
    if (*r->at == '\\' || *r->at == '[')
        end = *r->at == '[' ? atoms_sure_class_end(r->at) : escape_end(r->at);
    r->failed |= end == NULL || strchr("?*+", *r->at) != NULL;
    if (end != NULL)
        g_string_append_len(out, r->at, end - r->at);
    r->at = end != NULL ? end : r->at;
}

static void
read_sequence(struct reader *r, GString *out)
{
    gsize begin = out->len;
    g_autoptr(GString) atom = g_string_new(NULL);

    while (!r->failed && *r->at != '\0' && *r->at != '|' && *r->at != ')') {
        gsize n;
        g_string_truncate(atom, 0);
        read_atom(r, atom);
        n = r->failed ? 0 : (gsize)(atoms_repeat_end(r->at, NULL) - r->at);
        if (atom->len > 0)
            g_string_append_len(atom, r->at, (gssize)(n > 0 && r->at[n - 1] == '+' ? MAX(n - 1, 1) : n)); /* "++" is "+" */
        g_string_insert_len(out, (gssize)begin, atom->str, (gssize)atom->len);
        r->at += n;
    }
}

static void
read_alternatives(struct reader *r, GString *out)
{
    read_sequence(r, out);
    while (!r->failed && *r->at == '|') {
        r->at++;
        g_string_append_c(out, '|');
        read_sequence(r, out);
    }
}

char *
prefilter_reverse(const char *expression)
{
    struct reader r = {.at = expression, .failed = atoms_are_extended(expression)};
    GString *out = g_string_new(NULL);
    gsize flags = atoms_flags_length(expression);

    g_string_append_len(out, expression, (gssize)flags);
    r.at += flags;
    read_alternatives(&r, out);
    return g_string_free(out, r.failed || *r.at != '\0');
}
