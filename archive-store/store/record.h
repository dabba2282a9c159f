/* record.h: one record from plain payload to the bytes in the segment, and back.
 *
 * Building is in two steps, since the place is part of what is authenticated: pack (compress; the length is
 * known then), and once segment, offset and ids are given, finish (encrypt in place). Thread-safe; zstd
 * contexts are kept per thread. */
#pragma once
#include "archive-store/store/crypto.h"
#include "archive-store/store/dict.h"
#include "archive-store/store/format.h"

struct record {
    struct record_header header; /* type, flags, lengths and dictionary are set by record_pack */
    guint8 *bytes;               /* header, stored bytes, zeros up to record_span() */
};
void record_pack(struct record *record, enum record_type type, const void *plain, gsize length, int level,
                 const struct dictionary *dictionary);
/* Encrypts under key and writes the header; everything in record->header but the CRC must be set, the nonce
 * is made here. */
void record_finish(struct record *record, guint64 segment, guint64 offset, const guint8 key[32]);
void record_clear(struct record *record);

/* The plain payload of stored (header->stored bytes; overwritten). NULL with STORE_ERROR_DAMAGED. dictionary
 * may be NULL when header->dictionary is 0. */
GBytes *record_open(const struct record_header *header, guint64 segment, guint64 offset, guint8 *stored,
                    const guint8 key[32], const struct dictionary *dictionary, GError **error);
