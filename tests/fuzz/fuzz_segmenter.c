/* fuzz_segmenter.c: any bytes through the segmenter, and through the snippet maker. First byte: in which form. */
#include <stdint.h>
#include <string.h>
#include "archive-store/index/index.h"
#include "archive-store/index/segmenter.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static gboolean
check(const struct segmenter_token *token, gpointer data)
{
    const gsize *length = data;
    g_autofree char *copy = g_memdup2(token->text, token->length);

    if (token->length == 0 || token->length > SEGMENTER_TOKEN_MAX + 1 || memchr(copy, ' ', token->length) != NULL ||
        token->start > token->end || token->end > *length || !g_utf8_validate(copy, (gssize)token->length, NULL))
        g_error("a token that can't be");
    return TRUE;
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct segmenter *segmenter;
    gsize length = size - 1;

    if (size < 1)
        return 0;
    if (segmenter == NULL)
        segmenter = segmenter_new();
    g_autofree char *text = length > 0 ? g_memdup2(data + 1, length) : g_strdup("");
    segmenter_run(segmenter, text, length, (enum segmenter_form)(data[0] % 6), check, &length);
    g_autoptr(GPtrArray) words = g_ptr_array_new_with_free_func(g_free);
    g_ptr_array_add(words, g_strndup(text, MIN(length, 6)));
    g_autofree char *snippet = index_snippet(text, length, words, 40, "<", ">");
    if (!g_utf8_validate(snippet, -1, NULL))
        g_error("the snippet isn't UTF-8");
    return 0;
}
