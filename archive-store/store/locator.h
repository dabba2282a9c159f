/* locator.h: where things are: content hash, transaction, envelope, attachment and id to their places in the
 * segments.
 *
 * Derived: locator.db may be deleted at any time while the store is closed; it is rebuilt from record
 * headers. What isn't in the database yet lies in memory, from the moment its place is given out.
 * Thread-safe. */
#pragma once
#include "archive-store/store/format.h"

enum locator_key { LOCATE_CONTENT, LOCATE_TRANSACTION, LOCATE_ENVELOPE, LOCATE_ATTACHMENT, LOCATE_ID };
#define LOCATOR_KEYS 5

struct locator_entry {
    guint64 segment, offset, end; /* end: of the record */
    guint32 month;                /* of the segment */
    struct record_header header;
};

struct locator_counters {
    guint64 records, messages, events, attachments, raw_bytes;
};

struct locator;
/* Reads the header of the record at a place, and its segment's month; FALSE = there is none. */
typedef gboolean (*locator_read)(guint64 segment, guint64 offset, struct locator_entry *entry_r,
                                 gpointer data);
/* A database that is damaged or of another version is made anew. */
struct locator *locator_open(const char *path, locator_read read, gpointer data, GError **error);
/* Writes what is settled and closes. */
void locator_close(struct locator **locator);
/* Up to where the log is in the database; 0, 0 = nothing is. */
void locator_cursor(struct locator *locator, guint64 *segment_r, guint64 *offset_r);
/* Forgets everything: the cursor did not fit the segments. */
gboolean locator_reset(struct locator *locator, GError **error);

/* Adds a record in the order of the log. settled: it is durable (replay); else locator_settle or locator_drop
 * follows. */
void locator_add(struct locator *locator, const struct locator_entry *entry, gboolean settled);
/* Everything of the segment before end is durable. */
void locator_settle(struct locator *locator, guint64 segment, guint64 end);
/* Everything of the segment from end on was answered with an error: forget it. */
void locator_drop(struct locator *locator, guint64 segment, guint64 end);

/* The newest record for the key: 1, 0 = none, -1 = the database can't be read. hash: 32 bytes for CONTENT and
 * ATTACHMENT, 16 for TRANSACTION and ENVELOPE. ATTACHMENT finds only those of that month. ENVELOPE finds
 * EVENT records. Hashes are compared whole, against the record's header. */
int locator_find(struct locator *locator, enum locator_key key, const guint8 *hash, guint32 month,
                 struct locator_entry *entry_r, GError **error);
/* MESSAGE or EVENT record by event id. */
int locator_find_id(struct locator *locator, guint64 event, struct locator_entry *entry_r, GError **error);
/* Forgets a content hash that leads to the place (its message was erased). */
void locator_forget_content(struct locator *locator, const guint8 hash[32], guint64 segment, guint64 offset);
/* Writes everything settled to the database now. */
gboolean locator_flush(struct locator *locator, GError **error);
void locator_count(struct locator *locator, struct locator_counters *counters_r);
guint64 locator_bytes(struct locator *locator);
