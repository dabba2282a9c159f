/* seal.h: sealing a finished segment: record index, hash tree, chain and signature. Format: format.h. */
#pragma once
#include "archive-store/store/crypto.h"
#include "archive-store/store/segment.h"

/* The hash that the next seal is chained to and that the signature is over. */
void seal_hash(const struct seal *seal, guint8 hash[32]);
/* Reads the seal of a file if it has one that fits its size: 1, 0 = not sealed, -1 = reading failed (errno).
 */
int seal_read(int fd, struct seal *seal_r);
/* Writes index and seal behind segment->end, syncs, cuts the file (and the key file behind its last used
 * slot), syncs again. previous and previous_hash: the segment sealed before, 0 and zeros for the first. On
 * success *segment is as sealed. Damaged ranges are passed over and counted. May be done again after a crash
 * at any point. */
gboolean seal_segment(struct segments *table, struct segment *segment, const struct secrets *secrets,
                      guint64 previous, const guint8 previous_hash[32], GError **error);
/* Compares the sealed file on fd with its seal: header, index, tree. Appends what is wrong. */
void seal_check(int fd, const struct segment *segment, GPtrArray *problems);
