/* flush.h: what the threads of a state do with SQL. Where no connection is given, it is the writing thread's. FALSE: the round is
 * over, and is tried again. */
#pragma once
#include "policyd/state/private.h"

/* ---- load.c: what SQL has at the start. SQL_ERROR_AWAY in the middle: may be called again from the beginning ---- */
gboolean state_load(struct state *state, GError **error);

/* ---- flush.c: all that is dirty at the call ---- */
gboolean state_write_dirty(struct state *state, GError **error);
guint64 state_dirty(struct state *state);

/* ---- pull.c: what other nodes changed since the last time; a thread of its own, so that neither waits for the other ---- */
gboolean state_pull(struct state *state, struct sql *sql, GError **error);
void state_reader_start(struct state *state);
void state_reader_stop(struct state *state);

/* ---- sweep.c: a piece of what has expired ---- */
gboolean state_sweep(struct state *state, gint64 now_ms, GError **error);
/* FALSE while the clock isn't to be believed. */
gboolean state_sweep_due(struct state *state, gint64 now_ms, gint64 now_us);
/* *agrees_r: this machine's clock and the database's are less than an hour apart. */
gboolean state_clock_agrees(struct state *state, gint64 now_ms, gboolean *agrees_r, GError **error);

/* ---- writer.c ---- */
/* Connects if need be, takes the name. */
gboolean state_connect(struct state *state, gboolean wait, GError **error);
void state_writer_start(struct state *state);
void state_writer_stop(struct state *state);
