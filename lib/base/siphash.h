/* siphash.h: SipHash-2-4 (Aumasson, Bernstein 2012): a hash for tables whose keys come from mail. Who doesn't know the key can't
 * choose texts that fall together. No signature: never for anything that leaves the process. Thread-safe. */
#pragma once
#include <glib.h>

struct siphash_key {
    guint64 half[2];
};
/* A key from the system's random numbers. */
void siphash_key_random(struct siphash_key *key_r);
guint64 siphash(const struct siphash_key *key, const void *data, gsize length);
