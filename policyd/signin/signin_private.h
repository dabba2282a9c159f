/* signin_private.h: what the files of this folder know of one another. */
#pragma once
#include "policyd/signin/guesses.h"
#include "policyd/signin/signin.h"
#include "policyd/signin/signin_rules.h"

struct abuse;
struct signin {
    struct state *state;
    struct abuse *abuse; /* NULL: nobody is told */
    struct guesses *guesses;
    GMutex lock; /* of rules */
    struct signin_rules *rules;
};
struct signin_rules *signin_rules_now(struct signin *signin); /* a reference */

/* What was counted, as a whole number: a level falls by itself a little between two tries that follow one another. */
guint signin_level(struct state *state, enum meter_kind kind, const char *text, const struct meter_limit *limit, gint64 now_ms);
gboolean signin_is_suspended(struct state *state, const char *user, gint64 now_ms);
gboolean signin_is_banned(struct state *state, const char *network, gint64 now_ms);
/* The mark that somebody signed in from the network, whoever it was: the text that a user's has, with "*" as the user. Caller frees. */
char *signin_anyone(const char *network);
/* Once, before the others of notes.c. */
void signin_notes_register(void);
