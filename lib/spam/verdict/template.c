/* template.c: finds tags. A name is words of A-Z and 0-9 joined by single underscores, the first begins with a letter; the argument
 * in brackets ends at the first ")_" of the line. */
#include "lib/spam/verdict/template.h"
#include <string.h>

struct tag {
    const char *name, *argument; /* argument NULL: without brackets */
    gsize name_length, argument_length;
    const char *end; /* behind the closing underscore */
};

static gboolean
is_word(const char *p, const char *end)
{
    return p < end && (g_ascii_isupper(*p) || g_ascii_isdigit(*p));
}

/* The argument that begins behind the bracket at p. */
static gboolean
find_argument(const char *p, const char *end, struct tag *tag)
{
    for (const char *q = p + 1; q + 1 < end && *q != '\n'; q++)
        if (q[0] == ')' && q[1] == '_') {
            tag->argument = p + 1;
            tag->argument_length = (gsize)(q - p - 1);
            tag->end = q + 2;
            return TRUE;
        }
    return FALSE;
}

/* The tag whose first underscore is at p. The longest name counts; where nothing closes it, the one without its last word. */
static gboolean
find_tag(const char *p, const char *end, struct tag *tag)
{
    const char *q = p + 1, *last = NULL; /* the underscore before the last word */

    *tag = (struct tag){.name = q};
    if (q >= end || !g_ascii_isupper(*q))
        return FALSE;
    for (;;) {
        while (is_word(q, end))
            q++;
        if (q == end || *q != '_' || !is_word(q + 1, end))
            break;
        last = q++;
    }
    tag->name_length = (gsize)(q - tag->name);
    if (q < end && *q == '(' && find_argument(q, end, tag))
        return TRUE;
    if (q == end || *q != '_') {
        if (last == NULL)
            return FALSE;
        q = last;
    }
    tag->name_length = (gsize)(q - tag->name);
    tag->end = q + 1;
    return TRUE;
}

void
template_expand(GString *out, const char *text, gsize length, template_value_fn value, gpointer data)
{
    const char *end = text + length, *done = text;
    gsize most = out->len + TEMPLATE_MAX;
    struct tag tag;

    for (const char *p = text; (p = memchr(p, '_', (gsize)(end - p))) != NULL;) {
        if (!find_tag(p, end, &tag)) {
            p++;
            continue;
        }
        g_autofree char *name = g_strndup(tag.name, tag.name_length);
        g_autofree char *argument = tag.argument != NULL ? g_strndup(tag.argument, tag.argument_length) : NULL;
        GString *found = value(data, name, argument);

        g_string_append_len(out, done, p - done);
        if (found == NULL)
            g_string_append_len(out, p, tag.end - p);
        else if (out->len + found->len <= most)
            g_string_append_len(out, found->str, (gssize)found->len);
        if (found != NULL)
            g_string_free(found, TRUE);
        p = done = tag.end;
    }
    g_string_append_len(out, done, end - done);
}
