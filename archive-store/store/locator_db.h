/* locator_db.h: the locator's SQLite file. Writing belongs to one thread at a time; reading is locked inside.
 */
#pragma once
#include "archive-store/store/locator.h"

struct locator_db;
struct locator_db *locator_db_open(const char *path, GError **error);
void locator_db_close(struct locator_db **db);
void locator_db_state(struct locator_db *db, guint64 *segment_r, guint64 *offset_r,
                      struct locator_counters *counters_r);
gboolean locator_db_reset(struct locator_db *db, GError **error);
/* One transaction: the entries and what the state is after them. */
gboolean locator_db_write(struct locator_db *db, const struct locator_entry *const *entries, guint n,
                          const struct locator_counters *counters, GError **error);
/* Place (or event id, for ENVELOPE) stored under the 64-bit key: 1, 0, -1. */
int locator_db_find(struct locator_db *db, enum locator_key key, gint64 hash, guint64 *value_r,
                    GError **error);
gboolean locator_db_forget(struct locator_db *db, enum locator_key key, gint64 hash, guint64 value,
                           GError **error);

/* The 64-bit keys, from the first bytes of the hash; attachments are keyed by month too. */
gint64 locator_hash(enum locator_key key, const guint8 *hash, guint32 month);
/* A place as one number: segments below 2^33, offsets below 8 GiB, multiples of 8. */
static inline guint64
locator_place(guint64 segment, guint64 offset)
{
    return segment << 30 | offset >> 3;
}
static inline guint64
locator_place_segment(guint64 place)
{
    return place >> 30;
}
static inline guint64
locator_place_offset(guint64 place)
{
    return (place & ((1u << 30) - 1)) << 3;
}
