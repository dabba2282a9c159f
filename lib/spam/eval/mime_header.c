/* mime_header.c: see mime_header.h. */
#include "lib/spam/eval/mime_header.h"
#include <string.h>
#include "lib/spam/view/all_fields.h"
#include "lib/spam/view/bytes.h"

#define HITS_MAX 1000u /* of a rule that counts, when it doesn't say another number */

struct mime_header_rule {
    const struct spam_mimeheader *definition;
    struct pattern *pattern;
    gboolean joined; /* concat */
    guint most;      /* hits */
};

struct mime_header_rule *
mime_header_rule_new(const struct spam_rule *rule, GError **error)
{
    const struct spam_mimeheader *definition = rule->mimeheader;
    struct pattern *pattern = pattern_new(definition->pattern.text, strlen(definition->pattern.text), NULL, error);
    struct mime_header_rule *ready;

    if (pattern == NULL)
        return NULL;
    ready = g_new0(struct mime_header_rule, 1);
    ready->definition = definition;
    ready->pattern = pattern;
    ready->joined = (rule->flags & SPAM_TFLAG_CONCAT) != 0;
    ready->most = rule->max_hits > 0 ? rule->max_hits : (rule->flags & SPAM_TFLAG_MULTIPLE) != 0 ? HITS_MAX : 1;
    return ready;
}

void
mime_header_rule_free(gpointer data)
{
    struct mime_header_rule *rule = data;

    if (rule == NULL)
        return;
    pattern_free(rule->pattern);
    g_free(rule);
}

/* All fields of the part in one. */
static GString *
all_of(struct spam_tree *tree, const struct spam_part *part, gboolean raw)
{
    g_autoptr(GPtrArray) lines = g_ptr_array_new_with_free_func((GDestroyNotify)g_bytes_unref);
    GString *text = g_string_new(NULL);

    all_fields_add(part, raw, lines, &tree->truncated_header);
    for (guint i = 0; i < lines->len; i++) {
        gsize length;
        const char *line = g_bytes_get_data(lines->pdata[i], &length);
        g_string_append_len(text, line, (gssize)length);
    }
    return text;
}

/* What the rule looks at in a part. */
static GString *
value_of(const struct spam_mimeheader *definition, struct spam_tree *tree, const struct spam_part *part)
{
    const struct spam_field *first;
    const GString *value;

    if (strcmp(definition->header, "ALL") == 0)
        return all_of(tree, part, definition->raw);
    first = part_field(part, definition->header, -1);
    if (first == NULL)
        return g_string_new(definition->raw ? "" : definition->if_unset); /* raw: a field that isn't there counts as an empty one */
    value = definition->raw ? &first->last->raw : &first->last->value;
    return g_string_new_len(value->str, (gssize)value->len);
}

static guint
count(const struct mime_header_rule *rule, struct matcher *matcher, const GString *text)
{
    gboolean gave_up = FALSE;

    return pattern_count(rule->pattern, matcher, text->str, text->len, rule->most, &gave_up);
}

guint
mime_header_hits(const struct mime_header_rule *rule, struct spam_tree *tree, struct matcher *matcher)
{
    const struct spam_mimeheader *definition = rule->definition;
    guint index = 0, hits = 0;

    if (definition->negated)
        return 1;
    g_autoptr(GPtrArray) parts = tree_parts(tree);
    g_autoptr(GString) joined = g_string_new(NULL);
    for (guint i = 0; i < parts->len && hits == 0; i++) {
        const struct spam_part *part = parts->pdata[i];
        if (*part->type == '\0' || ++index < definition->range_min)
            continue;
        if (index > definition->range_max)
            break;
        g_autoptr(GString) value = value_of(definition, tree, part);
        if (!rule->joined) {
            hits = count(rule, matcher, value);
            continue;
        }
        g_string_append_len(joined, value->str, (gssize)value->len);
        if (value->len == 0 || value->str[value->len - 1] != '\n')
            g_string_append_c(joined, '\n');
    }
    return rule->joined ? count(rule, matcher, joined) : hits;
}
