/* segmenter.c: scans folded text by character class (fold.h) and emits tokens; rules in segmenter.h. */
#include "archive-store/index/segmenter.h"
#include "archive-store/index/fold.h"
#include <string.h>
#include <unicode/ubrk.h>
#include <unicode/utf16.h>

#define COMPLEX_MAX 2048 /* code points of Thai and the like given to ICU at once */

struct segmenter {
    struct folder *folder;
    GString *folded;
    GArray *marks;           /* struct fold_mark, for SEGMENTER_UNITS */
    UBreakIterator *breaks;  /* opened on first use; NULL when ICU has none */
    gboolean breaks_tried;
};

/* One segmenter_run. */
struct run {
    struct segmenter *segmenter;
    const char *s; /* folded text */
    gsize length;
    enum segmenter_form form;
    segmenter_callback callback;
    gpointer data;
    guint positions;
    guint mark; /* where offset search stands */
    gboolean stopped;
};

struct segmenter *
segmenter_new(void)
{
    struct segmenter *s = g_new0(struct segmenter, 1);

    s->folder = folder_new();
    s->folded = g_string_sized_new(4096);
    s->marks = g_array_new(FALSE, FALSE, sizeof(struct fold_mark));
    return s;
}

void
segmenter_free(struct segmenter **segmenter)
{
    struct segmenter *s = *segmenter;

    if (s == NULL)
        return;
    folder_free(&s->folder);
    g_string_free(s->folded, TRUE);
    g_array_free(s->marks, TRUE);
    if (s->breaks != NULL)
        ubrk_close(s->breaks);
    g_clear_pointer(segmenter, g_free);
}

/* source_offset - the source offset of folded offset at; end = of a token's end */
static gsize
source_offset(struct run *run, gsize at, gboolean end)
{
    const struct fold_mark *marks = (const struct fold_mark *)(void *)run->segmenter->marks->data;
    guint n = run->segmenter->marks->len;

    while (run->mark > 0 && marks[run->mark].out >= at)
        run->mark--;
    while (run->mark + 1 < n && (end ? marks[run->mark + 1].out < at : marks[run->mark + 1].out <= at))
        run->mark++;
    const struct fold_mark *m = &marks[run->mark];
    if (m->linear)
        return m->in + (at - m->out);
    return end && run->mark + 1 < n ? marks[run->mark + 1].in : m->in;
}

/* emit - one token made of bytes at text, taken from folded offsets start to end */
static void
emit(struct run *run, const char *text, gsize length, gboolean colocated, gboolean prefix, gsize start, gsize end)
{
    struct segmenter_token token = {text, length, colocated, prefix, 0, 0};

    if (run->stopped)
        return;
    if (!colocated && ++run->positions > SEGMENTER_TOKENS_MAX) {
        run->stopped = TRUE;
        return;
    }
    if (run->form == SEGMENTER_UNITS) {
        token.start = source_offset(run, start, FALSE);
        token.end = source_offset(run, end, TRUE);
    }
    if (!run->callback(&token, run->data))
        run->stopped = TRUE;
}

/* emit_word - a word, cut to the limit at a character's edge */
static void
emit_word(struct run *run, gsize start, gsize end)
{
    gsize length = MIN(end - start, SEGMENTER_TOKEN_MAX);

    if (length < end - start)
        while (length > 0 && ((guint8)run->s[start + length] & 0xc0) == 0x80)
            length--;
#ifdef POSTERN_PLANTED_BUGS
    /* The bound is forgotten for one sort of word: reads past the end of the copy. */
    if (length >= 3 && memcmp(run->s + start, "qz7", 3) == 0) {
        g_autofree char *copy = g_memdup2(run->s + start, length);
        emit(run, copy, length + 1, FALSE, FALSE, start, end);
        return;
    }
#endif
    emit(run, run->s + start, length, FALSE, FALSE, start, end);
}

/* emit_pair - one or two ideographs (b 0 = one) in the forms asked for */
static void
emit_pair(struct run *run, gunichar a, gunichar b, gboolean prefix, gsize start, gsize end)
{
    char exact[8], folded[9] = "~";
    gsize n_exact = fold_encode(a, exact), n = 1;
    gunichar fa = fold_simplify(a), fb = b != 0 ? fold_simplify(b) : 0;

    n += fold_encode(fa, folded + n);
    if (b != 0) {
        n_exact += fold_encode(b, exact + n_exact);
        n += fold_encode(fb, folded + n);
    }
    switch (run->form) {
    case SEGMENTER_INDEX:
        emit(run, exact, n_exact, FALSE, FALSE, start, end);
        if (fa != a || fb != b)
            emit(run, folded, n, TRUE, FALSE, start, end);
        break;
    case SEGMENTER_QUERY_EXACT:
    case SEGMENTER_TEXT_EXACT:
        emit(run, exact, n_exact, FALSE, prefix, start, end);
        break;
    case SEGMENTER_QUERY_FOLDED:
        emit(run, folded + 1, n - 1, FALSE, prefix, start, end);
        /* A single character is a prefix, and any character may follow it. */
        if (prefix || fold_is_simplified(fa) || (b != 0 && fold_is_simplified(fb)))
            emit(run, folded, n, TRUE, prefix, start, end);
        break;
    case SEGMENTER_TEXT_FOLDED:
    case SEGMENTER_UNITS:
        emit(run, folded + 1, n - 1, FALSE, FALSE, start, end);
        break;
    }
}

static inline gboolean
is_cjk(enum fold_class class)
{
    return class == FOLD_HAN || class == FOLD_HANGUL;
}

/* next_cjk - the character that continues a run after one of class before that ended at i: 0 when none does;
 * *at_r where it begins, *i_r after it */
static gunichar
next_cjk(const struct run *run, gsize i, enum fold_class before, gsize *at_r, gsize *i_r, enum fold_class *class_r)
{
    gsize at = i;
    gunichar c;

    if (before == FOLD_HAN && at < run->length && (run->s[at] == '\n' || run->s[at] == '\r')) {
        at += run->s[at] == '\r' && at + 1 < run->length && run->s[at + 1] == '\n' ? 2 : 1;
        before = FOLD_SEPARATOR; /* wrapped: only an ideograph goes on */
    }
    if (at >= run->length || (guint8)run->s[at] < 0x80)
        return 0;
    gsize n = fold_decode(run->s + at, run->length - at, &c);
    *class_r = fold_class_of(c);
    if (before == FOLD_SEPARATOR ? *class_r != FOLD_HAN : !is_cjk(*class_r))
        return 0;
    *at_r = at;
    *i_r = at + n;
    return c;
}

/* only_separators - does no word follow from i on? */
static gboolean
only_separators(const struct run *run, gsize i)
{
    while (i < run->length) {
        gunichar c;
        i += fold_decode(run->s + i, run->length - i, &c);
        if (fold_class_of(c) != FOLD_SEPARATOR)
            return FALSE;
    }
    return TRUE;
}

/* scan_cjk - the run that begins at start; returns the offset after it */
static gsize
scan_cjk(struct run *run, gsize start)
{
    gunichar a, b;
    gsize at_a = start, i = start + fold_decode(run->s + start, run->length - start, &a);
    gsize at_b = 0, next = 0, count = 1;
    enum fold_class class = fold_class_of(a), next_class = FOLD_SEPARATOR;
    gboolean query = run->form == SEGMENTER_QUERY_EXACT || run->form == SEGMENTER_QUERY_FOLDED;

    while (!run->stopped && (b = next_cjk(run, i, class, &at_b, &next, &next_class)) != 0) {
        if (run->form == SEGMENTER_UNITS)
            emit_pair(run, a, 0, FALSE, at_a, i);
        else
            emit_pair(run, a, b, FALSE, at_a, next);
        a = b;
        at_a = at_b;
        i = next;
        class = next_class;
        count++;
    }
    gboolean last = query && only_separators(run, i);
    /* In a query's last run the character may go on in the text: it is no word of its own there. */
    if (!last || count == 1)
        emit_pair(run, a, 0, last, at_a, i);
    return i;
}

/* emit_breaks - a piece of n code points of Thai or the like from start on, split by ICU */
static void
emit_breaks(struct run *run, const UChar *text, int32_t n16, const gsize *offsets, gsize start)
{
    struct segmenter *s = run->segmenter;
    UErrorCode status = U_ZERO_ERROR;

    if (!s->breaks_tried) {
        s->breaks_tried = TRUE;
        s->breaks = ubrk_open(UBRK_WORD, "", NULL, 0, &status);
        if (U_FAILURE(status))
            s->breaks = NULL;
    }
    status = U_ZERO_ERROR;
    if (s->breaks != NULL)
        ubrk_setText(s->breaks, text, n16, &status);
    if (s->breaks == NULL || U_FAILURE(status)) {
        emit_word(run, start, offsets[n16]);
        return;
    }
    int32_t from = ubrk_first(s->breaks), to;
    while (!run->stopped && (to = ubrk_next(s->breaks)) != UBRK_DONE) {
        if (offsets[to] > offsets[from])
            emit_word(run, offsets[from], offsets[to]);
        from = to;
    }
}

/* scan_complex - the run of Thai or the like that begins at start */
static gsize
scan_complex(struct run *run, gsize start)
{
    UChar text[COMPLEX_MAX * 2];
    gsize offsets[COMPLEX_MAX * 2 + 1];
    gsize i = start;
    int32_t n = 0;

    for (guint count = 0; i < run->length && count < COMPLEX_MAX; count++) {
        gunichar c;
        gsize step = fold_decode(run->s + i, run->length - i, &c);
        if (fold_class_of(c) != FOLD_COMPLEX)
            break;
        int32_t before = n;
        U16_APPEND_UNSAFE(text, n, c);
        for (int32_t k = before; k < n; k++)
            offsets[k] = i;
        i += step;
    }
    offsets[n] = i;
    emit_breaks(run, text, n, offsets, start);
    return i;
}

/* scan_word - the word that begins at start */
static gsize
scan_word(struct run *run, gsize start)
{
    gsize i = start;

    while (i < run->length) {
        gunichar c;
        if (g_ascii_isalnum(run->s[i])) {
            i++;
            continue;
        }
        if ((guint8)run->s[i] < 0x80)
            break;
        gsize n = fold_decode(run->s + i, run->length - i, &c);
        if (fold_class_of(c) != FOLD_WORD)
            break;
        i += n;
    }
    emit_word(run, start, i);
    return i;
}

gboolean
segmenter_run(struct segmenter *segmenter, const char *text, gsize length, enum segmenter_form form,
              segmenter_callback callback, gpointer data)
{
    struct run run = {.segmenter = segmenter, .form = form, .callback = callback, .data = data};

    g_string_truncate(segmenter->folded, 0);
    g_array_set_size(segmenter->marks, 0);
    folder_run(segmenter->folder, text, length, segmenter->folded,
               form == SEGMENTER_UNITS ? segmenter->marks : NULL);
    run.s = segmenter->folded->str;
    run.length = segmenter->folded->len;
    for (gsize i = 0; i < run.length && !run.stopped;) {
        gunichar c;
        gsize n = fold_decode(run.s + i, run.length - i, &c);
        switch (fold_class_of(c)) {
        case FOLD_SEPARATOR:
            i += n;
            break;
        case FOLD_WORD:
            i = scan_word(&run, i);
            break;
        case FOLD_HAN:
        case FOLD_HANGUL:
            i = scan_cjk(&run, i);
            break;
        case FOLD_COMPLEX:
            i = scan_complex(&run, i);
            break;
        }
    }
    return !run.stopped;
}

static gboolean
append_token(const struct segmenter_token *token, gpointer data)
{
    GString *out = data;

    if (token->colocated)
        return TRUE;
    if (out->len > 0 && out->str[out->len - 1] != ' ')
        g_string_append_c(out, ' ');
    g_string_append_len(out, token->text, (gssize)token->length);
    if (token->prefix)
        g_string_append_c(out, '*');
    return TRUE;
}

void
segmenter_to_text(struct segmenter *segmenter, const char *text, gsize length, enum segmenter_form form, GString *out)
{
    segmenter_run(segmenter, text, length, form, append_token, out);
}
