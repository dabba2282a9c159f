/* store_private.h: the store's insides, shared by its own files and its tests. */
#pragma once
#include "archive-store/store/append.h"
#include "archive-store/store/claims.h"
#include "archive-store/store/codec.h"
#include "archive-store/store/store.h"

#define TRAIN_MESSAGES 1000u /* so many messages make the first dictionary */

struct store {
    struct store_options options; /* dir and master_key are copies */
    char *dir, *master_key;
    int lock_fd;
    struct keyring *keyring;
    const struct secrets *secrets;
    struct dictionaries *dictionaries;
    struct segments *segments;
    struct locator *locator;
    struct preparer *preparer;
    struct appender *appender;
    struct claims *claims;

    /* The keeper: a thread that seals, and trains the dictionary. */
    GThread *keeper;
    GMutex keeper_lock;
    GCond keeper_wake, keeper_idle;
    GQueue finished; /* guint64 *: segments to seal, in this order */
    gint64 seal_at;  /* monotonic: not before that, since sealing failed; 0 = it did not */
    gboolean keeper_stop, keeper_busy, train;
    guint64 sealed; /* the last one sealed, 0 = none */
    guint8 sealed_hash[32];
    guint train_at;    /* messages at which a dictionary is tried; 0 = there is one */
    gint new_messages; /* atomic */
};

/* keeper.c */
void keeper_start(struct store *store);
void keeper_stop(struct store *store);
void keeper_finished(guint64 segment, gpointer store); /* appender_options.finished */
/* Waits until all that is finished is sealed (unless that failed) and no training is under way. */
void keeper_wait(struct store *store);
/* Trains a dictionary of what is in the store now; used from the next segment on. */
gboolean store_train(struct store *store, guint most, GError **error);

/* open.c */
gboolean store_load(struct store *store, struct appender_start *start_r, GString *report, GError **error);

/* fetch.c: one record or message from the disk. */
gboolean fetch_entry(guint64 segment, guint64 offset, struct locator_entry *entry_r,
                     gpointer store); /* locator_read */
/* Header and stored bytes (caller frees), CRCs checked. */
gboolean fetch_stored(struct store *store, guint64 segment, guint64 offset, struct record_header *header_r,
                      guint8 **stored_r, GError **error);
/* The plain payload of a record with a key slot. */
GBytes *fetch_plain(struct store *store, guint64 segment, guint64 offset, struct record_header *header_r,
                    GError **error);
/* Decrypts stored bytes that are at hand already (overwritten). */
GBytes *fetch_open(struct store *store, guint64 segment, guint64 offset, const struct record_header *header,
                   guint8 *stored, GError **error);
/* The message of a MESSAGE payload, attachments put back, checked against its SHA-256. */
GBytes *fetch_message(struct store *store, const struct payload *payload, GError **error);
/* The message of an EVENT payload. */
GBytes *fetch_event_message(struct store *store, const struct payload *payload, guint64 content,
                            GError **error);
struct capture *fetch_capture(const struct payload *payload, GError **error);
/* Appends offsets of attachments in the same segment (recover_references). */
gboolean fetch_references(const struct record_header *header, guint64 offset, const guint8 *record,
                          GArray *offsets, gpointer data);
struct fetch_references_data {
    struct store *store;
    guint64 segment;
};

/* Marks the key of a content's or event's record as erased. For tests until erasure has its own issue. */
gboolean store_erase_key(struct store *store, guint64 id, GError **error);
