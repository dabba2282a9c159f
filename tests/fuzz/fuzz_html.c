/* fuzz_html.c: any bytes as an HTML document; UTF-8 in must be UTF-8 out, and no more than asked for. */
#include "lib/mail/text.h"

int LLVMFuzzerTestOneInput(const guint8 *data, size_t size);

int
LLVMFuzzerTestOneInput(const guint8 *data, size_t size)
{
    g_autoptr(GString) out = g_string_new(NULL);
    gsize max = size > 0 && data[0] % 2 == 0 ? 40 : 1 << 20;

    text_html_to_plain((const char *)data, size, max, out);
    if (out->len > max)
        g_error("%zu bytes for at most %zu", out->len, max);
    /* (NUL in the input comes out as U+FFFD) */
    if (g_utf8_validate_len((const char *)data, size, NULL) && !g_utf8_validate_len(out->str, out->len, NULL))
        g_error("not UTF-8");
    return 0;
}
