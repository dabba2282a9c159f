/* verdict.h: what is to happen with a message: outcomes with recipient sets, and the edits.
 *
 * Each module adds outcomes; the verdict then folds them into one reply to the MTA. Strongest first:
 * tempfail, reject, discard, quarantine, tag, accept. 5xx only when every recipient rejects; where only
 * membership differs, recipients are removed from the envelope; content never differs here (a module that
 * needs it re-injects). Edits are a list applied in one burst by the milter host. */
#pragma once
#include <glib.h>

enum verdict_action { VERDICT_ACCEPT, VERDICT_TAG, VERDICT_QUARANTINE, VERDICT_DISCARD, VERDICT_REJECT,
                      VERDICT_TEMPFAIL };
const char *verdict_action_name(enum verdict_action action);

struct outcome {
    enum verdict_action action;
    char *module;       /* "archive" */
    char *reason;       /* short, for the log */
    char *reply;        /* SMTP reply text incl. enhanced status ("4.3.0 ..."), or NULL */
    GArray *recipients; /* guint indexes into the envelope; NULL = all */
};

enum edit_kind { EDIT_ADD_HEADER, EDIT_INSERT_HEADER, EDIT_CHANGE_HEADER, EDIT_DELETE_HEADER };
struct edit {
    enum edit_kind kind;
    gint32 index; /* INSERT: position (0 = top); CHANGE, DELETE: n-th of that name, from 1 (milter rule) */
    char *name;
    char *value;  /* without the leading space; LF line folds; NULL for DELETE */
};

struct verdict {
    GPtrArray *outcomes; /* struct outcome * */
    GPtrArray *edits;    /* struct edit * */
};

struct verdict *verdict_new(void);
/* *verdict becomes NULL; NULL-safe. */
void verdict_free(struct verdict **verdict);
/* Strings are copied; reply may be NULL. recipients NULL = all of them; not NULL with n_recipients 0 = none. */
void verdict_add(struct verdict *verdict, enum verdict_action action, const char *module, const char *reason,
                 const char *reply, const guint *recipients, guint n_recipients);
void verdict_edit(struct verdict *verdict, enum edit_kind kind, gint32 index, const char *name, const char *value);

/* The one decision over n_recipients. Each recipient's own action is the strongest outcome that names it; the
 * message's action follows from all of them:
 *   TEMPFAIL    one recipient's suffices: a milter can't defer single recipients at end of message, and accepting
 *               for the others would make the client's retry deliver to them twice.
 *   REJECT      every recipient rejects.
 *   QUARANTINE  nobody gets the message now, and somebody's copy is to be kept: the host answers 250 and discards
 *               it towards the MTA once the archive has it.
 *   DISCARD     every recipient discards.
 *   TAG, ACCEPT delivered to all but those in remove; TAG when one of those who get it wants it.
 * A recipient that rejects while others don't can't be told so any more (one reply for all). Its copy would
 * be lost without a trace if it were only removed: therefore it turns into quarantine, from where it can be
 * released, and is listed in both arrays. The archive keeps the outcomes themselves, so that the wish to
 * reject stays visible. */
struct decision {
    enum verdict_action action;
    const char *reply;  /* of the deciding outcome; borrowed from the verdict; NULL when it has none */
    const char *reason; /* likewise */
    GArray *remove;     /* guint: to delete from the envelope, rising; empty unless action is TAG or ACCEPT */
    GArray *quarantine; /* guint: whose copy is to be held in quarantine, rising; empty for TEMPFAIL and REJECT */
};
/* Fills decision_r (clear it with decision_clear; the verdict must outlive it). Indexes not below
 * n_recipients are ignored; without recipients, outcomes for all decide. Thread-safe on a verdict that nobody
 * changes. */
void verdict_decide(const struct verdict *verdict, guint n_recipients, struct decision *decision_r);
void decision_clear(struct decision *decision);
