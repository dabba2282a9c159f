/* fuzz_maillog.c: Postfix's log, any bytes, line by line. */
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include "cli/maillog.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct maillog *maillog = maillog_new(1790000000);
    const char *at = (const char *)data, *end = at + size;

    while (at < end) {
        const char *lf = memchr(at, '\n', (size_t)(end - at));
        size_t length = (size_t)((lf ? lf : end) - at);
        g_autofree char *line = g_memdup2(at, length); /* so that a read past the line is seen */
        maillog_line(maillog, line ? line : "", length);
        at = lf ? lf + 1 : end;
    }
    const GPtrArray *messages = maillog_messages(maillog);
    for (guint n = 0; n < messages->len; n++)
        g_assert(*((struct maillog_message *)messages->pdata[n])->queue_id);
    maillog_free(&maillog);
    return 0;
}
