/* claims.h: one thread at a time for the same content, transaction or attachment: so that two deliveries of
 * the same content at the same moment become one message and one event. Thread-safe. */
#pragma once
#include <glib.h>

struct claims;
struct claims *claims_new(void);
void claims_free(struct claims **claims);
/* Waits until nobody holds (kind, hash), then holds it. A thread that holds several takes them in order of
 * kind. */
void claims_take(struct claims *claims, guint8 kind, const guint8 *hash, gsize length);
void claims_release(struct claims *claims, guint8 kind, const guint8 *hash, gsize length);
