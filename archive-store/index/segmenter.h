/* segmenter.h: text to the words that are indexed and searched; one function for both sides.
 *
 * - Text is folded first (fold.h).
 * - Runs of letters and digits are words; 64 bytes of a longer one count. Thai, Lao, Khmer and Burmese runs
 *   are split by ICU's dictionaries.
 * - Runs of Chinese, Japanese and Korean characters become overlapping pairs, and the last character of each run
 *   also stands alone (a run of one is that character): 上海公司 gives 上海 海公 公司 司. So any string of two or more is
 *   a phrase of pairs, and a single character is a prefix. A line break right between two ideographs or kana
 *   doesn't end the run, since mail is wrapped at fixed columns and Chinese has no word space to wrap at.
 * - Traditional and Simplified: each pair is indexed as written, and when its simplified form differs, that form
 *   with "~" before it stands at the same position. So "as written" finds only the exact form (quoted phrases), and
 *   simplified OR "~"+simplified finds both. "~" is in no other word.
 *
 * A segmenter belongs to one thread at a time. */
#pragma once
#include <glib.h>

#define SEGMENTER_TOKEN_MAX 64      /* bytes of a word, without "~" */
#define SEGMENTER_TOKENS_MAX 200000 /* positions in one text; the rest isn't indexed */

enum segmenter_form {
    SEGMENTER_INDEX,        /* as written, and "~" simplified at the same position where it differs */
    SEGMENTER_QUERY_EXACT,  /* as written; the end of the text isn't taken as the end of a run */
    SEGMENTER_QUERY_FOLDED, /* the same, simplified, and "~" simplified at the same position where it can occur */
    SEGMENTER_TEXT_EXACT,   /* as written only */
    SEGMENTER_TEXT_FOLDED,  /* simplified only, without "~" */
    SEGMENTER_UNITS         /* words, and ideographs one by one, simplified, with offsets: for snippets */
};

struct segmenter_token {
    const char *text; /* UTF-8, not NUL-terminated; valid during the call */
    gsize length;
    gboolean colocated; /* at the position of the token before */
    gboolean prefix;    /* queries: a last single character, which stands for all pairs that begin with it */
    gsize start, end;   /* byte offsets in the source; only for SEGMENTER_UNITS, else 0 */
};
/* FALSE stops the run. */
typedef gboolean (*segmenter_callback)(const struct segmenter_token *token, gpointer data);

struct segmenter;
struct segmenter *segmenter_new(void);
void segmenter_free(struct segmenter **segmenter);
/* Calls back for each token of the text (any bytes; what isn't UTF-8 separates words). FALSE when stopped by the
 * callback or by SEGMENTER_TOKENS_MAX. */
gboolean segmenter_run(struct segmenter *segmenter, const char *text, gsize length, enum segmenter_form form,
                       segmenter_callback callback, gpointer data);
/* Appends the tokens separated by single spaces: pre-segmented text for an engine outside that splits at spaces only
 * (Manticore, Sphinx). Documents in the forms SEGMENTER_TEXT_, phrases to search for in SEGMENTER_QUERY_EXACT (against
 * TEXT_EXACT) or SEGMENTER_QUERY_FOLDED (against TEXT_FOLDED), a prefix with "*" after it. Colocated tokens are
 * left out. */
void segmenter_to_text(struct segmenter *segmenter, const char *text, gsize length, enum segmenter_form form,
                       GString *out);
