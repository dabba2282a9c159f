/* snippet.c: a piece of a text around the first word found, with the words marked (index_snippet in index.h).
 *
 * Text and words are cut into units by the segmenter: words, and ideographs one by one, folded and simplified. A word
 * is found where its units follow one another, so 軟體 marks 软体 too. */
#include "archive-store/index/fold.h"
#include "archive-store/index/index.h"
#include "archive-store/index/segmenter.h"
#include <string.h>

#define SCAN_MAX (256 * 1024) /* bytes of text that are looked at */
#define WORDS_MAX 32

struct unit {
    gsize start, end; /* in the source */
    gsize at, length; /* in the pool */
};
struct units {
    GString *pool;
    GArray *array; /* struct unit */
    gboolean prefix;
};
struct range {
    gsize start, end;
};

static gboolean
add_unit(const struct segmenter_token *token, gpointer data)
{
    struct units *units = data;
    struct unit unit = {token->start, token->end, units->pool->len, token->length};

    g_string_append_len(units->pool, token->text, (gssize)token->length);
    g_array_append_val(units->array, unit);
    return TRUE;
}

static struct units *
units_new(struct segmenter *segmenter, const char *text, gsize length)
{
    struct units *units = g_new0(struct units, 1);

    units->pool = g_string_new(NULL);
    units->array = g_array_new(FALSE, FALSE, sizeof(struct unit));
    units->prefix = length > 0 && text[length - 1] == '*';
    segmenter_run(segmenter, text, length, SEGMENTER_UNITS, add_unit, units);
    return units;
}

static void
units_free(gpointer data)
{
    struct units *units = data;

    g_string_free(units->pool, TRUE);
    g_array_free(units->array, TRUE);
    g_free(units);
}

/* matches - do the word's units stand at unit i of the text? */
static gboolean
matches(const struct units *text, guint i, const struct units *word)
{
    guint n = word->array->len;

    if (n == 0 || text->array->len - i < n)
        return FALSE;
    for (guint k = 0; k < n; k++) {
        const struct unit *t = &g_array_index(text->array, struct unit, i + k);
        const struct unit *w = &g_array_index(word->array, struct unit, k);
        gboolean prefix = word->prefix && k + 1 == n;
        if ((prefix ? t->length < w->length : t->length != w->length) ||
            memcmp(text->pool->str + t->at, word->pool->str + w->at, w->length) != 0)
            return FALSE;
    }
    return TRUE;
}

/* find_ranges - where words stand from the first on, to reach bytes after it; joined where they touch */
static GArray *
find_ranges(const struct units *text, const GPtrArray *words, gsize reach)
{
    GArray *ranges = g_array_new(FALSE, FALSE, sizeof(struct range));

    for (guint i = 0; i < text->array->len; i++) {
        gsize start = g_array_index(text->array, struct unit, i).start, end = 0;
        if (ranges->len > 0 && start > g_array_index(ranges, struct range, 0).start + reach)
            break;
        for (guint w = 0; w < words->len; w++) {
            const struct units *word = g_ptr_array_index(words, w);
            if (matches(text, i, word))
                end = MAX(end, g_array_index(text->array, struct unit, i + word->array->len - 1).end);
        }
        if (end <= start)
            continue;
        struct range *last = ranges->len > 0 ? &g_array_index(ranges, struct range, ranges->len - 1) : NULL;
        if (last != NULL && start <= last->end) {
            last->end = MAX(last->end, end);
        } else {
            struct range range = {start, end};
            g_array_append_val(ranges, range);
        }
    }
    return ranges;
}

static gboolean
is_blank(gunichar c)
{
    return c <= ' ' || c == 0x7f || c == 0xa0 || c == 0x3000 || (c >= 0x80 && c < 0xa0);
}

/* back_up - at most n characters before offset at, then on to a word's edge if one is near */
static gsize
back_up(const char *text, gsize at, gsize n)
{
    gsize i = at;

    while (i > 0 && n > 0) {
        i--;
        if (((guint8)text[i] & 0xc0) != 0x80)
            n--;
    }
    while (i > 0 && i < at && ((guint8)text[i] & 0xc0) == 0x80)
        i++;
    if (i == 0)
        return 0;
    for (gsize k = i; k < at && k < i + 24; k++)
        if (text[k] == ' ' || text[k] == '\n')
            return k + 1;
    return i;
}

/* write_piece - about max characters from offset i on, blanks joined, ranges marked; returns where it ended */
static gsize
write_piece(const char *text, gsize length, gsize i, gsize max, const GArray *ranges, const char *open, const char *close,
            GString *out)
{
    guint r = 0;
    gboolean inside = FALSE, blank = TRUE;

    for (gsize n = 0; i < length && (n < max || inside) && n < 2 * max; n++) {
        gunichar c;
        if (inside && i >= g_array_index(ranges, struct range, r).end) {
            g_string_append(out, close);
            inside = FALSE;
            r++;
            if (n >= max)
                break;
        }
        if (!inside && r < ranges->len && i >= g_array_index(ranges, struct range, r).start) {
            g_string_append(out, open);
            inside = TRUE;
        }
        i += fold_decode(text + i, length - i, &c);
        if (is_blank(c)) {
            if (!blank)
                g_string_append_c(out, ' ');
            blank = TRUE;
            continue;
        }
        g_string_append_unichar(out, c);
        blank = FALSE;
    }
    if (inside)
        g_string_append(out, close);
    return i;
}

/* parse_words - the words cut into units */
static GPtrArray *
parse_words(struct segmenter *segmenter, const GPtrArray *words)
{
    GPtrArray *parsed = g_ptr_array_new_with_free_func(units_free);

    for (guint i = 0; words != NULL && i < words->len && i < WORDS_MAX; i++) {
        const char *word = g_ptr_array_index(words, i);
        g_ptr_array_add(parsed, units_new(segmenter, word, strlen(word)));
    }
    return parsed;
}

char *
index_snippet(const char *text, gsize length, GPtrArray *words, gsize max, const char *open, const char *close)
{
    struct segmenter *segmenter = segmenter_new();
    g_autoptr(GPtrArray) parsed = parse_words(segmenter, words);
    GString *out = g_string_new(NULL);
    gsize scan = MIN(length, SCAN_MAX), start = 0;

    while (scan < length && scan > 0 && ((guint8)text[scan] & 0xc0) == 0x80)
        scan--;
    struct units *units = units_new(segmenter, text, scan);
    g_autoptr(GArray) ranges = find_ranges(units, parsed, max * 4);
    if (ranges->len > 0)
        start = back_up(text, g_array_index(ranges, struct range, 0).start, max / 3);
    if (start > 0)
        g_string_append(out, "…");
    if (write_piece(text, length, start, max, ranges, open, close, out) < length)
        g_string_append(out, "…");
    units_free(units);
    segmenter_free(&segmenter);
    return g_string_free(out, FALSE);
}
