/* fuzz_pattern.c: a pattern and a text, parted by a NUL: no pattern breaks the translator, and one with its groups shared finds the same. */
#define PCRE2_CODE_UNIT_WIDTH 8
#include <pcre2.h>
#include <string.h>
#include "lib/spam/engine/pattern.h"
#include "lib/spam/engine/pattern_share.h"
#include "lib/spam/rules/perl_syntax.h"

int LLVMFuzzerTestOneInput(const guint8 *data, size_t size);

/* Where the pattern matches first: begin and end; FALSE: it doesn't, or was given up. */
static gboolean
find(const GString *pattern, gboolean captures, const guint8 *text, size_t length, PCRE2_SIZE span_r[2])
{
    int error;
    PCRE2_SIZE at;
    pcre2_code *code = pcre2_compile((PCRE2_SPTR)pattern->str, pattern->len, PCRE2_NEVER_UTF | (captures ? 0 : PCRE2_NO_AUTO_CAPTURE),
                                     &error, &at, NULL);
    pcre2_match_context *context = pcre2_match_context_create(NULL);
    gboolean found = FALSE;

    pcre2_set_match_limit(context, 20000);
    if (code != NULL) {
        pcre2_match_data *result = pcre2_match_data_create_from_pattern(code, NULL);
        found = pcre2_match(code, text, length, 0, 0, result, context) >= 0;
        memcpy(span_r, pcre2_get_ovector_pointer(result), 2 * sizeof *span_r);
        pcre2_match_data_free(result);
    }
    pcre2_code_free(code);
    pcre2_match_context_free(context);
    return found;
}

int
LLVMFuzzerTestOneInput(const guint8 *data, size_t size)
{
    const guint8 *nul = memchr(data, '\0', size), *text = nul != NULL ? nul + 1 : data + size;
    size_t length = (size_t)(data + size - text);
    const char *why;
    gboolean refers = FALSE;
    g_autoptr(GString) pattern = perl_syntax_translate((const char *)data, (gsize)(nul != NULL ? nul - data : (gssize)size), &refers, &why);
    g_autoptr(GString) shared = pattern != NULL ? pattern_share(pattern, refers) : NULL;
    PCRE2_SIZE plain[2], other[2];

    /* Both must find something: one of them may have come to its limit. */
    if (shared != NULL && find(pattern, refers, text, length, plain) && find(shared, refers, text, length, other) &&
        memcmp(plain, other, sizeof plain) != 0)
        g_error("%s finds %zu-%zu, %s %zu-%zu", pattern->str, plain[0], plain[1], shared->str, other[0], other[1]);
    return 0;
}
