/* correspondents.h: whom someone here writes to, so that their answers are not put off. */
#pragma once
#include "policyd/checks/evaluation.h"
#include "policyd/state/state.h"

/* Remembers the recipient of a signed-in user's mail that was not refused. Does not block. */
void correspondents_learn(struct state *state, const struct evaluation *evaluation);
