/* keys.c: reading and erasing key slots. Slots are written with their records by append.c. */
#include "archive-store/store/keys.h"
#include "archive-store/store/io.h"
#include "archive-store/store/store.h"
#include <errno.h>
#include <string.h>

#define SCAN_SLOTS 1024u

gboolean
keys_read(int fd, const struct secrets *secrets, guint64 segment, guint32 slot, guint64 event,
          guint8 key_r[32], GError **error)
{
    guint8 bytes[KEY_SLOT];
    struct key_slot s;

    gssize n = io_read_full(fd, bytes, sizeof bytes, key_slot_offset(slot));
    if (n < 0) {
        g_set_error(error, STORE_ERROR, STORE_ERROR_IO,
                    "reading the keys of segment %016" G_GINT64_MODIFIER "x: %s", segment, g_strerror(errno));
        return FALSE;
    }
    if (n != KEY_SLOT || !parse_key_slot(bytes, &s) || s.state == KEY_FREE || s.event != event) {
        g_set_error(error, STORE_ERROR, STORE_ERROR_DAMAGED,
                    "segment %016" G_GINT64_MODIFIER
                    "x: key slot %u is damaged or missing; restore the key file from its backup",
                    segment, slot);
        return FALSE;
    }
    if (s.state == KEY_ERASED) {
        g_set_error(error, STORE_ERROR, STORE_ERROR_ERASED, "this message was erased");
        return FALSE;
    }
    if (!crypto_unwrap(secrets->kek, s.wrapped, key_r)) {
        g_set_error(error, STORE_ERROR, STORE_ERROR_KEY,
                    "segment %016" G_GINT64_MODIFIER "x: key slot %u doesn't open", segment, slot);
        return FALSE;
    }
    return TRUE;
}

enum key_state
keys_state(int fd, guint32 slot, guint64 event)
{
    guint8 bytes[KEY_SLOT];
    struct key_slot s;

    if (io_read_full(fd, bytes, sizeof bytes, key_slot_offset(slot)) != KEY_SLOT ||
        !parse_key_slot(bytes, &s) || s.event != event)
        return KEY_FREE;
    return s.state;
}

guint32
keys_last_used(int fd, guint32 slots)
{
    g_autofree guint8 *bytes = g_malloc(SCAN_SLOTS * KEY_SLOT);
    static const guint8 zeros[KEY_SLOT];
    guint32 last = 0;

    for (guint32 first = 1; first <= slots;) {
        guint32 want = MIN(SCAN_SLOTS, slots - first + 1);
        gssize n = io_read_full(fd, bytes, want * KEY_SLOT, key_slot_offset(first));
        guint32 got = n > 0 ? (guint32)n / KEY_SLOT : 0;
        for (guint32 i = 0; i < got; i++) {
            if (memcmp(bytes + i * KEY_SLOT, zeros, KEY_SLOT) != 0)
                last = first + i;
        }
        if (got < want)
            break;
        first += got;
    }
    return last;
}

gboolean
keys_erase(int fd, guint32 slot, guint64 event, const char *path, GError **error)
{
    guint8 bytes[KEY_SLOT];

    format_key_slot(&(struct key_slot){.state = KEY_ERASED, .event = event}, bytes);
    return io_write_full(fd, bytes, sizeof bytes, key_slot_offset(slot), path, error) &&
           io_fdatasync(fd, path, error);
}
