/* format.h: the fixed structures on disk: segment header, record header, key slot, seal. Pure; no I/O.
 *
 * All numbers are little-endian. A store's folder:
 *   lock                        held (flock) by the one process that has the store open
 *   segments/<16 hex id>.seg    the log itself, see below
 *   keys/<16 hex id>.keys       the wrapped data keys of that segment's records (keys.c)
 *   dictionaries/<4 hex>.zdict  zstd dictionaries, encrypted (dict.c)
 *   locator.db                  derived from the segments, may be deleted at any time (locator.c)
 *
 * A segment: a header block of 4096 bytes, records each aligned to 8 bytes, then zeros. Once sealed: header,
 * records, record index, seal; the file ends there (seal.c). A segment belongs to one retention class and
 * month of receipt. Its header is written once and says where the log of the segment before it ended: what
 * lies there after that point was never acknowledged and does not count.
 *
 * Segment header (4096)               Record header (128)
 *    0  8  magic "PSTNSEG1"              0  2  magic "PR"
 *    8  4  format version, 1             2  1  format version, 1
 *   12  4  retention class, 0            3  1  type
 *   16  8  segment id                    4  2  flags
 *   24  8  created, ms since epoch       6  2  dictionary id, 0 = none
 *   32  4  month YYYYMM (UTC)            8  4  stored length, GCM tag included
 *   36  4  dictionary id                12  4  plain length of the payload
 *   40  8  master key id                16  4  key slot; 0xffffffff for attachments
 *   48  8  capacity of the file         20  4  size of the message as received (MESSAGE, EVENT), else 0
 *   56  8  previous segment, 0 = none   24  8  content id (EXPANSION: its own id)
 *   64  8  its log's end                32  8  event id (EXPANSION: the event meant; ATTACHMENT: 0)
 *   72  4  key slots                    40 12  GCM nonce
 *   76     zeros                        52  4  durable end of the segment when this was appended, / 8
 * 4092  4  CRC32C of 0..4091            56 32  keyed content hash; ATTACHMENT: attachment id
 *                                       88 16  transaction id (random, from the milter)
 *                                      104 16  keyed envelope hash, cut
 *                                      120  4  CRC32C of the stored bytes
 *                                      124  4  CRC32C of 0..123
 * The payload is AES-256-GCM(zstd(plain)) with the tag behind it; flag ZSTD says whether it is compressed.
 * The additional data are u64 segment id, u64 offset, header bytes 0..119 with the VOID flag off, so that a
 * record can't be moved, retyped or put into another segment. VOID is set by recovery on a record that was
 * never acknowledged and can't be used (recover.c). Type GAP covers torn bytes that were never acknowledged;
 * its payload means nothing.
 *
 * Content hashes are HMAC-SHA256 under a key derived from the master key, since a plain hash in clear would
 * confirm a content after its erasure; the plain SHA-256 lies inside the encrypted payload (codec.c). */
#pragma once
#include <glib.h>

#define FORMAT_VERSION 1
#define SEGMENT_HEADER 4096u
#define RECORD_HEADER 128u
#define RECORD_AAD 136u /* what the GCM tag covers beside the payload */
#define RECORD_TAG 16u
#define RECORD_MAX (1u << 30) /* stored or plain bytes of one record */
#define RECORD_NO_SLOT 0xffffffffu
#define KEY_SLOT 64u
#define SEAL_SIZE 512u
#define INDEX_ENTRY 56u

enum record_type {
    RECORD_MESSAGE = 1,
    RECORD_ATTACHMENT = 2,
    RECORD_EVENT = 3,
    RECORD_EXPANSION = 4,
    RECORD_GAP = 5
};
enum record_flag { RECORD_VOID = 1, RECORD_ZSTD = 2 };

struct segment_header {
    guint32 class_id, month;
    guint64 segment;
    gint64 created_ms;
    guint32 dictionary;
    guint64 key_id, capacity;
    guint64 previous, previous_end;
    guint32 slots;
};

struct record_header {
    guint8 type;
    guint16 flags, dictionary;
    guint32 stored, plain, slot, raw;
    guint64 id, event;
    guint8 nonce[12];
    guint32 durable; /* / 8 */
    guint8 hash[32], transaction[16], envelope[16];
    guint32 payload_crc;
};

enum key_state { KEY_FREE = 0, KEY_USED = 1, KEY_ERASED = 2 };

/* Key slot (64): 0 4 magic "PKEY", 4 1 state, 5 3 zeros, 8 8 event id of the record, 16 40 data key wrapped
 * by AES-KW (RFC 3394), 56 4 zeros, 60 4 CRC32C of 0..59. All zeros = free. Slot 0 of a key file is its
 * header: magic "PKHD", u32 version, u64 segment id, u64 master key id, u32 slots, zeros, CRC. */
struct key_slot {
    enum key_state state;
    guint64 event;
    guint8 wrapped[40];
};

/* Index entry (56) of a sealed segment: 0 8 offset, 8 8 event id, 16 4 size, 20 1 type, 21 3 zeros, 24 32
 * leaf. */
struct index_entry {
    guint64 offset, event;
    guint32 size; /* header and stored bytes, without padding */
    guint8 type;
    guint8 leaf[32]; /* SHA-256(0x00 || record bytes), RFC 6962 */
};

/* The last 512 bytes of a sealed segment:
 *   0  8  magic "PSTNSEAL"       112 32  SHA-256 of the segment header block
 *   8  4  format version         144 32  seal hash of the segment sealed before, zeros for the first
 *  12  4  number of records      176 32  Ed25519 public key
 *  16  8  segment id             208 64  Ed25519 signature of the seal hash, zeros = unsigned
 *  24  8  offset of the index    272     zeros
 *  32  8  size of the file       508  4  CRC32C of 0..507
 *  40  8  sealed, ms since epoch
 *  48  8  segment sealed before this one, 0 for the first
 *  56  8  master key id
 *  64  8  number of damaged ranges that were passed over
 *  72  8  zeros
 *  80 32  root of the hash tree over the records (RFC 6962, 2.1)
 * The seal hash is SHA-256 of bytes 0..207: it commits to everything but key slots, which erasure may change.
 */
struct seal {
    guint32 records;
    guint64 segment, index_offset, file_size, previous, key_id, damaged;
    gint64 sealed_ms;
    guint8 root[32], header_hash[32], previous_hash[32], public_key[32], signature[64];
};
#define SEAL_HASHED 208u

void format_segment_header(const struct segment_header *header, guint8 out[SEGMENT_HEADER]);
gboolean parse_segment_header(const guint8 in[SEGMENT_HEADER], struct segment_header *header_r);

/* payload_crc included; the header's own CRC is made here. */
void format_record_header(const struct record_header *header, guint8 out[RECORD_HEADER]);
/* TRUE when magic, version, CRC, type and lengths are right: only then may lengths be trusted. */
gboolean parse_record_header(const guint8 in[RECORD_HEADER], struct record_header *header_r);
void format_record_aad(const struct record_header *header, guint64 segment, guint64 offset,
                       guint8 out[RECORD_AAD]);
/* Bytes that a record with so many stored bytes takes, padding included. */
static inline guint64
record_span(guint64 stored)
{
    return (RECORD_HEADER + stored + 7) & ~(guint64)7;
}

void format_key_slot(const struct key_slot *slot, guint8 out[KEY_SLOT]);
/* FALSE = damaged (neither all zeros nor a slot with a right CRC). */
gboolean parse_key_slot(const guint8 in[KEY_SLOT], struct key_slot *slot_r);
void format_key_file(guint64 segment, guint64 key_id, guint32 slots, guint8 out[KEY_SLOT]);
gboolean parse_key_file(const guint8 in[KEY_SLOT], guint64 *segment_r, guint64 *key_id_r, guint32 *slots_r);

void format_index_entry(const struct index_entry *entry, guint8 out[INDEX_ENTRY]);
void parse_index_entry(const guint8 in[INDEX_ENTRY], struct index_entry *entry_r);
void format_seal(const struct seal *seal, guint8 out[SEAL_SIZE]);
gboolean parse_seal(const guint8 in[SEAL_SIZE], struct seal *seal_r);

static inline void
put_u16(guint8 *p, guint16 v)
{
    p[0] = (guint8)v;
    p[1] = (guint8)(v >> 8);
}
static inline void
put_u32(guint8 *p, guint32 v)
{
    put_u16(p, (guint16)v);
    put_u16(p + 2, (guint16)(v >> 16));
}
static inline void
put_u64(guint8 *p, guint64 v)
{
    put_u32(p, (guint32)v);
    put_u32(p + 4, (guint32)(v >> 32));
}
static inline guint16
get_u16(const guint8 *p)
{
    return (guint16)(p[0] | p[1] << 8);
}
static inline guint32
get_u32(const guint8 *p)
{
    return get_u16(p) | (guint32)get_u16(p + 2) << 16;
}
static inline guint64
get_u64(const guint8 *p)
{
    return get_u32(p) | (guint64)get_u32(p + 4) << 32;
}
