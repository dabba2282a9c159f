/* fuzz_spool_file.c: reading a file of the milter's spool, and the record inside it. The fuzzer can't find a
 * SHA-256, so an input that is no spool file is tried as a bare record. */
#include <stdint.h>
#include "lib/mail/capture.h"
#include "milters/spool.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    g_autoptr(GBytes) file = g_bytes_new(data, size);
    g_autoptr(GBytes) record = spool_parse(file, NULL);
    struct capture *capture = capture_decode(record != NULL ? record : file, NULL);

    capture_free(&capture);
    return 0;
}
