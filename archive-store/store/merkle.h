/* merkle.h: the hash tree of RFC 6962 section 2.1 (SHA-256): leaves SHA-256(0x00 || data), nodes SHA-256(0x01
 * || left || right), so that a proof for one record can be checked with anybody's tools. Not thread-safe. */
#pragma once
#include <glib.h>

void merkle_leaf(const void *data, gsize n, guint8 leaf[32]);

struct merkle {
    guint64 count;
    guint8 node[64][32]; /* roots of the full subtrees so far, one for each bit set in count */
};
void merkle_add(struct merkle *tree, const guint8 leaf[32]);
/* The root over the leaves so far; SHA-256 of nothing when there is none. */
void merkle_root(const struct merkle *tree, guint8 root[32]);
