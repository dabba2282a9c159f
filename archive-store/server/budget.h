/* budget.h: a cap on bytes held in memory for clients, tied to the life of the memory itself.
 *
 * What is reserved becomes part of a GBytes and is given back when its last reference goes, on whatever
 * thread that is. Thread-safe. */
#pragma once
#include <glib.h>

struct budget;
/* wake (may be NULL) is called, on the giving thread, each time bytes come back after a refusal. */
struct budget *budget_new(guint64 cap, void (*wake)(gpointer data), gpointer data);
/* Drops the owner's reference; wake is not called any more. The memory stays until all bytes are back. */
void budget_free(struct budget **budget);
/* FALSE when n more would pass the cap (something that is alone always fits, so that a big message can't
 * starve). A TRUE is ended by budget_give or by the GBytes of budget_bytes or budget_wrap. */
gboolean budget_take(struct budget *budget, gsize n);
void budget_give(struct budget *budget, gsize n);
/* Memory of g_malloc and its reservation of reserved bytes become a GBytes. */
GBytes *budget_bytes(struct budget *budget, gpointer memory, gsize length, gsize reserved);
/* A GBytes over the same memory that holds a reservation; NULL when it does not fit. */
GBytes *budget_wrap(struct budget *budget, GBytes *bytes);
guint64 budget_used(struct budget *budget);
