/* facts.h: what was decided about someone: suspensions, holds, allow-lists, opt-outs, quota levels.
 *
 * Keyed by kind and subject, answered from memory. fact_put and fact_drop are written through, in one transaction with their line of the
 * audit: when they fail, nothing has changed (after SQL_ERROR_AWAY from the commit that isn't known, and what the database says
 * comes back within two seconds of its return). fact_put_behind is for what changes often by itself: it is written behind and
 * leaves no line. Of two of the same kind and subject the later stands. */
#pragma once
#include "policyd/state/state.h"

#define FACT_SUBJECT_MAX 512u /* bytes of UTF-8, not empty; what isn't fit is refused (SQL_ERROR_STATEMENT) */
#define FACT_VALUE_MAX 4000u
#define FACT_BY_MAX 320u
#define FACTS_MAX 1000000u /* written behind; those that are written through always find room */

/* Unchangeable (take its parts as const); belongs to whoever holds a reference. */
struct fact {
    enum fact_kind kind;
    const char *subject;
    const char *value;  /* short JSON text */
    gint64 since_ms;    /* when the caller said that it began */
    gint64 expires_ms;  /* 0: never */
    const char *by;     /* who decided */
    const char *node;   /* where */
    gint64 changed_ms;
};
void fact_unref(struct fact *fact); /* NULL-safe */
struct fact *fact_ref(struct fact *fact);

struct fact_change {
    const char *value;  /* NULL counts as "{}" */
    gint64 since_ms;    /* 0: now */
    gint64 expires_ms;  /* 0: never */
    const char *by;     /* NULL counts as "" */
    const char *action; /* of the audit line; NULL: "put" or "drop" and the kind's name */
    const char *detail; /* of the audit line; NULL: the value */
};
/* Blocks. */
gboolean fact_put(struct state *state, enum fact_kind kind, const char *subject, const struct fact_change *change, gint64 now_ms,
                  GError **error);
/* Blocks. *was_r (may be NULL): whether there was one. Dropping what isn't there changes nothing, but leaves its line. */
gboolean fact_drop(struct state *state, enum fact_kind kind, const char *subject, const struct fact_change *change, gint64 now_ms,
                   gboolean *was_r, GError **error);
/* Does not block. FALSE for what isn't fit, or when there are FACTS_MAX. */
gboolean fact_put_behind(struct state *state, enum fact_kind kind, const char *subject, const struct fact_change *change,
                         gint64 now_ms);
gboolean fact_drop_behind(struct state *state, enum fact_kind kind, const char *subject, gint64 now_ms);

/* NULL: none, or it has expired. The caller unrefs. */
struct fact *fact_get(struct state *state, enum fact_kind kind, const char *subject, gint64 now_ms);
/* All of a kind that haven't expired, by subject; the caller unrefs the array. */
GPtrArray *fact_list(struct state *state, enum fact_kind kind, gint64 now_ms);
