/* large_pages.c: chunks that are filled from their beginning; each block has a head with its size before it. */
#include "lib/spam/engine/large_pages.h"
#include <glib.h>
#include <stdint.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#define LARGE ((size_t)2 << 20) /* of a large page */
#define ALIGNED 64u

struct chunk {
    char *mapped, *begin, *end; /* begin: the first that lies at a large page */
    size_t mapped_size;
    char *free;                 /* from here on nothing is taken */
    size_t n_taken;
};

/* Before each block, and as large as what it is aligned to. */
struct head {
    struct chunk *chunk;
    size_t size; /* with the head */
    char filler[ALIGNED - sizeof(struct chunk *) - sizeof(size_t)];
};

static GMutex lock;
static struct chunk *current;

static struct chunk *
chunk_new(size_t least)
{
    struct chunk *chunk = g_new0(struct chunk, 1);
    size_t size = (MAX(least, LARGE_PAGES_CHUNK) + LARGE - 1) / LARGE * LARGE;

    chunk->mapped_size = size + LARGE;
    chunk->mapped = mmap(NULL, chunk->mapped_size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (chunk->mapped == MAP_FAILED) {
        g_free(chunk);
        return NULL;
    }
    chunk->begin = chunk->free = chunk->mapped + (LARGE - (uintptr_t)chunk->mapped % LARGE) % LARGE;
    chunk->end = chunk->begin + size;
    madvise(chunk->begin, size, MADV_HUGEPAGE); /* where that fails, pages are small */
    return chunk;
}

static void
chunk_free(struct chunk *chunk)
{
    munmap(chunk->mapped, chunk->mapped_size);
    g_free(chunk);
}

void *
large_pages_take(size_t size)
{
    struct head *head = NULL;
    size_t all = (size + sizeof *head + ALIGNED - 1) / ALIGNED * ALIGNED;

    if (size == 0 || size > SIZE_MAX / 4)
        return NULL;
    g_mutex_lock(&lock);
    if (current == NULL || (size_t)(current->end - current->free) < all) {
        struct chunk *next = chunk_new(all);
        if (next != NULL && current != NULL && current->n_taken == 0)
            chunk_free(current);
        current = next != NULL ? next : current;
    }
    if (current != NULL && (size_t)(current->end - current->free) >= all) {
        head = (struct head *)(gpointer)current->free;
        head->chunk = current;
        head->size = all;
        current->free += all;
        current->n_taken++;
    }
    g_mutex_unlock(&lock);
    return head != NULL ? head + 1 : NULL;
}

/* The whole pages in it. */
static void
give_pages(char *begin, char *end)
{
    uintptr_t page = (uintptr_t)sysconf(_SC_PAGESIZE);

    begin += (page - (uintptr_t)begin % page) % page;
    end -= (uintptr_t)end % page;
    if (begin < end)
        madvise(begin, (size_t)(end - begin), MADV_DONTNEED);
}

void
large_pages_give(void *memory)
{
    struct head *head = memory != NULL ? (struct head *)memory - 1 : NULL;
    struct chunk *chunk;

    if (head == NULL)
        return;
    g_mutex_lock(&lock);
    chunk = head->chunk;
    if ((char *)head + head->size == chunk->free)
        chunk->free = (char *)head;
    give_pages((char *)head, (char *)head + head->size);
    if (--chunk->n_taken == 0 && chunk != current)
        chunk_free(chunk);
    else if (chunk->n_taken == 0)
        chunk->free = chunk->begin;
    g_mutex_unlock(&lock);
}
