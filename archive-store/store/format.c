/* format.c: the structures of format.h to bytes and back. */
#include "archive-store/store/format.h"
#include "archive-store/store/crc32c.h"
#include <string.h>

#define SEGMENT_MAGIC "PSTNSEG1"
#define SEAL_MAGIC "PSTNSEAL"

void
format_segment_header(const struct segment_header *header, guint8 out[SEGMENT_HEADER])
{
    memset(out, 0, SEGMENT_HEADER);
    memcpy(out, SEGMENT_MAGIC, 8);
    put_u32(out + 8, FORMAT_VERSION);
    put_u32(out + 12, header->class_id);
    put_u64(out + 16, header->segment);
    put_u64(out + 24, (guint64)header->created_ms);
    put_u32(out + 32, header->month);
    put_u32(out + 36, header->dictionary);
    put_u64(out + 40, header->key_id);
    put_u64(out + 48, header->capacity);
    put_u64(out + 56, header->previous);
    put_u64(out + 64, header->previous_end);
    put_u32(out + 72, header->slots);
    put_u32(out + 4092, crc32c(0, out, 4092));
}

gboolean
parse_segment_header(const guint8 in[SEGMENT_HEADER], struct segment_header *header_r)
{
    if (memcmp(in, SEGMENT_MAGIC, 8) != 0 || get_u32(in + 8) != FORMAT_VERSION ||
        get_u32(in + 4092) != crc32c(0, in, 4092))
        return FALSE;
    *header_r = (struct segment_header){
        .class_id = get_u32(in + 12),
        .segment = get_u64(in + 16),
        .created_ms = (gint64)get_u64(in + 24),
        .month = get_u32(in + 32),
        .dictionary = get_u32(in + 36),
        .key_id = get_u64(in + 40),
        .capacity = get_u64(in + 48),
        .previous = get_u64(in + 56),
        .previous_end = get_u64(in + 64),
        .slots = get_u32(in + 72),
    };
    return header_r->segment != 0 && header_r->capacity >= SEGMENT_HEADER &&
           header_r->capacity <= G_MAXINT64 / 2;
}

void
format_record_header(const struct record_header *header, guint8 out[RECORD_HEADER])
{
    out[0] = 'P';
    out[1] = 'R';
    out[2] = FORMAT_VERSION;
    out[3] = header->type;
    put_u16(out + 4, header->flags);
    put_u16(out + 6, header->dictionary);
    put_u32(out + 8, header->stored);
    put_u32(out + 12, header->plain);
    put_u32(out + 16, header->slot);
    put_u32(out + 20, header->raw);
    put_u64(out + 24, header->id);
    put_u64(out + 32, header->event);
    memcpy(out + 40, header->nonce, 12);
    put_u32(out + 52, header->durable);
    memcpy(out + 56, header->hash, 32);
    memcpy(out + 88, header->transaction, 16);
    memcpy(out + 104, header->envelope, 16);
    put_u32(out + 120, header->payload_crc);
    put_u32(out + 124, crc32c(0, out, 124));
}

gboolean
parse_record_header(const guint8 in[RECORD_HEADER], struct record_header *header_r)
{
    if (in[0] != 'P' || in[1] != 'R' || in[2] != FORMAT_VERSION || get_u32(in + 124) != crc32c(0, in, 124))
        return FALSE;
    struct record_header h = {
        .type = in[3],
        .flags = get_u16(in + 4),
        .dictionary = get_u16(in + 6),
        .stored = get_u32(in + 8),
        .plain = get_u32(in + 12),
        .slot = get_u32(in + 16),
        .raw = get_u32(in + 20),
        .id = get_u64(in + 24),
        .event = get_u64(in + 32),
        .durable = get_u32(in + 52),
        .payload_crc = get_u32(in + 120),
    };
    if (h.type < RECORD_MESSAGE || h.type > RECORD_GAP || h.stored > RECORD_MAX || h.plain > RECORD_MAX)
        return FALSE;
    if (h.type != RECORD_GAP && h.stored < RECORD_TAG)
        return FALSE;
    memcpy(h.nonce, in + 40, 12);
    memcpy(h.hash, in + 56, 32);
    memcpy(h.transaction, in + 88, 16);
    memcpy(h.envelope, in + 104, 16);
    *header_r = h;
    return TRUE;
}

void
format_record_aad(const struct record_header *header, guint64 segment, guint64 offset, guint8 out[RECORD_AAD])
{
    guint8 bytes[RECORD_HEADER];
    struct record_header plain = *header;

    plain.flags &= (guint16)~RECORD_VOID;
    format_record_header(&plain, bytes);
    put_u64(out, segment);
    put_u64(out + 8, offset);
    memcpy(out + 16, bytes, 120);
}

void
format_key_slot(const struct key_slot *slot, guint8 out[KEY_SLOT])
{
    memset(out, 0, KEY_SLOT);
    if (slot->state == KEY_FREE)
        return;
    memcpy(out, "PKEY", 4);
    out[4] = (guint8)slot->state;
    put_u64(out + 8, slot->event);
    if (slot->state == KEY_USED)
        memcpy(out + 16, slot->wrapped, sizeof slot->wrapped);
    put_u32(out + 60, crc32c(0, out, 60));
}

gboolean
parse_key_slot(const guint8 in[KEY_SLOT], struct key_slot *slot_r)
{
    static const guint8 zeros[KEY_SLOT];

    memset(slot_r, 0, sizeof *slot_r);
    if (memcmp(in, zeros, KEY_SLOT) == 0)
        return TRUE;
    if (memcmp(in, "PKEY", 4) != 0 || get_u32(in + 60) != crc32c(0, in, 60))
        return FALSE;
    if (in[4] != KEY_USED && in[4] != KEY_ERASED)
        return FALSE;
    slot_r->state = in[4];
    slot_r->event = get_u64(in + 8);
    memcpy(slot_r->wrapped, in + 16, sizeof slot_r->wrapped);
    return TRUE;
}

void
format_key_file(guint64 segment, guint64 key_id, guint32 slots, guint8 out[KEY_SLOT])
{
    memset(out, 0, KEY_SLOT);
    memcpy(out, "PKHD", 4);
    put_u32(out + 4, FORMAT_VERSION);
    put_u64(out + 8, segment);
    put_u64(out + 16, key_id);
    put_u32(out + 24, slots);
    put_u32(out + 60, crc32c(0, out, 60));
}

gboolean
parse_key_file(const guint8 in[KEY_SLOT], guint64 *segment_r, guint64 *key_id_r, guint32 *slots_r)
{
    if (memcmp(in, "PKHD", 4) != 0 || get_u32(in + 4) != FORMAT_VERSION ||
        get_u32(in + 60) != crc32c(0, in, 60))
        return FALSE;
    *segment_r = get_u64(in + 8);
    *key_id_r = get_u64(in + 16);
    *slots_r = get_u32(in + 24);
    return TRUE;
}

void
format_index_entry(const struct index_entry *entry, guint8 out[INDEX_ENTRY])
{
    memset(out, 0, INDEX_ENTRY);
    put_u64(out, entry->offset);
    put_u64(out + 8, entry->event);
    put_u32(out + 16, entry->size);
    out[20] = entry->type;
    memcpy(out + 24, entry->leaf, 32);
}

void
parse_index_entry(const guint8 in[INDEX_ENTRY], struct index_entry *entry_r)
{
    entry_r->offset = get_u64(in);
    entry_r->event = get_u64(in + 8);
    entry_r->size = get_u32(in + 16);
    entry_r->type = in[20];
    memcpy(entry_r->leaf, in + 24, 32);
}

void
format_seal(const struct seal *seal, guint8 out[SEAL_SIZE])
{
    memset(out, 0, SEAL_SIZE);
    memcpy(out, SEAL_MAGIC, 8);
    put_u32(out + 8, FORMAT_VERSION);
    put_u32(out + 12, seal->records);
    put_u64(out + 16, seal->segment);
    put_u64(out + 24, seal->index_offset);
    put_u64(out + 32, seal->file_size);
    put_u64(out + 40, (guint64)seal->sealed_ms);
    put_u64(out + 48, seal->previous);
    put_u64(out + 56, seal->key_id);
    put_u64(out + 64, seal->damaged);
    memcpy(out + 80, seal->root, 32);
    memcpy(out + 112, seal->header_hash, 32);
    memcpy(out + 144, seal->previous_hash, 32);
    memcpy(out + 176, seal->public_key, 32);
    memcpy(out + 208, seal->signature, 64);
    put_u32(out + 508, crc32c(0, out, 508));
}

gboolean
parse_seal(const guint8 in[SEAL_SIZE], struct seal *seal_r)
{
    if (memcmp(in, SEAL_MAGIC, 8) != 0 || get_u32(in + 8) != FORMAT_VERSION ||
        get_u32(in + 508) != crc32c(0, in, 508))
        return FALSE;
    *seal_r = (struct seal){
        .records = get_u32(in + 12),
        .segment = get_u64(in + 16),
        .index_offset = get_u64(in + 24),
        .file_size = get_u64(in + 32),
        .sealed_ms = (gint64)get_u64(in + 40),
        .previous = get_u64(in + 48),
        .key_id = get_u64(in + 56),
        .damaged = get_u64(in + 64),
    };
    memcpy(seal_r->root, in + 80, 32);
    memcpy(seal_r->header_hash, in + 112, 32);
    memcpy(seal_r->previous_hash, in + 144, 32);
    memcpy(seal_r->public_key, in + 176, 32);
    memcpy(seal_r->signature, in + 208, 64);
    return seal_r->index_offset >= SEGMENT_HEADER && seal_r->index_offset < G_MAXINT64 / 2 &&
           seal_r->file_size == seal_r->index_offset + (guint64)seal_r->records * INDEX_ENTRY + SEAL_SIZE;
}
