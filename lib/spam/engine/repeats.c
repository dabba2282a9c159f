/* repeats.c: for the X of each such pattern a prefilter that says where X may begin. */
#include "lib/spam/engine/repeats.h"
#include "lib/spam/engine/pattern.h"
#include "lib/spam/engine/prefilter_atoms.h"
#include <string.h>

#define LEAST_MAX 1000u
#define STARTS_MAX 10000u /* in the texts of a list: of more, each text is tried as a whole */

struct repeats {
    GArray *parts;  /* struct part */
    guint *places;  /* by rule: 1 + the number of its part, or 0 */
};

struct part {
    struct prefilter *prefilter; /* X by itself: a database of several is scanned slower than those that are asked for, one by one */
    guint least, width; /* how many of X there must be, of how many bytes each at least */
};

/* ---- patterns ---- */

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
        p = *p == '[' ? atoms_sure_class_end(p) : p + 1;
    }
    return NULL;
}

char *
repeats_split(const char *pattern, guint *least_r)
{
    const char *group = pattern, *close;
    char *end;
    guint64 least;

    if (pattern[0] == '(' && pattern[1] == '?' && pattern[2 + strspn(pattern + 2, "ims")] == ')')
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
    part.prefilter = start == ENGINE_CACHED ? prefilter_cached(&input, 1, PREFILTER_STARTS, cache, error)
                                            : prefilter_new(&input, 1, PREFILTER_STARTS, cache, NULL, error);
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

/* What is known of one X in the texts. */
struct repeats_part {
    gboolean looked_for, unknown;
    guint first, n; /* of the starts */
};

void
repeats_seen_init(struct repeats_seen *seen)
{
    seen->starts = g_array_new(FALSE, FALSE, sizeof(guint32));
    seen->found = g_array_new(FALSE, FALSE, sizeof(guint32));
    seen->parts = g_array_new(FALSE, FALSE, sizeof(struct repeats_part));
}

void
repeats_seen_clear(struct repeats_seen *seen)
{
    g_array_unref(seen->starts);
    g_array_unref(seen->found);
    g_array_unref(seen->parts);
}

void
repeats_begin(const struct repeats *repeats, struct repeats_seen *seen)
{
    if (repeats == NULL)
        return;
    g_array_set_size(seen->starts, 0);
    g_array_set_size(seen->parts, repeats->parts->len);
    memset(seen->parts->data, 0, repeats->parts->len * sizeof(struct repeats_part));
}

static const struct repeats_part *
look_for(const struct part *part, struct repeats_part *known, struct repeats_seen *seen, struct prefilter_scratch *scratch,
         const struct repeats_texts *texts)
{
    if (known->looked_for)
        return known;
    known->looked_for = TRUE;
    known->unknown = !prefilter_starts(part->prefilter, scratch, texts->whole, texts->length, STARTS_MAX, seen->found);
    if (!known->unknown) {
        known->first = seen->starts->len;
        known->n = seen->found->len;
        g_array_append_vals(seen->starts, seen->found->data, seen->found->len);
    }
    return known;
}

/* How many of the n sorted starts are before the offset. */
static guint
starts_before(const guint32 *starts, guint n, gsize offset)
{
    guint low = 0, high = n;

    while (low < high) {
        guint middle = (low + high) / 2;
        if (starts[middle] < offset)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

/* How many of the n sorted starts have so many behind them that the whole may begin there. */
static guint
starts_of_whole(const struct part *part, const guint32 *starts, guint n)
{
    guint there = 0, next = 0;

    for (guint i = n; i-- > 0;) {
        if (there > 0 && starts[i] + MAX(part->width, 1) > next)
            continue;
        next = starts[i];
        if (++there == part->least)
            return i + 1;
    }
    return 0;
}

gboolean
repeats_starts(const struct repeats *repeats, struct repeats_seen *seen, struct prefilter_scratch *scratch, guint rule, guint text,
               const struct repeats_texts *texts, const guint32 **starts_r, guint *n_r)
{
    guint place = repeats != NULL ? repeats->places[rule] : 0, first;
    const struct repeats_part *known;
    const struct part *part;
    const guint32 *starts;

    if (place == 0 || text >= texts->begins->len)
        return FALSE;
    part = &g_array_index(repeats->parts, struct part, place - 1);
    known = look_for(part, &g_array_index(seen->parts, struct repeats_part, place - 1), seen, scratch, texts);
    if (known->unknown)
        return FALSE;
    starts = known->n > 0 ? &g_array_index(seen->starts, guint32, known->first) : NULL;
    first = starts_before(starts, known->n, g_array_index(texts->begins, gsize, text));
    *n_r = (text + 1 < texts->begins->len ? starts_before(starts, known->n, g_array_index(texts->begins, gsize, text + 1)) : known->n) - first;
    *starts_r = starts + first;
    *n_r = starts_of_whole(part, *starts_r, *n_r);
    return TRUE;
}
