/* admin.h: commands of the control socket that look at what is remembered, and change what was decided about someone.
 *
 * Arguments are words, percent-encoded, between blanks (an empty one is "%20"); answers one JSON object. data: struct policyd. */
#pragma once
#include <jansson.h>
#include "policyd/state/kinds.h"
#include "policyd/state/state.h"

/* What an administrator decides about somebody, by whatever command. */
struct admin_decision {
    enum fact_kind kind;
    const char *subject, *seconds; /* as words: 0 seconds are for ever */
    const char *by, *reason;
    const char *action; /* of the audit line; NULL: as facts.h has it */
    json_t *value;      /* taken over; the reason is added. NULL: that is all */
};
/* Blocks until it is written. FALSE, and why in answer. */
gboolean admin_decide(struct state *state, const struct admin_decision *decision, GString *answer);

gboolean admin_marks(const char *args, GString *answer, gpointer data);      /* KIND PART LIMIT */
gboolean admin_forget(const char *args, GString *answer, gpointer data);     /* KIND PART: marks whose text holds it */
gboolean admin_import(const char *args, GString *answer, gpointer data);     /* CLIENT SENDER RECIPIENT FIRST LAST PASSED: a triplet of another program */
gboolean admin_rates(const char *args, GString *answer, gpointer data);      /* PART LIMIT */
gboolean admin_facts(const char *args, GString *answer, gpointer data);      /* KIND */
gboolean admin_fact_put(const char *args, GString *answer, gpointer data);   /* KIND SUBJECT SECONDS BY DETAIL; SECONDS 0: for ever */
gboolean admin_fact_drop(const char *args, GString *answer, gpointer data);  /* KIND SUBJECT BY DETAIL */
gboolean admin_audit(const char *args, GString *answer, gpointer data);      /* SUBJECT LIMIT; SUBJECT empty: of all */
gboolean admin_abuse(const char *args, GString *answer, gpointer data);      /* ACCOUNT */
