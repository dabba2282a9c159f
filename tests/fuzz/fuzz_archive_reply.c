/* fuzz_archive_reply.c: what the archive client makes of the daemon's frames. Input: a type byte and a
 * payload; tried as the reply to an ingest and as a frame of any other request. */
#include <stdint.h>
#include "lib/mail/archive_client.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct archive_stored *stored = g_new0(struct archive_stored, 1);
    g_autoptr(GByteArray) raw = g_byte_array_new();
    g_autoptr(GBytes) payload = NULL;
    json_t *result = NULL;

    if (size > 0) {
        payload = g_bytes_new(data + 1, size - 1);
        archive_reply_parse_stored(data[0], payload, stored, NULL);
        archive_reply_step(data[0], payload, &result, raw, NULL, NULL, NULL);
    }
    g_clear_pointer(&result, json_decref);
    g_free(stored);
    return 0;
}
