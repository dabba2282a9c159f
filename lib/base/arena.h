/* arena.h: memory that is freed all at once, with a hard cap.
 *
 * One arena per connection or per message. Allocation never fails by surprise: over the cap it returns
 * NULL and sets a sticky flag, so that hostile input ends as a named outcome and not as an abort. Not
 * thread-safe: an arena belongs to one thread at a time. */
#pragma once
#include <glib.h>

struct arena;

/* A new arena that hands out at most cap bytes in total (what the caller asked for, alignment included). */
struct arena *arena_new(gsize cap);
/* Frees the arena and all it handed out; *a becomes NULL. NULL-safe. */
void arena_free(struct arena **a);
/* Forgets all allocations but keeps one block for reuse; clears the sticky flag. */
void arena_reset(struct arena *a);
/* n zeroed bytes aligned for any type, or NULL when the cap would be passed (n == 0 gives a valid pointer). */
void *arena_alloc(struct arena *a, gsize n);
/* A copy of n bytes plus a closing NUL, or NULL over the cap. */
char *arena_strndup(struct arena *a, const char *s, gsize n);
/* Bytes handed out so far. */
gsize arena_used(const struct arena *a);
/* TRUE once any allocation was refused since arena_new or arena_reset. */
gboolean arena_exhausted(const struct arena *a);

typedef struct arena arena_t;
static inline void
arena_auto_(arena_t *a)
{
    arena_free(&a);
}
G_DEFINE_AUTOPTR_CLEANUP_FUNC(arena_t, arena_auto_)
