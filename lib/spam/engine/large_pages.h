/* large_pages.h: memory for what is made once and read at random for long, such as the databases of prefilters: it lies together, in large
 * pages where the system has them, so that the processor finds it by few entries of its tables. Thread-safe.
 *
 * What is given back goes to the system, but its addresses are taken again only when it was the last, or when nothing else is left of
 * LARGE_PAGES_CHUNK bytes. */
#pragma once
#include <stddef.h>

#define LARGE_PAGES_CHUNK ((size_t)64 << 20)

void *large_pages_take(size_t size); /* aligned to 64 bytes; NULL without memory, or for 0 */
void large_pages_give(void *memory); /* NULL-safe */
