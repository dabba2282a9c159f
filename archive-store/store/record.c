/* record.c: compress, encrypt; decrypt, decompress. */
#include "archive-store/store/record.h"
#include "archive-store/store/crc32c.h"
#include "archive-store/store/store.h"
#include <string.h>

static void
free_cctx(gpointer data)
{
    ZSTD_freeCCtx(data);
}

static void
free_dctx(gpointer data)
{
    ZSTD_freeDCtx(data);
}

static GPrivate thread_cctx = G_PRIVATE_INIT(free_cctx);
static GPrivate thread_dctx = G_PRIVATE_INIT(free_dctx);

static ZSTD_CCtx *
cctx_get(void)
{
    ZSTD_CCtx *c = g_private_get(&thread_cctx);
    if (c == NULL) {
        c = ZSTD_createCCtx();
        if (c == NULL)
            g_error("out of memory for zstd");
        g_private_set(&thread_cctx, c);
    }
    return c;
}

static ZSTD_DCtx *
dctx_get(void)
{
    ZSTD_DCtx *d = g_private_get(&thread_dctx);
    if (d == NULL) {
        d = ZSTD_createDCtx();
        if (d == NULL)
            g_error("out of memory for zstd");
        g_private_set(&thread_dctx, d);
    }
    return d;
}

/* Compressed length in out, or 0 when it isn't shorter than the plain bytes. */
static gsize
compress(guint8 *out, gsize room, const void *plain, gsize length, int level,
         const struct dictionary *dictionary)
{
    ZSTD_CCtx *c = cctx_get();

    /* Lengths, checksum and dictionary id are in the record header already. */
    ZSTD_CCtx_reset(c, ZSTD_reset_session_and_parameters);
    ZSTD_CCtx_setParameter(c, ZSTD_c_compressionLevel, level);
    ZSTD_CCtx_setParameter(c, ZSTD_c_contentSizeFlag, 0);
    ZSTD_CCtx_setParameter(c, ZSTD_c_checksumFlag, 0);
    ZSTD_CCtx_setParameter(c, ZSTD_c_dictIDFlag, 0);
    if (dictionary != NULL)
        ZSTD_CCtx_refCDict(c, dictionary->compress);
    size_t n = ZSTD_compress2(c, out, room, plain, length);
    return ZSTD_isError(n) || n >= length ? 0 : n;
}

void
record_pack(struct record *record, enum record_type type, const void *plain, gsize length, int level,
            const struct dictionary *dictionary)
{
    gsize room = MAX(ZSTD_compressBound(length), length);

    g_assert(length <= RECORD_MAX - RECORD_TAG);
    *record =
        (struct record){.header = {.type = (guint8)type, .plain = (guint32)length, .slot = RECORD_NO_SLOT}};
    record->bytes = g_malloc(RECORD_HEADER + room + RECORD_TAG + 8);
    gsize n = compress(record->bytes + RECORD_HEADER, room, plain, length, level, dictionary);
    if (n > 0) {
        record->header.flags = RECORD_ZSTD;
        record->header.dictionary = dictionary != NULL ? dictionary->id : 0;
    } else {
        n = length;
        if (length > 0)
            memcpy(record->bytes + RECORD_HEADER, plain, length);
    }
    record->header.stored = (guint32)(n + RECORD_TAG);
}

void
record_finish(struct record *record, guint64 segment, guint64 offset, const guint8 key[32])
{
    struct record_header *header = &record->header;
    guint8 aad[RECORD_AAD];
    guint8 *stored = record->bytes + RECORD_HEADER;

    crypto_random(header->nonce, sizeof header->nonce);
    format_record_aad(header, segment, offset, aad);
    crypto_seal(key, header->nonce, aad, sizeof aad, stored, header->stored - RECORD_TAG);
    header->payload_crc = crc32c(0, stored, header->stored);
    format_record_header(header, record->bytes);
    gsize end = RECORD_HEADER + header->stored;
    memset(record->bytes + end, 0, record_span(header->stored) - end);
}

void
record_clear(struct record *record)
{
    g_clear_pointer(&record->bytes, g_free);
}

static GBytes *
damaged(GError **error, guint64 segment, guint64 offset, const char *what)
{
    g_set_error(error, STORE_ERROR, STORE_ERROR_DAMAGED,
                "segment %016" G_GINT64_MODIFIER "x, offset %" G_GUINT64_FORMAT ": %s", segment, offset,
                what);
    return NULL;
}

GBytes *
record_open(const struct record_header *header, guint64 segment, guint64 offset, guint8 *stored,
            const guint8 key[32], const struct dictionary *dictionary, GError **error)
{
    guint8 aad[RECORD_AAD];

    format_record_aad(header, segment, offset, aad);
    if (!crypto_open(key, header->nonce, aad, sizeof aad, stored, header->stored))
        return damaged(error, segment, offset, "the authentication tag doesn't fit: altered, or a wrong key");
    gsize n = header->stored - RECORD_TAG;
    if ((header->flags & RECORD_ZSTD) == 0) {
        if (n != header->plain)
            return damaged(error, segment, offset, "the lengths don't agree");
        return g_bytes_new(stored, n);
    }
    if (header->dictionary != 0 && (dictionary == NULL || dictionary->id != header->dictionary))
        return damaged(error, segment, offset, "its compression dictionary is missing");
    ZSTD_DCtx *d = dctx_get();
    guint8 *plain = g_malloc((gsize)header->plain + 1);
    ZSTD_DCtx_reset(d, ZSTD_reset_session_and_parameters);
    if (header->dictionary != 0)
        ZSTD_DCtx_refDDict(d, dictionary->decompress);
    size_t got = ZSTD_decompressDCtx(d, plain, header->plain, stored, n);
    if (ZSTD_isError(got) || got != header->plain) {
        g_free(plain);
        return damaged(error, segment, offset, "can't be decompressed");
    }
    return g_bytes_new_take(plain, header->plain);
}
