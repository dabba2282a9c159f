/* evaluation.h: one request on its way through the checks.
 *
 * Checks are tried in order; the first with an answer ends it. A check that would have to wait (for SQL, for the DNS) says so when it
 * may not block: the same evaluation is then gone on with, from that check, by a thread that may. */
#pragma once
#include "lib/base/log.h"
#include "policyd/protocol/request.h"

struct policy;
struct check;

struct evaluation {
    struct policy_request *request;    /* owned */
    struct policy *policy;             /* a reference */
    gint64 now_ms;                     /* since 1970 */
    gboolean trial;                    /* nothing is counted or remembered: `postern policy test` */
    GString *trace;                    /* trial: what each check said, a line each; else NULL */

    /* Comparison forms, of 320 bytes at most; "" where there is none. */
    char *sender, *recipient, *user;
    const char *sender_domain, *recipient_domain; /* in them */

    guint next;                        /* of the policy's checks */
    const struct check *by;            /* who has answered; NULL: nobody, all went on */
    GString *answer;                   /* an action of access(5), "DUNNO" until a check says otherwise */
    GString *notes;                    /* for the log: "key=value" of checks, between blanks */
    gboolean trouble;                  /* some check could not be made */
};

/* Takes the request over. policy: a reference is taken. */
struct evaluation *evaluation_new(struct policy *policy, struct policy_request *request, gint64 now_ms);
void evaluation_free(struct evaluation *evaluation); /* NULL-safe */
/* Goes on with the checks. FALSE: one would block, call it again from where that is allowed. TRUE: the answer is there. One thread at a
 * time. */
gboolean evaluation_run(struct evaluation *evaluation, gboolean may_block);
/* Appends to the trace of a trial; nothing otherwise. */
void evaluation_trace(struct evaluation *evaluation, const struct check *check, const char *format, ...) G_GNUC_PRINTF(3, 4);
/* Appends "key=value " to the notes. */
void evaluation_note(struct evaluation *evaluation, const char *key, const char *value);
/* One line about an answer, at level info, or debug for a DUNNO that nobody gave. */
void evaluation_log(const struct evaluation *evaluation, gint64 microseconds);
