/* merkle.c: the tree grows like a binary counter: adding a leaf merges equal subtrees as a carry does. */
#include "archive-store/store/merkle.h"
#include "archive-store/store/crypto.h"
#include <string.h>

void
merkle_leaf(const void *data, gsize n, guint8 leaf[32])
{
    static const guint8 prefix = 0;
    crypto_sha256((struct bytes[]){{&prefix, 1}, {data, n}}, 2, leaf);
}

static void
join(const guint8 left[32], const guint8 right[32], guint8 out[32])
{
    static const guint8 prefix = 1;
    guint8 joined[32];
    crypto_sha256((struct bytes[]){{&prefix, 1}, {left, 32}, {right, 32}}, 3, joined);
    memcpy(out, joined, 32);
}

void
merkle_add(struct merkle *tree, const guint8 leaf[32])
{
    guint8 carry[32];
    int level = 0;

    memcpy(carry, leaf, 32);
    for (guint64 n = tree->count; (n & 1) != 0; n >>= 1, level++)
        join(tree->node[level], carry, carry);
    memcpy(tree->node[level], carry, 32);
    tree->count++;
}

void
merkle_root(const struct merkle *tree, guint8 root[32])
{
    gboolean have = FALSE;

    crypto_sha256(NULL, 0, root);
    for (int level = 0; level < 64; level++) {
        if ((tree->count >> level & 1) == 0)
            continue;
        if (have)
            join(tree->node[level], root, root);
        else
            memcpy(root, tree->node[level], 32);
        have = TRUE;
    }
}
