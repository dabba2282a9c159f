/* drainer.h: the thread that brings spooled records to the archive, oldest first. */
#pragma once
#include "milters/runtime.h"

struct drainer;
/* Drains spool through the archive client of runtime_current(), whenever this process holds the spool's lock;
 * looks again at least every archive.drain_interval. */
struct drainer *drainer_start(struct spool *spool);
/* Looks now. NULL-safe. */
void drainer_wake(struct drainer *drainer);
/* Ends after the record under way and gives the lock up. */
void drainer_stop(struct drainer **drainer);
