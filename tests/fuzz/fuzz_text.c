/* fuzz_text.c: any bytes in any charset, and as a header value: always valid UTF-8, no more than asked for.
 *
 * Up to the first line end stands the charset's name; nothing there = guess. */
#include "lib/mail/text.h"
#include <string.h>

int LLVMFuzzerTestOneInput(const guint8 *data, size_t size);

static void
check(const GString *out, gsize max)
{
    if (out->len > max || !g_utf8_validate(out->str, (gssize)out->len, NULL))
        g_error("%zu bytes for at most %zu, or not UTF-8", out->len, max);
}

int
LLVMFuzzerTestOneInput(const guint8 *data, size_t size)
{
    const guint8 *end = size > 0 ? memchr(data, '\n', size) : NULL;
    gsize used = end != NULL ? (gsize)(end - data) + 1 : 0;
    g_autofree char *charset = g_strndup((const char *)data, used > 0 ? used - 1 : 0);
    g_autofree guint8 *bytes = g_memdup2(data + used, size - used);
    g_autoptr(GString) text = g_string_new(NULL), header = g_string_new(NULL), cut = g_string_new(NULL);

    text_to_utf8(bytes, size - used, charset, 1 << 20, text);
    text_to_utf8(bytes, size - used, charset, 10, cut);
    text_header_to_utf8((const char *)bytes, size - used, 1 << 20, header);
    check(text, 1 << 20);
    check(cut, 10);
    check(header, 1 << 20);
    return 0;
}
