/* fuzz_spam_charset.c: a charset's name up to the first LF, then a text in it; what was decoded is UTF-8 (Perl's wide sense). */
#include <string.h>
#include "lib/base/ascii.h"
#include "lib/spam/view/charset.h"

int LLVMFuzzerTestOneInput(const guint8 *data, size_t size);

int
LLVMFuzzerTestOneInput(const guint8 *data, size_t size)
{
    const guint8 *lf = memchr(data, '\n', size);

    if (lf == NULL)
        return 0;
    g_autofree char *name = g_strndup((const char *)data, (gsize)(lf - data));
    const char *text = (const char *)lf + 1;
    gsize length = size - (gsize)(lf + 1 - data);
    for (int mode = CHARSET_CHARACTERS; mode <= CHARSET_AS_DECLARED; mode++) {
        gboolean decoded;
        g_autoptr(GString) out = charset_normalize(text, length, name, (enum charset_mode)mode, &decoded);
        if (mode == CHARSET_CHARACTERS && decoded && !charset_is_utf8(out->str, out->len) && bytes_are_ascii(text, length))
            g_error("not UTF-8 of plain ASCII");
    }
    return 0;
}
