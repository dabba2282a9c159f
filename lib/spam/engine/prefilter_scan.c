/* prefilter_scan.c: a text, or many that were joined, scanned by each of the databases.
 *
 * Rough forms for whatever bytes cost many times what those for ASCII do. In most mail in other languages than English, only some of the texts
 * have such bytes: they are put together and scanned apart from the others. No match reaches from one text into another. */
#include <string.h>
#include "lib/base/ascii.h"
#include "lib/spam/engine/prefilter_private.h"

enum kind { OF_ASCII, OF_OTHERS, KINDS };

struct piece {
    guint32 at, from; /* where it begins in the sorted texts, and in what was scanned */
};

struct sorted {
    GByteArray *bytes;
    GArray *pieces; /* struct piece */
};

struct prefilter_scratch {
    hs_scratch_t *scratch;
    gboolean failed; /* no memory: every rule is a candidate */
    struct sorted sorted[KINDS];
};

struct found {
    guint32 *candidates, *ends;
    const struct sorted *sorted; /* what is scanned, when it is not the whole text */
};

struct prefilter_scratch *
prefilter_scratch_new(void)
{
    struct prefilter_scratch *scratch = g_new0(struct prefilter_scratch, 1);

    for (guint i = 0; i < KINDS; i++) {
        scratch->sorted[i].bytes = g_byte_array_new();
        scratch->sorted[i].pieces = g_array_new(FALSE, FALSE, sizeof(struct piece));
    }
    return scratch;
}

void
prefilter_scratch_fit(struct prefilter_scratch *scratch, const struct prefilter *prefilter)
{
    for (guint part = 0; part < PREFILTER_PARTS; part++)
        for (guint i = 0; i < prefilter->databases[part]->len; i++)
            if (hs_alloc_scratch(g_ptr_array_index(prefilter->databases[part], i), &scratch->scratch) != HS_SUCCESS)
                scratch->failed = TRUE;
}

void
prefilter_scratch_free(struct prefilter_scratch *scratch)
{
    if (scratch == NULL)
        return;
    for (guint i = 0; i < KINDS; i++) {
        g_byte_array_unref(scratch->sorted[i].bytes);
        g_array_unref(scratch->sorted[i].pieces);
    }
    hs_free_scratch(scratch->scratch);
    g_free(scratch);
}

/* Where an offset in sorted texts is in the text they were taken from. */
static guint32
offset_in_whole(const struct sorted *sorted, guint32 offset)
{
    guint low = 0, high = sorted->pieces->len;

    while (high - low > 1) {
        guint middle = (low + high) / 2;
        if (g_array_index(sorted->pieces, struct piece, middle).at < offset)
            low = middle;
        else
            high = middle;
    }
    const struct piece *piece = &g_array_index(sorted->pieces, struct piece, low);
    return piece->from + (offset - piece->at);
}

static int
on_match(unsigned id, unsigned long long from, unsigned long long to, unsigned flags, void *data)
{
    const struct found *found = data;

    (void)from, (void)flags;
    if (found->ends != NULL) {
        guint32 end = found->sorted != NULL ? offset_in_whole(found->sorted, (guint32)to) : (guint32)to;
        gboolean is_known = (found->candidates[id / 32] >> id % 32 & 1) != 0;
        found->ends[id] = is_known ? MIN(found->ends[id], end) : end;
    }
    found->candidates[id / 32] |= 1u << id % 32;
    return 0;
}

static void
take_all(const struct prefilter *prefilter, guint32 *candidates, guint32 *ends)
{
    memset(candidates, 0xff, PREFILTER_WORDS(prefilter->n_rules) * sizeof *candidates);
    if (ends != NULL)
        memset(ends, 0, prefilter->n_rules * sizeof *ends);
}

/* FALSE: not known. */
static gboolean
scan_part(const struct prefilter *prefilter, const struct prefilter_scratch *scratch, enum prefilter_part part, const char *text, gsize length,
          struct found *found)
{
    for (guint i = 0; i < prefilter->databases[part]->len; i++)
        if (scratch->failed || length > G_MAXINT32 ||
            hs_scan(g_ptr_array_index(prefilter->databases[part], i), text, (unsigned)length, 0, scratch->scratch, on_match, found) !=
                HS_SUCCESS)
            return FALSE;
    return TRUE;
}

/* The texts of ASCII, and the others. */
static void
sort_texts(struct prefilter_scratch *scratch, const char *text, gsize length, const gsize *begins, guint n_begins)
{
    for (guint i = 0; i < KINDS; i++) {
        g_byte_array_set_size(scratch->sorted[i].bytes, 0);
        g_array_set_size(scratch->sorted[i].pieces, 0);
    }
    for (guint i = 0; i < n_begins; i++) {
        gsize begin = i > 0 ? begins[i] : 0, end = i + 1 < n_begins ? begins[i + 1] : length;
        struct sorted *sorted = &scratch->sorted[bytes_are_ascii(text + begin, end - begin) ? OF_ASCII : OF_OTHERS];
        const struct piece piece = {.at = sorted->bytes->len, .from = (guint32)begin};
        g_array_append_val(sorted->pieces, piece);
        g_byte_array_append(sorted->bytes, (const guint8 *)text + begin, (guint)(end - begin));
    }
}

static gboolean
scan_sorted(const struct prefilter *prefilter, const struct prefilter_scratch *scratch, enum kind kind, struct found *found)
{
    const struct sorted *sorted = &scratch->sorted[kind];

    found->sorted = sorted;
    return sorted->bytes->len == 0 || scan_part(prefilter, scratch, kind == OF_ASCII ? PREFILTER_PART_ROUGH_ASCII : PREFILTER_PART_ROUGH,
                                                (const char *)sorted->bytes->data, sorted->bytes->len, found);
}

void
prefilter_scan_joined(const struct prefilter *prefilter, struct prefilter_scratch *scratch, const char *text, gsize length,
                      const gsize *begins, guint n_begins, guint32 *candidates, guint32 *ends_r)
{
    struct found found = {.candidates = candidates, .ends = ends_r};
    gboolean ascii = bytes_are_ascii(text, length), good;

    text = text != NULL ? text : "";
    for (guint i = 0; i < prefilter->n_rules && ends_r != NULL && prefilter->n_untaken > 0; i++)
        if (prefilter_is_untaken(prefilter, i))
            ends_r[i] = 0;
    for (guint i = 0; i < PREFILTER_WORDS(prefilter->n_rules); i++)
        candidates[i] |= prefilter->always[i];
    good = scan_part(prefilter, scratch, PREFILTER_PART_EXACT, text, length, &found);
    if (ascii || n_begins < 2 || prefilter->databases[PREFILTER_PART_ROUGH]->len == 0) {
        good = good && scan_part(prefilter, scratch, ascii ? PREFILTER_PART_ROUGH_ASCII : PREFILTER_PART_ROUGH, text, length, &found);
    } else if (good) {
        sort_texts(scratch, text, length, begins, n_begins);
        good = scan_sorted(prefilter, scratch, OF_ASCII, &found) && scan_sorted(prefilter, scratch, OF_OTHERS, &found);
    }
    if (!good)
        take_all(prefilter, candidates, ends_r); /* not known: all of them */
}

void
prefilter_scan(const struct prefilter *prefilter, struct prefilter_scratch *scratch, const char *text, gsize length,
               guint32 *candidates, guint32 *ends_r)
{
    prefilter_scan_joined(prefilter, scratch, text, length, NULL, 0, candidates, ends_r);
}

/* ---- starts ---- */

struct backwards {
    gsize length; /* of the text */
    guint most;
    GArray *starts;
};

static int
on_start(unsigned id, unsigned long long from, unsigned long long to, unsigned flags, void *data)
{
    const struct backwards *backwards = data;
    guint32 start = (guint32)(backwards->length - to);
    GArray *starts = backwards->starts;

    (void)id, (void)from, (void)flags;
    if (starts->len > 0 && g_array_index(starts, guint32, starts->len - 1) == start)
        return 0;
    if (starts->len == backwards->most)
        return 1;
    g_array_append_val(starts, start);
    return 0;
}

static gint
by_value(gconstpointer a, gconstpointer b)
{
    guint32 x = *(const guint32 *)a, y = *(const guint32 *)b;

    return (x > y) - (x < y);
}

gboolean
prefilter_starts(const struct prefilter *prefilter, struct prefilter_scratch *scratch, const char *text, gsize length, guint most,
                 GArray *starts)
{
    struct backwards backwards = {length, most, starts};
    const GPtrArray *databases = prefilter->databases[PREFILTER_PART_EXACT];
    GByteArray *bytes = scratch->sorted[0].bytes; /* which no one else needs now */

    g_array_set_size(starts, 0);
    if (prefilter->n_untaken > 0 || databases->len == 0 || scratch->failed || length > G_MAXINT32)
        return FALSE;
    g_byte_array_set_size(bytes, (guint)length);
    for (gsize i = 0; i < length; i++)
        bytes->data[i] = (guint8)text[length - 1 - i];
    if (hs_scan(databases->pdata[0], length > 0 ? (const char *)bytes->data : "", (unsigned)length, 0, scratch->scratch, on_start, &backwards) !=
        HS_SUCCESS)
        return FALSE;
    g_array_sort(starts, by_value);
    return TRUE;
}
