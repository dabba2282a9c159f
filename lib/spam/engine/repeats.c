/* repeats.c: for the X of each such pattern a prefilter, whose matches are counted by text. */
#include "lib/spam/engine/repeats.h"
#include "lib/spam/engine/pattern.h"
#include <string.h>

#define LEAST_MAX 1000u

struct repeats {
    GArray *parts;  /* struct part */
    guint *places;  /* by rule: 1 + the number of its part, or 0 */
};

struct part {
    struct prefilter *prefilter; /* X by itself: a database of several is scanned slower than those that are asked for, one by one */
    guint least, width; /* how many of X there must be, of how many bytes each at least */
};

/* ---- patterns ---- */

/* Behind the class that begins at p; NULL for one that has no end, or one that is easily read in two ways. */
static const char *
skip_class(const char *p)
{
    p += p[1] == '^' ? 2 : 1;
    if (*p == ']')
        return NULL;
    for (; *p != '\0' && *p != ']'; p++)
        if (*p == '\\' && p[1] != '\0')
            p++;
        else if (*p == '[' && p[1] == ':')
            p = strchr(p, ']') != NULL ? strchr(p, ']') : p;
    return *p == ']' ? p + 1 : NULL;
}

/* Comments and extended syntax may hold brackets that are none. */
static gboolean
is_plain_group(const char *p)
{
    const char *flags = p + 2;

    if (p[1] == '*')
        return FALSE;
    if (p[1] != '?')
        return TRUE;
    return *flags != '#' && memchr(flags, 'x', strspn(flags, "^imsxn-")) == NULL;
}

/* The bracket that closes the group at p, or NULL. */
static const char *
group_end(const char *p)
{
    guint depth = 0;

    while (p != NULL && *p != '\0') {
        if (*p == '\\') {
            if (p[1] == '\0' || strchr("QELUlu", p[1]) != NULL)
                return NULL;
            p += 2;
            continue;
        }
        if (*p == '(' && !is_plain_group(p))
            return NULL;
        depth += *p == '(';
        if (*p == ')' && --depth == 0)
            return p;
        p = *p == '[' ? skip_class(p) : p + 1;
    }
    return NULL;
}

char *
repeats_split(const char *pattern, guint *least_r)
{
    const char *group = pattern, *close;
    char *end;
    guint64 least;

    if (g_str_has_prefix(pattern, "(?") && pattern[2 + strspn(pattern + 2, "ims")] == ')')
        group = pattern + 3 + strspn(pattern + 2, "ims");
    close = g_str_has_prefix(group, "(?:") ? group_end(group) : NULL;
    if (close == NULL || close[1] != '{' || !g_ascii_isdigit(close[2]))
        return NULL;
    least = g_ascii_strtoull(close + 2, &end, 10);
    if (*end == ',')
        end += 1 + strspn(end + 1, "0123456789");
    if (strcmp(end, "}") != 0 || least < 2 || least > LEAST_MAX)
        return NULL;
    *least_r = (guint)least;
    return g_strndup(pattern, (gsize)(close + 1 - pattern));
}

/* ---- making ---- */

static void
part_clear(gpointer part)
{
    prefilter_free(((struct part *)part)->prefilter);
}

static guint
width_of(const char *text)
{
    struct pattern *pattern = pattern_new(text, strlen(text), NULL, NULL);
    guint width = pattern != NULL ? pattern_least_length(pattern) : 0;

    pattern_free(pattern);
    return width;
}

/* The part of the rule's pattern, if it is such a one; FALSE when it can't be had. */
static gboolean
add_part(struct repeats *repeats, const struct spam_rule *rule, guint *place_r, enum engine_start start, const char *cache, GError **error)
{
    const char *pattern = rule->templates == NULL ? rule->pattern.text : NULL;
    struct part part = {0};
    g_autofree char *text = pattern != NULL && strlen(pattern) >= REPEATS_PATTERN_MIN ? repeats_split(pattern, &part.least) : NULL;
    const struct prefilter_rule input = {.text = text, .length = text != NULL ? strlen(text) : 0};

    if (text == NULL)
        return TRUE;
    part.prefilter = start == ENGINE_CACHED ? prefilter_cached(&input, 1, PREFILTER_ENDS, cache, error)
                                            : prefilter_new(&input, 1, PREFILTER_ENDS, cache, NULL, error);
    if (part.prefilter == NULL)
        return FALSE;
    part.width = width_of(text);
    g_array_append_val(repeats->parts, part);
    *place_r = repeats->parts->len;
    return TRUE;
}

gboolean
repeats_make(struct repeats **repeats_r, const GPtrArray *rules, enum engine_start start, const char *cache, GError **error)
{
    struct repeats *repeats = g_new0(struct repeats, 1);
    gboolean good = TRUE;

    *repeats_r = NULL;
    repeats->places = g_new0(guint, rules->len + 1);
    repeats->parts = g_array_new(FALSE, FALSE, sizeof(struct part));
    g_array_set_clear_func(repeats->parts, part_clear);
    for (guint i = 0; i < rules->len && good; i++)
        good = add_part(repeats, rules->pdata[i], &repeats->places[i], start, cache, error);
    if (good && repeats->parts->len > 0)
        *repeats_r = repeats;
    else
        repeats_free(repeats);
    return good;
}

void
repeats_free(struct repeats *repeats)
{
    if (repeats == NULL)
        return;
    g_array_unref(repeats->parts);
    g_free(repeats->places);
    g_free(repeats);
}

void
repeats_fit(const struct repeats *repeats, struct prefilter_scratch *scratch)
{
    for (guint i = 0; repeats != NULL && i < repeats->parts->len; i++)
        prefilter_scratch_fit(scratch, g_array_index(repeats->parts, struct part, i).prefilter);
}

/* ---- looking ---- */

void
repeats_seen_init(struct repeats_seen *seen)
{
    seen->counts = g_array_new(FALSE, TRUE, sizeof(guint32));
    seen->known = g_byte_array_new();
}

void
repeats_seen_clear(struct repeats_seen *seen)
{
    g_array_unref(seen->counts);
    g_byte_array_unref(seen->known);
}

void
repeats_begin(const struct repeats *repeats, struct repeats_seen *seen)
{
    if (repeats == NULL)
        return;
    g_byte_array_set_size(seen->known, repeats->parts->len);
    memset(seen->known->data, 0, repeats->parts->len);
}

gboolean
repeats_may_match(const struct repeats *repeats, struct repeats_seen *seen, struct prefilter_scratch *scratch, guint rule, guint text,
                  const struct repeats_texts *texts)
{
    guint place = repeats != NULL ? repeats->places[rule] : 0, n = texts->begins->len;
    const struct part *part;

    if (place == 0 || text >= n)
        return TRUE;
    part = &g_array_index(repeats->parts, struct part, place - 1);
    if (!seen->known->data[place - 1]) {
        g_array_set_size(seen->counts, MAX(seen->counts->len, repeats->parts->len * n));
        prefilter_count(part->prefilter, scratch, texts->whole, texts->length, (const gsize *)(gconstpointer)texts->begins->data, n, part->width,
                        &g_array_index(seen->counts, guint32, (place - 1) * n));
        seen->known->data[place - 1] = TRUE;
    }
    return g_array_index(seen->counts, guint32, (place - 1) * n + text) >= part->least;
}
