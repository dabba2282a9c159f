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
void verdict_free(struct verdict **verdict);
void verdict_add(struct verdict *verdict, enum verdict_action action, const char *module, const char *reason,
                 const char *reply, const guint *recipients, guint n_recipients);
void verdict_edit(struct verdict *verdict, enum edit_kind kind, gint32 index, const char *name, const char *value);

/* The one decision over n_recipients: the action for the whole message, the reply text (borrowed from the deciding
 * outcome, or NULL) and the recipients to remove from the envelope (guint; caller frees). */
struct decision {
    enum verdict_action action;
    const char *reply;
    const char *reason;
    GArray *remove;
};
void verdict_decide(const struct verdict *verdict, guint n_recipients, struct decision *decision_r);
void decision_clear(struct decision *decision);
