/* pattern_share.c: finds the groups of a pattern, counts those of equal text, and writes it anew. */
#include "lib/spam/engine/pattern_share.h"
#include <string.h>

#define SHARED_BYTES_MIN 24u /* of a group: a call has about ten */
#define GROUPS_MAX 100000u
#define DEPTH_MAX 200u

struct group {
    gsize begin, end; /* with its brackets; end 0: not closed, or not to be shared */
    guint text;       /* number of its text among all texts */
};

struct sharer {
    const GString *pattern;
    gboolean capturing;
    GArray *groups;     /* struct group, by begin */
    GHashTable *texts;  /* GBytes -> number + 1 */
    GArray *counts;     /* guint, by number of a text */
    GArray *defined;    /* gboolean likewise */
    GString *out, *definitions;
};

/* Where a class or an escape that begins at `at` ends; at + 1 for other characters. */
static gsize
skip(const GString *p, gsize at)
{
    if (p->str[at] == '\\')
        return MIN(at + 2, p->len);
    if (p->str[at] != '[')
        return at + 1;
    at++; /* perl_syntax.c has escaped brackets in classes, but for those of POSIX classes */
    while (at < p->len && p->str[at] != ']') {
        if (p->str[at] == '[' && at + 1 < p->len && strchr(":.=", p->str[at + 1]) != NULL && p->str[at + 1] != '\0') {
            const char *close = strchr(p->str + at, ']');
            at = close != NULL ? (gsize)(close - p->str) + 1 : p->len;
        } else {
            at = skip(p, at);
        }
    }
    return MIN(at + 1, p->len);
}

/* Whether the group that begins there captures nothing, and is none that looks around: "(?:" or "(?flags:". */
static gboolean
is_plain(const GString *p, gsize at, gboolean capturing)
{
    if (!capturing && p->str[at + 1] != '?' && p->str[at + 1] != '*')
        return TRUE;
    if (!g_str_has_prefix(p->str + at, "(?"))
        return FALSE;
    at += 2;
    at += strspn(p->str + at, "^imsxn-");
    return p->str[at] == ':';
}

static gboolean
captures(const GString *p, gsize at, gboolean capturing)
{
    const char *inner = p->str + at + 1; /* a NUL ends the pattern */

    if (*inner == '*')
        return FALSE;
    if (*inner != '?')
        return capturing;
    return (inner[1] == '<' && inner[2] != '=' && inner[2] != '!') || inner[1] == 'P' || inner[1] == '\'' || inner[1] == '|';
}

static void
close_group(struct sharer *s, struct group *group, gsize end)
{
    g_autoptr(GBytes) text = NULL;
    gpointer number;
    guint one = s->pattern->str[end] == '{' ? 2 : 1; /* a repeated group is compiled as often */
    gboolean no = FALSE;

    if (end - group->begin < SHARED_BYTES_MIN || !is_plain(s->pattern, group->begin, s->capturing))
        return;
    group->end = end;
    text = g_bytes_new_static(s->pattern->str + group->begin, end - group->begin);
    number = g_hash_table_lookup(s->texts, text);
    if (number != NULL) {
        group->text = GPOINTER_TO_UINT(number) - 1;
        g_array_index(s->counts, guint, group->text)++;
        return;
    }
    group->text = s->counts->len;
    g_array_append_val(s->counts, one);
    g_array_append_val(s->defined, no);
    g_hash_table_insert(s->texts, g_steal_pointer(&text), GUINT_TO_POINTER(group->text + 1));
}

/* Length of a flag setting "(?i)" at `at`, or 0. */
static gsize
flag_setting(const GString *p, gsize at)
{
    gsize stop = at + 2;

    if (!g_str_has_prefix(p->str + at, "(?"))
        return 0;
    stop += strspn(p->str + stop, "^imsxn-");
    return p->str[stop] == ')' ? stop + 1 - at : 0;
}

static gboolean
switches_flags(const GString *p, gsize at)
{
    return g_str_has_prefix(p->str + at, "(?") && strchr("^imsxn-", p->str[at + 2]) != NULL && p->str[at + 2] != '\0';
}

/* Finds all groups; FALSE when there are too many, brackets don't match, or flags are switched on the way. What is inside a group
 * with flags of its own is not shared, since definitions have those of the whole. */
static gboolean
find_groups(struct sharer *s)
{
    struct {
        guint group;
        gboolean captured, flagged;
    } open[DEPTH_MAX];
    guint depth = 0, flagged = 0;
    gsize begin = 0, length;

    while ((length = flag_setting(s->pattern, begin)) > 0)
        begin += length;
    for (gsize at = begin; at < s->pattern->len; at = skip(s->pattern, at)) {
        if (s->pattern->str[at] == '(') {
            struct group group = {.begin = at};
            if (depth == DEPTH_MAX || s->groups->len == GROUPS_MAX || flag_setting(s->pattern, at) > 0)
                return FALSE;
            open[depth].group = s->groups->len;
            open[depth].captured = captures(s->pattern, at, s->capturing);
            open[depth].flagged = switches_flags(s->pattern, at);
            flagged += open[depth++].flagged;
            g_array_append_val(s->groups, group);
        } else if (s->pattern->str[at] == ')') {
            if (depth-- == 0)
                return FALSE;
            flagged -= open[depth].flagged;
            if (open[depth].captured && depth > 0)
                open[depth - 1].captured = TRUE; /* it holds a capture */
            else if (!open[depth].captured && flagged == 0)
                close_group(s, &g_array_index(s->groups, struct group, open[depth].group), at + 1);
        }
    }
    return depth == 0;
}

/* Writes the bytes from begin to end; first: the first group at or after begin. */
static void
write_range(struct sharer *s, GString *out, gsize begin, gsize end, guint first, guint depth)
{
    guint i = first;

    while (begin < end) {
        while (i < s->groups->len && g_array_index(s->groups, struct group, i).begin < begin)
            i++;
        const struct group *group = i < s->groups->len ? &g_array_index(s->groups, struct group, i) : NULL;
        if (group == NULL || group->begin >= end) {
            g_string_append_len(out, s->pattern->str + begin, (gssize)(end - begin));
            return;
        }
        g_string_append_len(out, s->pattern->str + begin, (gssize)(group->begin - begin));
        begin = group->begin;
        if (group->end == 0 || g_array_index(s->counts, guint, group->text) < 2 || depth > DEPTH_MAX) {
            g_string_append_c(out, s->pattern->str[begin++]);
            continue;
        }
        g_string_append_printf(out, "(?&s%u)", group->text);
        if (!g_array_index(s->defined, gboolean, group->text)) {
            g_autoptr(GString) definition = g_string_new(NULL);
            g_array_index(s->defined, gboolean, group->text) = TRUE;
            g_string_append_printf(definition, "(?<s%u>", group->text);
            g_string_append_c(definition, s->pattern->str[begin]); /* the group itself, what is in it shared */
            write_range(s, definition, begin + 1, group->end, i + 1, depth + 1);
            g_string_append_c(definition, ')');
            g_string_append_len(s->definitions, definition->str, (gssize)definition->len);
        }
        begin = group->end;
    }
}

GString *
pattern_share(const GString *pattern, gboolean captures)
{
    struct sharer s = {.pattern = pattern, .capturing = captures};
    GString *result = NULL;

    s.groups = g_array_new(FALSE, TRUE, sizeof(struct group));
    s.texts = g_hash_table_new_full(g_bytes_hash, g_bytes_equal, (GDestroyNotify)g_bytes_unref, NULL);
    s.counts = g_array_new(FALSE, TRUE, sizeof(guint));
    s.defined = g_array_new(FALSE, TRUE, sizeof(gboolean));
    s.definitions = g_string_new(NULL);
    if (find_groups(&s)) {
        result = g_string_sized_new(pattern->len);
        write_range(&s, result, 0, pattern->len, 0, 0);
        if (s.definitions->len > 0)
            g_string_append_printf(result, "(?(DEFINE)%s)", s.definitions->str);
        else
            g_string_free(g_steal_pointer(&result), TRUE);
    }
    g_array_unref(s.groups);
    g_array_unref(s.counts);
    g_array_unref(s.defined);
    g_hash_table_unref(s.texts);
    g_string_free(s.definitions, TRUE);
    return result;
}
