/* marks.h: something was seen: when first, when last, how often.
 *
 * Keyed by kind and text (any bytes, lower-cased by the caller; the key is a 128-bit hash of all of it). A mark that wasn't touched
 * for its kind's expiry is absent. None of these block but marks_list. */
#pragma once
#include "policyd/state/state.h"

#define MARK_COUNT_MAX ((1u << 24) - 1) /* counts stay there */

struct mark {
    guint32 first_s, last_s; /* seconds since the epoch */
    guint32 count;
};

/* FALSE: absent, and *mark_r (may be NULL) is zero. */
gboolean marks_get(struct state *state, enum mark_kind kind, const char *text, guint32 now_s, struct mark *mark_r);
/* Creates it, or sets its last time; adds to the count. *before_r (may be NULL) is as it was, zero when it is new. TRUE when new. */
gboolean marks_touch(struct state *state, enum mark_kind kind, const char *text, guint32 now_s, guint32 count_add,
                     struct mark *before_r);
/* What is known from elsewhere, an import: it becomes the earliest first, the latest last, the highest count. (A touch is now: one in
 * the past would take what was noted since for the work of a wrong clock.) */
void marks_note(struct state *state, enum mark_kind kind, const char *text, const struct mark *mark, guint32 now_s);
/* On all nodes. TRUE when it was there. */
gboolean marks_forget(struct state *state, enum mark_kind kind, const char *text, guint32 now_s);

/* FALSE stops the list. text is valid inside the call only. */
typedef gboolean (*marks_func)(const char *text, const struct mark *mark, gpointer data);
/* Writes what is to be written, then reads SQL: at most limit marks whose text contains part ("" or NULL: any), in no order.
 * Blocks. */
gboolean marks_list(struct state *state, enum mark_kind kind, const char *part, guint32 now_s, guint limit, marks_func each,
                    gpointer data, GError **error);
