/* key.h: the 128-bit key of a mark or meter: the first half of SHA-256 over its kind's name, a NUL and its text.
 *
 * Senders choose the texts, so the hash must be one that they can't steer, and the same on all nodes. */
#pragma once
#include <glib.h>
#include <string.h>

struct state_key {
    guint8 bytes[16];
};

/* Thread-safe. */
void state_key_make(struct state_key *key_r, const char *kind, const char *text);

static inline gboolean
state_key_equal(const struct state_key *a, const struct state_key *b)
{
    return memcmp(a->bytes, b->bytes, sizeof a->bytes) == 0;
}
