/* fuzz_store_record.c: the store's fixed structures, and the payload codec up to envelope and woven message. */
#include <stdint.h>
#include <string.h>
#include "archive-store/store/codec.h"
#include "archive-store/store/crc32c.h"
#include "archive-store/store/store_private.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* The fuzzer can't make a CRC: it is made right for it. What parses must come out the same again. */
static void
structures(const uint8_t *data, size_t size)
{
    guint8 in[SEGMENT_HEADER] = {0}, out[SEGMENT_HEADER];
    struct record_header record;
    struct segment_header segment;
    struct seal seal;
    struct key_slot slot;

    memcpy(in, data, MIN(size, sizeof in));
    put_u32(in + 124, crc32c(0, in, 124));
    if (parse_record_header(in, &record)) {
        format_record_header(&record, out);
        g_assert(memcmp(in, out, RECORD_HEADER) == 0);
    }
    put_u32(in + 508, crc32c(0, in, 508));
    (void)parse_seal(in, &seal);
    put_u32(in + 4092, crc32c(0, in, 4092));
    (void)parse_segment_header(in, &segment);
    put_u32(in + 60, crc32c(0, in, 60));
    (void)parse_key_slot(in, &slot);
}

static void
payloads(const uint8_t *data, size_t size, enum record_type type)
{
    g_autoptr(GBytes) plain = g_bytes_new(data, size);
    g_autoptr(GBytes) content = g_bytes_new(data, size);
    g_autoptr(GBytes) woven = NULL;
    struct payload payload;

    if (payload_decode(plain, type, &payload) && type != RECORD_EXPANSION) {
        struct capture *capture = fetch_capture(&payload, NULL);
        capture_free(&capture);
        woven = identity_weave(content, (const struct trace_insert *)(void *)payload.inserts->data, payload.inserts->len);
        if (type == RECORD_MESSAGE && payload.references->len == 0) {
            g_autoptr(GBytes) message = g_bytes_new(payload.frame.data, payload.frame.length);
            g_autoptr(GBytes) stripped =
                identity_strip(message, (const struct trace_span *)(void *)payload.trace->data, payload.trace->len);
            g_assert(g_bytes_get_size(stripped) <= payload.frame.length);
        }
    }
    payload_clear(&payload);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const enum record_type types[] = {RECORD_MESSAGE, RECORD_EVENT, RECORD_EXPANSION};

    if (size == 0)
        return 0;
    if (data[0] % 4 == 3)
        structures(data + 1, size - 1);
    else
        payloads(data + 1, size - 1, types[data[0] % 4]);
    return 0;
}
