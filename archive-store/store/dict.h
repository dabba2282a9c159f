/* dict.h: the store's zstd dictionaries: trained from its own first messages, used for new segments.
 *
 * A dictionary once loaded stays until the table is closed, so pointers may be kept. Thread-safe. */
#pragma once
#include "archive-store/store/crypto.h"
#include <zstd.h>

#define DICTIONARY_SIZE (110u << 10) /* bytes trained for */

struct dictionary {
    guint16 id; /* from 1 */
    ZSTD_CDict *compress;
    ZSTD_DDict *decompress;
};

struct dictionaries;
/* Loads all of dir (made unless there). A file that can't be used is told in problems and left alone: the
 * records that need it can't be read then. */
struct dictionaries *dictionaries_open(const char *dir, const struct keyring *keyring, int level,
                                       GPtrArray *problems, GError **error);
void dictionaries_close(struct dictionaries **table);
const struct dictionary *dictionaries_find(struct dictionaries *table,
                                           guint16 id);                   /* NULL = 0 or not there */
const struct dictionary *dictionaries_latest(struct dictionaries *table); /* NULL = none yet */
/* Trains on n samples laid end to end, writes the file (synced), adds it. NULL: too little to learn from, or
 * error. */
const struct dictionary *dictionaries_train(struct dictionaries *table, const void *samples,
                                            const gsize *sizes, guint n, GError **error);
/* Re-reads every file from the disk; appends what is wrong. */
void dictionaries_verify(struct dictionaries *table, GPtrArray *problems);
guint64 dictionaries_bytes(struct dictionaries *table);
