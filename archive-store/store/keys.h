/* keys.h: the key files keys/<16 hex segment id>.keys: one 64-byte slot for each record's wrapped data key.
 *
 * Slot 0 is the file's header; record slots count from 1. Erasing a message overwrites its slot: without the
 * data key the record is noise for ever. Key files are backed up apart from segments, so that a restore can't
 * bring erased keys back unseen. Thread-safe: all functions work on what the caller holds. */
#pragma once
#include "archive-store/store/crypto.h"
#include "archive-store/store/format.h"

static inline guint64
key_slot_offset(guint32 slot)
{
    return (guint64)slot * KEY_SLOT;
}
/* Bytes of a key file with so many record slots. */
static inline guint64
key_file_size(guint32 slots)
{
    return ((guint64)slots + 1) * KEY_SLOT;
}

/* The data key of a record out of the key file on fd: STORE_ERROR_ERASED, _KEY (wrong master key or wrong
 * slot), _DAMAGED, _IO. Wipe the key after use. */
gboolean keys_read(int fd, const struct secrets *secrets, guint64 segment, guint32 slot, guint64 event,
                   guint8 key_r[32], GError **error);
/* Whether the slot belongs to that record: KEY_USED or KEY_ERASED; KEY_FREE = no, or damaged. */
enum key_state keys_state(int fd, guint32 slot, guint64 event);
/* The last slot that isn't all zeros (0 = none) of at most slots. */
guint32 keys_last_used(int fd, guint32 slots);
/* Overwrites the slot with the mark of an erased key, and syncs. */
gboolean keys_erase(int fd, guint32 slot, guint64 event, const char *path, GError **error);
