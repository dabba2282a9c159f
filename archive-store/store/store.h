/* store.h: the archive's store: segments, keys, group commit, recovery. Formats: format.h, codec.c, dict.c.
 *
 * Thread-safety: store_ingest, store_get and readers may be used from any thread. */
#pragma once
#include "lib/mail/capture.h"

#define STORE_ERROR store_error_quark()
GQuark store_error_quark(void);
enum store_error {
    STORE_ERROR_FULL,
    STORE_ERROR_IO,
    STORE_ERROR_ABSENT,
    STORE_ERROR_ERASED,
    STORE_ERROR_DAMAGED,
    STORE_ERROR_KEY,
    STORE_ERROR_TOO_BIG
};

struct store;
struct store_options {
    const char *dir;        /* segments/, keys/, locator.db, dictionaries/ below it */
    const char *master_key; /* file of 32 random bytes in hex, 0600; made by store_create_key */
    gsize segment_size;     /* bytes, 64 MiB .. 1 GiB (tests may go to 1 MiB) */
    int level;              /* zstd */
    gsize attachment_min;   /* attachments of this many decoded bytes get a record of their own */
    gsize max_message;      /* bytes */
    guint64 min_free;       /* answer FULL when the disk would have less than this left */
};
/* Makes a new master key file (O_EXCL, 0600, synced with its directory). */
gboolean store_create_key(const char *path, GError **error);
/* Opens and recovers; what recovery did goes to the log and to recovered_r (may be NULL; caller frees). */
struct store *store_open(const struct store_options *options, char **recovered_r, GError **error);
void store_close(struct store **store);

/* An archive id: receipt time in ms << 20 | sequence; strictly rising; the time only rises (a clock that
 * jumps back does not bring ids back). Shown as 13 characters of Crockford base32, lower case. */
#define STORE_ID_TEXT 14
void store_id_format(guint64 id, char text[STORE_ID_TEXT]);
gboolean store_id_parse(const char *text, guint64 *id_r);
static inline gint64
store_id_time_ms(guint64 id)
{
    return (gint64)(id >> 20);
}

struct store_receipt {
    guint64 id;      /* of the content */
    guint64 event;   /* of this delivery; equals id for the first */
    gboolean known;  /* content was there before */
    gboolean repeat; /* same transaction id (nothing new written), or same content and envelope as an earlier
                        event */
};
/* Called once from the commit thread after the group's fdatasync, or with an error (borrowed). */
typedef void (*store_done)(const struct store_receipt *receipt, const GError *error, gpointer data);
/* Builds the record on the calling thread, appends it, returns; done tells when it is durable. An error found
 * before the append is told through done too (on the calling thread). */
void store_ingest(struct store *store, const struct capture *capture, store_done done, gpointer data);
/* For callers that wait. */
gboolean store_ingest_wait(struct store *store, const struct capture *capture,
                           struct store_receipt *receipt_r, GError **error);
/* The capture of a content or event id, message byte for byte as that event received it. */
struct capture *store_get(struct store *store, guint64 id, GError **error);

/* The content id that an event id belongs to: 1 id_r set, 0 no such event, -1 error. */
int store_content(struct store *store, guint64 event, guint64 *id_r, GError **error);

enum store_kind { STORE_MESSAGE = 1, STORE_ATTACHMENT = 2, STORE_EVENT = 3, STORE_EXPANSION = 4 };
/* A later answer for recipients whose expansion was pending; becomes a record of its own. */
gboolean store_add_expansion(struct store *store, guint64 event, guint recipient, char **mailboxes,
                             GError **error);

/* Position in the log: after the record at segment:offset. {0,0} = the beginning. */
struct store_cursor {
    guint64 segment, offset;
};
struct store_item {
    enum store_kind kind;      /* MESSAGE, EVENT or EXPANSION; attachments are passed over */
    guint64 id, event;         /* content id and event id (equal for MESSAGE); EXPANSION: its own id and its event */
    struct store_cursor next;  /* cursor after this record */
    struct capture *capture;   /* whole for MESSAGE; for EVENT without message (NULL) */
    guint expansion_recipient; /* EXPANSION: which recipient of event */
    char **expansion_mailboxes;
};
/* The next durable record after *cursor: 1 item_r filled (clear it); 0 nothing more now; -1 error. With
 * STORE_ERROR_DAMAGED item_r->next says where to go on behind the damage; with any other error (_IO, _KEY) it is where
 * reading failed: try again later. Erased records are skipped silently. */
int store_next(struct store *store, const struct store_cursor *cursor, struct store_item *item_r,
               GError **error);
void store_item_clear(struct store_item *item);
/* Waits until something after cursor is durable or timeout_ms passed or the store closes; TRUE = something.
 */
gboolean store_wait(struct store *store, const struct store_cursor *cursor, int timeout_ms);
/* Durable end now; and the bytes between a cursor and that end (the lag). */
struct store_cursor store_end(struct store *store);
guint64 store_lag_bytes(struct store *store, const struct store_cursor *cursor);

struct store_verify_report {
    guint64 segments, records, messages, bytes, damaged, erased;
    GPtrArray *problems; /* char *, at most 1000 */
};
typedef void (*store_progress)(guint64 done, guint64 total, const char *what, gpointer data);
/* Re-reads everything: CRC, GCM tag, content hash, key slots, footers, hash trees, the chain. */
gboolean store_verify(struct store *store, store_progress progress, gpointer data,
                      struct store_verify_report *report_r, GError **error);
void store_verify_report_clear(struct store_verify_report *report);

/* For status. messages: different contents; events: deliveries, the first of each content included; raw_bytes: sizes of
 * all deliveries as received; disk_bytes: everything in the store's folder but the unused rest of the open segment and the
 * segment made ahead of it (together at most two segment_size). */
struct store_stats {
    guint64 segments, records, messages, events, attachments, raw_bytes, disk_bytes;
};
void store_stats(struct store *store, struct store_stats *stats_r);
