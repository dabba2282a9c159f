/* test_format.c: the fixed structures: there and back, and nothing damaged is taken. */
#include "store_test.h"
#include "archive-store/store/crc32c.h"

static void
crc_vectors(void **state)
{
    guint8 bytes[1024];

    (void)state;
    assert_int_equal(crc32c(0, "123456789", 9), 0xe3069283u); /* RFC 3720 B.4's check value */
    memset(bytes, 0, 32);
    assert_int_equal(crc32c(0, bytes, 32), 0x8a9136aau);
    memset(bytes, 0xff, 32);
    assert_int_equal(crc32c(0, bytes, 32), 0x62a8ab43u);
    for (guint n = 0; n < sizeof bytes; n++)
        bytes[n] = (guint8)(n * 7);
    for (gsize n = 0; n < sizeof bytes; n += 13) {
        assert_int_equal(crc32c(0, bytes + n % 8, n - n % 8), crc32c_portable(0, bytes + n % 8, n - n % 8));
        assert_int_equal(crc32c(crc32c(0, bytes, n), bytes + n, sizeof bytes - n),
                         crc32c(0, bytes, sizeof bytes));
    }
}

static void
segment_header(void **state)
{
    struct segment_header in = {.class_id = 0,
                                .month = 202611,
                                .segment = 7,
                                .created_ms = 123456789,
                                .dictionary = 3,
                                .key_id = 0x1122334455667788,
                                .capacity = 1 << 20,
                                .previous = 6,
                                .previous_end = 8192,
                                .slots = 99};
    struct segment_header out;
    guint8 bytes[SEGMENT_HEADER], again[SEGMENT_HEADER];

    (void)state;
    format_segment_header(&in, bytes);
    assert_true(parse_segment_header(bytes, &out));
    format_segment_header(&out, again);
    assert_memory_equal(bytes, again, sizeof bytes);
    assert_true(out.segment == 7 && out.month == 202611 && out.previous_end == 8192 && out.slots == 99);
    for (guint n = 0; n < SEGMENT_HEADER; n += n < 80 ? 1 : 97) {
        bytes[n] ^= 0x10;
        assert_false(parse_segment_header(bytes, &out));
        bytes[n] ^= 0x10;
    }
}

static void
record_header(void **state)
{
    struct record_header in = {.type = RECORD_EVENT,
                               .flags = RECORD_ZSTD,
                               .dictionary = 2,
                               .stored = 100,
                               .plain = 200,
                               .slot = 5,
                               .raw = 4000,
                               .id = 11,
                               .event = 12,
                               .durable = 600,
                               .payload_crc = 77};
    struct record_header out;
    guint8 bytes[RECORD_HEADER], again[RECORD_HEADER], aad[RECORD_AAD], aad_void[RECORD_AAD];

    (void)state;
    memset(in.nonce, 1, 12);
    memset(in.hash, 2, 32);
    memset(in.transaction, 3, 16);
    memset(in.envelope, 4, 16);
    format_record_header(&in, bytes);
    assert_true(parse_record_header(bytes, &out));
    format_record_header(&out, again);
    assert_memory_equal(bytes, again, sizeof bytes);
    assert_true(out.stored == 100 && out.event == 12 && out.durable == 600 && out.raw == 4000);
    for (guint bit = 0; bit < RECORD_HEADER * 8; bit++) {
        bytes[bit / 8] ^= (guint8)(1 << bit % 8);
        assert_false(parse_record_header(bytes, &out));
        bytes[bit / 8] ^= (guint8)(1 << bit % 8);
    }
    format_record_aad(&in, 1, 4096, aad);
    in.flags |= RECORD_VOID;
    in.payload_crc = 1;
    format_record_aad(&in, 1, 4096, aad_void);
    assert_memory_equal(aad, aad_void, RECORD_AAD);
    in.stored = 15; /* shorter than a tag */
    format_record_header(&in, bytes);
    assert_false(parse_record_header(bytes, &out));
    in.stored = RECORD_MAX + 1;
    format_record_header(&in, bytes);
    assert_false(parse_record_header(bytes, &out));
    in.stored = 100;
    in.type = 9;
    format_record_header(&in, bytes);
    assert_false(parse_record_header(bytes, &out));
    assert_int_equal(record_span(0), 128);
    assert_int_equal(record_span(17), 152);
}

static void
slots_and_seals(void **state)
{
    struct key_slot slot = {.state = KEY_USED, .event = 5}, slot_out;
    struct seal seal = {.records = 2,
                        .segment = 9,
                        .index_offset = 8192,
                        .previous = 8,
                        .key_id = 4,
                        .sealed_ms = 5},
                seal_out;
    struct index_entry entry = {.offset = 4096, .event = 3, .size = 300, .type = RECORD_MESSAGE}, entry_out;
    guint8 bytes[SEAL_SIZE] = {0}, again[SEAL_SIZE];

    (void)state;
    assert_true(parse_key_slot(bytes, &slot_out));
    assert_int_equal(slot_out.state, KEY_FREE);
    memset(slot.wrapped, 6, 40);
    format_key_slot(&slot, bytes);
    assert_true(parse_key_slot(bytes, &slot_out));
    assert_true(slot_out.state == KEY_USED && slot_out.event == 5);
    assert_memory_equal(slot.wrapped, slot_out.wrapped, 40);
    bytes[20] ^= 1;
    assert_false(parse_key_slot(bytes, &slot_out));
    slot.state = KEY_ERASED;
    format_key_slot(&slot, bytes);
    assert_true(parse_key_slot(bytes, &slot_out));
    assert_int_equal(slot_out.state, KEY_ERASED);
    assert_int_equal(slot_out.wrapped[0], 0);

    seal.file_size = seal.index_offset + 2 * INDEX_ENTRY + SEAL_SIZE;
    memset(seal.root, 1, 32);
    memset(seal.signature, 2, 64);
    format_seal(&seal, bytes);
    assert_true(parse_seal(bytes, &seal_out));
    format_seal(&seal_out, again);
    assert_memory_equal(bytes, again, sizeof bytes);
    assert_true(seal_out.records == 2 && seal_out.previous == 8 && seal_out.sealed_ms == 5);
    bytes[100] ^= 1;
    assert_false(parse_seal(bytes, &seal_out));
    format_index_entry(&entry, bytes);
    parse_index_entry(bytes, &entry_out);
    assert_true(entry_out.offset == 4096 && entry_out.event == 3 && entry_out.size == 300 &&
                entry_out.type == RECORD_MESSAGE);
}

static void
ids(void **state)
{
    static const guint64 values[] = {0, 1, 31, 32, G_MAXUINT64, G_GUINT64_CONSTANT(0x18f3a7b2c4d5e6f1)};
    static const char *const wrong[] = {"",
                                        "0",
                                        "000000000000",
                                        "00000000000000",
                                        "g000000000000",
                                        "000000000000u",
                                        "zzzzzzzzzzzzz",
                                        "000000-000000"};
    char text[STORE_ID_TEXT], next[STORE_ID_TEXT];
    guint64 id;

    (void)state;
    for (gsize n = 0; n < G_N_ELEMENTS(values); n++) {
        store_id_format(values[n], text);
        assert_int_equal(strlen(text), 13);
        assert_true(store_id_parse(text, &id));
        assert_true(id == values[n]);
        store_id_format(values[n] + 1, next);
        assert_true(values[n] == G_MAXUINT64 || strcmp(text, next) < 0);
    }
    for (gsize n = 0; n < G_N_ELEMENTS(wrong); n++)
        assert_false(store_id_parse(wrong[n], &id));
    assert_false(store_id_parse(NULL, &id));
    assert_true(store_id_parse("0OoIiLl000000", &id));
    guint64 same;
    assert_true(store_id_parse("0001111000000", &same) && same == id);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(crc_vectors), cmocka_unit_test(segment_header),
                                       cmocka_unit_test(record_header), cmocka_unit_test(slots_and_seals),
                                       cmocka_unit_test(ids)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
