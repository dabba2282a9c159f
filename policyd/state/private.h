/* private.h: what the files of policyd/state share. Tests use it, too. */
#pragma once
#include "policyd/state/facts.h"
#include "policyd/state/marks.h"
#include "policyd/state/meters.h"
#include "policyd/state/shards.h"

#define DAY_S 86400u
#define DAY_MS ((gint64)DAY_S * 1000)

/* A mark in memory: 32 bytes. Its count is in the upper bits of the cell.
 *
 * epoch makes forgetting possible where marks merge: of two states of a mark the one with the higher epoch stands whole; within an epoch
 * the earliest first, the latest last and the highest count do. To forget is a new epoch with nothing in it (first_s = MARK_NEVER). */
struct mark_cell {
    struct cell cell;
    guint32 epoch, first_s, last_s;
};
G_STATIC_ASSERT(sizeof(struct mark_cell) == 32);
#define MARK_NEVER G_MAXUINT32

/* A mark as SQL has it. */
struct mark_row {
    struct state_key key;
    enum mark_kind kind;
    guint32 epoch, first_s, last_s, count;
};

/* A meter in memory. taken and given are this node's own, and only grow. */
struct meter_cell {
    struct cell cell;
    float rate[METER_WINDOWS]; /* a second, as the last call's limits had it: others' levels drain by it */
    gint64 last_ms;
    guint64 taken, given;
    double level[METER_WINDOWS];
};

/* A meter of one node as SQL has it. */
struct meter_row {
    struct state_key key;
    enum meter_kind kind;
    guint64 taken, given;
    gint64 last_ms;
    double level[METER_WINDOWS];
    double rate[METER_WINDOWS];
};

/* What was counted already of another node's meter. */
struct heard_cell {
    struct cell cell;
    guint32 heard_s;
    guint64 taken, given;
};

struct facts;

struct state {
    struct state_options options; /* strings are our copies; audit_keep_ms is atomic */
    struct shards *marks, *meters, *heard;
    struct facts *facts;

    struct sql_pool *pool; /* for what is asked for by other threads */
    GMutex turn;           /* facts are written through one after the other; where SQLite has one writer, all is */

    /* The writing thread's own, and state_open's before there is one. */
    struct sql *sql;
    char *holder; /* see lease.c */
    guint node_id;
    gboolean leased;
    gint64 renewed_us; /* monotonic */
    struct state_key meters_done; /* while loading */
    struct {
        guint shard, node;
        gboolean meters;      /* its marks are done */
        struct state_key key; /* the last that was looked at */
        gint64 now_ms;        /* when the shard was begun */
        gint64 next_us;       /* monotonic: when to go on */
    } sweep;
    struct {
        gint64 after;  /* id of the last line that was looked at */
        gboolean done; /* for this round of the sweep */
    } audit;
    gint64 clock_offset_us;
    gint64 write_until_us; /* atomic; monotonic; 0: as long as it takes */
    gint64 complained_us;
    GThread *writer;

    /* The reading thread's, and state_load's before it reads. */
    gint64 marks_to, meters_to, facts_to; /* up to which time of the database */
    GThread *reader;

    GMutex lock; /* guards what follows */
    GCond wake, done;
    gboolean stop;
    guint64 asked, answered; /* rounds of writing */
    GError *failure;         /* why the last round failed; NULL: it didn't */
    gboolean loaded, connected;
    gint64 clean_us; /* monotonic: all that was dirty then is written */
    guint64 written, pulled, expired;
};

/* The writing thread's part of turn. */
void state_turn_take(struct state *state);
void state_turn_give(struct state *state);
/* Adds to written, pulled or expired. */
void state_count(struct state *state, guint64 *counter, guint64 n);

/* ---- memory.c: a state without SQL ---- */
struct state *state_new(const struct state_options *options);
void state_free(struct state **state); /* NULL-safe */

/* ---- marks.c ---- */
struct shards *marks_table_new(struct state *state);
/* Merges what SQL has; nothing gets dirty. */
void marks_merge(struct state *state, const struct mark_row *row);
gboolean marks_row_expired(const struct state *state, const struct mark_row *row, guint32 now_s);
/* What callers see of it; FALSE: nothing. */
gboolean marks_row_look(const struct state *state, const struct mark_row *row, guint32 now_s, struct mark *mark_r);
guint marks_sweep(struct state *state, guint shard, guint32 now_s);

/* ---- meters.c, meters_merge.c ---- */
struct shards *meters_table_new(struct state *state);
struct shards *heard_table_new(struct state *state);
void meter_drain(struct meter_cell *meter, const struct meter_limit *limits, guint n_limits, gint64 now_ms);
/* What SQL has from before this process: own totals go on, and levels are added to what was counted since the start. */
void meters_load_own(struct state *state, const struct meter_row *row, gint64 now_ms);
void meters_load_levels(struct state *state, const struct state_key *key, enum meter_kind kind, const double *level,
                        const double *rate, gint64 now_ms);
/* What another node has written: at_load only notes its totals, else what they grew by is counted here. */
void meters_hear(struct state *state, guint node, const struct meter_row *row, gboolean at_load, gint64 now_ms);
/* A row's level of a window as it is at now_ms. */
double meter_row_level(const struct meter_row *row, guint window, gint64 now_ms);
gboolean meters_row_expired(const struct state *state, const struct meter_row *row, gint64 now_ms);
guint meters_sweep(struct state *state, guint shard, gint64 now_ms);

/* ---- facts.c ---- */
struct facts *facts_new(void);
void facts_free(struct facts **facts); /* NULL-safe */
/* A fact without value is one that was dropped: it must be remembered, as an older one may still come from another node. */
struct fact *fact_new(enum fact_kind kind, const char *subject, const struct fact_change *change, gboolean dropped, const char *node,
                      gint64 now_ms, gint64 changed_ms);
/* FALSE: too long, empty or not UTF-8. */
gboolean fact_is_fit(const char *subject, const struct fact_change *change);
/* Takes it in unless what is there is later. */
void facts_merge(struct facts *facts, struct fact *fact);
/* A time that is later than what is there. */
gint64 facts_later(struct facts *facts, enum fact_kind kind, const char *subject, gint64 now_ms);
/* Those to be written, at most max; the caller owns the references. */
GPtrArray *facts_take_pending(struct facts *facts, guint max);
/* Back on the list, unless later ones are there. */
void facts_put_pending(struct facts *facts, GPtrArray *pending);
guint facts_count(struct facts *facts);
guint facts_pending(struct facts *facts);
/* Removes what expired or was dropped before these times. */
guint facts_sweep(struct facts *facts, gint64 expired_ms, gint64 dropped_ms);
