/* fuzz_capture.c: any bytes as a capture; what is accepted must encode to something that decodes to the same. */
#include "lib/mail/capture.h"

int LLVMFuzzerTestOneInput(const guint8 *data, size_t size);

int
LLVMFuzzerTestOneInput(const guint8 *data, size_t size)
{
    g_autoptr(GBytes) bytes = g_bytes_new(data, size);
    struct capture *capture = capture_decode(bytes, NULL);

    if (capture != NULL) {
        g_autoptr(GBytes) once = capture_encode(capture, TRUE), twice = NULL;
        struct capture *again = capture_decode(once, NULL);

        if (again == NULL)
            g_error("what was decoded and encoded does not decode");
        twice = capture_encode(again, TRUE);
        if (!g_bytes_equal(once, twice))
            g_error("encoding is not stable");
        capture_free(&again);
        capture_free(&capture);
    }
    return 0;
}
