/* flush.h: what the writing thread does with SQL. All with its connection; FALSE: the round is over, and is tried again. */
#pragma once
#include "policyd/state/private.h"

/* ---- load.c: what SQL has at the start. SQL_ERROR_AWAY in the middle: may be called again from the beginning ---- */
gboolean state_load(struct state *state, GError **error);

/* ---- flush.c: all that is dirty at the call. Between two transactions, state_between is called. ---- */
gboolean state_write_dirty(struct state *state, GError **error);
guint64 state_dirty(struct state *state);

/* ---- pull.c: what other nodes changed since the last time ---- */
gboolean state_pull(struct state *state, GError **error);

/* ---- sweep.c: a piece of what has expired ---- */
gboolean state_sweep(struct state *state, gint64 now_ms, GError **error);
/* FALSE while the clock isn't to be believed. */
gboolean state_sweep_due(struct state *state, gint64 now_ms, gint64 now_us);

/* ---- writer.c ---- */
/* Keeps the lease and pulls, when it is time to. */
gboolean state_between(struct state *state, GError **error);
/* Connects if need be, takes the name. */
gboolean state_connect(struct state *state, gboolean wait, GError **error);
void state_writer_start(struct state *state);
void state_writer_stop(struct state *state);
