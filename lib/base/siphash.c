/* siphash.c: see siphash.h. Words are little-endian, as the paper's test vectors have them. */
#include "lib/base/siphash.h"
#include <string.h>
#include <sys/random.h>

struct state {
    guint64 v0, v1, v2, v3;
};

static inline guint64
rotate(guint64 x, int bits)
{
    return x << bits | x >> (64 - bits);
}

static inline void
rounds(struct state *s, int n)
{
    while (n-- > 0) {
        s->v0 += s->v1;
        s->v1 = rotate(s->v1, 13) ^ s->v0;
        s->v0 = rotate(s->v0, 32);
        s->v2 += s->v3;
        s->v3 = rotate(s->v3, 16) ^ s->v2;
        s->v0 += s->v3;
        s->v3 = rotate(s->v3, 21) ^ s->v0;
        s->v2 += s->v1;
        s->v1 = rotate(s->v1, 17) ^ s->v2;
        s->v2 = rotate(s->v2, 32);
    }
}

static inline void
take_word(struct state *s, guint64 word)
{
    s->v3 ^= word;
    rounds(s, 2);
    s->v0 ^= word;
}

void
siphash_key_random(struct siphash_key *key_r)
{
    /* Up to 256 bytes come whole once the system has started (getrandom(2)); where the call is not allowed, GLib's do. */
    if (getrandom(key_r, sizeof *key_r, 0) == (gssize)sizeof *key_r)
        return;
    for (guint i = 0; i < 2; i++)
        key_r->half[i] = (guint64)g_random_int() << 32 | g_random_int();
}

guint64
siphash(const struct siphash_key *key, const void *data, gsize length)
{
    const guint8 *at = data;
    const guint8 *last = at + (length & ~(gsize)7);
    guint64 word, tail = (guint64)length << 56;
    struct state s = {key->half[0] ^ G_GUINT64_CONSTANT(0x736f6d6570736575), key->half[1] ^ G_GUINT64_CONSTANT(0x646f72616e646f6d),
                      key->half[0] ^ G_GUINT64_CONSTANT(0x6c7967656e657261), key->half[1] ^ G_GUINT64_CONSTANT(0x7465646279746573)};

    for (; at < last; at += 8) {
        memcpy(&word, at, 8);
        take_word(&s, GUINT64_FROM_LE(word));
    }
    for (gsize i = 0; i < (length & 7); i++)
        tail |= (guint64)last[i] << 8 * i;
    take_word(&s, tail);
    s.v2 ^= 0xff;
    rounds(&s, 4);
    return s.v0 ^ s.v1 ^ s.v2 ^ s.v3;
}
