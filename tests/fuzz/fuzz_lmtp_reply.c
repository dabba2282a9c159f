/* fuzz_lmtp_reply.c: any bytes as what an LMTP server says. */
#include "lib/mail/lmtp.h"

int LLVMFuzzerTestOneInput(const guint8 *data, size_t size);

int
LLVMFuzzerTestOneInput(const guint8 *data, size_t size)
{
    gsize at = 0;

    while (at < size) {
        int code = 0;
        gssize length = lmtp_reply((const char *)data + at, size - at, &code);
        if (length <= 0)
            break;
        if ((gsize)length > size - at || code < 200 || code > 599)
            g_error("a reply that can't be");
        at += (gsize)length;
    }
    return 0;
}
