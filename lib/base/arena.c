/* arena.c: a chain of blocks that is filled from the front.
 *
 * Each block is larger than the last (4 KiB up to 256 KiB; a bigger request gets a block of its own size),
 * so that a message costs a handful of mallocs. Under AddressSanitizer the unused rest of a block is
 * poisoned and each allocation is followed by a red zone: without that, reading past an arena copy would
 * look valid to the fuzzers. Red zones are not counted against the cap. */
#include "lib/base/arena.h"
#include <stddef.h>
#include <string.h>

#if defined(__SANITIZE_ADDRESS__)
#define ARENA_ASAN 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define ARENA_ASAN 1
#endif
#endif

#ifdef ARENA_ASAN
#include <sanitizer/asan_interface.h>
#define ARENA_POISON(p, n) ASAN_POISON_MEMORY_REGION(p, n)
#define ARENA_UNPOISON(p, n) ASAN_UNPOISON_MEMORY_REGION(p, n)
#define ARENA_RED_ZONE 32u
#else
#define ARENA_POISON(p, n) ((void)0)
#define ARENA_UNPOISON(p, n) ((void)0)
#define ARENA_RED_ZONE 0u
#endif

#define ARENA_ALIGN ((gsize)_Alignof(max_align_t))
#define ARENA_FIRST_BLOCK ((gsize)4096)
#define ARENA_LARGEST_STEP ((gsize)256 * 1024)

struct arena_block {
    struct arena_block *next;
    gsize size, used; /* of data */
    _Alignas(max_align_t) char data[];
};

struct arena {
    gsize cap, used, step;
    struct arena_block *blocks; /* newest first */
    gboolean exhausted;
};

struct arena *
arena_new(gsize cap)
{
    struct arena *a = g_new0(struct arena, 1);
    a->cap = cap;
    a->step = ARENA_FIRST_BLOCK;
    return a;
}

static void
arena_free_block(struct arena_block *block)
{
    ARENA_UNPOISON(block->data, block->size);
    g_free(block);
}

void
arena_free(struct arena **a)
{
    if (!a || !*a)
        return;
    struct arena_block *block = (*a)->blocks;
    while (block) {
        struct arena_block *next = block->next;
        arena_free_block(block);
        block = next;
    }
    g_free(*a);
    *a = NULL;
}

void
arena_reset(struct arena *a)
{
    /* The newest block is the largest step; a block made for one big request is not worth keeping. */
    struct arena_block *keep = NULL, *block = a->blocks;
    while (block) {
        struct arena_block *next = block->next;
        if (!keep && block->size <= ARENA_LARGEST_STEP)
            keep = block;
        else
            arena_free_block(block);
        block = next;
    }
    if (keep) {
        keep->next = NULL;
        keep->used = 0;
        ARENA_POISON(keep->data, keep->size);
    }
    a->blocks = keep;
    a->used = 0;
    a->exhausted = FALSE;
}

/* arena_add_block - a block with room for at least n bytes becomes the newest */
static void
arena_add_block(struct arena *a, gsize n)
{
    gsize size = MAX(a->step, n);
    struct arena_block *block = g_malloc(sizeof *block + size);
    block->next = a->blocks;
    block->size = size;
    block->used = 0;
    ARENA_POISON(block->data, size);
    a->blocks = block;
    if (a->step < ARENA_LARGEST_STEP)
        a->step *= 2;
}

void *
arena_alloc(struct arena *a, gsize n)
{
    gsize left = a->cap - a->used;
    gsize want = n == 0 ? ARENA_ALIGN : n; /* distinct pointers also for empty values */
    gsize padding = (ARENA_ALIGN - want % ARENA_ALIGN) % ARENA_ALIGN;
    if (want > left || padding > left - want || want > G_MAXSIZE / 2) {
        a->exhausted = TRUE;
        return NULL;
    }
    want += padding;
    struct arena_block *block = a->blocks;
    if (!block || block->size - block->used < want + ARENA_RED_ZONE) {
        arena_add_block(a, want + ARENA_RED_ZONE);
        block = a->blocks;
    }
    char *p = block->data + block->used;
    block->used += want + ARENA_RED_ZONE;
    a->used += want;
    ARENA_UNPOISON(p, n);
    memset(p, 0, n);
    return p;
}

char *
arena_strndup(struct arena *a, const char *s, gsize n)
{
    if (n == G_MAXSIZE) {
        a->exhausted = TRUE;
        return NULL;
    }
    char *copy = arena_alloc(a, n + 1);
    if (copy && n > 0)
        memcpy(copy, s, n);
    return copy;
}

gsize
arena_used(const struct arena *a)
{
    return a->used;
}

gboolean
arena_exhausted(const struct arena *a)
{
    return a->exhausted;
}
