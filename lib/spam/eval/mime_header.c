/* mime_header.c: see mime_header.h. */
#include "lib/spam/eval/mime_header.h"
#include <string.h>
#include "lib/spam/view/all_fields.h"
#include "lib/spam/view/bytes.h"

#define HITS_MAX 1000u /* of a rule that counts, when it doesn't say another number */
#define CAPTURES_MAX 1000u /* matches that are looked at for what groups took */

struct mime_header_rule {
    char *header;
    gsize header_length;
    guint header_hash; /* part_field_hash */
    gboolean is_all;   /* ALL: not one field, but all of them */
    struct pattern *pattern;
    guint range_min, range_max;
    gboolean negated, raw, has_captures;
    gboolean joined; /* concat */
    guint most;      /* hits */
    const char *missing; /* what a part without the field is looked at as */
    guint missing_hits;  /* and how often the rule hits that */
};

struct mime_headers {
    struct spam_tree *tree;
    GPtrArray *parts;    /* const struct spam_part *: those with a type */
    GPtrArray *all[2];   /* GString *, by part: what ALL is, decoded and raw; NULL: not asked yet */
};

/* ---- rules ---- */

static guint
count(const struct mime_header_rule *rule, struct matcher *matcher, const char *text, gsize length)
{
    gboolean gave_up = FALSE;

    if (rule->most == 1)
        return pattern_match(rule->pattern, matcher, text, length, 0, NULL, NULL) == MATCH_YES;
    return pattern_count(rule->pattern, matcher, text, length, rule->most, &gave_up);
}

struct mime_header_rule *
mime_header_rule_new(const struct spam_rule *rule, GError **error)
{
    const struct spam_mimeheader *definition = rule->mimeheader;
    struct pattern *pattern = pattern_new(definition->pattern.text, strlen(definition->pattern.text), NULL, error);
    struct mime_header_rule *ready;
    struct matcher *matcher;

    if (pattern == NULL)
        return NULL;
    ready = g_new0(struct mime_header_rule, 1);
    ready->header = g_strdup(definition->header);
    ready->header_length = strlen(ready->header);
    ready->header_hash = part_field_hash(ready->header, ready->header_length);
    ready->is_all = strcmp(ready->header, "ALL") == 0;
    ready->pattern = pattern;
    ready->range_min = definition->range_min;
    ready->range_max = definition->range_max;
    ready->negated = definition->negated;
    ready->raw = definition->raw;
    ready->has_captures = rule->has_captures;
    ready->joined = (rule->flags & SPAM_TFLAG_CONCAT) != 0;
    ready->most = rule->max_hits > 0 ? rule->max_hits : (rule->flags & SPAM_TFLAG_MULTIPLE) != 0 ? HITS_MAX : 1;
    ready->missing = definition->raw ? "" : definition->if_unset; /* raw: a field that isn't there counts as an empty one */
    matcher = matcher_new();
    ready->missing_hits = count(ready, matcher, ready->missing, strlen(ready->missing));
    matcher_free(matcher);
    return ready;
}

void
mime_header_rule_free(gpointer data)
{
    struct mime_header_rule *rule = data;

    if (rule == NULL)
        return;
    pattern_free(rule->pattern);
    g_free(rule->header);
    g_free(rule);
}

/* ---- a message's fields ---- */

static void
string_free(gpointer string)
{
    if (string != NULL)
        bytes_free(string);
}

struct mime_headers *
mime_headers_new(struct spam_tree *tree)
{
    struct mime_headers *headers = g_new0(struct mime_headers, 1);
    g_autoptr(GPtrArray) all = tree_parts(tree);

    headers->tree = tree;
    headers->parts = g_ptr_array_new();
    for (guint i = 0; i < all->len; i++)
        if (*((const struct spam_part *)all->pdata[i])->type != '\0')
            g_ptr_array_add(headers->parts, all->pdata[i]);
    return headers;
}

void
mime_headers_free(struct mime_headers *headers)
{
    if (headers == NULL)
        return;
    for (guint raw = 0; raw < G_N_ELEMENTS(headers->all); raw++)
        g_clear_pointer(&headers->all[raw], g_ptr_array_unref);
    g_ptr_array_unref(headers->parts);
    g_free(headers);
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

/* ---- a rule on them ---- */

static const GString *
all_at(struct mime_headers *headers, guint i, gboolean raw)
{
    GPtrArray **all = &headers->all[raw != FALSE];

    if (*all == NULL) {
        *all = g_ptr_array_new_with_free_func(string_free);
        g_ptr_array_set_size(*all, (gint)headers->parts->len);
    }
    if ((*all)->pdata[i] == NULL)
        (*all)->pdata[i] = all_of(headers->tree, headers->parts->pdata[i], raw);
    return (*all)->pdata[i];
}

/* What the rule looks at in the i-th part; NULL: what it takes a missing field for. */
static const GString *
value_of(const struct mime_header_rule *rule, struct mime_headers *headers, guint i)
{
    const struct spam_field *first;

    if (rule->is_all)
        return all_at(headers, i, rule->raw);
    first = part_field_by_hash(headers->parts->pdata[i], rule->header, rule->header_length, rule->header_hash);
    if (first == NULL)
        return NULL;
    return rule->raw ? &first->last->raw : &first->last->value;
}

static gboolean
same_bytes(gconstpointer a, gconstpointer b)
{
    return g_bytes_equal(a, b);
}

/* What the named groups took in the last match, each once. found: name -> GPtrArray of GBytes. */
static void
take(const struct mime_header_rule *rule, struct matcher *matcher, const char *text, GHashTable *found)
{
    const char *const *names = pattern_names(rule->pattern);

    for (guint i = 0; names != NULL && names[i] != NULL; i++) {
        g_autoptr(GBytes) value = pattern_capture(rule->pattern, matcher, text, names[i]);
        const char *name = g_intern_string(names[i]); /* outlives the rule */
        GPtrArray *values = g_hash_table_lookup(found, name);

        if (value == NULL || g_bytes_get_size(value) == 0)
            continue;
        if (values == NULL) {
            values = g_ptr_array_new_with_free_func((GDestroyNotify)g_bytes_unref);
            g_hash_table_insert(found, (gpointer)name, values);
        }
        if (!g_ptr_array_find_with_equal_func(values, value, same_bytes, NULL))
            g_ptr_array_add(values, g_bytes_ref(value));
    }
}

/* Puts what all matches in the text took into the tags: what others have put there goes. */
static void
capture(const struct mime_header_rule *rule, struct matcher *matcher, const char *text, gsize length, GHashTable *tags)
{
    g_autoptr(GHashTable) found = g_hash_table_new(g_str_hash, g_str_equal);
    GHashTableIter iter;
    gpointer name, values;
    gsize begin = 0, end = 0;

    for (guint n = 0; n < MIN(rule->most, CAPTURES_MAX) && end <= length; n++) {
        if (pattern_match(rule->pattern, matcher, text, length, end, &begin, &end) != MATCH_YES)
            break;
        take(rule, matcher, text, found);
        end += end == begin; /* nothing: on behind it */
    }
    g_hash_table_iter_init(&iter, found);
    while (g_hash_table_iter_next(&iter, &name, &values))
        g_hash_table_insert(tags, name, values);
}

/* concat: the parts' values as one text, each with a line end. */
static guint
count_joined(const struct mime_header_rule *rule, struct mime_headers *headers, guint first, guint end, struct matcher *matcher,
             GHashTable *tags)
{
    g_autoptr(GString) joined = g_string_new(NULL);

    for (guint i = first; i < end; i++) {
        const GString *value = value_of(rule, headers, i);
        if (value != NULL)
            g_string_append_len(joined, value->str, (gssize)value->len);
        else
            g_string_append(joined, rule->missing);
        if (value != NULL ? value->len == 0 || value->str[value->len - 1] != '\n'
                          : !g_str_has_suffix(rule->missing, "\n"))
            g_string_append_c(joined, '\n');
    }
    if (tags != NULL)
        capture(rule, matcher, joined->str, joined->len, tags);
    return count(rule, matcher, joined->str, joined->len);
}

guint
mime_header_hits(const struct mime_header_rule *rule, struct mime_headers *headers, struct matcher *matcher, GHashTable *tags)
{
    guint first = MAX(rule->range_min, 1) - 1, end = MIN(rule->range_max, headers->parts->len), hits = 0;

    if (rule->negated)
        return 1;
    if (!rule->has_captures)
        tags = NULL;
    if (rule->joined)
        return count_joined(rule, headers, first, end, matcher, tags);
    for (guint i = first; i < end && hits == 0; i++) {
        const GString *value = value_of(rule, headers, i);
        hits = value != NULL ? count(rule, matcher, value->str, value->len) : rule->missing_hits;
        if (hits > 0 && tags != NULL)
            capture(rule, matcher, value != NULL ? value->str : rule->missing, value != NULL ? value->len : strlen(rule->missing), tags);
    }
    return hits;
}
