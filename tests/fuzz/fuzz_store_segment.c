/* fuzz_store_segment.c: recovery and reading of a small segment that the input changes: patches of the log and of the key
 * file, with checksums made right where the input asks for it. A second recovery must find nothing to do. */
#include <stdint.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>
#include "archive-store/store/codec.h"
#include "archive-store/store/crc32c.h"
#include "archive-store/store/keys.h"
#include "archive-store/store/recover.h"
#include "archive-store/store/record.h"
#include "archive-store/store/walk.h"

#define CAPACITY 8192u
#define SLOTS 15u

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static guint8 clean_log[CAPACITY], clean_keys[(SLOTS + 1) * KEY_SLOT];
static struct secrets secrets;
static const struct segment_header header = {.segment = 1, .month = 202611, .capacity = CAPACITY, .slots = SLOTS};

static GByteArray *
plain_of(enum record_type type)
{
    static const char text[] = "Received: x\r\nSubject: y\r\n\r\nbody\r\n";
    char *mailboxes[] = {(char[]){"a@x"}, NULL};
    g_autoptr(GArray) none = g_array_new(FALSE, FALSE, sizeof(struct attach_reference));
    struct identity identity;

    if (type == RECORD_EXPANSION)
        return payload_encode_expansion(1, mailboxes);
    struct capture *c = capture_new();
    c->message = g_bytes_new_static(text, sizeof text - 1);
    identity_init(&identity, c, &secrets);
    GByteArray *plain = type == RECORD_MESSAGE ? payload_encode_message(c, &identity, none) : payload_encode_event(c, &identity);
    identity_clear(&identity);
    capture_free(&c);
    return plain;
}

static gpointer
build(gpointer unused)
{
    static const enum record_type types[] = {RECORD_MESSAGE, RECORD_ATTACHMENT, RECORD_EVENT, RECORD_EXPANSION,
                                             RECORD_MESSAGE, RECORD_EVENT};
    guint8 key[32] = {1};
    guint64 at = SEGMENT_HEADER;
    struct key_slot slot = {.state = KEY_USED};

    (void)unused;
    crypto_wrap(secrets.kek, key, slot.wrapped);
    for (guint n = 0; n < G_N_ELEMENTS(types); n++) {
        g_autoptr(GByteArray) plain = plain_of(types[n]);
        struct record r;
        record_pack(&r, types[n], plain->data, plain->len, 3, NULL);
        r.header.durable = n < 3 ? SEGMENT_HEADER / 8 : (guint32)at / 8;
        r.header.slot = types[n] == RECORD_ATTACHMENT ? RECORD_NO_SLOT : n + 1;
        r.header.event = n + 1;
        r.header.id = types[n] == RECORD_EVENT ? 1 : n + 1;
        record_finish(&r, 1, at, key);
        memcpy(clean_log + at, r.bytes, record_span(r.header.stored));
        at += record_span(r.header.stored);
        slot.event = n + 1;
        format_key_slot(&slot, clean_keys + (n + 1) * KEY_SLOT);
        record_clear(&r);
    }
    return NULL;
}

/* op, u16 place, then by op: bytes to write (count first), or what to make right. */
static void
patch(guint8 *log, guint8 *keys, const uint8_t *data, size_t size)
{
    while (size >= 4) {
        guint op = data[0] % 5;
        gsize at = get_u16(data + 1), n = MIN((gsize)data[3], size - 4);
        if (op == 0 && SEGMENT_HEADER + at + n <= CAPACITY)
            memcpy(log + SEGMENT_HEADER + at, data + 4, n);
        else if (op == 1 && at + n <= sizeof clean_keys)
            memcpy(keys + at, data + 4, n);
        else if (op == 2 && SEGMENT_HEADER + at + 8 * n <= CAPACITY)
            memset(log + SEGMENT_HEADER + at, 0, 8 * n);
        at = SEGMENT_HEADER + (at & ~(gsize)7);
        if ((op == 3 || op == 4) && at + RECORD_HEADER <= CAPACITY) {
            guint8 *h = log + at;
            guint32 stored = get_u32(h + 8);
            if (op == 4 && stored <= CAPACITY - at - RECORD_HEADER)
                put_u32(h + 120, crc32c(0, h + RECORD_HEADER, stored));
            put_u32(h + 124, crc32c(0, h, 124));
        }
        gsize used = 4 + (op < 2 ? n : 0);
        data += used;
        size -= used;
    }
}

static void
read_all(int fd, int key_fd, guint64 end)
{
    struct walk walk;
    enum walk_step step;

    walk_init(&walk, fd, SEGMENT_HEADER, end);
    while ((step = walk_next(&walk)) == WALK_RECORD || step == WALK_DAMAGED) {
        guint8 key[32];
        struct payload payload;
        if (step == WALK_DAMAGED || walk.header.type == RECORD_GAP ||
            !keys_read(key_fd, &secrets, 1, walk.header.slot, walk.header.event, key, NULL))
            continue;
        g_autofree guint8 *stored = g_memdup2(walk.record + RECORD_HEADER, walk.header.stored);
        g_autoptr(GBytes) plain = record_open(&walk.header, 1, walk.at, stored, key, NULL, NULL);
        if (plain != NULL) {
            (void)payload_decode(plain, walk.header.type, &payload);
            payload_clear(&payload);
        }
    }
    walk_clear(&walk);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static GOnce once = G_ONCE_INIT;
    guint8 log[CAPACITY], keys[sizeof clean_keys];
    struct recovery first, second;

    g_once(&once, build, NULL);
    memcpy(log, clean_log, sizeof log);
    memcpy(keys, clean_keys, sizeof keys);
    patch(log, keys, data, size);
    int fd = memfd_create("log", MFD_CLOEXEC), key_fd = memfd_create("keys", MFD_CLOEXEC);
    g_assert(write(fd, log, sizeof log) == sizeof log && write(key_fd, keys, sizeof keys) == sizeof keys);
    g_autoptr(GString) report = g_string_new(NULL);
    if (recover_segment(fd, key_fd, &header, 0, NULL, NULL, &first, report, NULL)) {
        g_assert(first.end >= SEGMENT_HEADER && first.end <= CAPACITY);
        read_all(fd, key_fd, first.end);
        g_assert(recover_segment(fd, key_fd, &header, 0, NULL, NULL, &second, report, NULL));
        g_assert(second.end == first.end && second.cut == 0 && second.gaps == 0 && second.voided == 0);
    }
    close(fd);
    close(key_fd);
    return 0;
}
