/* fold.c: folding by ICU's NFKC_Casefold with tables that keep ICU out of the way for most text.
 *
 * ASCII is lower-cased in runs. Other characters that folding leaves alone (almost all ideographs, small
 * letters without accents) are known by a bit per BMP character and copied. Only the rest goes to ICU, one
 * character with its combining marks at a time, with the results for single characters kept in a small cache. */
#include "archive-store/index/fold.h"
#include "archive-store/index/simplify_table.h"
#include <string.h>
#include <unicode/uchar.h>
#include <unicode/unorm2.h>
#include <unicode/uscript.h>
#include <unicode/ustring.h>

#define BMP 0x10000
#define CLUSTER_MAX 32     /* code points folded together; longer stacks of marks are cut */
#define NOISE_MIN 60       /* bytes; a base64 line has 64 or 76 */
#define CACHE_SIZE 1024
#define UTF16_ROOM 1024    /* one code point becomes at most 18 by NFKC, and decomposed no more than 4 times that */

static guint8 class_table[BMP];
static guint8 stable_bits[BMP / 8]; /* folding leaves it alone and what stands before it too */
static guint16 simple_table[BMP];
static guint8 simple_target_bits[BMP / 8];
static const UNormalizer2 *nfkc_cf, *nfd, *nfc;

struct cache_entry {
    gunichar c;
    guint8 length;
    char text[11];
};
struct folder {
    struct cache_entry cache[CACHE_SIZE];
    gsize unit_out, unit_in; /* where the last unit (character and its marks) began */
    gboolean has_unit;
};

static inline gboolean
bit(const guint8 *bits, gunichar c)
{
    return (bits[c >> 3] >> (c & 7)) & 1;
}

static inline void
bit_set(guint8 *bits, gunichar c)
{
    bits[c >> 3] = (guint8)(bits[c >> 3] | 1u << (c & 7));
}

/* Letters of these lose their accents; in other scripts marks are part of the word. */
static gboolean
has_accents(gunichar c)
{
    UErrorCode status = U_ZERO_ERROR;
    UScriptCode script = uscript_getScript((UChar32)c, &status);
    return script == USCRIPT_LATIN || script == USCRIPT_GREEK || script == USCRIPT_CYRILLIC;
}

static enum fold_class
classify(gunichar c)
{
    UErrorCode status = U_ZERO_ERROR;
    guint32 type = U_MASK(u_charType((UChar32)c));

    if (c >= 0xe000 && c <= 0xf8ff)
        return FOLD_HAN;
    if ((type & (U_GC_L_MASK | U_GC_N_MASK | U_GC_M_MASK)) == 0)
        return FOLD_SEPARATOR;
    if (c == 0x30fc || c == 0x3099 || c == 0x309a) /* long vowel and voicing marks: common to both kana */
        return FOLD_HAN;
    switch (uscript_getScript((UChar32)c, &status)) {
    case USCRIPT_HAN:
    case USCRIPT_HIRAGANA:
    case USCRIPT_KATAKANA:
    case USCRIPT_BOPOMOFO:
        return FOLD_HAN;
    case USCRIPT_HANGUL:
        return FOLD_HANGUL;
    case USCRIPT_THAI:
    case USCRIPT_LAO:
    case USCRIPT_KHMER:
    case USCRIPT_MYANMAR:
        return type & U_GC_N_MASK ? FOLD_WORD : FOLD_COMPLEX;
    default:
        return FOLD_WORD;
    }
}

/* Does folding keep c as it is, wherever it stands? */
static gboolean
is_stable(gunichar c)
{
    UChar in[2], out[UTF16_ROOM];
    UErrorCode status = U_ZERO_ERROR;
    int32_t n = 0;

    /* NFKC takes Thai and Lao AM apart, and then ICU's dictionary no longer knows the words. */
    if (c == 0xe33 || c == 0xeb3)
        return TRUE;
    if (!unorm2_hasBoundaryBefore(nfkc_cf, (UChar32)c))
        return FALSE;
    U16_APPEND_UNSAFE(in, n, c);
    if (unorm2_normalize(nfkc_cf, in, n, out, UTF16_ROOM, &status) != n || memcmp(in, out, (gsize)n * 2) != 0)
        return FALSE;
    return !has_accents(c) || unorm2_getDecomposition(nfd, (UChar32)c, out, UTF16_ROOM, &status) < 2;
}

static gpointer
init_tables(gpointer unused)
{
    UErrorCode status = U_ZERO_ERROR;

    (void)unused;
    nfkc_cf = unorm2_getNFKCCasefoldInstance(&status);
    nfd = unorm2_getNFDInstance(&status);
    nfc = unorm2_getNFCInstance(&status);
    if (U_FAILURE(status))
        g_error("ICU's normalisation data can't be loaded: %s", u_errorName(status));
    for (gunichar c = 0; c < BMP; c++) {
        if (c >= 0xd800 && c <= 0xdfff)
            continue; /* 0 = separator, not stable; never decoded */
        class_table[c] = (guint8)classify(c);
        if (c >= 0x80 && is_stable(c))
            bit_set(stable_bits, c);
        simple_table[c] = (guint16)c;
    }
    for (gsize i = 0; i < G_N_ELEMENTS(simplify_table); i++) {
        simple_table[simplify_table[i][0]] = simplify_table[i][1];
        bit_set(simple_target_bits, simplify_table[i][1]);
    }
    return NULL;
}

static inline void
ensure_tables(void)
{
    static GOnce once = G_ONCE_INIT;
    g_once(&once, init_tables, NULL);
}

enum fold_class
fold_class_of(gunichar c)
{
    ensure_tables();
    return c < BMP ? (enum fold_class)class_table[c] : classify(c);
}

gunichar
fold_simplify(gunichar c)
{
    ensure_tables();
    return c < BMP ? simple_table[c] : c;
}

gboolean
fold_is_simplified(gunichar c)
{
    ensure_tables();
    return c < BMP && bit(simple_target_bits, c);
}

gsize
fold_decode(const char *s, gsize left, gunichar *c_r)
{
    const guint8 *p = (const guint8 *)s;
    static const gunichar least[] = {0, 0, 0x80, 0x800, BMP};

    *c_r = p[0];
    if (p[0] < 0x80)
        return 1;
    gsize n = p[0] >= 0xf0 ? 4 : p[0] >= 0xe0 ? 3 : 2;
    gunichar c = p[0] & (0x7fu >> n);
    *c_r = 0xfffd;
    if (p[0] < 0xc2 || p[0] > 0xf4 || left < n)
        return 1;
    for (gsize i = 1; i < n; i++) {
        if ((p[i] & 0xc0) != 0x80)
            return 1;
        c = c << 6 | (p[i] & 0x3f);
    }
    if (c < least[n] || c > 0x10ffff || (c >= 0xd800 && c <= 0xdfff))
        return 1;
    *c_r = c;
    return n;
}

gsize
fold_encode(gunichar c, char *s)
{
    return (gsize)g_unichar_to_utf8(c, s);
}

struct folder *
folder_new(void)
{
    ensure_tables();
    return g_new0(struct folder, 1);
}

void
folder_free(struct folder **folder)
{
    g_clear_pointer(folder, g_free);
}

/* strip_accents - text of n units in buf: marks after Latin, Greek and Cyrillic letters go; new length */
static int32_t
strip_accents(UChar *buf, int32_t n)
{
    UChar apart[UTF16_ROOM];
    UErrorCode status = U_ZERO_ERROR;
    int32_t length = unorm2_normalize(nfd, buf, n, apart, UTF16_ROOM, &status), kept = 0;
    gboolean accents = FALSE;

    if (U_FAILURE(status))
        return n;
    for (int32_t i = 0; i < length;) {
        int32_t from = i;
        UChar32 c;
        U16_NEXT(apart, i, length, c);
        gboolean mark = u_charType(c) == U_NON_SPACING_MARK;
        if (mark && (accents || (kept == 0 && uscript_getScript(c, &status) == USCRIPT_INHERITED)))
            continue; /* an accent, or one with nothing before it */
        if (!mark)
            accents = has_accents((gunichar)c);
        memmove(apart + kept, apart + from, (gsize)(i - from) * sizeof(UChar));
        kept += i - from;
    }
    length = unorm2_normalize(nfc, apart, kept, buf, UTF16_ROOM, &status);
    return U_SUCCESS(status) ? length : n;
}

/* fold_cluster - folds a few code points through ICU and appends them */
static void
fold_cluster(const gunichar *cluster, guint n, GString *out)
{
    UChar in[CLUSTER_MAX * 2], buf[UTF16_ROOM];
    UErrorCode status = U_ZERO_ERROR;
    int32_t n_in = 0;

    for (guint i = 0; i < n; i++)
        U16_APPEND_UNSAFE(in, n_in, cluster[i]);
    int32_t length = unorm2_normalize(nfkc_cf, in, n_in, buf, UTF16_ROOM, &status);
    if (U_FAILURE(status)) {
        g_string_append_c(out, ' ');
        return;
    }
    length = strip_accents(buf, length);
    for (int32_t i = 0; i < length;) {
        UChar32 c;
        U16_NEXT(buf, i, length, c);
        g_string_append_unichar(out, (gunichar)c);
    }
}

/* fold_single - one code point without marks, through the cache */
static void
fold_single(struct folder *folder, gunichar c, GString *out)
{
    struct cache_entry *e = &folder->cache[c % CACHE_SIZE];

    if (e->c == c) {
        g_string_append_len(out, e->text, e->length);
        return;
    }
    gsize before = out->len;
    fold_cluster(&c, 1, out);
    gsize length = out->len - before;
    if (length <= sizeof(e->text)) {
        e->c = c;
        e->length = (guint8)length;
        memcpy(e->text, out->str + before, length);
    }
}

static void
add_mark(GArray *marks, gsize out, gsize in, gboolean linear)
{
    struct fold_mark mark = {out, in, linear};

    if (marks == NULL)
        return;
    if (marks->len > 0) {
        struct fold_mark *last = &g_array_index(marks, struct fold_mark, marks->len - 1);
        if (last->out == out) {
            *last = mark;
            return;
        }
    }
    g_array_append_val(marks, mark);
}

/* fold_hard - the code point at text[i] that folding may change, with the marks that follow it and, when it
 * is a mark itself, the unit before it; returns the offset after them */
static gsize
fold_hard(struct folder *folder, const char *text, gsize length, gsize i, GString *out, GArray *marks)
{
    gunichar cluster[CLUSTER_MAX], c;
    guint n = 0;
    gsize in = i, next = i + fold_decode(text + i, length - i, &c);

    if (!unorm2_hasBoundaryBefore(nfkc_cf, (UChar32)c) && folder->has_unit && out->len - folder->unit_out <= 32) {
        gsize k = folder->unit_out;
        while (k < out->len) {
            gunichar before;
            k += fold_decode(out->str + k, out->len - k, &before);
            cluster[n++] = before;
        }
        in = folder->unit_in;
        g_string_truncate(out, folder->unit_out);
        while (marks != NULL && marks->len > 0 && g_array_index(marks, struct fold_mark, marks->len - 1).out > out->len)
            g_array_set_size(marks, marks->len - 1);
    }
    if (n < CLUSTER_MAX)
        cluster[n++] = c;
    while (next < length && n < CLUSTER_MAX && (guint8)text[next] >= 0x80) {
        gsize step = fold_decode(text + next, length - next, &c);
        if (c == 0xfffd || unorm2_hasBoundaryBefore(nfkc_cf, (UChar32)c))
            break;
        cluster[n++] = c;
        next += step;
    }
    folder->has_unit = TRUE;
    folder->unit_out = out->len;
    folder->unit_in = in;
    add_mark(marks, out->len, in, FALSE);
    if (n == 1)
        fold_single(folder, cluster[0], out);
    else
        fold_cluster(cluster, n, out);
    add_mark(marks, out->len, next, TRUE);
    return next;
}

static inline gboolean
is_base64(guint8 b)
{
    return g_ascii_isalnum((gchar)b) || b == '+' || b == '/' || b == '=' || b == '-' || b == '_';
}

/* is_noise - is a long run of base64's characters random? Random ones change between capitals, small letters,
 * digits and the rest 0.63 times a character; paths with capitals about 0.3 times; hexadecimal digests have one case. */
static gboolean
is_noise(const char *s, gsize n)
{
    gsize changes = 0;
    guint before = 0, kinds = 0;

    for (gsize i = 0; i < n; i++) {
        guint kind = g_ascii_isupper(s[i]) ? 1 : g_ascii_islower(s[i]) ? 2 : g_ascii_isdigit(s[i]) ? 4 : 8;
        changes += kind != before;
        kinds |= kind;
        before = kind;
    }
    return (kinds & 7) == 7 && changes * 20 >= n * 9;
}

/* fold_ascii - the ASCII text at text[i], up to the next other byte or the end of a run; offset after it */
static gsize
fold_ascii(struct folder *folder, const char *text, gsize length, gsize i, GString *out, GArray *marks)
{
    gsize end = i;

    while (end < length && is_base64((guint8)text[end]))
        end++;
    if (end - i >= NOISE_MIN && is_noise(text + i, end - i)) {
        add_mark(marks, out->len, i, FALSE);
        g_string_append_c(out, ' ');
        add_mark(marks, out->len, end, TRUE);
        folder->has_unit = FALSE;
        return end;
    }
    while (end < length && (guint8)text[end] < 0x80 && !is_base64((guint8)text[end]))
        end++;
    gsize from = out->len;
    g_string_append_len(out, text + i, (gssize)(end - i));
    for (char *p = out->str + from; p < out->str + out->len; p++)
        *p = *p == '\0' ? ' ' : g_ascii_tolower(*p);
    folder->has_unit = TRUE;
    folder->unit_out = out->len - 1;
    folder->unit_in = end - 1;
    return end;
}

void
folder_run(struct folder *folder, const char *text, gsize length, GString *out, GArray *marks)
{
    folder->has_unit = FALSE;
    add_mark(marks, out->len, 0, TRUE);
    for (gsize i = 0; i < length;) {
        gunichar c;
        if ((guint8)text[i] < 0x80) {
            i = fold_ascii(folder, text, length, i, out, marks);
            continue;
        }
        gsize n = fold_decode(text + i, length - i, &c);
        if (c == 0xfffd) { /* a separator; n bytes in, one out */
            folder->has_unit = FALSE;
            add_mark(marks, out->len, i, FALSE);
            g_string_append_c(out, ' ');
            i += n;
            add_mark(marks, out->len, i, TRUE);
        } else if (c < BMP && bit(stable_bits, c)) {
            folder->has_unit = TRUE;
            folder->unit_out = out->len;
            folder->unit_in = i;
            g_string_append_len(out, text + i, (gssize)n);
            i += n;
        } else {
            i = fold_hard(folder, text, length, i, out, marks);
        }
    }
}
