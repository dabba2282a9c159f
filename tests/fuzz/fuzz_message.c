/* fuzz_message.c: any bytes as a mail, all views of it, once with small caps (by the first byte). */
#include "lib/mail/message.h"
#include <string.h>

int LLVMFuzzerTestOneInput(const guint8 *data, size_t size);

int
LLVMFuzzerTestOneInput(const guint8 *data, size_t size)
{
    static const struct message_limits small = {.max_header_bytes = 200, .max_headers = 5, .max_parts = 4,
                                                .max_depth = 2, .max_parameters = 2, .max_text = 100};
    gboolean capped = size > 0 && data[0] == '!';
    g_autoptr(GBytes) bytes = g_bytes_new(data + capped, size - capped);
    struct message *m = message_new(bytes, capped ? &small : NULL);
    gsize length;
    const char *text = message_text(m, &length), *subject = message_header_utf8(m, "Subject");

    if (length > (capped ? 100u : 4u << 20) || !g_utf8_validate(text, (gssize)length, NULL))
        g_error("text: %zu bytes", length);
    if (subject != NULL && (!g_utf8_validate(subject, -1, NULL) || strpbrk(subject, "\r\n") != NULL))
        g_error("subject");
    for (guint i = 0; i < message_part_count(m); i++) {
        const struct message_part *part = message_part(m, i);
        g_autoptr(GBytes) content = message_part_content(m, i, 1000);

        if (part->raw.offset + part->raw.length > size || g_bytes_get_size(content) > 1000)
            g_error("part %u", i);
        if (part->filename != NULL && !g_utf8_validate(part->filename, -1, NULL))
            g_error("file name");
    }
    message_date(m);
    message_has_attachment(m);
    message_free(&m);
    return 0;
}
